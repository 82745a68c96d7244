//! A victim must open and read files as its case says.

use std::ffi::CStr;

use nix::libc;

use super::failure::SetupFailure;
use super::guard::Verdict;
use super::perform::Victim;
use super::program::Buffer;
use super::request;
use super::runs;
use crate::sys::{SCRATCH_BYTES, Slot};

impl Victim<'_> {
    /// Makes a pipe, and returns its read end.
    #[inline(always)]
    pub(super) fn pipe(&self) -> Result<usize, i32> {
        let ends = std::cell::UnsafeCell::new([0i32; 2]);
        self.child.call(libc::SYS_pipe2, [ends.get() as usize, 0, 0, 0, 0, 0])?;
        Ok(ends.into_inner()[0] as usize)
    }

    /// Removes the name of a file of the harness. A memfd never had one.
    #[inline(always)]
    pub(super) fn unlink(&self, file: usize) -> Result<usize, i32> {
        let (folder, name) = request::name(self.record, file).ok_or(libc::ENOENT)?;
        self.child.call(libc::SYS_unlinkat, [folder as usize, name, 0, 0, 0, 0])
    }

    /// Opens a descriptor for a file of the harness: a duplicate of the harness's own, or the file opened
    /// anew, as any process could that knows its path.
    #[inline(always)]
    pub(super) fn open_file(&self, file: usize, reopen: Option<i32>) -> Result<usize, i32> {
        let Some(descriptor) = request::descriptor(self.record, file) else {
            self.give_up(SetupFailure::File, libc::EBADF);
        };
        // The kernel has refused to make it: the variable is -1, and what is opened by it is not there.
        if descriptor < 0 {
            return Err(if reopen.is_some() { libc::ENOENT } else { -descriptor });
        }
        let descriptor = descriptor as usize;
        let Some(flags) = reopen else {
            return self.child.call(libc::SYS_dup, [descriptor, 0, 0, 0, 0, 0]);
        };
        let mut path = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
        decimal(descriptor, &mut path[14..]);
        match self.open_at(self.child.address_of(&path), flags) {
            // The file is there: it is /proc that is not.
            Err(libc::ENOENT) => self.give_up(SetupFailure::File, libc::ENOENT),
            opened => opened,
        }
    }

    #[inline(always)]
    pub(super) fn open(&self, path: &CStr, flags: i32) -> Result<usize, i32> {
        self.open_at(path.as_ptr() as usize, flags)
    }

    /// Opens the path at this address, which a NUL ends.
    #[inline(always)]
    fn open_at(&self, path: usize, flags: i32) -> Result<usize, i32> {
        let at = libc::AT_FDCWD as usize;
        self.child.call(libc::SYS_openat, [at, path, flags as usize, 0, 0, 0])
    }

    /// Ends the process where a call would fill more than the buffer of the harness. A call that the guard
    /// has found harmless goes through: the kernel refuses it before it writes anything.
    #[inline(always)]
    pub(super) fn admit_buffer(&self, buffer: Buffer, args: &[usize; 6], verdict: Verdict) {
        let Buffer::BytePerPage(length) = buffer else { return };
        let most = SCRATCH_BYTES.saturating_mul(self.program.page as usize);
        let asked = args.get(length).copied().unwrap_or(0);
        if asked > most && verdict != Verdict::Harmless {
            self.give_up(SetupFailure::Guard, 0);
        }
    }

    /// Notes what a call has left in the buffer of the harness.
    #[inline(always)]
    pub(super) fn see_buffer(&self, buffer: Buffer, args: &[usize; 6], result: usize, slot: &Slot) {
        let (count, from) = match buffer {
            Buffer::Unused => return,
            Buffer::Bytes(offset) => {
                let offset = offset.and_then(|offset| args.get(offset).copied());
                (result, self.program.descriptors.file_of(args[0]).zip(offset))
            }
            Buffer::BytePerPage(length) => {
                let length = args.get(length).copied().unwrap_or(0);
                // `page` is a power of two: the kernel counts whole pages, and part of one as one.
                let page = self.program.page as usize;
                let shift = page.trailing_zeros();
                (length.saturating_add(page.wrapping_sub(1)) >> shift, None)
            }
        };
        let mut index = 0;
        while index < count {
            // A closure might lie elsewhere than a victim's code.
            #[expect(clippy::manual_map, reason = "see above")]
            let shows = match from {
                Some((file, offset)) => Some((file, (offset as u64).wrapping_add(index as u64))),
                None => None,
            };
            runs::push(slot, runs::classify_byte(crate::sys::scratch(index), shows, self.fill));
            index += 1;
        }
    }
}

/// Writes the number from its last digit to its first, without formatting machinery, which could panic.
#[inline(always)]
fn decimal(number: usize, out: &mut [u8]) {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut left = number;
    for place in out.iter_mut().take(digits).rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_number_is_written_in_full() {
        for number in [0, 7, 10, 99, 100, 999, 1000, 1_048_576] {
            let mut text = [0; 11];
            super::decimal(number, &mut text);
            assert_eq!(
                text[..].split(|byte| *byte == 0).next(),
                Some(number.to_string().as_bytes())
            );
        }
    }
}
