//! A case may reach no address of the harness: it may have a range for its maps, each far from everything
//! else; the addresses below all that this process has; and those above all that any process has.
//!
//! The byte after a map is SIGSEGV SEGV_MAPERR only if nothing happens to be mapped there. The kernel packs
//! new maps against old ones, so a range of addresses is reserved and given back; its middle is then known to
//! be empty, and each map is placed there by a hint, gigabytes from the next.
//!
//! The main type is [`AddressRange`]; `victim::Guard` checks each access and each call against it.

use std::ops::Range;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::arena::own_maps;
use crate::case::limits::{LOW_ADDRESS, MAPS};

/// Addresses from one map to the next: far more than the largest map that a case may have.
const STRIDE: usize = 2 << 30;

/// A range of empty addresses, and the bounds of all others that are free.
#[derive(Debug, Clone, Copy)]
pub struct AddressRange {
    start: usize,
    end: usize,
    used: usize,
    low: usize,
    beyond: usize,
}

impl AddressRange {
    /// Finds the range for this process and those forked from it. Must come before
    /// [`super::prepare_worker`], which bounds the address space. Fails as mmap(2) does.
    pub fn find() -> Result<AddressRange, rustix::io::Errno> {
        // One place more, and one at either end that is not used: the kernel puts what this process maps
        // later next to what it has, but no more than `Limits::address_space`, which is less than a stride.
        let length = (MAPS + 3) * STRIDE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice, given back at once.
        let start = unsafe {
            let start = mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::empty(), flags)?;
            munmap(start, length)?;
            start as usize
        };
        let (start, end) = (start + STRIDE, start + length - STRIDE);
        let (low, beyond) = (lowest_mapped(), end_of_addresses());
        Ok(AddressRange { start, end, used: 0, low, beyond })
    }

    /// Returns the address for the next map.
    #[inline(always)]
    pub fn place(&self) -> usize {
        let first = self.start.next_multiple_of(STRIDE / 2) + STRIDE / 2;
        first + self.used.min(MAPS - 1) * STRIDE
    }

    /// Returns the bounds of the addresses around [`AddressRange::place`] that a map there may extend to,
    /// where nothing else lies there.
    #[inline(always)]
    pub fn around(&self) -> (usize, usize) {
        (self.place() - STRIDE / 2, self.place() + STRIDE / 2)
    }

    /// True if there is no place after [`AddressRange::place`].
    #[inline(always)]
    pub fn is_last(&self) -> bool {
        self.used + 1 >= MAPS
    }

    /// Marks [`AddressRange::place`] as taken.
    #[inline(always)]
    pub fn take(&mut self) {
        self.used += 1;
    }

    /// Returns all addresses that are kept for maps. There is a gap beyond each end.
    #[inline(always)]
    pub fn kept(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the lowest address at which this process has anything mapped.
    #[inline(always)]
    pub fn lowest_mapped(&self) -> usize {
        self.low
    }

    /// Returns the first address that no process has.
    #[inline(always)]
    pub fn beyond(&self) -> usize {
        self.beyond
    }
}

/// Returns the lowest address at which this process has anything mapped; where /proc does not tell, an
/// address below which the kernel maps nothing by itself (vm.mmap_min_addr).
fn lowest_mapped() -> usize {
    own_maps().iter().map(|area| area.address.0 as usize).min().unwrap_or(LOW_ADDRESS as usize)
}

/// The first power of two that is no address of a process: a map that must lie there fails with ENOMEM
/// (mmap(2)). x86-64 has 47 bits of them, or 56; arm64 and riscv64 have between 38 and 56.
fn end_of_addresses() -> usize {
    const MOST_BITS: u32 = 57;
    let page = rustix::param::page_size();
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    let is_end = |address: usize| {
        let asked = std::ptr::without_provenance_mut(address);
        // SAFETY: it replaces nothing; where it can be made it is given back at once.
        unsafe {
            match mmap_anonymous(asked, page, ProtFlags::empty(), flags) {
                Ok(made) => munmap(made, page).is_err(),
                Err(errno) => errno == rustix::io::Errno::NOMEM,
            }
        }
    };
    (38..MOST_BITS).map(|bits| 1 << bits).find(|at| is_end(*at)).unwrap_or(1 << MOST_BITS)
}
