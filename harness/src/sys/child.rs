//! A victim must be able to do anything to its own process: a [`Child`] does that, and proves that nobody
//! else depends on the process.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use nix::libc;

use super::signal_self::signal_self;
use super::system_call::{checked, system_call};

/// Bytes of the buffer for pread.
pub const SCRATCH_BYTES: usize = crate::case::limits::BUFFER_BYTES as usize;
static SCRATCH: [AtomicU8; SCRATCH_BYTES] = [const { AtomicU8::new(0) }; SCRATCH_BYTES];

/// Returns one byte of the buffer.
pub fn scratch(index: usize) -> u8 {
    SCRATCH.get(index).map_or(0, |byte| byte.load(Relaxed))
}

/// Proof that this process is a child forked to be a victim: nobody else depends on its memory.
#[derive(Debug)]
pub struct Child(());

impl Child {
    /// Only `spawn` makes one, on the child's side of the fork.
    pub(super) fn new() -> Child {
        Child(())
    }

    /// Makes a system call with these arguments, whatever they are. Fails with the kernel's errno.
    pub fn call(&self, number: libc::c_long, args: [usize; 6]) -> Result<usize, i32> {
        // SAFETY: the call may well destroy this process's memory. That is what the process is for:
        // nothing of it is used afterwards but code and stack, and where those go too it dies and
        // its supervisor sees it.
        unsafe { checked(number, args) }
    }

    /// Sends the process itself a signal. Fails as kill(2) does.
    #[inline(always)]
    pub fn raise(&self, signal: i32) -> Result<usize, i32> {
        // SAFETY: nobody depends on this process.
        unsafe { signal_self(signal) }
    }

    /// Ends the process at once: no destructor, no atexit handler, no flush.
    pub fn exit(&self, code: i32) -> ! {
        end(code)
    }

    /// Forks once more. The second process is as expendable as the first. Returns 0 there, and its pid here.
    pub fn fork(&self) -> Result<usize, i32> {
        self.call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0, 0])
    }

    /// Returns the address of the buffer for pread.
    pub fn scratch_address(&self) -> usize {
        SCRATCH.as_ptr() as usize
    }

    /// Returns the address of this value for a system call, valid for as long as the reference.
    pub fn address_of<T>(&self, value: &T) -> usize {
        std::ptr::from_ref(value) as usize
    }
}

/// Ends the process as `_exit` does, without libc.
pub(super) fn end(code: i32) -> ! {
    loop {
        // SAFETY: ends this process and does nothing else.
        unsafe { system_call(libc::SYS_exit_group, [code as usize, 0, 0, 0, 0, 0]) };
    }
}
