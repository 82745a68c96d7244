//! A single probe, printed with all that was recorded of its child.

use anstyle::Style;
use std::collections::BTreeMap;

use super::args::Options;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::output::Output;
use super::output::{BAD, NOTE};
use super::report::json::{self, Probed};
use super::report::machine::Machine;
use super::report::text::Text;
use super::report::verdict::{self, Verdict};
use super::select::{Loaded, Selection};
use super::work::{CaseReport, CaseResult, Job, Task};
use super::{Failed, output, pool};
use crate::backing::Backing;
use crate::case::{Access, Case, Errno, HarnessError, Outcome, Signal, Size};
use crate::confine::Held;
use crate::supervise::{ChildReport, Ending};
use crate::sys::SlotState;

/// Makes the probe in each selected case, of which there is usually one, and prints the result.
pub fn run(
    all: &Selection,
    options: &Options,
    (backing, held, machine): (&Backing, &Held, &Machine),
    (access, at): (Access, &Size),
    interrupt: Interrupt,
) -> Result<Exit, Failed> {
    let at = at.eval(machine.page_size).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let sweep = options.sweep();
    for loaded in &all.cases {
        let have = loaded.case.sweeps().count();
        if have <= sweep {
            let sweeps = output::count(have, "sweep");
            let message = format!("{} has {sweeps}: nothing to probe", loaded.word);
            return Err((Exit::Usage, output::error(&message)));
        }
    }
    let task = Task::OneProbe { access, at, sweep };
    let (deadline, strict) = (options.deadline(), options.place.strict());
    let job = Job {
        cases: &all.cases,
        backing,
        deadline,
        strict,
        held,
        guard: options.guard,
        task,
        seed: None,
        alone: BTreeMap::new(),
    };
    let mut exit = Exit::Nothing;
    let mut out = Output::default();
    let interrupted = pool::run(&job, 1, interrupt, |index, report| {
        let loaded = &all.cases[index];
        let probed = probed(&loaded.case, &report, sweep, access, at);
        exit = match (exit, probed.verdict) {
            (Exit::Harness, _) | (_, Verdict::HarnessError) => Exit::Harness,
            (exit, Verdict::Skipped) => exit,
            _ => Exit::Agree,
        };
        out.print(&match options.json {
            true => json::probe(loaded, &probed, machine),
            false => told(loaded, &probed),
        });
    })
    .map_err(output::failed)?;
    out.end(interrupted.unwrap_or(exit))
}

fn probed<'a>(
    case: &Case,
    report: &'a CaseReport,
    sweep: usize,
    access: Access,
    at: i64,
) -> Probed<'a> {
    let failed = |error: &HarnessError| (Verdict::HarnessError, Some(verdict::told(case, error)));
    let (verdict, reason, answer) = match &report.result {
        CaseResult::Probed { outcome, report, steps } => {
            let (verdict, error) = outcome.as_ref().err().map_or((Verdict::Measured, None), failed);
            (verdict, error, Some((outcome, report.as_ref(), steps.as_slice())))
        }
        CaseResult::Skipped(reason) => (Verdict::Skipped, Some(reason.clone()), None),
        CaseResult::Failed(error) => {
            let (verdict, reason) = failed(error);
            (verdict, reason, None)
        }
        CaseResult::Measured(_) => (Verdict::Measured, None, None),
    };
    let (probes, elapsed_us) = (report.probes, report.elapsed_us);
    Probed { verdict, reason, sweep, access, at, answer, probes, elapsed_us }
}

/// The text for a person: one fact on each line.
fn told(loaded: &Loaded, probed: &Probed<'_>) -> String {
    let mut text = Text::default();
    let Some((outcome, report, _)) = probed.answer else {
        let style = if probed.verdict == Verdict::Skipped { NOTE } else { BAD };
        text.heading(&loaded.id, &[(style, probed.verdict.word())]);
        probed.reason.iter().for_each(|reason| text.line(Style::new(), reason));
        return text.into_string();
    };
    let what = format!("{} at {}", probed.access, probed.at);
    text.heading(&loaded.id, &[(Style::new(), &what)]);
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
        Ending::Stuck => "killed, but still there".to_owned(),
    }
}
