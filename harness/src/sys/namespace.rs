//! Shared memory segments outlive the process that made them. Where the kernel allows it a worker
//! has an IPC namespace of its own, and its segments end with it however it ends; elsewhere each
//! segment is removed by hand after its probe (`super::segments`).

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Gives this process, of one thread, an IPC namespace of its own (ipc_namespaces(7)), and tells whether it
/// could: many containers allow none. An ordinary user needs a user namespace for it, in which the process
/// stays who it was, and may do no more than before. Fails where it got only half the way, and must then end.
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

/// A user namespace gives all capabilities over itself (user_namespaces(7)), CAP_IPC_OWNER over its segments
/// among them. This gives them up.
pub fn give_up_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(errno)
}

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
