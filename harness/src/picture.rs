//! A measurement as text: the steps with what each came to, and the fault map of each sweep.
//!
//! Nothing that varies between two runs is drawn: no addresses, pids or times. A case that counts in
//! pages has its offsets drawn in pages, so that the text is the same for every page size.

use std::collections::BTreeSet;

use crate::case::{
    Case, Fault, FaultAddress, FaultMap, Linear, Measurement, Outcome, Row, Seen, Size, Step,
    StepResult, SweepResult,
};
use crate::model::{Judgement, OpenRule};
use crate::parse::lines;

/// Columns are at least this wide, so that short rows line up from picture to picture.
const COLUMN: usize = 15;
/// The space that row names take.
const NAMES: usize = 11;

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
    let line = |open: &OpenRule| format!("open: {} {} here\n", open.rule.name(), held(open.held));
    format!("\n{}", judged.open.iter().map(line).collect::<String>())
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

/// The rows over the columns that any of them has.
fn grid(fault_map: &FaultMap, name: Option<&str>, offsets: &Offsets) -> Vec<String> {
    let mut starts: BTreeSet<i64> = fault_map.rows.iter().flat_map(Row::boundaries).collect();
    starts.insert(0);
    // What lies before the map is drawn only where it differs from what lies past it.
    let differs = |row: &Row| {
        let (first, last) = (row.regions.first(), row.regions.last());
        first.map(|region| region.outcome) != last.map(|region| region.outcome)
    };
    let with_front = fault_map.rows.iter().any(differs) || starts.first().is_some_and(|at| *at < 0);
    let mut columns: Vec<Option<i64>> = Vec::new();
    if with_front {
        columns.push(None);
    }
    columns.extend(starts.iter().copied().map(Some));
    let rows: Vec<(String, Vec<Option<String>>)> = fault_map
        .rows
        .iter()
        .map(|row| (row.access.to_string(), cells(row, &columns, offsets)))
        .collect();
    let widths = widths(&columns, &rows, offsets);
    let name = name.unwrap_or("");
    let names = rows.iter().map(|(name, _)| name.len()).chain([name.len()]).max().unwrap_or(0);
    let names = (names + 1).max(NAMES);
    let mut head = format!("{name:names$}");
    for (column, width) in columns.iter().zip(&widths) {
        let text = column.map_or("< 0".to_owned(), |at| offsets.name(at));
        head.push_str(&format!("{text:width$}"));
    }
    let mut lines = vec![head.trim_end().to_owned()];
    for (name, cells) in &rows {
        let mut line = format!("{name:names$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let text = cell.as_ref().map_or(String::new(), |text| format!("| {text}"));
            line.push_str(&format!("{text:width$}"));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The text of each column of a row; `None` where the region goes on from the column before.
fn cells(row: &Row, columns: &[Option<i64>], offsets: &Offsets) -> Vec<Option<String>> {
    let begins = |column: &Option<i64>| match column {
        None => true,
        Some(at) => row.boundaries().any(|boundary| boundary == *at),
    };
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let outcome = row.at(column.unwrap_or(i64::MIN))?;
            (index == 0 || begins(column)).then(|| outcome_text(&outcome, offsets))
        })
        .collect()
}

fn widths(
    columns: &[Option<i64>],
    rows: &[(String, Vec<Option<String>>)],
    offsets: &Offsets,
) -> Vec<usize> {
    let mut widths: Vec<usize> = columns
        .iter()
        .map(|column| column.map_or(0, |at| offsets.name(at).len() + 2).max(COLUMN))
        .collect();
    for (_, cells) in rows {
        let mut end = cells.len();
        for (index, cell) in cells.iter().enumerate().rev() {
            if let Some(text) = cell {
                let have: usize = widths[index..end].iter().sum();
                let want = text.chars().count() + 4;
                widths[end - 1] += want.saturating_sub(have);
                end = index;
            }
        }
    }
    widths
}

/// How an offset is written: in bytes, or in pages where the case counts in pages.
#[derive(Debug)]
pub struct Offsets {
    page: Option<u64>,
    known: Vec<Linear>,
}

impl Offsets {
    /// The way of a case on a machine with pages of `page` bytes.
    pub fn of(case: &Case, page: u64) -> Offsets {
        let known: Vec<Linear> = case.sizes().into_iter().filter_map(Size::linear).collect();
        let mut all = known.clone();
        for a in &known {
            all.extend(known.iter().filter_map(|b| a.minus(*b)));
            all.extend(known.iter().filter_map(|b| a.plus(*b)));
        }
        all.sort_by_key(|linear| (linear.bytes.unsigned_abs(), linear.pages.unsigned_abs()));
        Offsets { page: case.says_page().then_some(page), known: all }
    }

    /// The text for an offset, or for a count of bytes.
    pub fn name(&self, value: i64) -> String {
        let Some(page) = self.page else {
            return value.to_string();
        };
        let unit = page as i64;
        let near = Linear { pages: (value + unit / 2).div_euclid(unit), bytes: 0 };
        let bytes = value - near.pages * unit;
        if bytes == 0 {
            return near.to_string();
        }
        // What the case itself says of this place is true for every page size.
        let said = self.known.iter().find(|linear| linear.eval(page) == Some(value));
        said.copied().unwrap_or(Linear { bytes, ..near }).to_string()
    }
}
