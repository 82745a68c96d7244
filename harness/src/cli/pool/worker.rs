//! One worker, as the controller has it.

use std::fs::File;

use nix::sys::signal::{SIGKILL, kill};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions, waitid};

pub struct Worker {
    pub pid: Pid,
    /// Counted from 0: which core is its own.
    pub number: usize,
    /// Tells it the next case; closed when there is none.
    pub orders: Option<File>,
    pub results: File,
    /// The answers to the case that it is at, see [`journal`].
    pub journal: File,
    pub unread: Vec<u8>,
    /// The number of that case.
    pub at: Option<usize>,
}

impl Worker {
    /// Nobody but a stranger stops a worker.
    pub fn kill_if_stopped(&self) {
        if self.has(WaitIdOptions::STOPPED) {
            let _ = kill(self.pid, SIGKILL);
        }
    }

    pub fn is_dead(&self) -> bool {
        self.has(WaitIdOptions::EXITED)
    }

    /// Whether there is such a thing to be waited for.
    fn has(&self, state: WaitIdOptions) -> bool {
        let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        rustix::process::Pid::from_raw(self.pid.as_raw())
            .is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))))
    }

    /// Takes the next line of what it has sent.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|byte| *byte == b'\n')?;
        Some(self.unread.drain(..=end).collect())
    }
}
