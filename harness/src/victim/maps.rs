//! A victim must know which file a byte of memory or a descriptor shows, and nobody can tell before anything
//! runs: the kernel gives the number of a descriptor that was closed to the next, and another process may
//! still have a descriptor that one process closes.
//!
//! So a victim notes its maps in [`Maps`] and its descriptors in [`Descriptors`].

use std::cell::Cell;
use std::ops::Range;

use crate::sys::Arena;

/// The number of notes for which each step has room: a map that moves is noted anew, part by part.
const NOTES_PER_STEP: usize = 8;

/// One map as it was made; a later note that covers the same address hides it.
#[derive(Debug, Clone, Copy)]
struct Map {
    start: usize,
    end: usize,
    shows: Shows,
}

/// The thing that is mapped at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Nothing is mapped.
    Nothing,
    /// Memory without a file.
    Memory,
    /// A file, from this offset on.
    File(usize, u64),
}

impl Shows {
    #[inline(always)]
    fn of(file: Option<(usize, u64)>) -> Shows {
        match file {
            Some((file, offset)) => Shows::File(file, offset),
            None => Shows::Memory,
        }
    }

    /// Returns the same, so many bytes further on.
    #[inline(always)]
    fn after(self, bytes: usize) -> Shows {
        match self {
            Shows::File(file, offset) => Shows::File(file, offset.wrapping_add(bytes as u64)),
            other => other,
        }
    }

    #[inline(always)]
    fn file(self) -> Option<(usize, u64)> {
        match self {
            Shows::File(file, offset) => Some((file, offset)),
            Shows::Nothing | Shows::Memory => None,
        }
    }
}

/// The notes of the maps. They are laid out before the fork, so that a victim touches no more than the page
/// that it writes to; each process has its own copy.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'m> {
    all: &'m [Cell<Map>],
    count: &'m Cell<usize>,
    /// Not 0 where a map may grow down by itself; the notes do not tell by how much.
    grows: &'m Cell<usize>,
}

impl<'m> Maps<'m> {
    /// Returns empty notes, with room for those of so many steps.
    pub fn none(steps: usize, memory: &'m Arena) -> Maps<'m> {
        let empty = Map { start: 0, end: 0, shows: Shows::Nothing };
        let (count, grows) = (&memory.cells(0, 1)[0], &memory.cells(0, 1)[0]);
        Maps { all: memory.cells(empty, NOTES_PER_STEP * steps), count, grows }
    }

    /// Notes that a map was made, of a file from an offset on, or of no file.
    #[inline(always)]
    pub fn note(&self, start: usize, length: usize, file: Option<(usize, u64)>) {
        self.add(start, length, Shows::of(file));
    }

    /// Notes that nothing is mapped there any more.
    #[inline(always)]
    pub fn unmap(&self, start: usize, length: usize) {
        self.add(start, length, Shows::Nothing);
    }

    #[inline(always)]
    fn add(&self, start: usize, length: usize, shows: Shows) {
        let count = self.count.get();
        if let Some(place) = self.all.get(count) {
            place.set(Map { start, end: start.saturating_add(length), shows });
            self.count.set(count + 1);
        }
    }

    /// Notes that a map was moved, or given another length in its place. The new place shows what the old one
    /// showed, and the bytes that were added go on from its end. With an old length of 0 the map is shown
    /// once more, from the same address on.
    #[inline(always)]
    pub fn remap(&self, (from, old): (usize, usize), to: usize, new: usize) {
        if old == 0 {
            return self.note(to, new, self.file_at(from));
        }
        let last = self.shown_at(from.wrapping_add(old - 1), self.count.get()).0;
        if from != to {
            self.show_again((from, old.min(new)), to);
            self.unmap(from, old);
        } else if new < old {
            self.unmap(from.wrapping_add(new), old - new);
        }
        if new > old {
            self.add(to.wrapping_add(old), new - old, last.after(1));
        }
    }

    /// Notes that one place shows what another shows, which stays mapped (MREMAP_DONTUNMAP). The gaps between
    /// several maps are left as they are (Linux 6.17: mremap_at).
    #[inline(always)]
    pub fn show_again(&self, (from, length): (usize, usize), to: usize) {
        let before = self.count.get();
        let (mut at, end) = (from, from.saturating_add(length));
        while at < end {
            let (shows, until) = self.shown_at(at, before);
            let until = until.min(end);
            if shows != Shows::Nothing {
                self.add(to.wrapping_add(at - from), until - at, shows);
            }
            at = until;
        }
    }

    /// Returns what the first `notes` notes tell of this address, and the end of the range for which they
    /// tell the same.
    #[inline(always)]
    fn shown_at(&self, address: usize, notes: usize) -> (Shows, usize) {
        let (mut shows, mut until) = (Shows::Nothing, usize::MAX);
        for map in self.all.get(..notes).unwrap_or_default() {
            let map = map.get();
            if map.start <= address && address < map.end {
                shows = map.shows.after(address - map.start);
                until = until.min(map.end);
            } else if address < map.start {
                until = until.min(map.start);
            }
        }
        (shows, until)
    }

    /// Returns the first stretch of a range in which something is mapped: its address and its end.
    #[inline(always)]
    pub fn first_in(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let mut at = start;
        while at < end {
            let (shows, until) = self.shown_at(at, self.count.get());
            if shows != Shows::Nothing {
                return Some((at, until.min(end)));
            }
            at = until;
        }
        None
    }

    /// Notes that a map was made that grows down (mmap(2): MAP_GROWSDOWN).
    #[inline(always)]
    pub fn grows_down(&self) {
        self.grows.set(1);
    }

    /// True if memory may be mapped where no map was noted, since a map may have grown down.
    #[inline(always)]
    pub fn may_have_grown(&self) -> bool {
        self.grows.get() != 0
    }

    /// True if there is no room for more notes.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count.get() >= self.all.len()
    }

