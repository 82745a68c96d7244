//! A measurement alone cannot tell if the kernel is right: the model gives a second, independent answer to
//! every case, namely what must happen.
//!
//! The model is a pure function from a case and an [`Environment`] to the measurement that POSIX and Linux
//! promise. It makes no system call, and shares nothing with the runner but the vocabulary. Its rules are
//! listed in [`Rule`], each with its source; where the standard leaves a thing open, [`predict`] returns
//! every outcome that is allowed. Only [`judge()`] looks at a measurement: it tells which of the outcomes
//! occurred, or that none did.

mod access;
mod address_space;
mod arguments;
mod bytes;
mod calls;
mod environment;
mod explain;
mod follow;
mod interpreter;
mod judge;
mod limits;
mod prediction;
mod returned;
mod rule;
mod script;
mod signals;
mod state;
mod touch;
mod writeback;

pub use environment::{Environment, Limits, Noexec};
pub use judge::{Judgement, Split, first_difference, judge, known};
pub use prediction::{OpenRule, Place, Prediction, Unmodelled};
pub use rule::{Known, Release, Rule};
pub use state::State;

use std::collections::BTreeSet;

use crate::case::{Access, Case, Measurement, StepResult, SweepResult};

/// Predicts all that may happen: returns one prediction, and one more for each way in which open rules
/// matter. In the first, every rule holds.
///
/// ```
/// use faultmap::{Case, Environment, predict};
/// let case: Case = "fd = file(100);
///     map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
///     sweep(map, read);"
///     .parse()?;
/// let predictions = predict(&case, &Environment::with_pages_of(65536));
/// assert_eq!(predictions.len(), 1);
/// # Ok::<(), faultmap::ParseError>(())
/// ```
pub fn predict(case: &Case, environment: &Environment) -> Vec<Prediction> {
    predict_after(case, environment, &[])
}

/// Predicts all that may happen where the first steps have these results; returns nothing where the model
/// forbids them.
pub fn predict_after(
    case: &Case,
    environment: &Environment,
    steps: &[StepResult],
) -> Vec<Prediction> {
    let measured = Measurement { steps: steps.to_vec(), sweeps: Vec::new(), notes: Vec::new() };
    let mut all: Vec<Prediction> = Vec::new();
    for way in follow::follow(case, environment, &measured).possible {
        let same = |own: &&mut Prediction| {
            own.measurement == way.measurement && own.unmodelled == way.unmodelled
        };
        match all.iter_mut().find(same) {
            Some(other) => other.open.retain(|own| way.open.contains(own)),
            None => all.push(way),
        }
    }
    all.sort_by_key(|own| own.not_held().count());
    all
}

/// Returns the bytes at which the outcomes of an access change in any of these predictions; `sweep` is
/// counted from 0.
pub fn boundaries(predictions: &[Prediction], sweep: usize, access: Access) -> BTreeSet<i64> {
    let maps = predictions.iter().filter_map(|own| match own.measurement.sweeps.get(sweep)? {
        SweepResult::Map(map) => Some(map),
        _ => None,
    });
    let rows = maps.flat_map(|map| map.rows.iter().filter(|row| row.access == access));
    rows.flat_map(|row| row.boundaries()).collect()
}
