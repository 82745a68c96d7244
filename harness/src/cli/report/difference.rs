//! Where two pictures differ: as a diff, and as the arguments that look at one byte.

use anstyle::Style;
use similar::{ChangeTag, TextDiff};

use super::text::{GOOD, Text};
use crate::cli::output::BAD;
use crate::cli::shell;
use crate::picture::{Byte, Offsets};

/// The arguments that probe this byte.
pub fn probe(byte: &Byte, offsets: &Offsets) -> String {
    let at = shell::word(offsets.name(byte.at));
    let sweep = match byte.sweep {
        0 => String::new(),
        sweep => format!(" --sweep {}", sweep + 1),
    };
    format!(" --access {} --at {at}{sweep}", byte.access)
}

/// Writes the two pictures, line by line.
pub fn diff(kept: &str, measured: &str, out: &mut Text) {
    let diff = TextDiff::from_lines(kept, measured);
    for change in diff.iter_all_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ("-", BAD),
            ChangeTag::Insert => ("+", GOOD),
            ChangeTag::Equal => (" ", Style::new()),
        };
        let line = change.value().trim_end_matches(['\n', '\r']);
        out.line(style, &format!("{sign} {line}"));
    }
}
