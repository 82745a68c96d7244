//! A worker that was stopped or is dead tells nothing any more: the controller has to find that out.

use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions, waitid};

/// Kills a stopped worker. No process of the harness stops workers, and a stopped one does no work.
pub fn kill_if_stopped(worker: Pid) {
    if has(worker, WaitIdOptions::STOPPED) {
        let _ = kill(worker, SIGKILL);
    }
}

/// True if the worker is a zombie. Processes that it forked may still hold its pipe open.
pub fn is_dead(worker: Pid) -> bool {
    has(worker, WaitIdOptions::EXITED)
}

/// Waits for a worker that has ended, or is about to. Returns how it ended, in words.
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
