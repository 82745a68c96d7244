//! Shared memory segments outlive the process that made them. Where the kernel allows it a worker
//! has an IPC namespace of its own, and its segments end with it however it ends; elsewhere each
//! segment is removed by hand after its probe (`super::segments`).

use nix::sched::{CloneFlags, unshare};

/// Gives this process, of one thread, an IPC namespace of its own (ipc_namespaces(7)). An ordinary
/// user needs a user namespace for it, in which the process stays who it was. Fails with EPERM where
/// neither is allowed, as in many containers.
pub fn own_ipc_namespace() -> Result<(), nix::errno::Errno> {
    if unshare(CloneFlags::CLONE_NEWIPC).is_ok() {
        return Ok(());
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWIPC)?;
    // user_namespaces(7): without setgroups denied, an ordinary user may not map a group.
    let _ = std::fs::write("/proc/self/setgroups", "deny");
    let _ = std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"));
    let _ = std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"));
    match nix::unistd::geteuid() == uid {
        true => Ok(()),
        // Nobody any more: what would be measured is not what this user gets.
        false => Err(nix::errno::Errno::EPERM),
    }
}
