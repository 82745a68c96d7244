//! Ctrl-C and SIGTERM: the run ends at once, cleans up, and prints what was measured.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use procfs_core::FromRead as _;
use procfs_core::process::Status;

use super::exit::Exit;
use crate::case::HarnessError;

/// Reads SIGINT and SIGTERM from a descriptor, so that they do not kill this process. A signal that
/// is ignored, as under nohup(1) or after `&` in a script, stays ignored.
#[derive(Debug)]
pub struct Interrupt(SignalFd);

impl Interrupt {
    /// Starts to watch: blocks both signals here. A forked worker unblocks all signals again.
    pub fn watch() -> Result<Interrupt, HarnessError> {
        let ignored = ignored();
        let mut signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            if ignored >> (signal as u32 - 1) & 1 == 1 {
                signals.remove(signal);
            }
        }
        signals
            .thread_block()
            .and_then(|()| {
                SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            })
            .map(Interrupt)
            .map_err(|errno| HarnessError::System(format!("cannot watch for signals: {errno}")))
    }

    /// The exit code of the signal that has arrived; `None` where none has.
    pub fn caught(&self) -> Option<Exit> {
        let signal = self.0.read_signal().ok()??.ssi_signo;
        Some(if signal == Signal::SIGTERM as u32 { Exit::Terminated } else { Exit::Interrupted })
    }
}

/// The signals that this process ignores: signal `n` is bit `n - 1` (proc(5): SigIgn).
fn ignored() -> u64 {
    Status::from_file("/proc/self/status").map_or(0, |status| status.sigign)
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
