//! Processes that share memory wait for each other on a word of it. (futex(2))

use std::sync::atomic::AtomicU32;

use nix::libc;

use super::system_call::checked;

/// Sleeps while the word holds this value, and no longer than this, if there is a limit. Returns early now and
/// then.
#[inline(always)]
pub fn wait(word: &AtomicU32, value: u32, nanoseconds: Option<u64>) {
    let limit = nanoseconds.map(timespec);
    let time = limit.as_ref().map_or(0, |time| std::ptr::from_ref(time) as usize);
    let operation = libc::FUTEX_WAIT as usize;
    let args = [word.as_ptr() as usize, operation, value as usize, time, 0, 0];
    // SAFETY: the kernel reads the word and the time.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}

/// Wakes a process that sleeps on the word.
#[inline(always)]
pub fn wake(word: &AtomicU32) {
    let args = [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, 1, 0, 0, 0];
    // SAFETY: the word is not even read.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}

/// Returns a time as the kernel takes it.
#[inline(always)]
pub fn timespec(nanoseconds: u64) -> libc::timespec {
    const SECOND: u64 = 1_000_000_000;
    let (seconds, rest) = (nanoseconds / SECOND, nanoseconds % SECOND);
    libc::timespec { tv_sec: seconds as _, tv_nsec: rest as _ }
}
