//! A terminal obeys control characters, and pictures, names and reasons are others' text: [`StyledText`] escapes
//! every line that it takes.

use anstyle::Style;

use crate::picture::coloured;
use crate::printable::escaped;

const BOLD: Style = Style::new().bold();

/// Lines for a terminal.
#[derive(Debug, Default)]
pub struct StyledText {
    out: String,
}

impl StyledText {
    /// A case's name, and the words for what it came to.
    pub fn heading(&mut self, id: &str, words: &[(Style, &str)]) {
        self.out.push_str(&format!("{BOLD}{}{BOLD:#}", escaped(id)));
        for (index, (style, word)) in words.iter().enumerate() {
            let gap = if index == 0 { "  " } else { ", " };
            self.out.push_str(&format!("{gap}{style}{}{style:#}", escaped(word)));
        }
        self.out.push('\n');
    }

    /// An indented line.
    pub fn line(&mut self, style: Style, line: &str) {
        let line = escaped(line);
        let line = line.trim_end();
        if !line.is_empty() {
            self.out.push_str(&format!("    {style}{line}{style:#}"));
        }
        self.out.push('\n');
    }

    /// An indented line of a picture, with the colours of its outcomes.
    pub fn picture_line(&mut self, line: &str) {
        let line = escaped(line);
        let line = line.trim_end();
        if !line.is_empty() {
            self.out.push_str(&format!("    {}", coloured(line)));
        }
        self.out.push('\n');
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.out.push('\n');
    }

    /// All of it.
    pub fn into_string(self) -> String {
        self.out
    }
}
