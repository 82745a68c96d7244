//! Where a victim's maps are placed: far from everything else, each alone.
//!
//! The byte after a map is SIGSEGV SEGV_MAPERR only if nothing happens to be mapped there. The
//! kernel packs new maps against old ones, so a stretch of addresses is reserved and given back; its
//! middle is then known to be empty, and each map is placed there by a hint, gigabytes from the next.

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Addresses from one map to the next: far more than the largest map that a case may have.
const STRIDE: usize = 2 << 30;
/// How many maps can be placed.
const PLACES: usize = crate::case::limits::MAPS;

/// A stretch of empty addresses.
#[derive(Debug, Clone, Copy)]
pub struct Arena {
    base: usize,
    used: usize,
}

impl Arena {
    /// Finds the stretch for this process and those forked from it. Must come before
    /// [`super::prepare_worker`], which bounds the address space. Fails as mmap(2) does.
    pub fn find() -> Result<Arena, rustix::io::Errno> {
        let length = (PLACES + 2) * STRIDE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice, given back at once.
        let start = unsafe {
            let start = mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::empty(), flags)?;
            munmap(start, length)?;
            start as usize
        };
        // The kernel places what this process maps later at the upper end, but no more than
        // `Limits::address_space`, which is less than a stride: the ends stay unused.
        Ok(Arena { base: (start + STRIDE / 2).next_multiple_of(STRIDE / 2), used: 0 })
    }

    /// The address for the next map.
    pub fn place(&self) -> usize {
        self.base + self.used.min(PLACES - 1) * STRIDE
    }

    /// Marks [`Arena::place`] as taken.
    pub fn take(&mut self) {
        self.used += 1;
    }

    /// Whether the address is one of the arena's.
    pub fn holds(&self, address: usize) -> bool {
        (self.base..self.base + PLACES * STRIDE).contains(&address)
    }
}
