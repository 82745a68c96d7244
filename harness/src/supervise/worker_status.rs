//! A worker that tells nothing any more, because it was stopped or is dead.

use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions, waitid};

/// Nobody but a stranger stops a worker, and it does no more work.
pub fn kill_if_stopped(worker: Pid) {
    if has(worker, WaitIdOptions::STOPPED) {
        let _ = kill(worker, SIGKILL);
    }
}

/// Whether it waits to be waited for. Its pipe may still be held open by what it forked.
pub fn is_dead(worker: Pid) -> bool {
    has(worker, WaitIdOptions::EXITED)
}

/// Waits for a worker that has ended, or is about to. Gives how it has.
pub fn reap(worker: Pid) -> String {
    match waitpid(worker, None) {
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            format!("killed by {}", crate::case::Signal(signal as i32))
        }
        Ok(WaitStatus::Exited(_, code)) => format!("exited with {code}"),
        other => format!("{other:?}"),
    }
}

fn has(worker: Pid, state: WaitIdOptions) -> bool {
    let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::Pid::from_raw(worker.as_raw())
        .is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))))
}
