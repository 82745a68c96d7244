//! A measurement as text: the steps with what each came to, and the fault map of each sweep.
//!
//! Nothing that varies between two runs is drawn: no addresses, pids or times. A case that counts in
//! pages has its offsets drawn in pages, so that the text is the same for every page size.

mod grid;
mod kept;
mod offsets;

pub use kept::{Byte, changed_byte};
pub use offsets::Offsets;

use std::collections::BTreeSet;

use crate::case::{
    Case, Fault, FaultAddress, Measurement, Outcome, Seen, Step, StepResult, SweepResult,
};
use crate::model::{Judgement, OpenRule};
use crate::parse::lines;
use grid::grid;

/// The whole picture of a case, as it was measured on a machine with pages of `page` bytes.
pub fn draw(case: &Case, measurement: &Measurement, page: u64) -> String {
    let offsets = Offsets::of(case, page);
    let mut out = String::new();
    for requirement in case
        .to_string()
        .lines()
        .filter(|line| line.starts_with("requires(") || line.starts_with("timeout("))
    {
        out.push_str(requirement);
        out.push('\n');
    }
    let steps: Vec<&Step> = case.walk().map(|(_, _, step)| step).collect();
    let mut sweeps = measurement.sweeps.iter();
    let maps: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Sweep { map, .. } => Some(map.as_str()),
            _ => None,
        })
        .collect();
    for line in lines(&case.steps) {
        let indent = 4 * line.depth;
        let step = line.step.and_then(|index| steps.get(index));
        if let Some(Step::Sweep { map, .. }) = step {
            let Some(sweep) = sweeps.next() else { continue };
            let name = (maps.len() > 1).then_some(map.as_str());
            out.push_str(&format!("{:indent$}{}\n\n", "", line.text));
            for row in sweep_lines(sweep, name, map, &offsets) {
                out.push_str(format!("{:indent$}{row}", "").trim_end());
                out.push('\n');
            }
            out.push('\n');
            continue;
        }
        let note = line
            .step
            .and_then(|index| measurement.steps.get(index))
            .and_then(|result| note(result, &offsets));
        let note = note.map_or(String::new(), |note| format!("  // {note}"));
        out.push_str(&format!("{:indent$}{}{note}\n", "", line.text));
    }
    // One blank line at most between two parts, none at the end.
    let mut text = out.replace("\n\n\n", "\n\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What the model says to the picture, where that is more than that it must be so.
pub fn draw_judgement(
    case: &Case,
    measured: &Measurement,
    judged: &Judgement,
    page: u64,
) -> String {
    if let Some(split) = &judged.split {
        let own: Vec<String> = draw(case, measured, page).lines().map(str::to_owned).collect();
        let theirs = draw(case, &split.predicted, page);
        let other = theirs.lines().filter(|line| !own.iter().any(|own| own == line));
        let mut text = "\n".to_owned();
        for line in other {
            text.push_str(&format!("model: {line}\n"));
        }
        let name = split.rule.map_or("none".to_owned(), |rule| rule.name());
        return text + &format!("rule: {name}\n");
    }
    if judged.open.is_empty() {
        return String::new();
    }
    let held = |held: bool| if held { "held" } else { "did not hold" };
    let mut lines: Vec<String> = Vec::new();
    for OpenRule { rule, held: did, .. } in &judged.open {
        let line = format!("open: {} {} here\n", rule.name(), held(*did));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    format!("\n{}", lines.concat())
}

/// What a step came to, where that is worth saying.
fn note(result: &StepResult, offsets: &Offsets) -> Option<String> {
    Some(match result {
        StepResult::Done => return None,
        StepResult::Count(count) => format!("= {}", offsets.name(*count as i64)),
        StepResult::Fault(fault) => fault_text(fault, offsets),
        StepResult::Saw(seen) => seen_text(seen, offsets),
        other => other.to_string(),
    })
}

fn seen_text(seen: &Seen, offsets: &Offsets) -> String {
    seen.describe(|count| offsets.name(i64::from(count)))
}

fn fault_text(fault: &Fault, offsets: &Offsets) -> String {
    match fault.address {
        FaultAddress::At(at) => {
            let plain = Fault { address: FaultAddress::Accessed, ..*fault };
            format!("{plain} at {}", offsets.name(at))
        }
        _ => fault.to_string(),
    }
}

fn outcome_text(outcome: &Outcome, offsets: &Offsets) -> String {
    match outcome {
        Outcome::Fault(fault) => fault_text(fault, offsets),
        other => other.to_string(),
    }
}

fn sweep_lines(
    sweep: &SweepResult,
    name: Option<&str>,
    map: &str,
    offsets: &Offsets,
) -> Vec<String> {
    match sweep {
        SweepResult::Map(fault_map) => grid(fault_map, name, offsets),
        SweepResult::NoMap => vec![format!("{map} is MAP_FAILED: nothing to sweep")],
        SweepResult::NotReached => {
            vec![format!("the sweep of {map} was not reached: a step above ended its process")]
        }
        SweepResult::Failed { access, at, .. } => {
            vec![format!("{access} at {}: no answer", offsets.name(*at))]
        }
    }
}
