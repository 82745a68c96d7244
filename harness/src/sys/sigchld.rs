//! How a supervisor sleeps until a child may have ended: SIGCHLD is held back, and waited for.
//!
//! sigtimedwait(2) tells of it, or that time is up. Who it was is another question: signals of one kind do
//! not queue, so that one may stand for several children; and it stays pending when its child is reaped,
//! whose number may be another's by then.

use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use super::Child;
use super::system_call::checked;

/// Bytes of the kernel's set of 64 signals.
const SET_BYTES: usize = 8;
static SIGCHLD: u64 = 1 << (libc::SIGCHLD - 1);

/// Holds SIGCHLD back from this process.
pub fn hold() -> Result<(), nix::errno::Errno> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
}

/// Holds nothing back from a child of such a process.
#[inline(always)]
pub(super) fn release(child: &Child) {
    let none = 0u64;
    let how = libc::SIG_SETMASK as usize;
    let args = [how, child.address_of(&none), 0, SET_BYTES, 0, 0];
    let _ = child.call(libc::SYS_rt_sigprocmask, args);
}

/// Waits until something may have happened to a child, but not longer than this.
pub fn await_any(at_most: Duration) {
    let time = libc::timespec {
        tv_sec: at_most.as_secs() as libc::time_t,
        tv_nsec: at_most.subsec_nanos().into(),
    };
    let (set, time) = ((&raw const SIGCHLD) as usize, (&raw const time) as usize);
    // SAFETY: the kernel reads the set and the time, and writes nothing.
    let _ = unsafe { checked(libc::SYS_rt_sigtimedwait, [set, 0, time, SET_BYTES, 0, 0]) };
}
