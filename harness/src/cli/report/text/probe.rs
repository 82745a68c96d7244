//! A single probe, with all that was recorded of its child.

use anstyle::Style;

use super::styled::StyledText;
use crate::case::{Errno, HarnessError, Outcome, Signal};
use crate::cli::output::{BAD, NOTE};
use crate::cli::report::format::ReportedProbe;
use crate::cli::report::verdict::Verdict;
use crate::supervise::{ChildReport, Ending};
use crate::sys::SlotState;

/// Returns all that is known of the probe, one fact on each line.
pub fn probe(probed: &ReportedProbe<'_>) -> String {
    let mut text = StyledText::default();
    let loaded = probed.loaded;
    let Some((outcome, report, _)) = probed.answer else {
        let style = if probed.verdict == Verdict::Skipped { NOTE } else { BAD };
        text.heading(&loaded.name, &[(style, probed.verdict.word())]);
        probed.reason.iter().for_each(|reason| text.line(Style::new(), reason));
        return text.into_string();
    };
    let what = format!("{} at {}", probed.access, probed.at);
    text.heading(&loaded.name, &[(Style::new(), &what)]);
    let lines = crate::parse::lines(&loaded.case.steps);
    for (name, value) in facts(&lines, outcome, report) {
        text.line(Style::new(), &format!("{name:10} {value}"));
    }
    text.into_string()
}

fn facts(
    lines: &[crate::parse::Line],
    outcome: &Result<Outcome, HarnessError>,
    report: &ChildReport,
) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (
            "outcome",
            outcome.as_ref().map_or_else(|error| format!("none: {error}"), ToString::to_string),
        ),
        ("ended", ending(report.ending)),
    ];
    for (index, slot) in report.recorded.slots.iter().enumerate() {
        let text = crate::parse::text_of(lines, index);
        let state = match (slot.state, slot.value) {
            (None, _) => "overwritten".to_owned(),
            (Some(SlotState::NotReached), _) => "not reached".to_owned(),
            (Some(SlotState::NoMap), _) => "no map".to_owned(),
            (Some(_), value @ -4095..0) => format!("= -1 {}", Errno(-value as i32)),
            (Some(SlotState::Begun), _) => "begun".to_owned(),
            (Some(SlotState::Done), _) => "done".to_owned(),
        };
        let fault = slot.fault.map_or(String::new(), |(signal, code, address)| {
            let offset = address.wrapping_sub(slot.base) as i64;
            let place = match slot.base {
                0 => format!("{address:#x}"),
                base => format!("{address:#x} (the map at {base:#x} {offset:+})"),
            };
            format!(", {} si_code {code} si_addr {place}", Signal(signal))
        });
        let seen = slot.seen.as_ref().filter(|seen| !seen.is_empty());
        let seen = seen.map_or(String::new(), |seen| format!(", saw {seen}"));
        facts.push(("step", format!("{text}  // {state}{fault}{seen}")));
    }
    if let Some((signal, sender)) = report.recorded.sent {
        facts.push(("sent", format!("{} by process {sender}", Signal(signal))));
    }
    facts.push(("elapsed", format!("{} us", report.elapsed.as_micros())));
    facts
}

fn ending(ending: Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exited with {code}"),
        Ending::Killed(signal) => format!("killed by {}", Signal(signal)),
        Ending::TimedOut { stopped: false } => "killed at its deadline".to_owned(),
        Ending::TimedOut { stopped: true } => "stopped, and killed at its deadline".to_owned(),
        Ending::Running => "killed while it was running".to_owned(),
        Ending::Stuck => "killed, but still there".to_owned(),
    }
}
