//! A worker in namespaces of its own.
//!
//! As the first process of its pid namespace a worker is that namespace's init: whatever ends it, the
//! kernel kills everything else in there (pid_namespaces(7)), and no process in there has a number for
//! one outside.

use nix::libc;

use super::Child;
use super::sole_thread::SoleThread;
use super::spawn::with_patience;

/// Forks a worker as [`super::fork_worker`] does, but in new user, pid, mount and IPC namespaces, so
/// that it is process 1 and nobody in particular until it has said who it is (user_namespaces(7)).
///
/// The process should have no other thread. Fails as clone(2) does: EPERM where a container or the
/// kernel allows no such namespace, ENOSPC where there are to be no more of them, ENOSYS or EINVAL
/// where the kernel was built without.
pub fn fork_worker_apart(
    _: SoleThread,
    body: impl FnOnce() -> i32,
) -> Result<nix::unistd::Pid, nix::errno::Errno> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWIPC
        | libc::SIGCHLD;
    let none = std::ptr::null_mut::<libc::c_void>();
    let clone = || {
        // SAFETY: as in `spawn()`: without CLONE_VM and with a null stack this is a fork(2), of a
        // process with one thread, so that the child's memory is in order. The C library's own fork
        // cannot ask for namespaces. What it does beside the call is for other threads' locks, for handlers
        // that nobody has registered (pthread_atfork(3)), and for the thread's own number and robust
        // futexes, which a worker has no use for.
        let pid = unsafe {
            libc::syscall(libc::SYS_clone, libc::c_long::from(flags), none, none, none, none)
        };
        nix::errno::Errno::result(pid)
    };
    match with_patience(clone)? {
        0 => {
            let code = body();
            // SAFETY: `_exit` has no preconditions; atexit handlers are the controller's.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(nix::unistd::Pid::from_raw(pid as i32)),
    }
}

/// Hides this process's memory and descriptors from those that it forks, as far as /proc and ptrace(2) go: a
/// process that is not dumpable is its own alone (PR_SET_DUMPABLE in prctl(2)). Fails as prctl(2) does.
pub fn hide_from_children() -> Result<(), nix::errno::Errno> {
    nix::sys::prctl::set_dumpable(false)
}

/// The same for a nest, and not for its worker's sake: what is forked from it is not dumpable either, and
/// dies without the preparations for a core dump, which the kernel makes whatever RLIMIT_CORE says.
#[inline(always)]
pub(super) fn hide(nest: &Child) {
    let _ = nest.call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0, 0, 0, 0, 0]);
}

/// A victim is from here on as any process: it may look at its own memory in /proc, whoever has forked it.
#[inline(always)]
pub fn show_own_memory(child: &Child) {
    let _ = child.call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0, 0, 0, 0]);
}
