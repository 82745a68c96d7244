//! What the files hold.
//!
//! For loads and stores: a pattern that depends on the offset and is never zero, so that `data` means
//! *the right byte of the file* and not just *not zero*. Its bytes lie above everything that a step
//! may store. For `exec`: return instructions, so that what runs comes straight back.

use crate::case::Access;
use crate::sys::returns_at;

/// How the files of a probe are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The pattern.
    Pattern,
    /// Return instructions.
    Code,
}

impl Fill {
    /// What files hold while this access is probed.
    pub fn of(access: Access) -> Fill {
        match access {
            Access::Exec => Fill::Code,
            _ => Fill::Pattern,
        }
    }

    /// The byte of file number `file` at this offset.
    pub fn byte(self, file: usize, offset: u64) -> u8 {
        // 127 is prime: pages, blocks and powers of two all shift the pattern.
        const PERIOD: u64 = 127;
        let pattern = 0x80 + ((offset % PERIOD + 37 * (file as u64 % PERIOD)) % PERIOD) as u8;
        match self {
            Fill::Pattern => pattern,
            Fill::Code => returns_at(offset).unwrap_or(pattern),
        }
    }

    /// The whole content of a file of this size.
    pub fn content(self, file: usize, size: u64) -> Vec<u8> {
        (0..size).map(|offset| self.byte(file, offset)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::limits::STORED_BYTE;

    #[test]
    fn the_pattern_is_told_from_zero_from_stores_and_from_its_neighbours() {
        for file in 0..crate::case::limits::FILES {
            for offset in 0..70_000 {
                let byte = Fill::Pattern.byte(file, offset);
                assert!(u64::from(byte) > STORED_BYTE && byte != super::super::MARK);
                for shift in [1, 512, 1024, 4096, 16384, 65536] {
                    assert_ne!(byte, Fill::Pattern.byte(file, offset + shift));
                }
                assert_ne!(byte, Fill::Pattern.byte(file + 1, offset));
            }
        }
    }
}
