//! The form for people: a case's picture, the notes below it, and where it differs.
//!
//! Pictures, names and reasons are others' text: [`Text`] escapes every line that it takes.

use anstyle::{AnsiColor, Style};

use super::difference::diff;
use super::notes;
use super::verdict::{Findings, Verdict};
use crate::case::Measurement;
use crate::cli::output::{BAD, NOTE};
use crate::cli::select::Loaded;
use crate::printable::escaped;

pub const GOOD: Style = AnsiColor::Green.on_default();
const BOLD: Style = Style::new().bold();
const PLAIN: Style = Style::new();

/// Lines for a terminal.
#[derive(Debug, Default)]
pub struct Text {
    out: String,
}

impl Text {
    /// A case's name, and the words for what it came to.
    pub fn heading(&mut self, id: &str, words: &[(Style, &str)]) {
        self.out.push_str(&format!("{BOLD}{}{BOLD:#}", escaped(id)));
        for (index, (style, word)) in words.iter().enumerate() {
            let gap = if index == 0 { "  " } else { ", " };
            self.out.push_str(&format!("{gap}{style}{word}{style:#}"));
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

    /// An empty line.
    pub fn gap(&mut self) {
        self.out.push('\n');
    }

    /// All of it.
    pub fn into_string(self) -> String {
        self.out
    }
}

/// All that there is to say of a case.
pub fn case(
    loaded: &Loaded,
    measured: Option<&Measurement>,
    found: &Findings,
    page: u64,
) -> String {
    let mut text = Text::default();
    text.heading(&loaded.id, &words(found));
    for line in found.picture.iter().flat_map(|picture| picture.lines()) {
        text.line(PLAIN, line);
    }
    let notes = notes::of(&loaded.case, measured, found.judgement.as_ref(), page);
    if !notes.is_empty() {
        text.gap();
    }
    for note in notes {
        note.text.lines().for_each(|line| text.line(PLAIN, line));
    }
    let style = if found.compared == Verdict::Skipped { PLAIN } else { BAD };
    for line in found.reason.iter().flat_map(|reason| reason.lines()) {
        text.line(style, line);
    }
    if let (Some(kept), Some(path)) = (&found.kept, &found.snapshot) {
        text.gap();
        text.line(PLAIN, &format!("kept in {}:", path.display()));
        diff(kept, found.picture.as_deref().unwrap_or_default(), &mut text);
    }
    found.advice.iter().for_each(|advice| text.line(PLAIN, advice));
    if let Some(repeat) = &found.repeat {
        let what = match found.compared {
            Verdict::HarnessError => "to repeat it",
            _ => "one byte that changed",
        };
        text.line(PLAIN, &format!("{what}: {repeat}"));
    }
    text.gap();
    text.into_string()
}

fn words(found: &Findings) -> Vec<(Style, &'static str)> {
    let verdict = found.verdict();
    let style = match verdict {
        Verdict::Same | Verdict::Measured => return Vec::new(),
        Verdict::New | Verdict::Skipped => NOTE,
        Verdict::Changed | Verdict::Split | Verdict::NeedlessKnown | Verdict::HarnessError => BAD,
    };
    // Where it has changed, what the model has to say is a second word.
    let more = [(found.is_split, Verdict::Split), (found.is_needless, Verdict::NeedlessKnown)];
    let more = more.into_iter().filter(|(is, _)| *is && verdict == Verdict::Changed);
    let more = more.map(|(_, more)| (BAD, more.word()));
    [(style, verdict.word())].into_iter().chain(more).collect()
}
