//! Which file a byte of memory should show: the victim's own notes of its maps.

use crate::parse::limits::STEPS;

/// One map as it was made; a later one that covers the same address hides it.
#[derive(Debug, Clone, Copy)]
struct Map {
    start: usize,
    end: usize,
    /// Which file, and the offset in it that `start` shows; none for memory without a file.
    file: Option<(usize, u64)>,
}

/// The notes. A forked process has its own copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps {
    all: [Map; STEPS],
    count: usize,
}

impl Maps {
    pub const NONE: Maps = Maps { all: [Map { start: 0, end: 0, file: None }; STEPS], count: 0 };

    pub fn note(&mut self, start: usize, length: usize, file: Option<(usize, u64)>) {
        if let Some(place) = self.all.get_mut(self.count) {
            *place = Map { start, end: start.saturating_add(length), file };
            self.count += 1;
        }
    }

    /// The file and offset that this address shows.
    pub fn file_at(&self, address: usize) -> Option<(usize, u64)> {
        let all = self.all.get(..self.count)?;
        let map = all.iter().rev().find(|map| (map.start..map.end).contains(&address))?;
        map.file.map(|(file, offset)| (file, offset.wrapping_add((address - map.start) as u64)))
    }
}
