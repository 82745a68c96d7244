//! A map of a gigabyte has too many bytes to model one by one, but only a handful of runs of equal content:
//! [`Runs`] holds the content of a range as runs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::case::{Clean, Pattern};

/// The content of one byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Content {
    /// The pattern that fills files: the byte at offset `n` is byte `n + phase` of a text without end, in
    /// which no two bytes are alike. Each file has its own phase; bytes that were copied from elsewhere have
    /// another.
    Pattern(u64),
    /// Zero.
    #[default]
    Zero,
    /// A byte that a step stored.
    Byte(u8),
}

/// Returns the phase of file number `file`. Two phases are further apart than any offset of a case.
pub fn phase_of(file: usize) -> u64 {
    (file as u64) << FILE_BITS
}

/// The number of bits of the largest offset.
const FILE_BITS: u32 = 40;

/// Returns the file of a phase, and the distance over which its bytes were copied.
fn file_of(phase: u64) -> (usize, i64) {
    let file = (phase.wrapping_add(1 << (FILE_BITS - 1)) as i64) >> FILE_BITS;
    (file.max(0) as usize, phase.wrapping_sub(phase_of(file as usize)) as i64)
}

impl Content {
    /// Returns the content of a byte that was stored; a zero is like any other zero.
    pub fn of(byte: u8) -> Content {
        match byte {
            0 => Content::Zero,
            byte => Content::Byte(byte),
        }
    }

    /// Returns the same content, copied from one offset to another.
    pub fn moved(self, from: u64, to: u64) -> Content {
        match self {
            Content::Pattern(phase) => Content::Pattern(phase.wrapping_add(from).wrapping_sub(to)),
            other => other,
        }
    }

    /// Returns how this content is seen at a place that should show a file of this phase; `phase` is `None`
    /// where the place shows no file.
    pub fn seen(self, phase: Option<u64>) -> Clean {
        match self {
            Content::Pattern(own) => match phase {
                Some(phase) if Pattern::alike(file_of(own), file_of(phase)) => Clean::Data,
                _ => Clean::OtherData,
            },
            Content::Zero => Clean::Zero,
            Content::Byte(byte) => Clean::Byte(byte),
        }
    }
}

/// A value for every offset from 0 on, as runs of equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs<T> {
    /// The first offset of each run; the first is 0.
    runs: BTreeMap<u64, T>,
}

/// The content of every offset.
pub type Bytes = Runs<Content>;

impl<T: Default> Default for Runs<T> {
    fn default() -> Runs<T> {
        Runs { runs: BTreeMap::from([(0, T::default())]) }
    }
}

impl<T: Copy + PartialEq> Runs<T> {
    /// Returns the value at an offset.
    pub fn at(&self, offset: u64) -> T {
        // The first run begins at 0.
        let run = self.runs.range(..=offset).next_back().or(self.runs.iter().next());
        *run.expect("there is a first run").1
    }

    /// Puts the same value into a range.
    pub fn fill(&mut self, range: Range<u64>, value: T) {
        if range.is_empty() {
            return;
        }
        let after = self.at(range.end);
        let inside: Vec<u64> = self.runs.range(range.clone()).map(|(start, _)| *start).collect();
        for start in inside {
            self.runs.remove(&start);
        }
        self.runs.insert(range.start, value);
        if range.end < u64::MAX {
            self.runs.insert(range.end, after);
        }
    }

    /// Returns the offsets within a range at which a run begins.
    pub fn starts(&self, range: Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let whole = range.start..range.end.max(range.start);
        self.runs.range(whole).map(|(start, _)| *start)
    }

    /// True if any offset of a range has another value than this.
    pub fn any_but(&self, value: T, range: Range<u64>) -> bool {
        !range.is_empty() && self.runs(range).iter().any(|(_, own)| *own != value)
    }

    /// Returns the runs of a range: length and value.
    pub fn runs(&self, range: Range<u64>) -> Vec<(u64, T)> {
        let mut starts: Vec<u64> =
            self.starts(range.clone()).filter(|s| *s > range.start).collect();
        starts.insert(0, range.start);
        starts.push(range.end);
        let lengths = starts.windows(2).filter(|pair| pair[0] < pair[1]);
        lengths.map(|pair| (pair[1] - pair[0], self.at(pair[0]))).collect()
    }

    /// Returns the parts of a range that have this value.
    pub fn where_is(&self, value: T, range: Range<u64>) -> Vec<Range<u64>> {
        let mut start = range.start;
        let runs = self.runs(range).into_iter().map(|(length, own)| {
            start += length;
            (start - length..start, own)
        });
        runs.filter(|(_, own)| *own == value).map(|(part, _)| part).collect()
    }
}

impl Bytes {
    /// Copies the content of a range from `from`, at the same offsets.
    pub fn copy(&mut self, from: &Bytes, range: Range<u64>) {
        let mut start = range.start;
        for (length, content) in from.runs(range) {
            self.fill(start..start + length, content);
            start += length;
        }
    }

    /// Moves the content of a range to another place, and leaves zeros behind.
    pub fn shift(&mut self, range: Range<u64>, to: u64) {
        let runs = self.runs(range.clone());
        self.fill(range.clone(), Content::Zero);
        let mut from = range.start;
        for (length, content) in runs {
            let at = to + (from - range.start);
            self.fill(at..at + length, content.moved(from, at));
            from += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_a_range_changes_that_range_alone() {
        let mut bytes = Bytes::default();
        bytes.fill(0..100, Content::Pattern(0));
        bytes.fill(10..20, Content::Byte(1));
        bytes.fill(15..30, Content::Byte(2));
        let runs = bytes.runs(0..200);
        let expected = [
            (10, Content::Pattern(0)),
            (5, Content::Byte(1)),
            (15, Content::Byte(2)),
            (70, Content::Pattern(0)),
            (100, Content::Zero),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn bytes_that_were_moved_are_those_of_the_same_file() {
        for (file, distance) in [(0, 4096), (1, 0), (1, -4096), (2, 4096)] {
            assert_eq!(file_of(phase_of(file).wrapping_add_signed(distance)), (file, distance));
        }
    }

    #[test]
    fn what_was_copied_is_the_right_byte_where_it_came_from_alone() {
        let phase = phase_of(1);
        let content = Content::Pattern(phase);
        assert_eq!(content.moved(10, 10 + 127).seen(Some(phase)), Clean::OtherData);
        assert_eq!(content.moved(10, 110).moved(110, 10).seen(Some(phase)), Clean::Data);
        assert_eq!(content.seen(Some(phase_of(0))), Clean::OtherData);
        // The bytes themselves are the same.
        assert_eq!(content.moved(0, 127 * 126).seen(Some(phase)), Clean::Data);
        assert_eq!(content.moved(127 * 126, 0).seen(Some(phase)), Clean::Data);
        assert_eq!(Content::Pattern(0).moved(0, 127 * 126).seen(Some(0)), Clean::Data);
    }
}
