//! Rust's runtime ignores SIGPIPE before `main`, and execve(2) hands that on: a program that is started would not end
//! when nobody reads its output any more. So the action that the starter of this process had chosen is noted before
//! the runtime starts.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

static WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// The C library calls what stands here before `main`. (System V ABI, "Initialization and Termination Functions")
#[used]
// SAFETY: a section of pointers to such functions.
#[unsafe(link_section = ".init_array")]
static NOTE: extern "C" fn() = note;

extern "C" fn note() {
    // SAFETY: plain numbers, to which the kernel writes.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut action);
        action.sa_sigaction
    };
    WAS_IGNORED.store(action == libc::SIG_IGN, Relaxed);
}

/// Gives SIGPIPE the action that it had before `main`.
pub fn restore() {
    let action = if WAS_IGNORED.load(Relaxed) { SigHandler::SigIgn } else { SigHandler::SigDfl };
    // SAFETY: neither action runs code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, action) };
}
