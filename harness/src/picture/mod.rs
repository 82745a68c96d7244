//! The picture of a measurement: its steps with their results, and the fault map of each sweep.
//!
//! A picture holds nothing that varies between runs: no addresses, process ids or times. Where a
//! case counts in pages, its offsets are drawn in pages, so the text is the same for every page
//! size.

mod beside;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod colours;
mod difference;
mod grid;
mod kept;
mod offsets;
mod parts;
mod text_grid;

pub use beside::{Beside, Span, beside};
#[cfg(all(target_os = "linux", feature = "cli"))]
pub use colours::{coloured, coloured_outcome};
pub use difference::{Difference, Of, differences};
pub use grid::{Front, grid};
pub use kept::{Byte, changed_byte, changed_step};
pub use offsets::Offsets;
pub use parts::{counts_in_pages, is_of_the_same_steps};

use std::collections::BTreeSet;

use crate::case::{Case, FaultMap, Measurement, Row, Step, StepResult, SweepResult};
use crate::parse::{lines, text_of};

/// Draws the whole picture of a measurement made on a machine with pages of `page` bytes.
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
    // There is at most one blank line between two parts, and none at the end.
    let mut text = out.replace("\n\n\n", "\n\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Draws the steps and rows of `other` that differ from `this`, another measurement of the same
/// case. Steps and sweeps that only one of the two has are left out.
pub fn draw_other(case: &Case, this: &Measurement, other: &Measurement, page: u64) -> String {
    let offsets = Offsets::of(case, page);
    let lines = lines(&case.steps);
    let mut sweeps = this.sweeps.iter().zip(&other.sweeps);
    let mut out = String::new();
    for (step, _, what) in case.walk() {
        let text = text_of(&lines, step);
        if let Step::Sweep { map, .. } = what {
            let Some((this, other)) = sweeps.next() else { continue };
            let Some(parts) = differing(this, other) else { continue };
            out.push_str(&format!("{text}\n"));
            let rows = sweep_lines(&parts, None, map, &offsets);
            rows.iter().for_each(|row| out.push_str(&format!("{}\n", row.trim_end())));
            continue;
        }
        let (Some(this), Some(other)) = (this.steps.get(step), other.steps.get(step)) else {
            continue;
        };
        if this != other {
            let said = note(other, &offsets).unwrap_or_else(|| other.to_string());
            out.push_str(&format!("{text}  // {said}\n"));
        }
    }
    out
}

/// Returns the rows of `other` that differ from `this`; `None` where none does, or where either
/// sweep has no answer.
fn differing(this: &SweepResult, other: &SweepResult) -> Option<SweepResult> {
    match (this, other) {
        (SweepResult::Failed { .. }, _) | (_, SweepResult::Failed { .. }) => None,
        (SweepResult::Map(this), SweepResult::Map(other)) => {
            let differs = |row: &&Row| !this.rows.contains(row);
            let rows: Vec<Row> = other.rows.iter().filter(differs).cloned().collect();
            (!rows.is_empty()).then_some(SweepResult::Map(FaultMap { rows }))
        }
        (this, other) => (this != other).then(|| other.clone()),
    }
}

/// The note on the result of a step; `None` where it succeeded without a value.
fn note(result: &StepResult, offsets: &Offsets) -> Option<String> {
    Some(match result {
        StepResult::Done => return None,
        StepResult::Count(count) => format!("= {}", offsets.name(*count as i64)),
        StepResult::Fault(fault) => offsets.fault(fault),
        StepResult::Saw(seen) => seen.describe(|count| offsets.name(i64::from(count))),
        other => other.to_string(),
    })
}

fn sweep_lines(
    sweep: &SweepResult,
    name: Option<&str>,
    map: &str,
    offsets: &Offsets,
) -> Vec<String> {
    match sweep {
        SweepResult::Map(fault_map) => grid(fault_map, name, offsets, Front::Probed),
        SweepResult::NoMap => vec![format!("{map} is MAP_FAILED: nothing to sweep")],
        SweepResult::NotReached => {
            vec![format!(
                "the sweep of {map} was not reached: a step above ended or held up its process"
            )]
        }
        SweepResult::Failed { access, at, .. } => {
            vec![format!("{access} at {}: no answer", offsets.name(*at))]
        }
    }
}
