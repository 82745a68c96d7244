//! The parent of a program must outlive what the terminal sends to both, and end as the program has ended. And a program
//! must find no signal that was meant for who started it.

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};

/// What was done at some signals before.
pub struct SavedActions(Vec<(Signal, SigAction)>);

/// Ignores Ctrl-C and Ctrl-\: the program decides on them (POSIX.1-2024 system(), the same for SIGINT and SIGQUIT). And
/// gives SIGCHLD its default, so that the program can be waited for. Returns what it has changed.
pub fn wait_as_parent() -> SavedActions {
    let action = |handler| SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    let changes = [
        (Signal::SIGINT, action(SigHandler::SigIgn)),
        (Signal::SIGQUIT, action(SigHandler::SigIgn)),
        (Signal::SIGCHLD, action(SigHandler::SigDfl)),
    ];
    // SAFETY: none of these actions runs code.
    let change = |(signal, action)| Some((signal, unsafe { sigaction(signal, &action) }.ok()?));
    SavedActions(changes.into_iter().filter_map(change).collect())
}

impl SavedActions {
    /// Does as before, in this process.
    pub fn restore(&self) {
        for (signal, action) in &self.0 {
            // SAFETY: this process has had the action before.
            let _ = unsafe { sigaction(*signal, action) };
        }
    }
}

/// Runs this, and takes back a SIGCHLD that has come meanwhile, where the starter of this process has blocked it: the
/// program that this process becomes would get it.
pub fn without_sigchld<T>(body: impl FnOnce() -> T) -> T {
    let is_pending = || {
        // SAFETY: the kernel writes to the set, which begins as an empty one.
        unsafe {
            let mut pending = SigSet::empty().as_ref().to_owned();
            libc::sigpending(&mut pending) == 0 && libc::sigismember(&pending, libc::SIGCHLD) == 1
        }
    };
    let was_pending = is_pending();
    let done = body();
    if !was_pending && is_pending() {
        let mut only = SigSet::empty();
        only.add(Signal::SIGCHLD);
        let _ = only.wait();
    }
    done
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
