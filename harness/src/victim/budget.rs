//! A case could exhaust the disk or the memory of the machine, so the child counts what each call and access
//! may take before it makes it.
//!
//! The text of a case does not tell what it takes: one ftruncate and one madvise let a small file grow to a
//! gigabyte, a hole is filled again, each process makes copies of its own. So a victim pays the most that a
//! step can allocate, before it performs the step, from the budget that its supervisor has laid into the
//! record for all processes of the probe. A step that costs more than is left is not performed, which is a
//! harness error.
//!
//! The price is a bound, made from the victim's notes of its maps. Where that is too much, the victim asks
//! how much the files really have, and how much of a range they can still take: a file that is filled already
//! costs nothing more. Memory is not paid back. Behind this stand the limits of a worker, see
//! [`crate::sys::Limits`].
//!
//! The main type is [`Bill`], what a step comes to.

use std::sync::atomic::Ordering::Relaxed;

use nix::libc;

use super::failure::SetupFailure;
use super::guard::wrapped_up;
use super::perform::Victim;
use super::price::Price;
use super::request;
use crate::case::limits::{FILE_BYTES, FILES, MAP_BYTES};
use crate::sys::{DESCRIPTORS, scratch};

/// The most that a step can allocate, in bytes.
struct Bill {
    memory: u64,
    disk: [u64; FILES],
    /// The end of each file after the step, if that is further than its present end; the largest number where
    /// it is not known.
    ends: [u64; FILES],
    /// The bytes that a file may take beside each range that is asked for.
    block: u64,
    /// The part of `disk` by which whole folios exceed what is asked for: page cache, and no memory of the case.
    beside: u64,
    /// True if no more is counted of a file than the file can have.
    exact: bool,
}

/// The thing to be paid for. It is no closure, which the compiler would put elsewhere than a victim's code.
#[derive(Clone, Copy)]
enum Charge<'a> {
    /// A call with these arguments.
    Call(Price, &'a [usize; 6]),
    /// An access at this address, of so many bytes.
    Access(usize, usize),
}

impl Bill {
    #[inline(always)]
    fn disk(&self) -> u64 {
        self.disk.iter().fold(0, |all, one| all.saturating_add(*one))
    }

    #[inline(always)]
    fn add_disk(&mut self, file: usize, bytes: u64, end: u64) {
        // Both ends of a range may lie within blocks.
        let bytes = bytes.saturating_add(self.block);
        if let (Some(disk), Some(own)) = (self.disk.get_mut(file), self.ends.get_mut(file)) {
            *disk = disk.saturating_add(bytes);
            *own = end.max(*own);
        }
    }
}

