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
mod explain;
mod follow;
mod interpreter;
mod judge;
mod limits;
mod rule;
mod script;
mod signals;
mod state;
mod touch;

pub use judge::{Judgement, OpenRule, Place, Split, difference, judge, known};
pub use rule::Rule;
pub use state::State;

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Access, Case, Measurement, StepResult, SweepResult};

/// The facts that the model is told of the machine and of the place where files live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The page size in bytes.
    pub page: u64,
    /// The length of an instruction where all have the same, 1 elsewhere.
    pub instruction_bytes: u64,
    /// The limits of the user.
    pub limits: Limits,
    /// The things that may not be executed.
    pub noexec: Noexec,
    /// True if the disk may be full before a case has what it asks for.
    pub little_disk: bool,
    /// True if files may have more memory than their size says: tmpfs with huge pages.
    pub large_pages: bool,
    /// The rules that do not hold: open ones, or one that a test has broken to show that it is needed.
    pub without: Vec<Rule>,
}

impl Environment {
    /// Returns an x86-64 machine with pages of `page` bytes, on which every rule holds and root lacks
    /// nothing.
    pub fn with_pages_of(page: u64) -> Environment {
        let limits = Limits {
            raises: true,
            locks: true,
            hard: BTreeMap::new(),
            lockable: u64::MAX,
            little_memory: false,
        };
        Environment {
            page,
            instruction_bytes: 1,
            limits,
            noexec: Noexec::default(),
            little_disk: false,
            large_pages: false,
            without: Vec::new(),
        }
    }

    /// Returns the same environment, without these rules as well.
    pub fn without(&self, rules: &[Rule]) -> Environment {
        let without = self.without.iter().chain(rules).copied().collect();
        Environment { without, ..self.clone() }
    }
}

/// The limits of a process, see setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// True if the user may raise hard limits: CAP_SYS_RESOURCE.
    pub raises: bool,
    /// True if the user may lock more than RLIMIT_MEMLOCK: CAP_IPC_LOCK.
    pub locks: bool,
    /// The hard limits by resource; a resource without an entry has none.
    pub hard: BTreeMap<i64, u64>,
    /// The number of bytes that the user may lock.
    pub lockable: u64,
    /// True if memory may be refused at any time.
    pub little_memory: bool,
}

/// The things that lie on a mount where nothing may be executed. (mount(8): noexec)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noexec {
    /// True if the files of cases do.
    pub files: bool,
    /// True if devices do.
    pub devices: bool,
    /// True if the directory that `dir()` opens does.
    pub root: bool,
}

/// One of the outcomes that a case may have.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub struct Unmodelled {
    /// The step, as [`Case::walk`] counts them.
    pub step: usize,
    /// The reason.
    pub what: String,
}

impl Unmodelled {
    /// Returns an [`Unmodelled`] for the step at work: the interpreter fills in the number of the step.
    fn new(what: impl Into<String>) -> Unmodelled {
        Unmodelled { step: 0, what: what.into() }
    }
}

/// Predicts all that may happen: returns one prediction, and one more for each way in which open rules
/// matter. In the first, every rule holds.
///
/// ```
/// use faultmap::model::{Environment, predict};
/// let case = faultmap::parse::case(
///     "fd = file(100); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);",
/// );
/// let predictions = predict(&case.unwrap(), &Environment::with_pages_of(65536));
/// assert_eq!(predictions.len(), 1);
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
        let follow::Ended { decided, measurement, unmodelled } = way;
        let same =
            |own: &&mut Prediction| own.measurement == measurement && own.unmodelled == unmodelled;
        match all.iter_mut().find(same) {
            Some(other) => other.open.retain(|own| decided.contains(own)),
            None => all.push(Prediction { open: decided, measurement, unmodelled }),
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
