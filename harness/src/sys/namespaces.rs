//! Nothing that a worker has made may outlive it, however it ends: namespaces ensure that, where the kernel
//! allows them (namespaces(7)).
//!
//! Under strict isolation a worker is the first process of a pid namespace: whatever ends it, the kernel kills
//! everything else in there (pid_namespaces(7)), and no process in there has a number for one outside.
//!
//! Shared memory segments outlive the process that made them. Where the kernel allows it each worker has an
//! IPC namespace, and its segments end with it however it ends; elsewhere each segment is removed by hand
//! after its probe (`super::segments`).

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use rustix::process::Pid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use super::sole_thread::SoleThread;
use super::spawn::{pid_of, with_patience};
use super::system_call::checked;

/// Forks a worker as [`super::fork_worker`] does, but in new user, pid, mount and IPC namespaces, so that it
/// is process 1, and the overflow user until it has written its maps (user_namespaces(7)).
///
/// The process should have no other thread. Fails as clone(2) does: EPERM where a container or the
/// kernel allows no such namespace, ENOSPC where there are to be no more of them, ENOSYS or EINVAL
/// where the kernel was built without.
pub fn clone_worker(_: SoleThread, body: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWIPC
        | libc::SIGCHLD;
    let clone = || {
        // SAFETY: as in `spawn()`: without CLONE_VM and with a null stack this is a fork(2), of a
        // process with one thread, so that the child's memory is in order. The C library's own fork
        // cannot ask for namespaces. What it does beside the call is for other threads' locks, for handlers
        // that nobody has registered (pthread_atfork(3)), and for the thread's own number and robust
        // futexes, which a worker has no use for.
        let pid = unsafe { checked(libc::SYS_clone, [flags as usize, 0, 0, 0, 0, 0]) };
        pid.map(|pid| pid as libc::c_long).map_err(Errno::from_raw)
    };
    match with_patience(clone)? {
        0 => {
            let code = body();
            // SAFETY: `_exit` has no preconditions; atexit handlers are the controller's.
            unsafe { libc::_exit(code) }
        }
        pid => pid_of(pid),
    }
}

/// Moves this process, of one thread, into an IPC namespace of its own (ipc_namespaces(7)). True if that
/// succeeded: many containers allow none. An ordinary user needs a user namespace for it, in which the
/// process stays who it was, and may do no more than before. Fails where it got only half the way, and must
/// then end.
pub fn own_ipc_namespace() -> Result<bool, Errno> {
    if unshare(CloneFlags::CLONE_NEWIPC).is_ok() {
        return Ok(true);
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let before = capabilities(None).map_err(errno)?;
    if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWIPC).is_err() {
        return Ok(false);
    }
    // user_namespaces(7): without setgroups denied, an ordinary user may not map a group.
    let _ = std::fs::write("/proc/self/setgroups", "deny");
    let _ = std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"));
    let _ = std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"));
    if nix::unistd::geteuid() != uid {
        return Err(Errno::EPERM);
    }
    set_capabilities(None, before).map_err(errno)?;
    Ok(true)
}

/// Gives up all capabilities. A user namespace gives all capabilities over itself (user_namespaces(7)),
/// CAP_IPC_OWNER over its segments among them.
pub fn give_up_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(errno)
}

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
