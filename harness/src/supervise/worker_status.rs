//! A worker that was stopped or is dead tells nothing any more: the controller has to find that out.

use std::time::{Duration, Instant};

use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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

/// The time that a worker may take to end after it has closed its pipe.
const GRACE: Duration = Duration::from_secs(5);

/// Waits for a worker that has ended, or is about to. Returns how it ended, in words. A worker that is
/// stopped on its way, or takes too long, is killed.
pub fn reap(worker: Pid) -> String {
    let deadline = Instant::now() + GRACE;
    let ended = loop {
        match waitpid(worker, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if Instant::now() < deadline => {
                kill_if_stopped(worker);
                std::thread::sleep(Duration::from_micros(50));
            }
            Ok(WaitStatus::StillAlive) => {
                let _ = kill(worker, SIGKILL);
                break waitpid(worker, None);
            }
            ended => break ended,
        }
    };
    match ended {
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
