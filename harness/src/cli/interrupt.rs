//! Ctrl-C and SIGTERM: what runs ends at once, tidily, with what there is so far.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::exit::Exit;

/// Takes SIGINT and SIGTERM as something to be read rather than to die of. Where they are ignored, as
/// nohup(1) and `&` in a script have it, they stay so.
#[derive(Debug)]
pub struct Interrupt(SignalFd);

impl Interrupt {
    /// From now on. A worker that is forked has its mask emptied again.
    pub fn watch() -> Result<Interrupt, String> {
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
            .map_err(|errno| format!("cannot watch for signals: {errno}"))
    }

    /// The exit code of the signal that has come, if one has.
    pub fn caught(&self) -> Option<Exit> {
        let signal = self.0.read_signal().ok()??.ssi_signo;
        Some(if signal == Signal::SIGTERM as u32 { Exit::Terminated } else { Exit::Interrupted })
    }
}

/// The signals that whoever started this process has it ignore: signal `n` is bit `n - 1`. (proc(5):
/// SigIgn)
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
