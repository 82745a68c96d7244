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
    /// Rules that do not hold: open ones, or one that a test has broken to show what it is needed for.
    pub without: Vec<Rule>,
}

impl Environment {
    /// An x86-64 machine with pages of so many bytes, on which every rule holds.
    pub fn with_pages_of(page: u64) -> Environment {
        Environment { page, instruction_bytes: 1, without: Vec::new() }
    }

    /// The same, without these rules as well.
    pub fn without(&self, rules: &[Rule]) -> Environment {
        let without = self.without.iter().chain(rules).copied().collect();
        Environment { without, ..self.clone() }
    }
}

/// One thing that may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The open rules that do not hold in it.
    pub without: Vec<Rule>,
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

/// All that may happen: one prediction, and one more for each way in which open rules matter. In the
/// first, every rule holds.
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
    let mut all: Vec<Prediction> = Vec::new();
    for choice in 0..1usize << Rule::OPEN.len() {
        let open = Rule::OPEN.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
        let without: Vec<Rule> = open.map(|(_, rule)| *rule).collect();
        let measurement = steps::perform(case, &environment.without(&without))?;
        if all.iter().all(|other| other.measurement != measurement) {
            all.push(Prediction { without, measurement });
        }
    }
    Ok(all)
}
