//! A kernel or a container may refuse a part of the isolation: [`Refusal`] is the reason.
//!
//! One process finds it and another one tells it, so that it is a plain value that can be written down.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The reason why a process is not isolated, or not by all that a level of isolation asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// A system call failed.
    #[error("cannot {what}: {error}")]
    Call {
        /// The purpose of the call, a verb first.
        what: String,
        /// The error of the call.
        error: String,
    },
    /// No new namespaces can be made.
    #[error("user, pid, mount and IPC namespaces cannot be made: {error}{hint}")]
    Namespaces {
        /// The error of clone(2).
        error: String,
        /// The usual cause of that error, or nothing.
        hint: String,
    },
    /// seccompiler makes no filter for this architecture.
    #[error("no seccomp filter: the numbers of system calls are not known for {0}")]
    Architecture(String),
    /// seccompiler makes no filter of these calls.
    #[error("no seccomp filter: {0}")]
    Filter(String),
    /// The kernel lacks it, or has it switched off.
    #[error("{0}")]
    Missing(String),
    /// The place of the files takes longer than a run waits for it.
    #[error("{0} does not answer")]
    Silent(String),
    /// The process that was to try it gave no answer.
    #[error("it could not be tried: {0}")]
    Untried(String),
}

impl Refusal {
    /// Returns what makes a refusal of the error of a system call. `what` is its purpose, a verb first.
    pub(super) fn of<E: Into<std::io::Error>>(
        what: impl Into<String>,
    ) -> impl FnOnce(E) -> Refusal {
        let what = what.into();
        move |error| Refusal::Call { what, error: error.into().to_string() }
    }
}
