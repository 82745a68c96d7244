//! A victim cannot call the kernel through the C library, which it does not have: it makes the system calls
//! itself.
//!
//! The library would add pages (errno in thread-local memory, its own code and data) that each child would
//! have to fault in or copy, and that no victim inherits, see [`super::arena`].

use nix::libc;

pub use super::arch::system_call;

/// Calls the kernel, and returns the errno as an error.
///
/// # Safety
/// See [`system_call`].
#[inline(always)]
pub unsafe fn checked(number: libc::c_long, args: [usize; 6]) -> Result<usize, i32> {
    // SAFETY: as the caller promises.
    match unsafe { system_call(number, args) } {
        error @ -4095..0 => Err(-error as i32),
        value => Ok(value as usize),
    }
}
