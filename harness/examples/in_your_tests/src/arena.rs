//! An arena that is filled once, and must not change after that.

use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapMut};

/// An arena that can be filled.
pub struct Arena {
    map: MmapMut,
    used: usize,
}

/// An arena that cannot be written to: a store to it raises SIGSEGV.
pub struct Sealed {
    map: Mmap,
}

impl Arena {
    /// Returns an arena with room for so many bytes.
    pub fn new(room: usize) -> io::Result<Arena> {
        Ok(Arena { map: MmapMut::map_anon(room)?, used: 0 })
    }

    /// Copies bytes into it, and returns their place; `None` where there is no room.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let place = self.used..self.used.checked_add(bytes.len())?;
        self.map.get_mut(place.clone())?.copy_from_slice(bytes);
        self.used = place.end;
        Some(place)
    }

    /// Takes the right to write away.
    pub fn seal(self) -> io::Result<Sealed> {
        Ok(Sealed { map: self.map.make_read_only()? })
    }
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}
