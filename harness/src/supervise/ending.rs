//! How a child ended, as the kernel tells it.

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use serde::{Deserialize, Serialize};

/// How a child ended, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It called `_exit` with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It was still there at the deadline, and was killed.
    TimedOut {
        /// It was stopped then.
        stopped: bool,
    },
    /// It was killed, and is still there: the kernel does not let it go.
    Stuck,
}

/// How the child has ended. It is a zombie before this and nothing after; where it is none it is an error,
/// and not waited for.
pub(super) fn reap(child: Pid) -> Result<Ending, Errno> {
    let status = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)?;
    status.map(|status| ending(&status)).ok_or(Errno::CHILD)
}

fn ending(status: &WaitIdStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        (None, None) => Ending::Stuck,
    }
}

/// Whether it waits to be reaped.
pub(super) fn has_ended(child: Pid) -> bool {
    is(child, WaitIdOptions::EXITED).is_some()
}

/// Whether a signal has stopped it.
pub(super) fn is_stopped(child: Pid) -> bool {
    is(child, WaitIdOptions::STOPPED).is_some_and(|status| status.stopped())
}

fn is(child: Pid, state: WaitIdOptions) -> Option<WaitIdStatus> {
    let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(child), options).ok().flatten()
}
