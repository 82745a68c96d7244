//! One access to one byte of the caller's own memory, in a child. The main function is [`probe`].

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use nix::libc;

use super::{Told, run};
use crate::case::Access;
use crate::sys::arch;
use crate::sys::system_call::checked;

/// Makes an access to the byte at this address, in a child. A store stores what was there before. The text of what
/// is told is the errno of an access by the kernel; 0 where it succeeded. Fails as [`run`] does.
pub fn probe(access: Access, address: usize, deadline: Duration) -> std::io::Result<Told> {
    run(&mut || perform(access, address).map_or_else(|errno| errno, |()| 0).to_string(), deadline)
}

/// Runs in the child.
fn perform(access: Access, address: usize) -> Result<(), i32> {
    match access {
        Access::Read => {
            // SAFETY: this process is there to make this load.
            unsafe { arch::load1(address) };
            Ok(())
        }
        Access::Write => {
            match value(address) {
                // SAFETY: as above. Between the load and the store, no other instruction changes the byte.
                Ok(mut known) => unsafe {
                    let byte = AtomicU8::from_ptr(std::ptr::with_exposed_provenance_mut(address));
                    while let Err(other) = byte.compare_exchange(known, known, Relaxed, Relaxed) {
                        known = other;
                    }
                },
                // There is nothing to put back. A load would raise a signal of its own, and perhaps another one.
                // SAFETY: as above.
                Err(_) => unsafe { arch::store1(address, 0) },
            }
            Ok(())
        }
        Access::Exec => {
            // SAFETY: as above.
            unsafe { arch::execute(address) };
            Ok(())
        }
        Access::CopyFromUser => value(address).map(drop),
        // The byte that is there is the one to copy there.
        Access::CopyToUser => copy(address, address),
    }
}

/// Returns the byte, as the kernel reads it.
fn value(address: usize) -> Result<u8, i32> {
    let mut value = 0u8;
    copy(address, (&raw mut value) as usize).map(|()| value)
}

/// Makes the kernel copy a byte into a new pipe, and from there.
fn copy(from: usize, to: usize) -> Result<(), i32> {
    let mut pipe = [0i32; 2];
    // SAFETY: the kernel writes two descriptors, reads one byte and writes one, in this process or in what it shares.
    unsafe {
        checked(libc::SYS_pipe2, [(&raw mut pipe) as usize, 0, 0, 0, 0, 0])?;
        checked(libc::SYS_write, [pipe[1] as usize, from, 1, 0, 0, 0])?;
        checked(libc::SYS_read, [pipe[0] as usize, to, 1, 0, 0, 0])?;
    }
    Ok(())
}
