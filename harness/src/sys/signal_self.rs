//! A process has to send itself signals in a way that a seccomp filter can tell from a signal to another
//! process.
//!
//! kill(2) takes a pid, which a filter that was made before the fork cannot know. In newer kernels
//! pidfd_send_signal(2) takes a constant that stands for the caller (PIDFD_SELF_THREAD in linux/pidfd.h).

use nix::libc;

use super::system_call::checked;

/// In place of a descriptor: the calling thread.
pub const PIDFD_SELF_THREAD: i32 = -10_000;

/// True if this kernel knows [`PIDFD_SELF_THREAD`].
pub fn can_signal_itself() -> bool {
    // SAFETY: signal 0 is none (kill(2)).
    unsafe { checked(libc::SYS_pidfd_send_signal, [PIDFD_SELF_THREAD as usize, 0, 0, 0, 0, 0]) }
        .is_ok()
}

/// Sends this process, of one thread, a signal. Fails as kill(2) does.
///
/// # Safety
/// The process must be one that may be stopped or killed.
#[inline(always)]
pub(super) unsafe fn signal_self(signal: i32) -> Result<usize, i32> {
    let own = [PIDFD_SELF_THREAD as usize, signal as usize, 0, 0, 0, 0];
    // SAFETY: as the caller promises.
    match unsafe { checked(libc::SYS_pidfd_send_signal, own) } {
        Err(libc::EBADF | libc::ENOSYS) => {}
        sent => return sent,
    }
    // SAFETY: it only tells who this is.
    let own = unsafe { checked(libc::SYS_getpid, [0; 6]) }?;
    // SAFETY: as the caller promises.
    unsafe { checked(libc::SYS_kill, [own, signal as usize, 0, 0, 0, 0]) }
}
