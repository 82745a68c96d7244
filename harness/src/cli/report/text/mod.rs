//! The form for people: a case's picture, the notes below it, and where it differs.

mod probe;
mod styled;

use anstyle::Style;
use similar::{ChangeTag, TextDiff};

use super::format::{Format, ReportedCase, ReportedProbe};
use super::notes;
use super::verdict::{Findings, Verdict};
use crate::cli::output::{BAD, GOOD, NOTE};
use crate::snapshot::Kept;
use styled::StyledText;

const PLAIN: Style = Style::new();

/// Text for a terminal.
#[derive(Debug)]
pub struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn case(&self, reported: &ReportedCase<'_>) -> String {
        case(reported)
    }

    fn probe(&self, reported: &ReportedProbe<'_>) -> String {
        probe::probe(reported)
    }

    fn end(&self, summary: &str) -> String {
        summary.to_owned()
    }
}

/// Returns all that there is to say of a case.
fn case(case: &ReportedCase<'_>) -> String {
    let ReportedCase { loaded, measured, found, machine, .. } = *case;
    let mut text = StyledText::default();
    text.heading(&loaded.name, &words(found));
    for line in found.picture.iter().flat_map(|picture| picture.lines()) {
        text.line(PLAIN, line);
    }
    let notes = notes::of(&loaded.case, measured, found.judgement.as_ref(), machine.page_size);
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
    found.accepted.iter().flat_map(accepted).for_each(|line| text.line(GOOD, &line));
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

/// What was written and removed.
fn accepted(kept: &Kept) -> Vec<String> {
    let written = kept.written.iter().map(|path| format!("accepted: {} written", path.display()));
    let removed = kept.removed.iter().map(|path| format!("accepted: {} removed", path.display()));
    written.chain(removed).collect()
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

/// Writes the two pictures, line by line.
fn diff(kept: &str, measured: &str, out: &mut StyledText) {
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
