//! A supervisor has to sleep until a child may have ended. So it blocks SIGCHLD, and waits for it.
//!
//! sigtimedwait(2) returns when SIGCHLD is pending or the time is up. It does not tell which child has ended:
//! signals of one kind do not queue, so that one may stand for several children; and SIGCHLD stays pending
//! when its child is reaped, whose pid may be another process's by then.

use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use super::Child;
use super::system_call::checked;

/// Bytes of the kernel's set of 64 signals.
const SET_BYTES: usize = 8;
static SIGCHLD: u64 = 1 << (libc::SIGCHLD - 1);

/// Blocks SIGCHLD in this process.
pub fn hold() -> Result<(), nix::errno::Errno> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
}

/// Unblocks all signals in a child of such a process.
#[inline(always)]
pub(super) fn release(child: &Child) {
    let none = 0u64;
    let how = libc::SIG_SETMASK as usize;
    let args = [how, child.address_of(&none), 0, SET_BYTES, 0, 0];
    let _ = child.call(libc::SYS_rt_sigprocmask, args);
}

/// Waits until a child may have ended, but not longer than `at_most`.
pub fn await_any(at_most: Duration) {
    let time =
        libc::timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: at_most.subsec_nanos().into() };
    let (set, time) = ((&raw const SIGCHLD) as usize, (&raw const time) as usize);
    // SAFETY: the kernel reads the set and the time, and writes nothing.
    let _ = unsafe { checked(libc::SYS_rt_sigtimedwait, [set, 0, time, SET_BYTES, 0, 0]) };
}
