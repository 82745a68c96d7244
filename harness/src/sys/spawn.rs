//! The fork.
//!
//! A victim is made by a bare clone(2), not by the C library's fork: nothing of the library's runs
//! on either side of it, and CLONE_PIDFD (Linux 5.2) gives a descriptor for exactly this child in the
//! same call, so that no reused pid can ever be waited for or killed in its place.

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use nix::libc;
use rustix::process::Pid;

use super::Child;
use super::child::end;
use super::system_call::system_call;

/// A child that runs.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id, and that of the group which it leads.
    pub pid: Pid,
    /// A descriptor that becomes readable when it ends.
    pub pidfd: OwnedFd,
}

/// Forks a child that runs `body`, in a process group of its own, and exits with what it gives.
///
/// The calling process must be single-threaded: the child has no other thread, and whatever lock
/// another thread held would stay locked in it. Fails as clone(2) does, EAGAIN only after a while.
// SAFETY: an ordinary function in a section of code. What a victim runs lies together there.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
pub fn spawn(body: impl FnOnce(Child) -> i32) -> Result<Spawned, nix::errno::Errno> {
    let mut pidfd: libc::c_int = -1;
    let flags = (libc::CLONE_PIDFD | libc::SIGCHLD) as usize;
    let args = [flags, 0, (&raw mut pidfd) as usize, 0, 0, 0];
    // SAFETY: without CLONE_VM the child has a copy of the memory and the same stack pointer (a null
    // stack means that), exactly as after fork(2). CLONE_PIDFD stores through the third argument on
    // every architecture whose clone() takes it there (x86, arm64, riscv). The child does not return
    // from this function.
    let clone = || match unsafe { system_call(libc::SYS_clone, args) } {
        error @ -4095..0 => Err(nix::errno::Errno::from_raw(-error as i32)),
        pid => Ok(pid as libc::c_long),
    };
    match with_patience(clone)? {
        0 => {
            // Before anything that it may fork. A signal to the group that comes before this misses
            // it, and the one by its descriptor does not.
            let _ = rustix::process::setpgid(None, None);
            end(body(Child::new()))
        }
        pid => {
            // SAFETY: the kernel has just opened this descriptor for us; nobody else knows it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid =
                i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(nix::errno::Errno::ESRCH)?;
            Ok(Spawned { pid, pidfd })
        }
    }
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
