//! Which file a byte of memory or a descriptor shows: the victim's own notes of its maps and descriptors.
//!
//! Neither can be told before anything runs: the kernel gives the number of a descriptor that was closed
//! to the next, and what one process closes another may still have.

use std::cell::Cell;
use std::ops::Range;

use crate::sys::Inheritance;

/// A map that moves is noted anew, part by part.
const NOTES_PER_STEP: usize = 4;

/// One map as it was made; a later one that covers the same address hides it.
#[derive(Debug, Clone, Copy)]
struct Map {
    start: usize,
    end: usize,
    /// Which file, and the offset in it that `start` shows; none for memory without a file.
    file: Option<(usize, u64)>,
}

/// The notes. They are laid out before the fork, so that a victim touches no more than the page that it
/// writes to; each process has its own copy.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'m> {
    all: &'m [Cell<Map>],
    count: &'m Cell<usize>,
}

impl<'m> Maps<'m> {
    /// No map is noted; there is room for those of so many steps.
    pub fn none(steps: usize, memory: &'m Inheritance) -> Maps<'m> {
        let empty = Map { start: 0, end: 0, file: None };
        let count = &memory.cells(0, 1)[0];
        Maps { all: memory.cells(empty, NOTES_PER_STEP * steps), count }
    }

    /// A map was made, of a file from an offset on, or of no file.
    pub fn note(&self, start: usize, length: usize, file: Option<(usize, u64)>) {
        let count = self.count.get();
        if let Some(place) = self.all.get(count) {
            place.set(Map { start, end: start.saturating_add(length), file });
            self.count.set(count + 1);
        }
    }

    /// A map was moved, or given another length where it is: what it showed it shows there, and what
    /// it grew by goes on from its end. With an old length of 0 it is shown once more, from there on.
    #[inline(always)]
    pub fn remap(&self, from: usize, old: usize, to: usize, new: usize) {
        if old == 0 {
            return self.note(to, new, self.file_at(from));
        }
        let last = self.file_at(from.wrapping_add(old - 1));
        if from != to {
            for map in self.all.iter().take(self.count.get()).map(Cell::get) {
                let end = from.saturating_add(old.min(new));
                let (start, end) = (map.start.max(from), map.end.min(end));
                if start < end {
                    let skipped = (start - map.start) as u64;
                    let file = map.file.map(|(file, offset)| (file, offset.wrapping_add(skipped)));
                    self.note(to + (start - from), end - start, file);
                }
            }
        }
        if new > old {
            let file = last.map(|(file, offset)| (file, offset.wrapping_add(1)));
            self.note(to + old, new - old, file);
        }
    }

    /// Whether a map was made that lies within these addresses, wholly or in part.
    #[inline(always)]
    pub fn any_in(&self, (start, end): (usize, usize)) -> bool {
        for map in self.all.get(..self.count.get()).unwrap_or_default() {
            if map.get().start < end && start < map.get().end {
                return true;
            }
        }
        false
    }

    /// How many maps are noted.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// The part of a range that lies in map number `index`: its bytes, and what file it shows from which offset
    /// on. None where a later map covers it wholly. No callback, which would lie elsewhere than a victim's code.
    #[inline(always)]
    pub fn part(&self, index: usize, range: &Range<usize>) -> Option<(u64, Option<(usize, u64)>)> {
        let all = self.all.get(..self.count.get()).unwrap_or_default();
        let map = all.get(index)?.get();
        let (start, end) = (map.start.max(range.start), map.end.min(range.end));
        let mut later = all.iter().skip(index + 1).map(Cell::get);
        if start >= end || later.any(|later| later.start <= start && end <= later.end) {
            return None;
        }
        let skipped = (start - map.start) as u64;
        let file = map.file.map(|(file, offset)| (file, offset.wrapping_add(skipped)));
        Some(((end - start) as u64, file))
    }

    /// A map shows its file from another offset on.
    #[inline(always)]
    pub fn show_from(&self, start: usize, length: usize, offset: u64) {
        let file = self.file_at(start).map(|(file, _)| (file, offset));
        self.note(start, length, file);
    }

    /// The file and offset that this address shows.
    #[inline(always)]
    pub fn file_at(&self, address: usize) -> Option<(usize, u64)> {
        let all = self.all.get(..self.count.get())?;
        let maps = all.iter().rev().map(Cell::get);
        let map = maps.into_iter().find(|map| (map.start..map.end).contains(&address))?;
        map.file.map(|(file, offset)| (file, offset.wrapping_add((address - map.start) as u64)))
    }
}

/// What a descriptor shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing, or what is the same in every run.
    Nothing,
    /// This file of the harness.
    File(usize),
    /// A file of /proc: what stands in it tells of the machine or of the harness, and differs from run to run.
    Varying,
}

/// Which descriptor shows what. Each process has its own copy.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors<'m> {
    /// A descriptor and what it shows; a later note hides an earlier one.
    all: &'m [Cell<(usize, Shown)>],
    count: &'m Cell<usize>,
}

impl<'m> Descriptors<'m> {
    /// None is noted; there is room for those of so many steps.
    pub fn none(steps: usize, memory: &'m Inheritance) -> Descriptors<'m> {
        let count = &memory.cells(0, 1)[0];
        Descriptors { all: memory.cells((0, Shown::Nothing), steps), count }
    }

    /// From here on this descriptor shows that: nothing where it was closed.
    pub fn note(&self, descriptor: usize, shown: Shown) {
        let count = self.count.get();
        if let Some(place) = self.all.get(count) {
            place.set((descriptor, shown));
            self.count.set(count + 1);
        }
    }

    /// The file of the harness that this descriptor shows.
    #[inline(always)]
    pub fn file_of(&self, descriptor: usize) -> Option<usize> {
        match self.shown_by(descriptor) {
            Shown::File(file) => Some(file),
            _ => None,
        }
    }

    /// What this descriptor shows. The kernel looks at the lower half of an argument that is a descriptor.
    #[inline(always)]
    pub fn shown_by(&self, descriptor: usize) -> Shown {
        let all = self.all.get(..self.count.get()).unwrap_or_default();
        let mut notes = all.iter().rev().map(Cell::get);
        notes
            .find(|(own, _)| *own as u32 == descriptor as u32)
            .map_or(Shown::Nothing, |note| note.1)
    }
}
