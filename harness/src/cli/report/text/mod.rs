//! The form for people: a case's picture, the notes below it, and where it differs.

mod probe;
mod styled;

use anstyle::Style;

use super::body::{self, Kind};
use super::format::{Detail, End, Format, ReportedProbe, Shown};
use super::line::CaseLine;
use super::verdict::Verdict;
use crate::cli::output::{BAD, GOOD, NOTE};
use styled::StyledText;

/// Text for a terminal.
#[derive(Debug)]
pub struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn case(&self, case: &CaseLine, shown: Shown) -> String {
        let is_told =
            case.counts.is_accepted || !(case.agrees() || case.verdict == Verdict::Skipped);
        match shown.detail {
            Detail::Drawn => drawn(case),
            _ if is_told => drawn(case),
            Detail::Brief => one_line(case),
            Detail::Quiet => String::new(),
        }
    }

    fn probe(&self, probe: &ReportedProbe<'_>, _shown: Shown) -> String {
        probe::probe(probe)
    }

    fn end(&self, end: &End<'_>) -> String {
        format!("{}{}", end.findings, end.summary)
    }
}

/// Returns all that there is to say of a case.
fn drawn(case: &CaseLine) -> String {
    let mut text = StyledText::default();
    // A case that is only measured has no verdict.
    let is_plain = case.agrees() && !case.compared;
    let words = case.words().into_iter().filter(|_| !is_plain);
    text.heading(&case.case, &words.map(|word| (style(word), word)).collect::<Vec<_>>());
    for (kind, line) in body::of(case) {
        match kind {
            Kind::Picture => text.picture_line(&line),
            Kind::Gap => text.gap(),
            Kind::Plain => text.line(Style::new(), &line),
            Kind::Reason | Kind::Removed => text.line(BAD, &line),
            Kind::Added => text.line(GOOD, &line),
        }
    }
    text.gap();
    text.into_string()
}

/// Returns the id, the words for it, and the reason where it is skipped.
fn one_line(case: &CaseLine) -> String {
    let mut text = StyledText::default();
    let mut words: Vec<(Style, String)> =
        case.words().into_iter().map(|word| (style(word), word.to_owned())).collect();
    if let (Some(reason), Some((_, last))) = (&case.reason, words.last_mut()) {
        last.push_str(&format!(": {reason}"));
    }
    let words: Vec<(Style, &str)> = words.iter().map(|(style, word)| (*style, &**word)).collect();
    text.heading(&case.case, &words);
    text.into_string()
}

/// The style of a word for a verdict, or of the model's.
fn style(word: &str) -> Style {
    match word {
        "same" | "measured" | "accepted" => GOOD,
        "changed" | "split" | "needless known" | "harness error" => BAD,
        _ => NOTE,
    }
}
