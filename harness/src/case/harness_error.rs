//! Some probes have no answer: [`HarnessError`] is the reason.
//!
//! A worker finds it and sends it to the controller, so that it is a plain value that can be written down.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Fault, Outcome, Signal};
use crate::vocabulary::linux::SIGSYS;

/// The reason why a probe has no answer. It fails the case, and no snapshot can accept it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// The child had not ended at its deadline and was killed.
    #[error(
        "{} did not end within {after_ms} ms",
        if *.stopped { "a signal stopped the child, which" } else { "the child" }
    )]
    TimedOut {
        /// True where the child was stopped (SIGSTOP), false where it was busy or asleep.
        stopped: bool,
        /// The deadline, in milliseconds.
        after_ms: u64,
    },
    /// The child used much CPU time and got no further, and not because of its access or a step.
    #[error("the child was running and got no further, and not in its access")]
    Running,
    /// The child could not be prepared for its first step.
    #[error("the child could not be prepared: {0}")]
    Setup(String),
    /// A step asked for something that no case may do; it was not performed.
    #[error("{0}")]
    Refused(String),
    /// The child exited with 0 before its access, or before its end.
    #[error("the child exited with 0 before its access")]
    ExitedEarly,
    /// The child exited with another status.
    #[error("the child exited with {0}")]
    ExitedNonZero(i32),
    /// The child was killed by a signal that none of its own accesses raised.
    #[error("{}", killed_from_outside(*.0))]
    KilledFromOutside(Signal),
    /// The access of a step killed this child and succeeded in others.
    #[error("{0} killed the child, but the same step succeeded in another one")]
    Raised(Fault),
    /// The record of the child contradicts its exit status.
    #[error("the record and the wait status disagree: {0}")]
    Disagree(String),
    /// A step had another result in this child than in the first one.
    #[error("step {} had different results in two children: {first}, then {then}", .step + 1)]
    Unsteady {
        /// The index of the step in [`super::Case::walk`].
        step: usize,
        /// The result in the first child.
        first: String,
        /// The result in this child.
        then: String,
    },
    /// Another error, together with the step in which it occurred.
    #[error("in step {}: {error}", .step + 1)]
    InStep {
        /// The index of the step in [`super::Case::walk`].
        step: usize,
        /// The error.
        error: Box<HarnessError>,
    },
    /// The child has not disappeared after SIGKILL.
    #[error("the child did not exit after SIGKILL: it is blocked in the kernel")]
    Stuck,
    /// The variable of a probe holds MAP_FAILED.
    #[error("there is no map to probe: the call that makes it failed")]
    NoMap,
    /// The case has fewer sweeps than the probe was told of.
    #[error("the case has no such sweep")]
    NoSuchSweep,
    /// The byte has one outcome with one pattern in the files, and one that contradicts it with another.
    #[error("{first} with one pattern in the files, {second} with another")]
    Ambiguous {
        /// The outcome with the first pattern.
        first: Outcome,
        /// The outcome with the second pattern.
        second: Outcome,
    },
    /// The case needs more children, or more time, than a run gives it.
    #[error("the case needs more than {children} children, or {seconds} s")]
    TooCostly {
        /// The most children that a case may take.
        children: u64,
        /// The longest that a case may take.
        seconds: u64,
    },
    /// A file of the case could not be made.
    #[error("cannot make a file of {} in {place}: {error}", bytes(*.size))]
    File {
        /// Its size in bytes.
        size: u64,
        /// The place of the files, in words.
        place: String,
        /// The error of the system call.
        error: String,
    },
    /// The journal holds the answer to another question than the one that is asked.
    #[error("an earlier worker has asked something else: {0}")]
    Journal(String),
    /// The worker that ran the probe died.
    #[error("the worker is gone: {0}")]
    WorkerDied(String),
    /// The harness itself had no process, memory or disk space left, or another call of its own
    /// failed.
    #[error("{0}")]
    System(String),
}

fn bytes(size: u64) -> String {
    if size == 1 { "1 byte".to_owned() } else { format!("{size} bytes") }
}

fn killed_from_outside(signal: Signal) -> String {
    match signal {
        Signal(SIGSYS) => {
            "SIGSYS killed the child: a seccomp filter does not let it make this system call"
                .to_owned()
        }
        signal => format!("{signal} killed the child, but none of its accesses raised it"),
    }
}
