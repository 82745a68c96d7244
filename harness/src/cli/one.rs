//! One probe, with everything that is recorded of its child.

use std::os::fd::OwnedFd;

use super::args::Options;
use super::exit::Exit;
use super::json::si_code;
use super::select::Selection;
use super::{Failed, report};
use crate::backing::{self, Backing};
use crate::case::{Access, Errno, HarnessError, Outcome, Signal, Size};
use crate::measure::{Failure, Measurer};
use crate::supervise::{Ending, Supervisor, Witness};
use crate::sys::SharedRecord;

/// Makes the probe in every selected case (as a rule there is one) and prints what came of it.
pub fn run(
    all: &Selection,
    options: &Options,
    backing: &Backing,
    access: Access,
    at: &Size,
) -> Result<Exit, Failed> {
    let harness = |message: String| (Exit::Harness, report::error(&message));
    let page = rustix::param::page_size() as u64;
    let at = at.eval(page).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let record = SharedRecord::new().map_err(|error| harness(error.to_string()))?;
    let record = Box::leak(Box::new(record));
    let supervisor =
        Supervisor::new(record, None::<OwnedFd>).map_err(|error| harness(error.to_string()))?;
    let measurer = Measurer {
        supervisor: &supervisor,
        backing,
        deadline: options.deadline(),
        exhaustive: false,
        on_child: &|| {},
    };
    let mut exit = Exit::Nothing;
    for loaded in &all.cases {
        if let Some(reason) = backing::missing(&loaded.case, backing, page) {
            println!("{}  skipped\n    {reason}", loaded.id);
            continue;
        }
        let probed = measurer.one_probe(&loaded.case, page, options.sweep(), access, at);
        let (outcome, witness) = match probed {
            Ok(probed) => probed,
            Err(Failure::Harness(error)) => return Err(harness(error.to_string())),
            Err(Failure::Abandoned) => return Ok(Exit::Harness),
        };
        exit = match (&outcome, exit) {
            (Err(_), _) | (_, Exit::Harness) => Exit::Harness,
            (Ok(_), _) => Exit::Agree,
        };
        let lines = crate::parse::lines(&loaded.case.steps);
        let facts = facts(&lines, &outcome, &witness);
        match options.json {
            true => println!("{}", json(&loaded.id, access, at, &outcome, &witness)),
            false => {
                println!("{}  {access} at {at}", loaded.id);
                facts.iter().for_each(|(name, value)| println!("    {name:10} {value}"));
            }
        }
    }
    Ok(exit)
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
        "schema": 1,
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
}
