//! Shared memory segments outlive the process that made them. Where the kernel allows it a worker
//! has an IPC namespace of its own, and its segments end with it however it ends; elsewhere each
//! segment is removed by hand after its probe.

use nix::libc;

/// Gives this process an IPC namespace of its own (unshare(2), CLONE_NEWIPC). Fails with EPERM for an
/// ordinary user and in most containers.
pub fn own_ipc_namespace() -> Result<(), nix::errno::Errno> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC)
}

/// Marks a shared memory segment as to be removed when nobody has it attached any more.
pub fn forget_segment(id: i32) {
    // SAFETY: IPC_RMID takes no buffer; an id that does not exist is an error and nothing more.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
}
