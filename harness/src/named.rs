//! The offsets that a case names: where something may change within a map.
//!
//! Every size of a case may be an offset in a map, an offset in a file that a map shows from elsewhere,
//! or the end of a range. Maps lie at whole pages and show files from whole pages on, so the offset
//! *within the page* survives every remapping. It does not survive a copy: read(2) and write(2) carry
//! bytes between a map and the file position, and those offsets are added and subtracted. [`Named`]
//! has them all.

use std::collections::{BTreeMap, BTreeSet};

use nix::libc;

use crate::case::{Arg, Call, Case, FlagWord, Size, Step, StepResult, limits};

/// More offsets than this are not carried on through copies of copies.
const CARRIED: usize = 256;

/// The offsets that the steps of a case name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As they stand, and as seen through maps that show a file from elsewhere.
    pub offsets: BTreeSet<i64>,
    /// All of them and those that copies bring about, within the page.
    pub within_page: BTreeSet<i64>,
    /// Bytes are copied from one offset to another.
    pub copies: bool,
}

/// What is gathered along the steps.
#[derive(Default)]
struct Gathered {
    /// Offsets as the steps say them.
    bases: BTreeSet<i64>,
    /// How far a map shows its file from elsewhere.
    shifts: BTreeSet<i64>,
    /// How far a copy carries bytes.
    copies: BTreeSet<i64>,
    /// How much each descriptor has moved on, by the name of its variable: the latest transfer last.
    moved: BTreeMap<String, Vec<i64>>,
    /// A file is written to at its end.
    appends: bool,
}

impl Named {
    /// Those of a case whose steps came to these results, on a machine with pages of `page` bytes.
    pub fn of(case: &Case, results: &[StepResult], page: u64) -> Named {
        let mut gathered =
            Gathered { shifts: BTreeSet::from([0]), appends: appends(case), ..Default::default() };
        for (index, _, step) in case.walk() {
            match step {
                Step::Call { args, call, .. } => {
                    gathered.call(*call, args, results.get(index), page);
                }
                Step::Touch { at, to, .. } => {
                    let at = value(at, page);
                    gathered.bases.extend(at);
                    gathered.bases.extend(at.map(|at| at + 1));
                    gathered.bases.extend(to.as_ref().and_then(|to| value(to, page)));
                }
                Step::Block { .. } | Step::Sweep { .. } => {}
            }
        }
        let Gathered { bases, shifts, copies, .. } = gathered;
        let offsets = sums(&bases, &shifts);
        let page = page as i64;
        let within = |offsets: &BTreeSet<i64>| -> BTreeSet<i64> {
            offsets.iter().map(|offset| offset.rem_euclid(page)).collect()
        };
        let mut within_page = within(&offsets);
        let are_copied = !copies.is_empty();
        let copies = within(&copies);
        // What was copied may be copied once more.
        for _ in 0..2 {
            if within_page.len() > CARRIED {
                break;
            }
            within_page.extend(within(&sums(&within_page, &copies)));
        }
        Named { offsets, within_page, copies: are_copied }
    }
}

impl Gathered {
    fn call(&mut self, call: Call, args: &[Arg], result: Option<&StepResult>, page: u64) {
        let size = |index: usize| match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { offset: size, .. }) => value(size, page),
            _ => None,
        };
        let sizes: Vec<i64> = (0..args.len()).filter_map(size).collect();
        self.bases.extend(&sizes);
        // A range is an offset and a length: its end counts as well.
        self.bases.extend(sizes.windows(2).map(|pair| pair[0] + pair[1]));
        match (call, args) {
            (Call::Mmap, [base, ..]) => {
                let placed = match base {
                    Arg::Address { map: Some(_), .. } => size(0).unwrap_or(0),
                    _ => 0,
                };
                self.shifts.insert(placed - size(5).unwrap_or(0));
            }
            (Call::Pwrite, [_, Arg::Text(text), _]) => {
                let length = text.len() as i64;
                self.bases.insert(size(2).unwrap_or(0) + length);
                if self.appends {
                    let ends: Vec<i64> = self.bases.iter().map(|base| base + length).collect();
                    self.bases.extend(ends);
                }
            }
            (Call::Fallocate, [_, Arg::Flags(mode), ..]) => {
                let mode = FlagWord::all(mode);
                let moves = libc::FALLOC_FL_COLLAPSE_RANGE | libc::FALLOC_FL_INSERT_RANGE;
                if let (true, Some(length)) = (mode & i64::from(moves) != 0, size(3)) {
                    self.copies.extend([length, -length]);
                }
            }
            (Call::Read | Call::Write, [Arg::Descriptor(name), ..]) => {
                let asked = size(2).unwrap_or(0);
                let count = match result {
                    Some(StepResult::Count(count)) => i64::try_from(*count).unwrap_or(asked),
                    _ => asked,
                };
                self.transfer(name, call == Call::Read, size(1).unwrap_or(0), count);
            }
            _ => {}
        }
    }

    /// A copy between a map, from offset `at` on, and wherever the descriptor is at.
    fn transfer(&mut self, name: &str, reads: bool, at: i64, count: i64) {
        let moved = self.moved.entry(name.to_owned()).or_default();
        // The variable may have been given anew in between: each of the latest few transfers counts.
        let mut positions = BTreeSet::from([0]);
        let mut position = 0;
        for count in moved.iter().rev() {
            position += count;
            positions.insert(position);
        }
        moved.push(count);
        if self.appends && !reads {
            positions.extend(&self.bases);
        }
        self.bases.extend([at, at + count]);
        for position in positions {
            self.bases.extend([position, position + count]);
            self.copies.insert(if reads { at - position } else { position - at });
        }
    }
}

/// The value of a size. No map reaches further than twice the largest; and sums of these do not overflow.
fn value(size: &Size, page: u64) -> Option<i64> {
    let near = |value: &i64| value.unsigned_abs() <= 2 * limits::MAP_BYTES;
    size.linear()?.eval(page).filter(near)
}

fn sums(some: &BTreeSet<i64>, others: &BTreeSet<i64>) -> BTreeSet<i64> {
    some.iter().flat_map(|one| others.iter().map(move |other| one + other)).collect()
}

fn appends(case: &Case) -> bool {
    let says = |arg: &Arg| match arg {
        Arg::Flags(words) => FlagWord::all(words) & i64::from(libc::O_APPEND) != 0,
        _ => false,
    };
    case.walk().any(|(_, _, step)| match step {
        Step::Call { call: Call::File | Call::Open, args, .. } => args.iter().any(says),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within_page(text: &str) -> BTreeSet<i64> {
        Named::of(&crate::parse::case(text).unwrap(), &[], 4096).within_page
    }

    #[test]
    fn an_offset_beyond_the_first_page_counts_in_every_page() {
        let named = within_page(
            "a = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             a[PAGE + 100] = 'x';",
        );
        assert_eq!(named, BTreeSet::from([0, 100, 101]));
    }

    #[test]
    fn a_byte_that_two_reads_carry_is_found_where_the_second_puts_it() {
        // The byte at 1000 comes to lie 1000 - 300 bytes behind the second place.
        let named = within_page(
            "fd = file(PAGE);
             map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             pwrite(fd, \"x\", 1000);
             read(fd, map, 300);
             read(fd, map + 50, 2000);",
        );
        assert!(named.contains(&750) && named.contains(&751), "{named:?}");
    }

    #[test]
    fn what_is_appended_begins_where_a_file_ends() {
        let named = within_page("fd = file(300, O_RDWR | O_APPEND); pwrite(fd, \"abc\", 0);");
        assert!(named.contains(&303), "{named:?}");
    }
}