impl Victim<'_> {
    /// Pays for a call with these arguments, or ends the process.
    #[inline(always)]
    pub(super) fn pay_for_call(&self, price: Price, args: &[usize; 6]) {
        if self.counted && !matches!(price, Price::Nothing) {
            self.pay(Charge::Call(price, args));
        }
    }

    /// Pays for an access of so many bytes.
    #[inline(always)]
    pub(super) fn pay_for_access(&self, address: usize, width: usize) {
        if self.counted {
            self.pay(Charge::Access(address, width));
        }
    }

    #[inline(always)]
    fn pay(&self, charge: Charge<'_>) {
        let budget = &self.record.budget;
        let (memory, disk) = (budget.memory.load(Relaxed), budget.disk.load(Relaxed));
        let mut exact = false;
        loop {
            let block = budget.block.load(Relaxed);
            let mut bill =
                Bill { memory: 0, disk: [0; FILES], ends: [0; FILES], block, beside: 0, exact };
            match charge {
                Charge::Call(price, args) => self.charge(&mut bill, price, args),
                Charge::Access(address, width) => self.charge_mapped(&mut bill, address, width),
            }
            let left = if exact { self.disk_left(&mut bill) } else { disk };
            let asked = bill.disk();
            // Bytes that are written to a file may be memory as well (tmpfs, the page cache).
            let in_memory = bill.memory.saturating_add(asked.saturating_sub(bill.beside));
            if in_memory <= memory && (asked == 0 || asked <= left) {
                budget.memory.store(memory - in_memory, Relaxed);
                budget.disk.store(left.saturating_sub(asked), Relaxed);
                return;
            }
            if exact {
                let disk_is_short = asked > left;
                let which = if disk_is_short { SetupFailure::Disk } else { SetupFailure::Memory };
                self.give_up(which, 0);
            }
            exact = true;
        }
    }

    /// Returns the disk that the files leave. Lowers the bill of each file to the room that the file has.
    #[inline(always)]
    fn disk_left(&self, bill: &mut Bill) -> u64 {
        let beyond = self.record.budget.beyond.load(Relaxed);
        let mut used = 0u64;
        for (file, (asked, end)) in bill.disk.iter_mut().zip(bill.ends).enumerate() {
            let (size, blocks) = self.size_and_blocks(file);
            let most = |size: u64| self.whole(size).saturating_add(beyond);
            // Blocks that a file system has set aside for later growth are not the case's.
            used = used.saturating_add(blocks.min(most(size)));
            if end != u64::MAX {
                let most = (*asked).min(self.room(size.max(end), blocks));
                bill.beside = bill.beside.saturating_sub(*asked - most);
                *asked = most;
            }
        }
        FILE_BYTES.saturating_sub(used)
    }

    #[inline(always)]
    fn charge(&self, bill: &mut Bill, price: Price, args: &[usize; 6]) {
        let arg = |index: usize| args.get(index).copied().unwrap_or(0);
        let file = self.program.descriptors.file_of(args[0]);
        match price {
            Price::Nothing => {}
            Price::Mapped { address, length } => {
                self.charge_mapped(bill, arg(address), arg(length))
            }
            Price::Locked { address, length } => {
                // The kernel adds the part of a page before the address, and only then rounds the length up.
                let page = self.program.page as usize;
                let in_page = arg(address) & page.wrapping_sub(1);
                let length = wrapped_up(arg(length).wrapping_add(in_page), page);
                self.charge_mapped(bill, arg(address).wrapping_sub(in_page), length);
                self.bound_by_locks(bill);
            }
            Price::NewMap { locks, huge } => {
                let [_, length, _, flags, descriptor, offset] = *args;
                let is_anonymous = flags & libc::MAP_ANONYMOUS as usize != 0;
                // A new descriptor is the lowest free number (open(2)), and a step opens two at most: mmap with `most`
                // or more is EBADF. The kernel looks only at the lower half of the argument.
                let most = DESCRIPTORS as usize + 2 * self.program.ops.len();
                if is_anonymous || (descriptor as u32 as usize) < most {
                    let shown = self.program.descriptors.file_of(descriptor);
                    let shown = shown.filter(|_| !is_anonymous);
                    let shown = shown.map(|file| (file, offset as u64));
                    let length = if huge { self.in_huge_pages(length) } else { length as u64 };
                    self.charge_new(bill, length, shown);
                    if locks {
                        self.bound_by_locks(bill);
                    }
                }
            }
            Price::Growth => {
                // An old length of 0 maps all of the new length again.
                let [start, old, new, ..] = *args;
                let page = self.program.page as usize;
                let (old, new) = (wrapped_up(old, page), wrapped_up(new, page));
                let last = if old == 0 { start } else { start.wrapping_add(old).wrapping_sub(1) };
                let grows_by = (new as u64).saturating_sub(old as u64);
                self.charge_new(bill, grows_by, self.program.maps.file_at(last));
                self.bound_by_locks(bill);
            }
            Price::GrownDown { address, length } => {
                let (start, length) = (arg(address), arg(length));
                // mprotect(2) does nothing for no bytes, nor for a range that wraps around.
                let end = start.checked_add(length).filter(|end| *end > start);
                if let (Some(end), true) = (end, self.program.maps.may_have_grown()) {
                    let grown = end.saturating_sub(self.mapped_down_to(start)) as u64;
                    let unit = self.record.budget.page.load(Relaxed);
                    bill.memory = bill.memory.saturating_add(grown).saturating_add(unit);
                }
            }
            Price::OtherPages => {
                let [start, length, _, first, ..] = *args;
                let offset = (first as u64).saturating_mul(self.program.page);
                let shown = self.program.maps.file_at(start).map(|(file, _)| (file, offset));
                self.charge_new(bill, length as u64, shown);
            }
            Price::HugePages { length } => {
                self.charge_new(bill, self.in_huge_pages(arg(length)), None);
            }
            Price::File { offset, length, beyond } => {
                let (offset, length) = (arg(offset) as u64, arg(length) as u64);
                if let Some(file) = file.filter(|_| is_possible(length)) {
                    bill.add_disk(file, length, offset.saturating_add(length));
                    if beyond {
                        self.keep_beyond(length);
                    }
                }
            }
            Price::Write => {
                let [_, from, count, ..] = *args;
                self.charge_mapped(bill, from, count);
                if let Some(file) = file {
                    bill.add_disk(file, count as u64, u64::MAX);
                }
            }
        }
    }

    /// Charges whatever is mapped there, and whatever may become one page with it.
    #[inline(always)]
    fn charge_mapped(&self, bill: &mut Bill, address: usize, length: usize) {
        let unit = self.record.budget.page.load(Relaxed) as usize;
        let start = address & !unit.wrapping_sub(1);
        let end = address.saturating_add(length).saturating_add(unit.wrapping_sub(1))
            & !unit.wrapping_sub(1);
        // The notes do not tell how far a map has grown down: all of the range may be memory, up to a gap. The kernel
        // refuses a range that wraps around.
        if self.program.maps.may_have_grown() && address.checked_add(length).is_some() {
            self.charge_part(bill, (end.wrapping_sub(start) as u64).min(MAP_BYTES), None);
        }
        let range = start..end;
        for index in 0..self.program.maps.count() {
            if let Some((bytes, file)) = self.program.maps.part(index, &range) {
                self.charge_part(bill, bytes, file);
            }
        }
    }

    /// Charges so many bytes as the arguments of a call ask for, unless the kernel refuses so many.
    #[inline(always)]
    fn charge_new(&self, bill: &mut Bill, bytes: u64, shows: Option<(usize, u64)>) {
        if is_possible(bytes) {
            self.charge_part(bill, bytes, shows);
        }
    }

    /// Charges so many bytes of memory that show a file from an offset on, or of memory without a file.
    #[inline(always)]
    fn charge_part(&self, bill: &mut Bill, bytes: u64, shows: Option<(usize, u64)>) {
        let Some((file, offset)) = shows else {
            bill.memory = bill.memory.saturating_add(bytes);
            return;
        };
        // Blocks are found for the whole of a folio that is stored to. Both ends may lie within one.
        let folio = self.record.budget.folio.load(Relaxed);
        let (mut bytes, mut disk) = (bytes, bytes.saturating_add(folio).saturating_add(folio));
        if bill.exact {
            // No page is made where the file has none.
            let (size, blocks) = self.size_and_blocks(file);
            bytes = bytes.min(self.whole(size).saturating_sub(offset));
            disk = disk.min(self.room(size, blocks));
        }
        bill.memory = bill.memory.saturating_add(bytes);
        if bytes > 0 {
            bill.add_disk(file, disk, 0);
            bill.beside = bill.beside.saturating_add(disk.saturating_sub(bytes));
        }
    }

    /// Returns the bytes that a file of this size and these blocks can still take.
    #[inline(always)]
    fn room(&self, size: u64, blocks: u64) -> u64 {
        let has = blocks.saturating_sub(self.record.budget.beyond.load(Relaxed));
        self.whole(size).saturating_sub(has)
    }

    /// Lowers a bill for locked memory to what may be locked: the kernel refuses more (mlock(2)), and brings
    /// nothing in.
    #[inline(always)]
    fn bound_by_locks(&self, bill: &mut Bill) {
        let most = self.record.budget.lockable.load(Relaxed);
        bill.memory = bill.memory.min(most);
        bill.disk.iter_mut().for_each(|disk| *disk = (*disk).min(most));
    }

    /// Counts blocks of which the size of a file does not tell.
    #[inline(always)]
    fn keep_beyond(&self, length: u64) {
        let kept = &self.record.budget.beyond;
        kept.store(kept.load(Relaxed).saturating_add(length), Relaxed);
    }

    /// Returns the size of a file and its blocks, in bytes; zeros where it was not made.
    #[inline(always)]
    fn size_and_blocks(&self, file: usize) -> (u64, u64) {
        /// The offsets of the two in `struct statx` (statx(2)).
        const SIZE: usize = 40;
        const BLOCKS: usize = 48;
        const BLOCK_BYTES: u64 = 512;
        let made = self.program.files.get(file).and(request::descriptor(self.record, file));
        let Some(descriptor @ 0..) = made else { return (0, 0) };
        let nothing = std::hint::black_box(0u8); // an empty path, on the stack
        let (path, flags) = (self.child.address_of(&nothing), libc::AT_EMPTY_PATH as usize);
        let wanted = (libc::STATX_SIZE | libc::STATX_BLOCKS) as usize;
        let args = [descriptor as usize, path, flags, wanted, self.child.scratch_address(), 0];
        match self.child.call(libc::SYS_statx, args) {
            Ok(_) => (word(SIZE), word(BLOCKS).saturating_mul(BLOCK_BYTES)),
            Err(_) => (0, 0),
        }
    }

    /// Returns a length rounded up to whole huge pages.
    #[inline(always)]
    fn in_huge_pages(&self, length: usize) -> u64 {
        rounded_up(length as u64, self.record.budget.huge_page.load(Relaxed))
    }

    /// Returns a size rounded up to whole pages, of the largest that the kernel may use for it.
    #[inline(always)]
    fn whole(&self, size: u64) -> u64 {
        rounded_up(size, self.record.budget.block.load(Relaxed))
    }
}

/// Returns the next multiple of a power of two, or the last there is.
#[inline(always)]
fn rounded_up(bytes: u64, unit: u64) -> u64 {
    let mask = unit.wrapping_sub(1);
    bytes.saturating_add(mask) & !mask
}

/// True if a case may ask for so many bytes of a new map, a file or a segment: the kernel refuses more.
#[inline(always)]
fn is_possible(length: u64) -> bool {
    length <= MAP_BYTES
}

/// Returns the eight bytes of the scratch buffer from there on, as a number.
#[inline(always)]
fn word(at: usize) -> u64 {
    let mut bytes = [0; 8];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = scratch(at + index);
    }
    u64::from_ne_bytes(bytes)
}
