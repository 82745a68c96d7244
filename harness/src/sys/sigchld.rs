//! How a supervisor sleeps until a child has ended: SIGCHLD is held back, and waited for.
//!
//! sigtimedwait(2) tells in one system call which child it was, or that time is up. Signals of one kind do
//! not queue: one that is told may stand for others as well, and so it is never more than a hint, but for
//! the child that it names.

use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use rustix::process::Pid;

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

/// Waits until something has happened to a child, but not longer than this. `Some` names one that has
/// ended and that nobody has waited for; any other may have ended as well, or been stopped.
pub fn await_child(at_most: Duration) -> Option<Pid> {
    let time = libc::timespec {
        tv_sec: at_most.as_secs() as libc::time_t,
        tv_nsec: at_most.subsec_nanos().into(),
    };
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let (set, told) = ((&raw const SIGCHLD) as usize, info.as_mut_ptr() as usize);
    let args = [set, told, (&raw const time) as usize, SET_BYTES, 0, 0];
    // SAFETY: the kernel reads the set and the time, and writes a siginfo.
    unsafe { checked(libc::SYS_rt_sigtimedwait, args) }.ok()?;
    // SAFETY: zero is a valid siginfo, and so is what the kernel has written.
    let info = unsafe { info.assume_init() };
    let ends = [libc::CLD_EXITED, libc::CLD_KILLED, libc::CLD_DUMPED];
    // Nobody but the kernel can send a signal with a code above zero (rt_sigqueueinfo(2)).
    let ended = ends.contains(&info.si_code);
    // SAFETY: the siginfo of a SIGCHLD of the kernel's holds the child.
    ended.then(|| Pid::from_raw(unsafe { info.si_pid() })).flatten()
}
