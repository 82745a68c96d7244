//! A jump to bytes that are no code has an outcome that depends on what the registers hold, so an outcome
//! measured that way would be noise.
//!
//! A victim therefore looks before it jumps. Where the kernel's own list of maps says that instructions may
//! be fetched *and* the bytes there are no return instruction, the answer is `no code` and nothing is run.
//! Everywhere else the victim jumps: either the fetch faults, or a return instruction comes straight back.

use nix::libc;

use super::ahead::{Memory, open_late, pipe};
use crate::sys::{Child, instruction_bytes, returns_at, scratch, set_dumpable};

/// The number of bytes that are read from /proc at once.
const CHUNK: usize = 8 * 1024;

/// The place of a jump.
pub(super) struct Target {
    pub address: usize,
    /// True if the page of the address lies wholly past the end of a file.
    pub past_eof: bool,
}

/// True if it is safe to jump there. `ahead` holds the files to look into, where they are open. Fails where
/// /proc does not tell.
#[inline(always)]
pub(super) fn runs(child: &Child, ahead: Option<Memory>, target: Target) -> Result<bool, i32> {
    let maps = match ahead {
        Some(ahead) => ahead.maps,
        None => open_late(child, c"/proc/self/maps")?,
    };
    let (fetch, load) = allowed(child, maps, target.address)?;
    if !fetch {
        return Ok(true); // the fetch faults
    }
    let memory = match ahead {
        Some(ahead) => ahead.content,
        None => {
            set_dumpable(child); // else that file is root's alone
            open_late(child, c"/proc/self/mem")?
        }
    };
    let mut returns = true;
    for index in 0..instruction_bytes() {
        let expected = returns_at(index as u64);
        let at = target.address.wrapping_add(index);
        let args = [memory, child.scratch_address(), 1, at, 0, 0];
        let byte = match child.call(libc::SYS_pread64, args) {
            Ok(1) => scratch(0),
            // The protection allows a load that fails all the same, or the page lies past the end of the
            // file: the fetch faults, too.
            _ if load || target.past_eof => return Ok(true),
            // There is nothing to load and nothing to fetch: a guard page (MADV_GUARD_INSTALL).
            _ if shows_what_cannot_be_loaded(child, memory) => return Ok(true),
            // A kernel that looks at the protection here as well (proc_mem.force_override, Linux 6.12)
            // does not say what lies in a page without PROT_READ. Most CPUs load it all the same where it
            // has PROT_WRITE (mmap(2)). Where not, nothing is run blindly.
            _ => copied(child, at).map_err(|_| libc::EACCES)?,
        };
        returns &= byte == expected;
    }
    child.call(libc::SYS_close, [memory, 0, 0, 0, 0, 0])?;
    Ok(returns)
}

/// Returns the byte at this address. A load could raise a signal; where the kernel makes it, it fails.
#[inline(always)]
fn copied(child: &Child, address: usize) -> Result<u8, i32> {
    let [read, write] = pipe(child)?;
    child.call(libc::SYS_write, [write, address, 1, 0, 0, 0])?;
    child.call(libc::SYS_read, [read, child.scratch_address(), 1, 0, 0, 0])?;
    child.call(libc::SYS_close, [read, 0, 0, 0, 0, 0])?;
    child.call(libc::SYS_close, [write, 0, 0, 0, 0, 0])?;
    Ok(scratch(0))
}

/// True if this file shows a page of PROT_EXEC alone. Tries it with a new page.
#[inline(always)]
fn shows_what_cannot_be_loaded(child: &Child, memory: usize) -> bool {
    let (protection, flags) = (libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let args = [0, 1, protection as usize, flags as usize, usize::MAX, 0];
    child.call(libc::SYS_mmap, args).is_ok_and(|page| {
        let args = [memory, child.scratch_address(), 1, page, 0, 0];
        child.call(libc::SYS_pread64, args) == Ok(1)
    })
}

/// Returns two flags of the map at `address` in /proc/self/maps (proc(5)): true if it has `x`, and true if it
/// has `r`.
#[inline(always)]
fn allowed(child: &Child, maps: usize, address: usize) -> Result<(bool, bool), i32> {
    let mut line = Line::default();
    let mut answer = (false, false);
    'file: loop {
        let read = child.call(libc::SYS_read, [maps, child.scratch_address(), CHUNK, 0, 0, 0])?;
        if read == 0 {
            break;
        }
        for index in 0..read {
            if let Some((start, end, fetch, load)) = line.take(scratch(index)) {
                if (start..end).contains(&address) {
                    answer = (fetch, load);
                    break 'file;
                }
            }
        }
    }
    child.call(libc::SYS_close, [maps, 0, 0, 0, 0, 0])?;
    Ok(answer)
}

/// A line of /proc/self/maps, byte by byte: `start-end perms ...`.
#[derive(Default)]
struct Line {
    start: usize,
    end: usize,
    part: usize,
    column: usize,
    load: bool,
}

impl Line {
    /// Takes the next byte. Returns start, end, `x` and `r` of a line once the column of `x` has been read.
    fn take(&mut self, byte: u8) -> Option<(usize, usize, bool, bool)> {
        let digit = || char::from(byte).to_digit(16).unwrap_or(0) as usize;
        match (byte, self.part) {
            (b'\n', _) => *self = Line::default(),
            (b'-', 0) | (b' ', 1) => self.part += 1,
            (_, 0) => self.start = self.start << 4 | digit(),
            (_, 1) => self.end = self.end << 4 | digit(),
            (_, 2) => {
                self.column += 1;
                self.load |= byte == b'r';
                if self.column == 3 {
                    self.part = 3;
                    return Some((self.start, self.end, byte == b'x', self.load));
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_of_proc_maps_is_read_byte_by_byte() {
        let text = b"1000-3000 r-xp 00000000 08:01 12 /bin/x-y\n7f00-7f10 rw-p 0 0:0 0\n";
        let mut line = Line::default();
        let found: Vec<_> = text.iter().filter_map(|byte| line.take(*byte)).collect();
        assert_eq!(found, [(0x1000, 0x3000, true, true), (0x7f00, 0x7f10, false, true)]);
    }
}
