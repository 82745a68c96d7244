//! A sweep becomes a list of accesses: to the first and the last byte of each region, one line for all accesses that
//! have one outcome there. The main type is [`Row`].

use super::shown::{Origin, byte};
use super::{Expected, Unsayable, value};
use crate::case::{Access, Case, Clean, Outcome, Region, SweepResult, window};
use crate::picture::Offsets;

/// Accesses to two bytes, of which the same is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The sweep, counted from 1.
    pub sweep: usize,
    /// The accesses.
    pub accesses: Vec<Access>,
    /// The first and the last byte, relative to the map: their numbers, and as C says them.
    bytes: [i64; 2],
    pub from: String,
    pub to: String,
    /// The outcome; `None` of bytes that are not run, as they are no instructions.
    pub want: Option<String>,
}

/// Returns the rows of a case, from left to right. `origins` has the start of each swept map.
pub fn rows(
    case: &Case,
    expected: &Expected,
    origins: &[Option<Origin>],
) -> Result<Vec<Row>, Unsayable> {
    let offsets = Offsets::of(case, expected.page);
    let mut all = Vec::new();
    for (number, (step, map, _)) in case.sweeps().enumerate() {
        if expected.probe.is_some_and(|probe| probe.sweep != number) {
            continue;
        }
        let found = match expected.measurement.sweeps.get(number) {
            Some(SweepResult::Map(found)) => found,
            Some(SweepResult::NoMap | SweepResult::NotReached) => continue,
            Some(SweepResult::Failed { .. }) | None => {
                return Err(super::steps::no_answer(case, step));
            }
        };
        let window = window(case, map, expected.page);
        let origin = origins.get(number).cloned().flatten();
        let mut rows: Vec<Row> = Vec::new();
        for (access, region) in
            found.rows.iter().flat_map(|row| row.regions.iter().map(|own| (row.access, own)))
        {
            let Some(bytes) = bytes(expected, access, region, &window) else { continue };
            let [from, to] = bytes.map(|byte| offsets.name(byte));
            // One access alone has its own place in the file.
            let place = origin.as_ref().filter(|_| expected.probe.is_some());
            let place = place.map(|start| start.plus(&*from)).or(origin.clone());
            let want = want(access, &region.outcome, place.as_ref())?;
            match rows.iter_mut().find(|row| row.bytes == bytes && row.want == want) {
                Some(row) => row.accesses.push(access),
                None => rows.push(Row {
                    sweep: number + 1,
                    accesses: vec![access],
                    bytes,
                    from,
                    to,
                    want,
                }),
            }
        }
        rows.sort_by_key(|row| row.bytes);
        all.extend(rows);
    }
    Ok(all)
}

/// Returns the first and the last byte to access; `None` where none is asked for.
fn bytes(
    expected: &Expected,
    access: Access,
    region: &Region,
    window: &std::ops::Range<i64>,
) -> Option<[i64; 2]> {
    let (first, last) = (region.from.unwrap_or(i64::MIN), region.to.map_or(i64::MAX, |to| to - 1));
    match expected.probe {
        None => Some([first.max(window.start), last.min(window.end - 1)]),
        Some(own) if own.access == access && (first..=last).contains(&own.at) => Some([own.at; 2]),
        Some(_) => None,
    }
}

/// Returns the outcome in C; `None` of bytes that are not run.
fn want(
    access: Access,
    outcome: &Outcome,
    origin: Option<&Origin>,
) -> Result<Option<String>, Unsayable> {
    Ok(match outcome {
        Outcome::Clean(Clean::NoCode) => None,
        Outcome::Clean(Clean::Ok) if access == Access::Exec => Some("RAN".to_owned()),
        Outcome::Clean(Clean::Ok) => Some("NOT_IN_FILE".to_owned()),
        Outcome::TimedOut => return Err(Unsayable::NeverReturns),
        other => match (value::outcome(other), other) {
            (None, Outcome::Clean(clean)) => Some(byte(*clean, origin)),
            (want, _) => want,
        },
    })
}
