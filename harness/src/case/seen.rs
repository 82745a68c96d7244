//! A load or a pread may see more bytes than a record has room for: they become runs of equal bytes.
//!
//! A record has room for a few runs. What does not fit is counted, and a digest stands for it, so that two
//! results that differ look different. A byte of a [`Seen`] is `data` where it was called so with both
//! patterns in the files, see [`super::Pattern`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Clean;

/// The number of runs of equal bytes in a step's result.
pub const RUNS: usize = 8;

/// The bytes that a load or a pread saw, as runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The first runs, in order.
    pub runs: Vec<Run>,
    /// The bytes beyond those runs.
    pub rest: Option<Rest>,
}

/// Equal bytes in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `Data`, `OtherData`, `Zero` or `Byte`.
    pub byte: Clean,
    /// The number of bytes.
    pub count: u32,
}

/// The counts and digests that stand for bytes of too many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The number of bytes after the runs.
    pub bytes: u32,
    /// The number of all bytes that are `Data`.
    pub data: u32,
    /// The digest of all bytes, see [`digest`].
    pub digest: u64,
    /// The same for all bytes [as any pattern shows them](shape).
    pub shape: u64,
}

/// Returns a number of 16 bits for the kind and the value of a byte.
#[inline(always)]
pub fn code(byte: Clean) -> u64 {
    match byte {
        Clean::Data => 0x100,
        Clean::OtherData => 0x400,
        Clean::Byte(byte) => 0x300 | byte as u64,
        _ => 0x200,
    }
}

/// Returns the byte of a code; `None` for a number that is none.
pub fn decode(code: u64) -> Option<Clean> {
    match (code >> 8, code as u8) {
        (1, 0) => Some(Clean::Data),
        (2, 0) => Some(Clean::Zero),
        (3, byte) => Some(Clean::Byte(byte)),
        (4, 0) => Some(Clean::OtherData),
        _ => None,
    }
}

