//! A worker in namespaces of its own, and the filter behind which it stays.
//!
//! As the first process of its pid namespace a worker is that namespace's init: whatever ends it, the
//! kernel kills everything else in there (pid_namespaces(7)), and no process in there has a number for
//! one outside. The filter is inherited by every victim and cannot be taken off (seccomp(2)).

use nix::libc;

use super::Child;
use super::spawn::with_patience;

/// Forks a worker as [`super::fork_worker`] does, but in new user, pid, mount and IPC namespaces, so
/// that it is process 1 and nobody in particular until it has said who it is (user_namespaces(7)).
///
/// The calling process must be single-threaded. Fails as clone(2) does: EPERM where a container or the
/// kernel allows no such namespace, ENOSPC where there are to be no more of them, ENOSYS or EINVAL
/// where the kernel was built without.
pub fn fork_worker_apart(
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
        // cannot ask for namespaces; what it does beside the call is to let go of locks, which one
        // thread does not hold.
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

/// Puts this process, and all that it forks, behind a program that looks at each system call
/// (seccomp(2)). PR_SET_NO_NEW_PRIVS must be set. Fails with EINVAL or ENOSYS where the kernel was
/// built without, or with a program that it does not take.
pub fn install_call_filter(program: &[libc::sock_filter]) -> Result<(), nix::errno::Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| nix::errno::Errno::E2BIG)?,
        filter: program.as_ptr().cast_mut(),
    };
    // Whatever guards against speculation this process runs with, it keeps: what is measured must not
    // become slower or other by being watched.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the kernel copies the program, which lives until then, and checks it.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    nix::errno::Errno::result(result).map(drop)
}
