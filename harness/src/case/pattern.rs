//! `data` must mean *the right byte of the file* and not just *not zero*. So files are filled with bytes that
//! depend on the offset and are never zero. They lie above every byte that a step may store.
//!
//! A byte has too few values to tell every offset from every other. So there are two [`Pattern`]s, each of
//! which repeats after its own number of bytes, and a byte is `data` only where both call it so: the two
//! together tell a byte from another one that lies less than the product of the two numbers away.

use serde::{Deserialize, Serialize};

use super::{Clean, HarnessError, Outcome};

/// A way to fill files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Repeats after 127 bytes. That is prime: pages, blocks and powers of two all shift it.
    First,
    /// Repeats after 126 bytes: no multiple of both is less than 16,002.
    Second,
}

impl Outcome {
    #[doc(hidden)]
    /// Returns the outcome of a byte, by asking for it with each pattern in the files. A byte is data where
    /// both call it so: the second pattern is asked about nothing else.
    pub fn by_both<E: From<HarnessError>>(
        mut ask: impl FnMut(Pattern) -> Result<Outcome, E>,
    ) -> Result<Outcome, E> {
        let first = ask(Pattern::First)?;
        if first != Outcome::Clean(Clean::Data) {
            return Ok(first);
        }
        Ok(first.agreed(ask(Pattern::Second)?)?)
    }

    #[doc(hidden)]
    /// Returns the outcome of a byte by both patterns; an error where they cannot both be true of one byte.
    pub fn agreed(self, second: Outcome) -> Result<Outcome, HarnessError> {
        let agreed = match (self, second) {
            (Outcome::Clean(one), Outcome::Clean(two)) => one.agreed(two).map(Outcome::Clean),
            (one, two) => (one == two).then_some(one),
        };
        agreed.ok_or(HarnessError::Ambiguous { first: self, second })
    }
}

impl Pattern {
    /// Returns the byte that file number `file` holds at this offset. The files are ahead of each other by
    /// numbers that no small shift makes up for in both patterns.
    #[inline(always)]
    pub fn byte(self, file: usize, offset: u64) -> u8 {
        let (period, ahead) = self.period();
        0x80 + ((offset % period + ahead * (file as u64 % 126)) % period) as u8
    }

    /// Returns the number of bytes after which the pattern repeats, and how far each file is ahead of the one
    /// before.
    #[inline(always)]
    pub(crate) fn period(self) -> (u64, u64) {
        match self {
            Pattern::First => (127, 37),
            Pattern::Second => (126, 116),
        }
    }

    /// True if two files, each shifted by so many bytes, are filled alike: as a rule that is one file at one
    /// place; but both patterns repeat together after 16,002 bytes.
    pub fn alike(one: (usize, i64), other: (usize, i64)) -> bool {
        [Pattern::First, Pattern::Second].into_iter().all(|pattern| {
            let (period, ahead) = pattern.period();
            let at = |(file, shift): (usize, i64)| {
                (shift.rem_euclid(period as i64) as u64 + ahead * file as u64) % period
            };
            at(one) == at(other)
        })
    }
}

/// True if a byte can only come from the filling of a file: no step stores such a byte. (The return
/// instructions that stand in for the pattern where fetches are probed lie there as well.)
pub fn is_filling(byte: u8) -> bool {
    (0x80..0x80 + 127).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::limits::{FILES, STORED_BYTE};

    #[test]
    fn the_patterns_are_told_from_zero_from_stores_and_from_their_neighbours() {
        for (pattern, file) in [(Pattern::First, 0), (Pattern::Second, FILES - 1)] {
            for offset in 0..70_000 {
                let byte = pattern.byte(file, offset);
                assert!(u64::from(byte) > STORED_BYTE && is_filling(byte));
                for shift in [1, 512, 1024, 4096, 16384, 65536] {
                    assert_ne!(byte, pattern.byte(file, offset + shift));
                }
            }
        }
    }

    #[test]
    fn both_patterns_together_tell_files_and_offsets_apart() {
        let same = |(file, offset), (other, at)| {
            [Pattern::First, Pattern::Second]
                .iter()
                .all(|pattern| pattern.byte(file, offset) == pattern.byte(other, at))
        };
        for file in 0..FILES {
            for other in 0..FILES {
                let near = (0..1000).chain((0..200_000).step_by(512));
                for shift in near.filter(|shift| *shift > 0 || file != other) {
                    assert!(!same((file, shift), (other, 0)), "{file} at {shift}, {other} at 0");
                }
            }
        }
        assert!((1..16_002).all(|shift| !same((0, 0), (0, shift))) && same((0, 0), (0, 16_002)));
    }
}
