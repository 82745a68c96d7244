//! What an access came to is seen at a glance where each kind of outcome has a colour: [`coloured`] gives a line of a
//! picture its colours.

use anstyle::{AnsiColor, Style};

use crate::case::Access;

/// The styles of what an access came to. An outcome that none of them names stays plain.
const OUTCOMES: &[(&str, Style)] = &[
    ("data", AnsiColor::Green.on_default()),
    ("to file", AnsiColor::Green.on_default()),
    ("zero", AnsiColor::Cyan.on_default()),
    ("memory only", AnsiColor::Cyan.on_default()),
    ("SIGBUS", AnsiColor::Red.on_default()),
    ("SIGSEGV", AnsiColor::Magenta.on_default()),
    ("EFAULT", AnsiColor::Yellow.on_default()),
];

/// Returns a line of a picture with the colours of its outcomes: those in the cells of a row, or that of a
/// step, behind `//`.
pub fn coloured(line: &str) -> String {
    let row = line.trim_start_matches("model: ").trim_start();
    let is_row = row.split_once(' ').is_some_and(|(name, rest)| {
        Access::from_name(name).is_some() && rest.trim_start().starts_with("| ")
    });
    match line.split_once("  // ") {
        _ if is_row => parts(line, " | "),
        Some((step, seen)) => format!("{step}  // {}", parts(seen, ", ")),
        None => line.to_owned(),
    }
}

/// Colours each part between two separators.
fn parts(text: &str, separator: &str) -> String {
    text.split(separator).map(coloured_outcome).collect::<Vec<_>>().join(separator)
}

/// Returns what an access came to, such as `SIGBUS ADRERR`, in its colour.
pub fn coloured_outcome(text: &str) -> String {
    let outcome = text.trim();
    let outcome = outcome.strip_prefix("= -1 ").unwrap_or(outcome);
    let is = |name: &&(&str, Style)| {
        let first = outcome.split(' ').next();
        // `data`, `8 data`, and not `other data`.
        let counted = outcome.strip_suffix(name.0).and_then(|count| count.strip_suffix(' '));
        outcome == name.0 || first == Some(name.0) || counted.is_some_and(|own| own != "other")
    };
    match OUTCOMES.iter().find(is) {
        Some((_, style)) => {
            let begin = text.len() - text.trim_start().len();
            let end = text.trim_end().len();
            let (before, rest) = text.split_at(begin);
            let (own, after) = rest.split_at(end - begin);
            format!("{before}{style}{own}{style:#}{after}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line with `<` and `>` in place of the escape sequences.
    fn marked(line: &str) -> String {
        let mut text = coloured(line);
        for (_, style) in OUTCOMES {
            text = text.replace(&style.render().to_string(), "<");
            text = text.replace(&style.render_reset().to_string(), ">");
        }
        text
    }

    #[test]
    fn outcomes_have_colours_and_all_else_is_plain() {
        for (line, expected) in [
            ("read       | data         | zero", "read       | <data>         | <zero>"),
            ("write  | to file | memory only", "write  | <to file> | <memory only>"),
            ("exec  | ok  | SIGSEGV MAPERR at 3", "exec  | ok  | <SIGSEGV MAPERR at 3>"),
            ("copy_from_user | EFAULT | 'x'", "copy_from_user | <EFAULT> | 'x'"),
            ("    read | other data | '|' | SIGILL", "    read | other data | '|' | SIGILL"),
            ("model: read | SIGBUS ADRERR", "model: read | <SIGBUS ADRERR>"),
            ("map[0];  // SIGBUS ADRERR", "map[0];  // <SIGBUS ADRERR>"),
            (
                "pread(fd, 0, 9);  // 3 data, 'x', 5 zero",
                "pread(fd, 0, 9);  // <3 data>, 'x', <5 zero>",
            ),
            ("read(fd, m, 9);  // = -1 EFAULT", "read(fd, m, 9);  // <= -1 EFAULT>"),
            ("data = file(2200);", "data = file(2200);"),
            ("           0              2200", "           0              2200"),
        ] {
            assert_eq!(marked(line), expected);
        }
    }
}