/// Returns the digest of some bytes and one more. It begins with 0. (FNV-1a, a code at a time)
#[inline(always)]
pub fn digest(before: u64, byte: Clean) -> u64 {
    (before ^ code(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Returns a byte as any pattern shows it: the pattern that fills a file decides between `Data` and
/// `OtherData`, and on nothing else.
#[inline(always)]
pub fn shape(byte: Clean) -> Clean {
    match byte {
        Clean::OtherData => Clean::Data,
        byte => byte,
    }
}

impl Seen {
    /// Returns the bytes of these runs. Neighbours of equal bytes become one run.
    #[doc(hidden)]
    pub fn of(runs: impl IntoIterator<Item = (u64, Clean)>) -> Seen {
        let mut all: Vec<Run> = Vec::new();
        for (count, byte) in runs.into_iter().filter(|(count, _)| *count > 0) {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            match all.last_mut() {
                Some(last) if last.byte == byte => last.count = last.count.saturating_add(count),
                _ => all.push(Run { byte, count }),
            }
        }
        let rest = (all.len() > RUNS).then(|| {
            let is_data = |run: &&Run| run.byte == Clean::Data;
            let each = || each(&all);
            Rest {
                bytes: all[RUNS..].iter().map(|run| run.count).sum(),
                data: all.iter().filter(is_data).map(|run| run.count).sum(),
                digest: each().fold(0, digest),
                shape: each().map(shape).fold(0, digest),
            }
        });
        all.truncate(RUNS);
        Seen { runs: all, rest }
    }

    /// Returns what two results agree on that saw the same bytes with different patterns in the files: `Data`
    /// only where both do. `None` where they cannot have seen the same.
    #[doc(hidden)]
    pub fn agreed(&self, other: &Seen) -> Option<Seen> {
        if self == other {
            return Some(self.clone());
        }
        if self.len() != other.len() {
            return None;
        }
        let told = self.told_agreed(other)?;
        if self.rest.is_none() && other.rest.is_none() {
            return Some(told);
        }
        // Bytes shifted by a multiple of the period of one pattern only: the other one knows. Where each knows
        // of some, a digest cannot tell what both call data.
        let fewer = if self.data() <= other.data() { self } else { other };
        let knows_all = self.data() != other.data() && fewer.begins_with(&told);
        (self.shape() == other.shape() && knows_all).then(|| fewer.clone())
    }

    /// Returns the runs that both tell, as both call them.
    fn told_agreed(&self, other: &Seen) -> Option<Seen> {
        let (mut runs, mut others) = (self.runs.iter().copied(), other.runs.iter().copied());
        let (mut one, mut two) = (runs.next(), others.next());
        let mut agreed = Vec::new();
        while let (Some(a), Some(b)) = (one, two) {
            let count = a.count.min(b.count);
            agreed.push((u64::from(count), a.byte.agreed(b.byte)?));
            let left = |run: Run| Some(Run { count: run.count - count, ..run });
            one = left(a).filter(|run| run.count > 0).or_else(|| runs.next());
            two = left(b).filter(|run| run.count > 0).or_else(|| others.next());
        }
        Some(Seen::of(agreed))
    }

    /// True if the runs that both tell hold the same bytes from the first on.
    fn begins_with(&self, other: &Seen) -> bool {
        each(&self.runs).zip(each(&other.runs)).all(|(own, other)| own == other)
    }

    /// Returns the number of bytes seen.
    pub fn len(&self) -> u64 {
        let rest = self.rest.map_or(0, |rest| u64::from(rest.bytes));
        self.runs.iter().map(|run| u64::from(run.count)).sum::<u64>() + rest
    }

    /// True if no byte was seen.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the digest of what the bytes are with any pattern.
    fn shape(&self) -> u64 {
        let told = || each(&self.runs).map(shape).fold(0, digest);
        self.rest.map_or_else(told, |rest| rest.shape)
    }

    /// Returns the number of bytes that are `Data`.
    fn data(&self) -> u64 {
        let data = self.runs.iter().filter(|run| run.byte == Clean::Data);
        let counted = data.map(|run| u64::from(run.count)).sum();
        self.rest.map_or(counted, |rest| u64::from(rest.data))
    }

    /// Returns the runs as a person reads them: `data`, `8 zero`, `'c'`, `"abc", 7 data`, `nothing`. `number`
    /// writes the counts.
    #[doc(hidden)]
    pub fn describe(&self, number: impl Fn(u32) -> String) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut text = String::new();
        let quote = |text: &mut String, parts: &mut Vec<String>| {
            match text.len() {
                0 => {}
                1 => parts.push(format!("'{text}'")),
                _ => parts.push(format!("\"{text}\"")),
            }
            text.clear();
        };
        for run in &self.runs {
            match run.byte {
                Clean::Byte(byte)
                    if (byte.is_ascii_graphic() || byte == b' ') && run.count <= 32 =>
                {
                    text.extend(std::iter::repeat_n(char::from(byte), run.count as usize));
                }
                byte => {
                    quote(&mut text, &mut parts);
                    parts.push(match run.count {
                        1 => byte.to_string(),
                        count => format!("{} {byte}", number(count)),
                    });
                }
            }
        }
        quote(&mut text, &mut parts);
        if parts.is_empty() {
            return "nothing".to_owned();
        }
        if let Some(Rest { bytes, digest, .. }) = self.rest {
            let bytes = number(bytes);
            parts.push(format!("and {bytes} more (digest of all: {digest:016x})"));
        }
        parts.join(", ")
    }
}

/// Returns the bytes of some runs, one by one.
fn each(runs: &[Run]) -> impl Iterator<Item = Clean> + '_ {
    runs.iter().flat_map(|run| (0..run.count).map(|_| run.byte))
}

impl Clean {
    /// Returns what two results agree on that saw the same byte with different patterns in the files.
    #[doc(hidden)]
    pub fn agreed(self, other: Clean) -> Option<Clean> {
        match (self, other) {
            (one, two) if one == two => Some(one),
            (Clean::Data, Clean::OtherData) | (Clean::OtherData, Clean::Data) => {
                Some(Clean::OtherData)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(|count| count.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(runs: &[(u64, Clean)]) -> Seen {
        Seen::of(runs.iter().copied())
    }

    #[test]
    fn a_run_is_data_where_both_patterns_call_it_so() {
        use Clean::{Data, OtherData, Zero};
        let first = seen(&[(100, Data), (10, Zero)]);
        let second = seen(&[(40, Data), (60, OtherData), (10, Zero)]);
        assert_eq!(first.agreed(&second), Some(second.clone()));
        assert_eq!(second.agreed(&first), Some(second.clone()));
        let third = seen(&[(30, OtherData), (70, Data), (10, Zero)]);
        let all = seen(&[(30, OtherData), (10, Data), (60, OtherData), (10, Zero)]);
        assert_eq!(second.agreed(&third), Some(all));
        assert_eq!(first.agreed(&seen(&[(100, Data), (10, Data)])), None);
        assert_eq!(first.agreed(&seen(&[(100, Data)])), None);
    }

    #[test]
    fn two_that_differ_beyond_the_last_run_that_is_told_look_different() {
        let begin = (0..10).flat_map(|_| [(1, Clean::Zero), (1, Clean::Byte(b'a'))]);
        let with = |byte: Clean| Seen::of(begin.clone().chain([(5, byte), (7, Clean::Zero)]));
        let (some, other) = (with(Clean::Data), with(Clean::OtherData));
        assert_eq!((some.len(), other.len()), (32, 32));
        assert_ne!(some.to_string(), other.to_string());
        assert!(some.to_string().contains(", and 24 more (digest"), "{some}");
        assert_eq!(some.agreed(&other), Some(other.clone()));
        assert_eq!(other.agreed(&some), Some(other));
    }

    #[test]
    fn what_does_not_depend_on_the_pattern_agrees_beyond_the_last_run_that_is_told() {
        use Clean::{Byte, Data, OtherData, Zero};
        let begin = (0..10).flat_map(|_| [(1, Zero), (1, Byte(b'a'))]);
        let with = |end: &[(u64, Clean)]| Seen::of(begin.clone().chain(end.iter().copied()));
        let first = with(&[(3, Data), (5, Zero)]);
        for end in [[(4, Data), (4, Zero)], [(3, Data), (5, Byte(b'a'))], [(5, Zero), (3, Data)]] {
            assert_eq!(first.agreed(&with(&end)), None, "{end:?}");
        }
        let second = with(&[(1, Data), (2, OtherData), (5, Zero)]);
        assert_eq!(first.agreed(&second), Some(second.clone()));
        // One may be cut where the other is not.
        let whole = seen(&[(40, Data)]);
        let mixed = |count: u64| {
            Seen::of((0..20).flat_map(|_| [(1, Data), (1, OtherData)]).chain([(count, Zero)]))
        };
        assert_eq!(whole.agreed(&mixed(0)), Some(mixed(0)));
        assert_eq!(seen(&[(39, Data), (2, Zero)]).agreed(&mixed(1)), None);
    }

    #[test]
    fn where_neither_pattern_knows_all_a_cut_pread_is_no_answer() {
        let end = || (0..10).flat_map(|_| [(1, Clean::Zero), (1, Clean::Byte(b'a'))]);
        let with = |first: Clean, second: Clean| {
            Seen::of([(10, first), (1, Clean::Zero), (20, second)].into_iter().chain(end()))
        };
        use Clean::{Data, OtherData};
        let (some, other) = (with(Data, OtherData), with(OtherData, Data));
        assert_eq!(some.agreed(&other), None);
        let neither = with(OtherData, OtherData);
        assert_eq!(some.agreed(&neither), Some(neither.clone()));
        assert_eq!(some.agreed(&with(Data, Data)), Some(some));
    }

    #[test]
    fn a_code_tells_its_byte() {
        let bytes = [Clean::Data, Clean::OtherData, Clean::Zero, Clean::Byte(7)];
        assert_eq!(bytes.map(|byte| decode(code(byte))), bytes.map(Some));
        assert_eq!((decode(0), decode(0x101), decode(0x500)), (None, None, None));
    }
}
