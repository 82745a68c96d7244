//! The C library keeps in a buffer of its own what printf(3) prints, and a child that ends by `_exit`, or by a fault,
//! would lose it. The main function is [`begin`].
//!
//! Only its standard output is seen to. Standard error has no buffer; another stream may hold bytes that the process
//! that observes has yet to write, and a child that wrote them would write them twice (exit(3) has the same flaw).

use std::ptr;

use nix::libc;

unsafe extern "C" {
    static mut stdout: *mut libc::FILE;
    fn __fpurge(stream: *mut libc::FILE);
    fn ftrylockfile(stream: *mut libc::FILE) -> libc::c_int;
    fn funlockfile(stream: *mut libc::FILE);
}

/// Drops the copy of what the process that observes has yet to write. From now on each line is written as soon as it is
/// whole: so a fault leaves no more than the last one in the buffer.
///
/// None of the two functions waits, whatever other threads did at the fork: that of glibc makes new locks for the
/// child's streams, and in musl neither takes the lock.
///
/// # Safety
/// The process must have one thread, and be a child that runs a closure.
pub unsafe fn begin() {
    // SAFETY: the stream of the C library, in a process of one thread.
    unsafe {
        __fpurge(stdout);
        libc::setvbuf(stdout, ptr::null_mut(), libc::_IOLBF, 0);
    }
}

/// Writes what is in the buffer, unless another thread has the lock: of the closure's, or at the fork (musl).
pub fn end() {
    // SAFETY: the stream of the C library; the lock is one that the same thread may take twice.
    unsafe {
        if ftrylockfile(stdout) == 0 {
            libc::fflush(stdout);
            funlockfile(stdout);
        }
    }
}
