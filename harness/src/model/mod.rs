//! What must happen: a second, independent answer to every case.
//!
//! The model is a pure function from a case and an [`Environment`] to the measurement that POSIX and
//! Linux promise. It makes no system call, never looks at a measurement, and shares nothing with the
//! runner but the vocabulary. Its rules are listed in [`Rule`], each with its source; where the standard
//! leaves a thing open, [`predict`] answers with every outcome that is allowed.

mod access;
mod advice;
mod bytes;
mod calls;
mod files;
mod judge;
mod limits;
mod mapping;
mod ranges;
mod remap;
mod rule;
mod segments;
mod signals;
mod space;
mod steps;
mod touch;
mod transfer;
mod world;

pub use judge::{Judgement, OpenRule, Place, Split, difference, first_difference, judge, known};
pub use rule::Rule;
pub use world::World;

use std::collections::VecDeque;

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

/// Where the model begins to say nothing of a case, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmodelled {
    /// The step, as [`Case::walk`] counts them.
    pub step: usize,
    /// Why.
    pub what: String,
}

impl Unmodelled {
    /// Begins at the step at work: who performs it knows its number.
    fn new(what: impl Into<String>) -> Unmodelled {
        Unmodelled { step: 0, what: what.into() }
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
    // Ways to decide open rules, those that let most of them hold first: each run tells which others
    // had a say.
    let mut ways = VecDeque::from([Vec::<(Rule, bool)>::new()]);
    while let Some(decided) = ways.pop_front() {
        let without: Vec<Rule> =
            decided.iter().filter(|(_, holds)| !holds).map(|(rule, _)| *rule).collect();
        let (measurement, asked) = steps::perform(case, &environment.without(&without))?;
        let mut way = decided;
        for rule in asked {
            let known = way.iter().any(|(own, _)| *own == rule);
            if !known && !environment.without.contains(&rule) {
                ways.push_back([way.as_slice(), &[(rule, false)]].concat());
                way.push((rule, true));
            }
        }
        if all.iter().all(|other| other.measurement != measurement) {
            all.push(Prediction { without, measurement });
        }
    }
    Ok(all)
}
