//! The parent of a program must outlive what the terminal sends to both, and end as the program has ended.

use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};

/// Ignores Ctrl-C and Ctrl-\: the program decides on them. (POSIX.1-2024 system(), the same for SIGINT and SIGQUIT)
pub fn ignore_terminal_signals() {
    for number in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: no code of ours runs.
        let _ = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

/// Ends this process by a signal, so that its parent sees that. Returns where the signal ends nothing.
pub fn die_by(number: libc::c_int) {
    if let Ok(number) = Signal::try_from(number) {
        // SAFETY: no code of ours runs.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
        let mut only = SigSet::empty();
        only.add(number);
        let _ = only.thread_unblock();
        let _ = raise(number);
    }
}
