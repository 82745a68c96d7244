//! A prediction of a case, and the place at which a measurement differs from it.

use super::rule::Rule;
use crate::case::{Access, Measurement, Row, SweepResult};

/// One of the outcomes that a case may have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prediction {
    /// The decisions about the open rules that matter to it.
    pub open: Vec<OpenRule>,
    /// The measurement, as far as the model says anything.
    pub measurement: Measurement,
    /// The step from which the model says nothing, and why.
    pub unmodelled: Option<Unmodelled>,
}

impl Prediction {
    /// Returns the decisions in it by which an open rule does not hold.
    pub fn not_held(&self) -> impl Iterator<Item = &OpenRule> {
        self.open.iter().filter(|open| !open.held)
    }
}

/// The step from which the model says nothing of a case, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmodelled {
    /// The step, as [`crate::Case::walk`] counts them.
    pub step: usize,
    /// The reason.
    pub what: String,
}

/// A place in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The result of a step, as [`crate::Case::walk`] counts them.
    Step(usize),
    /// A byte of a row.
    Row {
        /// The step that is the sweep.
        step: usize,
        /// The number of the sweep in the case, counted from 0.
        sweep: usize,
        /// The access of the row.
        access: Access,
        /// The byte, relative to the map.
        at: i64,
    },
}

/// An open rule, and how it was decided at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct OpenRule {
    /// The step at which it was decided, as [`crate::Case::walk`] counts them.
    pub step: usize,
    /// The rule.
    pub rule: Rule,
    /// True if it held there.
    pub held: bool,
}

impl Place {
    /// Returns the step at which it is.
    pub fn step(self) -> usize {
        match self {
            Place::Step(step) | Place::Row { step, .. } => step,
        }
    }
}

/// Returns the place at which two measurements differ at a step, as far as both go; `sweep` is the number of
/// the sweep that the step is. A missing result differs from nothing.
pub fn differs_at(
    step: usize,
    sweep: Option<usize>,
    a: &Measurement,
    b: &Measurement,
) -> Option<Place> {
    if a.steps.get(step)? != b.steps.get(step)? {
        return Some(Place::Step(step));
    }
    let sweep = sweep?;
    let (SweepResult::Map(a), SweepResult::Map(b)) = (a.sweeps.get(sweep)?, b.sweeps.get(sweep)?)
    else {
        return None;
    };
    a.rows.iter().zip(&b.rows).find_map(|(row, other)| {
        let at = first_byte(row, other)?;
        Some(Place::Row { step, sweep, access: row.access, at })
    })
}

/// Returns the first byte at which two rows differ: a boundary of either row, or 0, or else -1.
fn first_byte(row: &Row, other: &Row) -> Option<i64> {
    let mut all: Vec<i64> = row.boundaries().chain(other.boundaries()).collect();
    all.push(0);
    all.sort_unstable();
    all.push(-1);
    all.into_iter().find(|at| row.at(*at) != other.at(*at))
}
