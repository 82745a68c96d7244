//! What a whole case came to: a result for each step, and a fault map for each sweep.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Errno, Fault, FaultMap, HarnessError, Note, Seen, Signal};

/// Everything that was measured of one case. Two are equal that saw the same: their notes do not count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    /// One for each step, as [`super::Case::walk`] counts them.
    pub steps: Vec<StepResult>,
    /// One for each `sweep(...)`, in the order of the text.
    pub sweeps: Vec<SweepResult>,
    /// What it took to measure it.
    #[serde(default)]
    pub notes: Vec<Note>,
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Measurement) -> bool {
        self.steps == other.steps && self.sweeps == other.sweeps
    }
}

impl Eq for Measurement {}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepResult {
    /// An earlier step ended the process.
    NotReached,
    /// A call that succeeded, or a store that went through.
    Done,
    /// A call that moved bytes moved this many.
    Count(u64),
    /// A call that failed.
    Errno(Errno),
    /// A load or a pread that went through, with what it saw.
    Saw(Seen),
    /// The step killed its process with this fault.
    Fault(Fault),
    /// The step killed its process with a signal that carries no address (SIGXFSZ).
    Killed(Signal),
    /// The step never returned, in a case that says `timeout(...)`.
    TimedOut,
    /// The access was to a map that was never made.
    NoMap,
}

/// What one sweep came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SweepResult {
    /// The picture.
    Map(FaultMap),
    /// The variable holds MAP_FAILED: there is nothing to sweep.
    NoMap,
    /// An earlier step ended the process.
    NotReached,
    /// A probe has no answer.
    Failed {
        /// The probe that failed.
        access: super::Access,
        /// The byte it was to touch, relative to the map.
        at: i64,
        /// Why.
        error: HarnessError,
    },
}

impl StepResult {
    /// What both of two say that went through the same steps with another pattern in the files.
    /// `None` where they differ.
    pub fn agreed(&self, other: &StepResult) -> Option<StepResult> {
        match (self, other) {
            (StepResult::Saw(one), StepResult::Saw(two)) => one.agreed(two).map(StepResult::Saw),
            (one, two) => (one == two).then(|| one.clone()),
        }
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepResult::NotReached => f.write_str("not reached"),
            StepResult::Done => f.write_str("done"),
            StepResult::Count(count) => write!(f, "= {count}"),
            StepResult::Errno(errno) => write!(f, "= -1 {errno}"),
            StepResult::Saw(seen) => seen.fmt(f),
            StepResult::Fault(fault) => fault.fmt(f),
            StepResult::Killed(signal) => write!(f, "killed by {signal}"),
            StepResult::TimedOut => f.write_str("never returned"),
            StepResult::NoMap => f.write_str("no map: not accessed"),
        }
    }
}
