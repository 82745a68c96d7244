//! Where two pictures differ: as a diff, and as one byte to look at.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::case::Access;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The arguments that probe one byte of which the outcome has changed, found in the two pictures.
pub fn changed_probe(kept: &str, measured: &str) -> Option<String> {
    let before = rows(kept);
    let (access, at, _) = rows(measured).into_iter().find(|row| !before.contains(row))?;
    let at = if at.contains(' ') { format!("'{at}'") } else { at };
    Some(format!(" --access {access} --at {at}"))
}

/// The cells of all rows of a picture: access, first offset of the region, and what stands there.
fn rows(picture: &str) -> Vec<(String, String, String)> {
    let mut cells = Vec::new();
    let mut head: Vec<char> = Vec::new();
    for line in picture.lines() {
        let word = line.split_whitespace().next().unwrap_or("");
        if Access::from_name(word).is_none() || !line.contains("| ") {
            head = line.chars().collect();
            continue;
        }
        let mut column = 0;
        for (index, part) in line.split('|').enumerate() {
            let name: String = head.iter().skip(column - usize::from(index > 0)).collect();
            let at = name.split("  ").next().unwrap_or("").trim().to_owned();
            if index > 0 && !at.is_empty() {
                cells.push((word.to_owned(), at, part.trim().to_owned()));
            }
            column += part.chars().count() + 1;
        }
    }
    cells
}

/// The two pictures, line by line.
pub fn diff(kept: &str, measured: &str) -> String {
    let mut out = String::new();
    let diff = TextDiff::from_lines(kept, measured);
    for change in diff.iter_all_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ("-", BAD),
            ChangeTag::Insert => ("+", GOOD),
            ChangeTag::Equal => (" ", Style::new()),
        };
        let line = change.value().trim_end_matches('\n');
        let _ = writeln!(out, "    {style}{sign} {line}{style:#}");
    }
    out
}
