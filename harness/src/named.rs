//! A sweep has to know where something may change within a map: at the offsets that a case names.
//!
//! Every size of a case may be an offset in a map, an offset in a file that a map shows from elsewhere,
//! or the end of a range. Maps lie at whole pages and show files from whole pages on, so the offset
//! *within the page* survives every remapping. It does not survive a copy: read(2) and write(2) carry
//! bytes between a map and the file position. The main type is [`Named`]: the offsets within the page, as
//! each copy carries on those that were named before it, and the bytes that are named, as they are seen
//! through maps which lie in one another or show a file from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Arg, Case, Size, Step, StepResult, limits, says};
use crate::vocabulary::{Effect, Facet, Syscall};

/// More offsets within a page than this are not carried on through further copies.
const CARRIED: usize = 1024;
/// A file that is copied into its own map repeats itself; no more than so often is followed.
const REPEATS: i64 = 16;
/// No more sums of distances than this are followed.
const SHIFTS: usize = 256;
/// No more bytes than this are named.
const BYTES: usize = 4096;

/// The offsets that the steps of a case name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The number of bytes of a page.
    pub page: u64,
    /// Bytes: those that a step names first, then those that are one distance away, two distances, ...
    pub bytes: Vec<i64>,
    /// All offsets within the page, those included that copies bring about.
    pub within_page: BTreeSet<i64>,
    /// Bytes are copied from one offset to another.
    pub copies: bool,
    /// There are more than are listed here.
    pub truncated: bool,
}

/// The offsets gathered along the steps.
struct Gathered {
    page: i64,
    /// Offsets as the steps say them.
    said: BTreeSet<i64>,
    within_page: BTreeSet<i64>,
    /// The distances between two offsets that are the same byte, or that a copy has made equal.
    distances: BTreeSet<i64>,
    copies: bool,
    truncated: bool,
    /// The counts of the transfers through each descriptor, by the name of its variable: the latest transfer
    /// last.
    moved: BTreeMap<String, Vec<i64>>,
    /// A file is written to at its end.
    appends: bool,
}

impl Named {
    /// Returns the offsets of a case whose steps came to these results, on a machine with pages of `page`
    /// bytes.
    pub fn of(case: &Case, results: &[StepResult], page: u64) -> Named {
        let mut gathered = Gathered {
            page: page as i64,
            said: BTreeSet::new(),
            within_page: BTreeSet::new(),
            distances: BTreeSet::new(),
            copies: false,
            truncated: false,
            moved: BTreeMap::new(),
            appends: appends(case),
        };
        for (index, _, step) in case.walk() {
            match step {
                Step::Call { args, call, .. } => gathered.call(call, args, results.get(index)),
                Step::Touch { at, to, .. } => {
                    let at = gathered.value(at);
                    let to = to.as_ref().and_then(|to| gathered.value(to));
                    gathered.name(at.into_iter().chain(at.map(|at| at + 1)).chain(to));
                }
                Step::Block { .. } | Step::Sweep { .. } => {}
            }
        }
        let bytes = seen_through(&gathered.said, &gathered.distances);
        let Gathered { within_page, copies, truncated, .. } = gathered;
        Named { page, bytes, within_page, copies, truncated }
    }
}

impl Gathered {
    fn value(&self, size: &Size) -> Option<i64> {
        value(size, self.page as u64)
    }

    fn name(&mut self, offsets: impl IntoIterator<Item = i64>) {
        for offset in offsets {
            if self.said.len() < BYTES {
                self.said.insert(offset);
            }
            self.within_page.insert(offset.rem_euclid(self.page));
        }
    }

    /// Two offsets are the same byte.
    fn same(&mut self, one: i64, other: i64) {
        if one != other && self.distances.len() < SHIFTS {
            self.distances.extend([one - other, other - one]);
        }
    }

    /// A copy of so many bytes: what was named so far is named as well so much further on, and further once
    /// more where the copy overlaps its source.
    fn carry(&mut self, distances: &BTreeSet<i64>, count: i64) {
        self.copies = true;
        for distance in distances {
            self.same(*distance, 0);
        }
        let before: Vec<i64> = self.within_page.iter().copied().collect();
        for distance in distances.iter().filter(|distance| **distance != 0) {
            let repeats = (count / distance.abs()).clamp(1, REPEATS);
            for offset in
                (1..=repeats).flat_map(|times| before.iter().map(move |at| at + times * distance))
            {
                if self.within_page.len() >= CARRIED {
                    self.truncated = true;
                    return;
                }
                self.within_page.insert(offset.rem_euclid(self.page));
            }
        }
    }