    /// True if a map was made that lies within these addresses, wholly or in part; it may be gone by now.
    #[inline(always)]
    pub fn any_in(&self, (start, end): (usize, usize)) -> bool {
        for map in self.all.get(..self.count.get()).unwrap_or_default() {
            let map = map.get();
            if map.shows != Shows::Nothing && map.start < end && start < map.end {
                return true;
            }
        }
        false
    }

    /// Returns the number of notes.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// Returns the part of a range that lies in the map of note number `index`: the number of its bytes, and
    /// the file that it shows with the offset. `None` where a later note covers it wholly. Takes no callback,
    /// which would lie elsewhere than a victim's code.
    #[inline(always)]
    pub fn part(&self, index: usize, range: &Range<usize>) -> Option<(u64, Option<(usize, u64)>)> {
        let all = self.all.get(..self.count.get()).unwrap_or_default();
        let map = all.get(index)?.get();
        let (start, end) = (map.start.max(range.start), map.end.min(range.end));
        if start >= end {
            return None;
        }
        let mut hidden = false;
        for later in all.get(index + 1..).unwrap_or_default() {
            let later = later.get();
            hidden |= later.start <= start && end <= later.end;
        }
        if hidden {
            return None;
        }
        match map.shows {
            Shows::Nothing => None,
            shows => Some(((end - start) as u64, shows.after(start - map.start).file())),
        }
    }

    /// Notes that a map shows its file from another offset on.
    #[inline(always)]
    pub fn show_from(&self, start: usize, length: usize, offset: u64) {
        let file = self.file_at(start).map(|(file, _)| (file, offset));
        self.note(start, length, file);
    }

    /// Returns the file and offset that this address shows.
    #[inline(always)]
    pub fn file_at(&self, address: usize) -> Option<(usize, u64)> {
        self.shown_at(address, self.count.get()).0.file()
    }
}

/// The thing that a descriptor shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing, or something that is the same in every run.
    Nothing,
    /// This file of the harness.
    File(usize),
    /// A file of /proc: its content tells of the machine or of the harness, and differs from run to run.
    Varying,
}

/// The notes of the descriptors. Each process has its own copy.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors<'m> {
    /// A descriptor and what it shows; a later note hides an earlier one.
    all: &'m [Cell<(usize, Shown)>],
    count: &'m Cell<usize>,
}

impl<'m> Descriptors<'m> {
    /// Returns empty notes, with room for those of so many steps.
    pub fn none(steps: usize, memory: &'m Arena) -> Descriptors<'m> {
        let count = &memory.cells(0, 1)[0];
        Descriptors { all: memory.cells((0, Shown::Nothing), steps), count }
    }

    /// Notes what this descriptor shows from here on: nothing where it was closed.
    #[inline(always)]
    pub fn note(&self, descriptor: usize, shown: Shown) {
        let count = self.count.get();
        if let Some(place) = self.all.get(count) {
            place.set((descriptor, shown));
            self.count.set(count + 1);
        }
    }

    /// Returns the file of the harness that this descriptor shows.
    #[inline(always)]
    pub fn file_of(&self, descriptor: usize) -> Option<usize> {
        match self.shown_by(descriptor) {
            Shown::File(file) => Some(file),
            _ => None,
        }
    }

    /// Returns the thing that this descriptor shows. The kernel looks only at the lower half of an argument
    /// that is a descriptor.
    #[inline(always)]
    pub fn shown_by(&self, descriptor: usize) -> Shown {
        let all = self.all.get(..self.count.get()).unwrap_or_default();
        let mut notes = all.iter().rev().map(Cell::get);
        notes
            .find(|(own, _)| *own as u32 == descriptor as u32)
            .map_or(Shown::Nothing, |note| note.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_moved_away_is_not_moved_once_more() {
        let memory = Arena::new().unwrap();
        let maps = Maps::none(10, &memory);
        maps.note(0x10000, 0x8000, Some((0, 0)));
        // Pages 2 and 3 go elsewhere; then pages 0 to 3, of which two are left.
        maps.remap((0x12000, 0x2000), 0x50000, 0x2000);
        maps.note(0x30000, 0x8000, Some((1, 0)));
        maps.remap((0x10000, 0x4000), 0x30000, 0x4000);
        for (address, shows) in [
            (0x50001, Some((0, 0x2001))),
            (0x30001, Some((0, 1))),
            (0x32001, Some((1, 0x2001))),
            (0x10000, None),
            (0x12000, None),
            (0x14001, Some((0, 0x4001))),
        ] {
            assert_eq!(maps.file_at(address), shows, "{address:#x}");
        }
    }

    #[test]
    fn what_dontunmap_moves_stays_as_well_and_what_is_unmapped_goes() {
        let memory = Arena::new().unwrap();
        let maps = Maps::none(10, &memory);
        maps.note(0x10000, 0x4000, Some((0, 0)));
        maps.show_again((0x11000, 0x1000), 0x50000);
        maps.unmap(0x12000, 0x1000);
        let shown = [0x11000, 0x50000, 0x12000, 0x13000].map(|address| maps.file_at(address));
        let page = |number: u64| Some((0, number << 12));
        assert_eq!(shown, [page(1), page(1), None, page(3)]);
        // Grown in its place, it goes on with the file.
        maps.remap((0x13000, 0x1000), 0x13000, 0x2000);
        assert_eq!(maps.file_at(0x14000), page(4));
        assert!(maps.any_in((0x10000, 0x11000)) && !maps.any_in((0x60000, 0x61000)));
    }
}
