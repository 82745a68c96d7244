//! Where two pictures differ: as a diff, and as the arguments that look at one byte.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::shell;
use crate::picture::{Byte, Offsets};
use crate::printable::escaped;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The arguments that probe this byte.
pub fn probe(byte: &Byte, offsets: &Offsets) -> String {
    let at = shell::word(offsets.name(byte.at));
    let sweep = match byte.sweep {
        0 => String::new(),
        sweep => format!(" --sweep {}", sweep + 1),
    };
    format!(" --access {} --at {at}{sweep}", byte.access)
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
        let line = escaped(change.value().trim_end_matches(['\n', '\r']));
        let _ = writeln!(out, "    {style}{sign} {line}{style:#}");
    }
    out
}
