//! What must happen: a second, independent answer to every case.
//!
//! The model is a pure function from a case and an [`Environment`] to the measurement that POSIX and
//! Linux promise. It makes no system call, never looks at a measurement, and shares nothing with the
//! runner but the vocabulary. Its rules are listed in [`Rule`], each with its source; where the standard
//! leaves a thing open, [`predict`] answers with every outcome that is allowed.

mod bytes;
mod calls;
mod judge;
mod mapping;
mod ranges;
mod rule;
mod segments;
mod space;
mod steps;
mod world;

pub use judge::{Judgement, difference, judge, known};
pub use rule::Rule;
pub use world::World;

use crate::case::{Case, Measurement};

/// What the model is told of the machine and of the place where files live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The page size in bytes.
    pub page: u64,
    /// The length of an instruction where all have the same, 1 elsewhere.
    pub instruction_bytes: u64,
    /// What was stored past the end of a file is there when the file grows: see
    /// [`Rule::GrowthClearsTheTail`].
    pub keeps_tail: bool,
    /// A rule that does not hold: for tests that show what it is needed for.
    pub broken: Option<Rule>,
}

impl Environment {
    /// An x86-64 machine with pages of so many bytes, and a file system that clears the tail.
    pub fn with_pages_of(page: u64) -> Environment {
        Environment { page, instruction_bytes: 1, keeps_tail: false, broken: None }
    }
}

/// One thing that may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The rule that was left open and decided this way; none for what must happen.
    pub open: Option<Rule>,
    /// The whole measurement.
    pub measurement: Measurement,
}

/// A part of a case of which the model says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmodelled {
    /// Which.
    pub what: String,
}

impl Unmodelled {
    fn new(what: impl Into<String>) -> Unmodelled {
        Unmodelled { what: what.into() }
    }
}

/// All that may happen: one prediction, or one more for each way in which an open rule matters.
///
/// ```
/// use faultmap::model::{Environment, predict};
/// let case = faultmap::parse::case(
///     "fd = file(100); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);",
/// );
/// let predictions = predict(&case.unwrap(), &Environment::with_pages_of(65536)).unwrap();
/// assert_eq!(predictions.len(), 1);
/// ```
pub fn predict(case: &Case, environment: &Environment) -> Result<Vec<Prediction>, Unmodelled> {
    let must = steps::perform(case, environment)?;
    let other = Environment { keeps_tail: !environment.keeps_tail, ..environment.clone() };
    let may = steps::perform(case, &other)?;
    let differs = may != must;
    let mut all = vec![Prediction { open: None, measurement: must }];
    if differs {
        all.push(Prediction { open: Some(Rule::GrowthClearsTheTail), measurement: may });
    }
    Ok(all)
}
