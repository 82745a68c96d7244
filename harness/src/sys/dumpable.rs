//! Others may look at the memory and the descriptors of a dumpable process, and the kernel prepares a core
//! dump for its death (PR_SET_DUMPABLE in prctl(2)): this module sets who is dumpable.

use nix::libc;

use super::Child;

/// Makes this process undumpable: the processes that it forks then cannot look at its memory and descriptors
/// through /proc or ptrace(2). Fails as prctl(2) does.
pub fn make_undumpable() -> Result<(), nix::errno::Errno> {
    nix::sys::prctl::set_dumpable(false)
}

/// Makes the fork server undumpable. Its children inherit that, so the kernel skips the preparations for a core
/// dump when they die (RLIMIT_CORE does not).
#[inline(always)]
pub(super) fn make_fork_server_undumpable(fork_server: &Child) {
    let _ = fork_server.call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0, 0, 0, 0, 0]);
}

/// Makes a victim dumpable, whoever has forked it: it may look at its own memory in /proc.
#[inline(always)]
pub fn set_dumpable(child: &Child) {
    let _ = child.call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0, 0, 0, 0]);
}
