//! A call may succeed in several ways, or fail: what it returns, and the value that its variable then holds.

use crate::case::{Clean, Seen, Signal, StepResult};

/// The value of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The call failed: MAP_FAILED, or -1.
    Failed,
    /// The number of a descriptor.
    Descriptor(usize),
    /// The address of a map.
    Map(u64),
    /// The number of a segment.
    Segment(usize),
}

/// The outcome of a call that does not fail: a value, a number of bytes, the bytes seen, or the end of the
/// process.
pub enum Returned {
    /// Success without a result to show.
    Nothing,
    /// Success, with a value for the variable.
    Value(Value),
    /// The number of bytes that were moved.
    Count(u64),
    /// The runs of bytes that were read.
    Saw(Vec<(u64, Clean)>),
    /// The kernel kills the process with this signal.
    Killed(i32),
    /// The process exits.
    Exits,
    /// The call never returns.
    Hangs,
}

/// The reason why a call does not succeed.
pub enum Failure {
    /// The kernel refuses it with this errno.
    Errno(i32),
    /// The model says nothing of it, for this reason.
    Unmodelled(&'static str),
}

impl From<i32> for Failure {
    fn from(errno: i32) -> Failure {
        Failure::Errno(errno)
    }
}

impl Returned {
    /// Returns the result in the terms of a measurement.
    pub fn result(self) -> StepResult {
        match self {
            Returned::Nothing | Returned::Value(_) | Returned::Exits => StepResult::Done,
            Returned::Count(count) => StepResult::Count(count),
            Returned::Saw(runs) => StepResult::Saw(Seen::of(runs)),
            Returned::Killed(signal) => StepResult::Killed(Signal(signal)),
            Returned::Hangs => StepResult::TimedOut,
        }
    }
}
