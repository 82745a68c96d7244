//! Dumpable processes (PR_SET_DUMPABLE in prctl(2)): whose memory and descriptors others may look at, and for
//! whose death the kernel prepares a core dump.

use nix::libc;

use super::Child;

/// Hides this process's memory and descriptors from those that it forks, as far as /proc and ptrace(2) go: a
/// process that is not dumpable is its own alone. Fails as prctl(2) does.
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
