//! A hostile child must not exhaust the machine. So a worker sets resource limits and signal dispositions
//! once, and every victim forked from it inherits them.
//!
//! Setting them before the fork costs a victim nothing. The limits lie above what the parser lets a case ask
//! for, and bound what a hostile child can take.

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal};
use procfs_core::process::StatM;
use procfs_core::{FromRead as _, LoadAverage};

use super::{Child, sigchld};
use crate::case::limits::FILE_OFFSET;

/// The resource limits of a victim, beside the bounds that its case has anyway.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of address space beyond what the worker has mapped itself.
    pub address_space: u64,
    /// Bytes of a file.
    pub file_size: u64,
    /// Processes beyond those that this machine runs now. Root is not held to it.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { address_space: 3 << 29, file_size: 4 * FILE_OFFSET, processes: 1024 }
    }
}

/// Makes this process fit to fork victims: default dispositions, an empty mask, bounded resources.
pub fn prepare_worker(limits: &Limits) -> Result<(), nix::errno::Errno> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        // The worker writes files: a limit on their size must be an error for it, see `close_inherited`.
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP | Signal::SIGXFSZ) {
            // SAFETY: the default disposition runs no code of ours.
            unsafe { nix::sys::signal::sigaction(signal, &default) }?;
        }
    }
    nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    lower(Resource::RLIMIT_CORE, no_core())?;
    lower(Resource::RLIMIT_AS, mapped_bytes() + limits.address_space)?;
    lower(Resource::RLIMIT_FSIZE, limits.file_size)?;
    lower(Resource::RLIMIT_NPROC, running_tasks() + limits.processes)
}

/// Returns the limit that says "no core at all" (core(5)). With a pipe in core_pattern the kernel runs its program even
/// for a limit of 0, and not for 1. The user mode of QEMU writes cores of its own, and for any limit but 0.
fn no_core() -> u64 {
    let pattern = std::fs::read("/proc/sys/kernel/core_pattern").unwrap_or_default();
    u64::from(pattern.first() == Some(&b'|'))
}

/// Takes back what a worker has set for itself alone, in a child: SIGCHLD that it waits for, and SIGXFSZ that
/// it ignores as it writes files. A case meets both as any process does.
#[inline(always)]
pub(super) fn release(child: &Child) {
    sigchld::release(child);
    // The kernel's own structure: handler, flags, restorer, mask.
    let default = [libc::SIG_DFL as u64, 0, 0, 0];
    let args = [libc::SIGXFSZ as usize, child.address_of(&default), 0, 8, 0, 0];
    let _ = child.call(libc::SYS_rt_sigaction, args);
}

/// Sets the soft and the hard limit: a case may lower it further.
fn lower(resource: Resource, limit: u64) -> Result<(), nix::errno::Errno> {
    let (_, hard) = getrlimit(resource)?;
    setrlimit(resource, limit.min(hard), limit.min(hard))
}

/// Descriptors that this process may have open; 0 where the kernel does not tell.
pub fn allowed_descriptors() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}

/// Bytes that a file may have which this process writes; 0 where the kernel does not tell.
pub fn allowed_file_bytes() -> u64 {
    getrlimit(Resource::RLIMIT_FSIZE).map_or(0, |(soft, _)| soft)
}

/// Bytes that this process has mapped; 0 where /proc does not tell.
pub fn mapped_bytes() -> u64 {
    StatM::from_file("/proc/self/statm").map_or(0, |pages| pages.size)
        * rustix::param::page_size() as u64
}

/// Tasks on this machine, of all users; a generous guess where /proc does not tell.
fn running_tasks() -> u64 {
    LoadAverage::from_file("/proc/loadavg").map_or(32 * 1024, |load| u64::from(load.max))
}