    fn call(&mut self, call: &Syscall, args: &[Arg], result: Option<&StepResult>) {
        let page = self.page;
        let size = |index: usize| match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { offset: size, .. }) => value(size, page as u64),
            _ => None,
        };
        // An offset from a map; an address that is none says nothing.
        let within = |index: usize| match args.get(index) {
            Some(Arg::Address { map: Some(_), .. }) => size(index),
            _ => None,
        };
        let sizes: Vec<i64> = (0..args.len()).filter_map(size).collect();
        // A range is an offset and a length: its end counts as well.
        let ends: Vec<i64> = sizes.windows(2).map(|pair| pair[0] + pair[1]).collect();
        let at = |index: usize| size(index).unwrap_or(0);
        match call.effect {
            Effect::Maps { address, offset, .. } => {
                self.same(within(address).unwrap_or(0), 0);
                self.same(at(offset), 0);
            }
            Effect::Remaps { address, target, .. } => {
                let (from, to) = (within(address).unwrap_or(0), within(target).unwrap_or(0));
                self.same(from, 0);
                self.same(to, 0);
                self.same(from, to);
            }
            Effect::Attaches { address, .. } => self.same(within(address).unwrap_or(0), 0),
            Effect::Rearranges { address, page_offset, .. } => {
                let far = 2 * limits::MAP_BYTES as i64;
                let first = at(page_offset).saturating_mul(self.page).min(far);
                self.same(within(address).unwrap_or(0), first);
            }
            Effect::StoresText { text, offset } => {
                if let Some(Arg::Text(text)) = args.get(text) {
                    self.text(text, at(offset));
                }
            }
            Effect::Allocates { mode, length, .. } => {
                let moves = says(args, mode, Facet::Moves);
                if let (true, Some(length)) = (moves, size(length)) {
                    self.carry(&BTreeSet::from([length, -length]), 0);
                }
            }
            Effect::Transfers { address, count, to_memory } => {
                let asked = at(count);
                let count = match result {
                    Some(StepResult::Count(count)) => i64::try_from(*count).unwrap_or(asked),
                    _ => asked,
                };
                if let Some(Arg::Descriptor(name)) = args.first() {
                    let direction = if to_memory { 1 } else { -1 };
                    self.transfer(name, direction, at(address), count);
                }
            }
            _ => {}
        }
        self.name(sizes.into_iter().chain(ends));
    }

    /// A text that is written from this offset on: each byte of it that differs from the one before.
    fn text(&mut self, text: &[u8], start: i64) {
        let length = text.len() as i64;
        let changes = (1..).zip(text.windows(2)).filter(|(_, pair)| pair[0] != pair[1]);
        self.name(changes.map(|(index, _)| start + index));
        self.name([start + length]);
        if self.appends {
            let ends: Vec<i64> = self.said.iter().map(|said| said + length).collect();
            self.name(ends);
        }
    }

    /// A copy between a map, from offset `at` on, and wherever the descriptor is at; `direction` is 1 into the
    /// map, and -1 out of it.
    fn transfer(&mut self, name: &str, direction: i64, at: i64, count: i64) {
        let moved = self.moved.entry(name.to_owned()).or_default();
        // The variable may have been given anew in between: each of the latest few transfers counts.
        let mut positions = BTreeSet::from([0]);
        let mut position = 0;
        for count in moved.iter().rev() {
            position += count;
            positions.insert(position);
        }
        moved.push(count);
        // A write to the end of a file leaves the position there, for a read as well.
        if self.appends {
            positions.extend(&self.said);
        }
        let distances = positions.iter().map(|position| direction * (at - position));
        self.carry(&distances.collect(), count);
        self.name([at, at + count]);
        self.name(positions.into_iter().flat_map(|position| [position, position + count]));
    }
}

/// These offsets, and those that are one distance away, and then sums of two, and so on.
fn seen_through(said: &BTreeSet<i64>, distances: &BTreeSet<i64>) -> Vec<i64> {
    let far = 2 * limits::MAP_BYTES as i64;
    let mut shifts = vec![0];
    let mut next = 0;
    while let Some(shift) = shifts.get(next).copied().filter(|_| shifts.len() < SHIFTS) {
        next += 1;
        for distance in distances {
            let sum = shift + distance;
            if sum.abs() <= far && !shifts.contains(&sum) {
                shifts.push(sum);
            }
        }
    }
    let mut bytes = Vec::new();
    let mut known = BTreeSet::new();
    for shift in shifts {
        for offset in said {
            if bytes.len() == BYTES {
                return bytes;
            }
            if known.insert(offset + shift) {
                bytes.push(offset + shift);
            }
        }
    }
    bytes
}

/// The value of a size. No map reaches further than twice the largest; and sums of these do not overflow.
fn value(size: &Size, page: u64) -> Option<i64> {
    let near = |value: &i64| value.unsigned_abs() <= 2 * limits::MAP_BYTES;
    size.linear()?.eval(page).filter(near)
}

fn appends(case: &Case) -> bool {
    case.calls().any(|(_, args)| args.iter().any(|arg| arg.has(Facet::Appends)))
}

#[cfg(test)]
mod tests;
