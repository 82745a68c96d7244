//! One probe, with everything that is recorded of its child.

use std::collections::BTreeMap;

use super::args::Options;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::json::{SCHEMA, si_code};
use super::output::Output;
use super::select::{Loaded, Selection};
use super::work::{CaseResult, Job, Task};
use super::{Failed, output, pool};
use crate::backing::Backing;
use crate::case::{Access, Errno, HarnessError, Outcome, Signal, Size, Step};
use crate::confine::Held;
use crate::supervise::{Ending, Witness};

/// Makes the probe in every selected case (as a rule there is one) and prints what came of it.
pub fn run(
    all: &Selection,
    options: &Options,
    (backing, held): (&Backing, &Held),
    (access, at): (Access, &Size),
    interrupt: Interrupt,
) -> Result<Exit, Failed> {
    let page = rustix::param::page_size() as u64;
    let at = at.eval(page).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let sweep = options.sweep();
    for loaded in &all.cases {
        let sweeps = loaded.case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
        let have = sweeps.count();
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
        let text = match report.result {
            CaseResult::Probed(outcome, witness) => {
                let bad = outcome.is_err() || exit == Exit::Harness;
                exit = if bad { Exit::Harness } else { Exit::Agree };
                match options.json {
                    true => json(&loaded.id, access, at, &outcome, &witness),
                    false => told(loaded, access, at, &outcome, &witness),
                }
            }
            CaseResult::Skipped(reason) => unprobed(loaded, "skipped", &reason, options.json),
            CaseResult::Failed(error) => {
                exit = Exit::Harness;
                unprobed(loaded, "harness error", &error.to_string(), options.json)
            }
            CaseResult::Measured(_) => String::new(),
        };
        out.print(&text);
    })
    .map_err(output::failed)?;
    out.end(interrupted.unwrap_or(exit))
}

/// Why nothing was probed.
fn unprobed(loaded: &Loaded, verdict: &str, reason: &str, json: bool) -> String {
    match json {
        true => {
            let line = serde_json::json!({
                "schema": SCHEMA,
                "case": loaded.id,
                "verdict": verdict,
                "reason": reason,
            });
            format!("{line}\n")
        }
        false => format!("{}  {verdict}\n    {reason}\n", loaded.id),
    }
}

/// For a person: every fact on a line of its own.
fn told(
    loaded: &Loaded,
    access: Access,
    at: i64,
    outcome: &Result<Outcome, HarnessError>,
    witness: &Witness,
) -> String {
    let lines = crate::parse::lines(&loaded.case.steps);
    let mut text = format!("{}  {access} at {at}\n", loaded.id);
    for (name, value) in facts(&lines, outcome, witness) {
        text.push_str(&format!("    {name:10} {value}\n"));
    }
    text
}

fn facts(
    lines: &[crate::parse::Line],
    outcome: &Result<Outcome, HarnessError>,
    witness: &Witness,
) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (
            "outcome",
            outcome.as_ref().map_or_else(|error| format!("none: {error}"), ToString::to_string),
        ),
        ("ended", ending(witness.ending)),
    ];
    for (index, slot) in witness.evidence.slots.iter().enumerate() {
        let text = lines.iter().find(|line| line.step == Some(index)).map_or("", |line| &line.text);
        let state = slot.state.map_or("scribbled over".to_owned(), |state| format!("{state:?}"));
        let value = match slot.value {
            value @ -4095..0 => format!(", {}", Errno(-value as i32)),
            _ => String::new(),
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
        facts.push(("step", format!("{text}  {state}{value}{fault}{seen}")));
    }
    if let Some((signal, sender)) = witness.evidence.sent {
        facts.push(("sent", format!("{} by process {sender}", Signal(signal))));
    }
    facts.push(("elapsed", format!("{} us", witness.elapsed.as_micros())));
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

fn json(
    id: &str,
    access: Access,
    at: i64,
    outcome: &Result<Outcome, HarnessError>,
    witness: &Witness,
) -> String {
    let answer = outcome.as_ref().ok();
    serde_json::json!({
        "schema": SCHEMA,
        "case": id,
        "access": access.name(),
        "at": at,
        "outcome": answer.map(Outcome::word),
        "si_code": answer.and_then(si_code),
        "reason": outcome.as_ref().err().map(ToString::to_string),
        "ended": ending(witness.ending),
        "elapsed_us": witness.elapsed.as_micros() as u64,
    })
    .to_string()
        + "\n"
}
