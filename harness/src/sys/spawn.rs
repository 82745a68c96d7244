//! The fork.
//!
//! A victim is made by a bare clone(2), not by the C library's fork: nothing of the library's runs
//! on either side of it, and CLONE_PIDFD (Linux 5.2) gives a descriptor for exactly this child in the
//! same call, so that no reused pid can ever be waited for or killed in its place.

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;
use rustix::process::Pid;

use super::Child;

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
pub fn spawn(body: impl FnOnce(Child) -> i32) -> Result<Spawned, nix::errno::Errno> {
    let mut pidfd: libc::c_int = -1;
    let flags = (libc::CLONE_PIDFD | libc::SIGCHLD) as libc::c_ulong;
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: without CLONE_VM the child has a copy of the memory and the same stack pointer (a null
    // stack means that), exactly as after fork(2). CLONE_PIDFD stores through the third argument on
    // every architecture whose clone() takes it there (x86, arm64, riscv). The child does not return
    // from this function.
    let clone =
        || unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none) };
    match with_patience(clone)? {
        0 => {
            // Both sides set the group: whoever comes first, no signal to the group can miss.
            let _ = rustix::process::setpgid(None, None);
            let code = body(Child::new());
            // SAFETY: `_exit` has no preconditions.
            unsafe { libc::_exit(code) }
        }
        pid => {
            // SAFETY: the kernel has just opened this descriptor for us; nobody else knows it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid =
                i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(nix::errno::Errno::ESRCH)?;
            let _ = rustix::process::setpgid(Some(pid), Some(pid));
            Ok(Spawned { pid, pidfd })
        }
    }
}

/// Forks a worker, which goes on as an ordinary Rust program: `body` and then exit.
///
/// The calling process must be single-threaded. Fails as fork(2) does.
pub fn fork_worker(body: impl FnOnce() -> i32) -> Result<nix::unistd::Pid, nix::errno::Errno> {
    // SAFETY: the process is single-threaded, so the child's memory is in order.
    match with_patience(|| libc::c_long::from(unsafe { libc::fork() }))? {
        0 => {
            let code = body();
            // SAFETY: `_exit` has no preconditions; atexit handlers are the controller's.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(nix::unistd::Pid::from_raw(pid as i32)),
    }
}

/// A full process table is often a passing thing: tries again for a while.
fn with_patience(
    mut fork: impl FnMut() -> libc::c_long,
) -> Result<libc::c_long, nix::errno::Errno> {
    for pause in [1, 10, 50, 100, 200] {
        match nix::errno::Errno::result(fork()) {
            Err(nix::errno::Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(pause)),
            result => return result,
        }
    }
    nix::errno::Errno::result(fork())
}
