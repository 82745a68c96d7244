//! What whoever started the command has left open or set, and no case may get at.

use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

/// Closes every descriptor but the first three, and takes a file size limit as an error (EFBIG)
/// rather than a signal. To be called before anything is opened.
pub fn drop_inherited() {
    // SAFETY: nothing of this process has a descriptor yet; what is closed is nobody's.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if closed != 0 {
        close_one_by_one(); // before Linux 5.9
    }
    // SAFETY: ignoring a signal runs no code of ours.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

fn close_one_by_one() {
    let listed = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<i32> =
        listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // SAFETY: as above; the one that listed the folder is closed already, which is an error and
        // nothing more.
        unsafe { libc::close(descriptor) };
    }
}
