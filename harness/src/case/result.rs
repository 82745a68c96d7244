//! The results of a whole case: one for each step, and a fault map for each sweep.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Errno, Fault, FaultMap, HarnessError, Note, Seen, Signal};

/// The measurement of one case. Equality compares steps and sweeps, and ignores the notes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    /// The result of each step, in the order of [`super::Case::walk`].
    pub steps: Vec<StepResult>,
    /// The result of each `sweep(...)`, in the order of the text.
    pub sweeps: Vec<SweepResult>,
    /// The costs and circumstances of the measurement.
    #[serde(default)]
    pub notes: Vec<Note>,
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Measurement) -> bool {
        self.steps == other.steps && self.sweeps == other.sweeps
    }
}

impl Eq for Measurement {}

/// The result of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StepResult {
    /// Not performed, because an earlier step ended the process.
    NotReached,
    /// A call or a store that succeeded.
    Done,
    /// A call that moved this number of bytes.
    Count(u64),
    /// A call that failed with this error.
    Errno(Errno),
    /// A load or a pread that succeeded, with the content that it saw.
    Saw(Seen),
    /// The step raised this fault, which killed its process.
    Fault(Fault),
    /// The step raised a signal without an address (SIGXFSZ), which killed its process.
    Killed(Signal),
    /// The step never returned: in a case that says `timeout(...)`, or in two children that were running all the time.
    TimedOut,
    /// An access through a variable that holds no map, as the call that makes it failed.
    NoMap,
}

/// The result of one sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SweepResult {
    /// The fault map.
    Map(FaultMap),
    /// The variable holds MAP_FAILED, so there is nothing to sweep.
    NoMap,
    /// Not performed, because an earlier step ended the process.
    NotReached,
    /// A probe has no answer.
    Failed {
        /// The probe that failed.
        access: super::Access,
        /// The offset of its byte from the start of the map.
        at: i64,
        /// The reason.
        error: HarnessError,
    },
}

impl StepResult {
    /// Merges the results of two runs of a step that had another pattern in their files; `None`
    /// where the results contradict each other.
    #[doc(hidden)]
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
