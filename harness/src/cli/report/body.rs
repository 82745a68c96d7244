//! Below the name of a case that differs, every form of output tells the same lines in the same order.
//! The main function is [`of`].

use similar::{ChangeTag, TextDiff};

use super::line::CaseLine;
use super::verdict::Verdict;
use crate::printable::escaped;

/// The kind of a line, which decides its style on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line of a picture, the model's included.
    Picture,
    /// Words for people.
    Plain,
    /// The reason for a verdict that is not `same`.
    Reason,
    /// A line of the kept picture alone, or of the measured one alone.
    Removed,
    Added,
    /// An empty line.
    Gap,
}

/// Returns all lines below the name of a case. A line may hold text of others, which is not escaped.
pub fn of(case: &CaseLine) -> Vec<(Kind, String)> {
    let mut lines: Vec<(Kind, String)> = Vec::new();
    let picture = case.picture.as_deref().unwrap_or_default();
    lines.extend(picture.lines().map(|line| (Kind::Picture, line.to_owned())));
    if !case.notes.is_empty() {
        lines.push((Kind::Gap, String::new()));
    }
    let notes = case.notes.iter().flat_map(|note| note.text.lines());
    lines.extend(notes.map(|line| (Kind::Picture, line.to_owned())));
    let kind = if case.verdict == Verdict::Skipped { Kind::Plain } else { Kind::Reason };
    let reason = case.reason.iter().flat_map(|reason| reason.lines());
    lines.extend(reason.map(|line| (kind, line.to_owned())));
    if let Some((path, kept)) =
        case.snapshot.as_ref().and_then(|own| Some((&own.path, own.kept.as_ref()?)))
    {
        lines.push((Kind::Gap, String::new()));
        lines.push((Kind::Plain, format!("kept in {path}:")));
        lines.extend(difference(kept, picture));
    }
    if let Some(own) = &case.snapshot {
        let written = own.written.iter().map(|path| format!("accepted: {path} written"));
        let removed = own.removed.iter().map(|path| format!("accepted: {path} removed"));
        lines.extend(written.chain(removed).map(|line| (Kind::Added, line)));
    }
    lines.extend(case.advice.iter().map(|advice| (Kind::Plain, advice.clone())));
    lines.extend(case.repeat.iter().map(|repeat| {
        let what = match case.verdict {
            Verdict::HarnessError => "to repeat it",
            _ => "one byte that changed",
        };
        (Kind::Plain, format!("{what}: {repeat}"))
    }));
    lines
}

/// Returns the same lines for a program that shows them as they are: escaped, without empty lines at the
/// beginning.
pub fn plain(case: &CaseLine) -> Vec<String> {
    let lines = of(case).into_iter().map(|(_, line)| escaped(&line).trim_end().to_owned());
    lines.skip_while(String::is_empty).collect()
}

/// Returns the two pictures, line by line.
fn difference(kept: &str, measured: &str) -> Vec<(Kind, String)> {
    let mut lines = Vec::new();
    for change in TextDiff::from_lines(kept, measured).iter_all_changes() {
        let (sign, kind) = match change.tag() {
            ChangeTag::Delete => ("-", Kind::Removed),
            ChangeTag::Insert => ("+", Kind::Added),
            ChangeTag::Equal => (" ", Kind::Plain),
        };
        let line = change.value().trim_end_matches(['\n', '\r']);
        lines.push((kind, format!("{sign} {line}")));
    }
    lines
}
