//! A child cannot be trusted to tell how it ended: the kernel tells it (waitid(2)). The main type is
//! [`Ending`].

use std::fmt;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, waitid};
use serde::{Deserialize, Serialize};

use crate::case::limits::GRACE;

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
    /// It had used much CPU time and got no further, and was killed before its deadline: see `running.rs`.
    Running,
    /// It was killed, and is still there: the kernel does not let it go.
    Stuck,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(code) => write!(f, "exited with {code}"),
            Ending::Killed(signal) => write!(f, "killed by {}", crate::case::Signal(*signal)),
            Ending::TimedOut { .. } => f.write_str("killed at its deadline"),
            Ending::Running => f.write_str("killed while it was running"),
            Ending::Stuck => f.write_str("its end is not known"),
        }
    }
}

/// Waits for a child that has ended or is about to, and reaps it. Kills it where a signal has stopped it on
/// its way; and where it takes longer than `limit`, which is then its ending.
pub fn await_end(child: Pid, limit: Duration) -> Ending {
    let mut deadline = Instant::now() + limit;
    let mut is_killed = false;
    let mut pause = Duration::from_micros(50);
    loop {
        match waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) if is_killed => return Ending::TimedOut { stopped: false },
            Ok(Some(status)) => return ending(&status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return Ending::Stuck,
        }
        let is_late = Instant::now() >= deadline;
        if is_late && is_killed {
            return Ending::Stuck;
        }
        if is_late || is_stopped(child) {
            let _ = kill_process(child, Signal::KILL);
        }
        if is_late {
            (is_killed, deadline) = (true, Instant::now() + GRACE);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// Kills a stopped worker. No process of the harness stops workers, and a stopped one does no work.
pub fn kill_if_stopped(worker: Pid) {
    if is_stopped(worker) {
        let _ = kill_process(worker, Signal::KILL);
    }
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

/// True if the child is a zombie. Processes that it has forked may still hold its pipes open.
pub fn has_ended(child: Pid) -> bool {
    is(child, WaitIdOptions::EXITED).is_some()
}

/// True if a signal has stopped the child.
pub fn is_stopped(child: Pid) -> bool {
    is(child, WaitIdOptions::STOPPED).is_some_and(|status| status.stopped())
}

fn is(child: Pid, state: WaitIdOptions) -> Option<WaitIdStatus> {
    let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(child), options).ok().flatten()
}
