//! What files are filled with: a pattern that depends on the offset and is never zero, so that `data`
//! means *the right byte of the file* and not just *not zero*. Its bytes lie above everything that a
//! step may store.

/// The pattern repeats after so many bytes. It is prime: pages, blocks and powers of two all shift it.
pub const PATTERN_PERIOD: u64 = 127;

/// How far file number `file` is ahead in the pattern, at offset 0.
pub fn pattern_phase(file: usize) -> u64 {
    37 * (file as u64 % PATTERN_PERIOD) % PATTERN_PERIOD
}

/// The byte that file number `file` is filled with at this offset.
pub fn pattern(file: usize, offset: u64) -> u8 {
    0x80 + ((offset % PATTERN_PERIOD + pattern_phase(file)) % PATTERN_PERIOD) as u8
}

/// Whether a byte can only come from the filling of a file: no step stores such a byte. (The return
/// instructions that stand in for the pattern where fetches are probed lie there as well.)
pub fn is_filling(byte: u8) -> bool {
    (0x80..0x80 + PATTERN_PERIOD as u8).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::limits::{FILES, STORED_BYTE};

    #[test]
    fn the_pattern_is_told_from_zero_from_stores_and_from_its_neighbours() {
        for file in 0..FILES {
            for offset in 0..70_000 {
                let byte = pattern(file, offset);
                assert!(u64::from(byte) > STORED_BYTE && is_filling(byte));
                for shift in [1, 512, 1024, 4096, 16384, 65536] {
                    assert_ne!(byte, pattern(file, offset + shift));
                }
                assert_ne!(byte, pattern(file + 1, offset));
            }
        }
    }
}
