//! A child cannot be trusted to tell how it ended: the kernel tells it (waitid(2)). The main type is
//! [`Ending`].

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use serde::{Deserialize, Serialize};

/// The end of a child, as the kernel tells it.
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

/// Reaps a child that is a zombie, and returns how it ended. Fails where the child is no zombie, and does not
/// wait for it to become one.
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

/// True if the child is a zombie.
pub(super) fn has_ended(child: Pid) -> bool {
    is(child, WaitIdOptions::EXITED).is_some()
}

/// True if a signal has stopped the child.
pub(super) fn is_stopped(child: Pid) -> bool {
    is(child, WaitIdOptions::STOPPED).is_some_and(|status| status.stopped())
}

fn is(child: Pid, state: WaitIdOptions) -> Option<WaitIdStatus> {
    let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(child), options).ok().flatten()
}
