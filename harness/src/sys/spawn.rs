//! The fork.
//!
//! A victim is made by a bare clone(2), not by the C library's fork: nothing of the library's runs
//! on either side of it. Its process id is its own for as long as it has not been reaped, so that none
//! can be waited for or killed in its place.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;

use nix::libc;
use rustix::process::Pid;

use super::Child;
use super::child::end;
use super::sigchld;
use super::system_call::system_call;

/// Forks a child that runs `body`, in a process group of its own, and exits with what it gives.
/// Gives its process id, which is the group's as well.
///
/// The calling process must be single-threaded: the child has no other thread, and whatever lock
/// another thread held would stay locked in it. Fails as clone(2) does, EAGAIN only after a while.
// SAFETY: an ordinary function in a section of code. What a victim runs lies together there.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
pub fn spawn(body: impl FnOnce(Child) -> i32) -> Result<Pid, nix::errno::Errno> {
    match with_patience(|| clone(libc::SIGCHLD, None))? {
        0 => end(body(begin())),
        pid => i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(nix::errno::Errno::ESRCH),
    }
}

/// A fork with these flags; 0 in the child. Where `tid` is given, the kernel writes the child's process id
/// there before the child runs (CLONE_PARENT_SETTID).
#[inline(always)]
pub(super) fn clone(
    flags: i32,
    tid: Option<&AtomicI32>,
) -> Result<libc::c_long, nix::errno::Errno> {
    let tid = tid.map_or(0, |tid| tid.as_ptr() as usize);
    let args = [flags as usize, 0, tid, 0, 0, 0];
    // SAFETY: without CLONE_VM the child has a copy of the memory and the same stack pointer (a null
    // stack means that), exactly as after fork(2). The third argument is the place for the process id
    // on every architecture whose clone() takes it there (x86, arm64, riscv).
    match unsafe { system_call(libc::SYS_clone, args) } {
        error @ -4095..0 => Err(nix::errno::Errno::from_raw(-error as i32)),
        pid => Ok(pid as libc::c_long),
    }
}

/// What a victim does first, before anything that it may fork. A signal to its group that comes before
/// this misses it, and the one to itself does not.
#[inline(always)]
pub(super) fn begin() -> Child {
    let child = Child::new();
    let _ = child.call(libc::SYS_setpgid, [0; 6]);
    sigchld::release(&child);
    child
}

/// Forks a worker, which goes on as an ordinary Rust program: `body` and then exit.
///
/// The calling process must be single-threaded. Fails as fork(2) does.
pub fn fork_worker(body: impl FnOnce() -> i32) -> Result<nix::unistd::Pid, nix::errno::Errno> {
    // SAFETY: the process is single-threaded, so the child's memory is in order.
    let fork = || nix::errno::Errno::result(libc::c_long::from(unsafe { libc::fork() }));
    match with_patience(fork)? {
        0 => {
            let code = body();
            // SAFETY: `_exit` has no preconditions; atexit handlers are the controller's.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(nix::unistd::Pid::from_raw(pid as i32)),
    }
}

/// A full process table is often a passing thing: tries again for a while. Where that was in vain it is
/// not waited for again until a fork has succeeded.
pub(super) fn with_patience(
    mut fork: impl FnMut() -> Result<libc::c_long, nix::errno::Errno>,
) -> Result<libc::c_long, nix::errno::Errno> {
    static IN_VAIN: AtomicBool = AtomicBool::new(false);
    let pauses: &[u64] = if IN_VAIN.load(Relaxed) { &[1] } else { &[1, 10, 50, 100, 200] };
    let mut forked = fork();
    for pause in pauses {
        if forked != Err(nix::errno::Errno::EAGAIN) {
            break;
        }
        std::thread::sleep(Duration::from_millis(*pause));
        forked = fork();
    }
    // Only where it changes: a page that is written to after a fork is copied.
    if forked != Ok(0) && IN_VAIN.load(Relaxed) != forked.is_err() {
        IN_VAIN.store(forked.is_err(), Relaxed);
    }
    forked
}
