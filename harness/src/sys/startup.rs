//! The starter of the command may have left descriptors open and signals ignored, and no case may depend on
//! those.

use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

use super::SoleThread;

/// Closes every descriptor but the first three, ignores SIGXFSZ, so that a file size limit is an error
/// (EFBIG), and gives SIGCHLD its default, so that a child can be waited for. Must be called before anything
/// is opened.
pub fn close_inherited(_: SoleThread) {
    close_between(3, libc::c_uint::MAX);
    ignore_sigxfsz();
    // Where SIGCHLD is ignored, the kernel reaps children at once (sigaction(2)), and nobody can wait for
    // them.
    // SAFETY: no code of ours runs.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
}

/// Ignores SIGXFSZ: a write past the limit on the size of files fails with EFBIG then. (setrlimit(2))
pub fn ignore_sigxfsz() {
    // SAFETY: no code of ours runs.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// Closes the descriptors from one number to another. Nobody may count on any of them.
pub(super) fn close_between(first: libc::c_uint, last: libc::c_uint) {
    // SAFETY: as the caller sees to: what is closed is nobody's.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if closed == 0 {
        return;
    }
    // Before Linux 5.9.
    let listed = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<libc::c_uint> =
        listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as above; the one that listed the folder is closed already, which is an error and
        // nothing more.
        unsafe { libc::close(descriptor as libc::c_int) };
    }
}
