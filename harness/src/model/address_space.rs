//! The model must know what each address of a process shows: an [`AddressSpace`] holds its VMAs.

use std::ops::Range;

use super::bytes::{Bytes, Runs};
use crate::vocabulary::linux;

/// The bit of PROT_READ in a protection.
pub const READ: i64 = linux::PROT_READ as i64;
/// The bit of PROT_WRITE in a protection.
pub const WRITE: i64 = linux::PROT_WRITE as i64;
/// The bit of PROT_EXEC in a protection.
pub const EXEC: i64 = linux::PROT_EXEC as i64;

/// A VMA: whole pages of equal properties. Of the default, nothing has been touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vma {
    /// Its addresses.
    pub range: Range<u64>,
    /// Its protection.
    pub prot: i64,
    /// The protection that it may be given (a shared map of an unwritable descriptor: no stores).
    pub may: i64,
    /// True for MAP_SHARED.
    pub shared: bool,
    /// True for MAP_SHARED of no descriptor, or of one that could be written, whatever seals say. (Linux:
    /// VM_SHARED)
    pub writer: bool,
    /// The object that it shows; none for private anonymous memory.
    pub object: Option<usize>,
    /// The open file that it was mapped by.
    pub open_file: Option<usize>,
    /// MAP_NORESERVE and MAP_STACK, as far as the map was made with them. Some kernels tell maps apart by them.
    pub hints: i32,
    /// The offset in the object that its first byte shows.
    pub offset: u64,
    /// The pages that have private copies, by offset in the object.
    pub copied: Runs<bool>,
    /// The content of the private copies, by offset in the object.
    pub copies: Bytes,
    /// The pages that MADV_GUARD_INSTALL guards, by offset in the object.
    pub guarded: Runs<bool>,
    /// True after mlock.
    pub locked: bool,
    /// True after MADV_DONTFORK.
    pub dont_fork: bool,
    /// True after MADV_WIPEONFORK.
    pub wiped: bool,
    /// True after mseal.
    pub sealed: bool,
    /// The advice of madvise that changes nothing but which VMAs the kernel merges. See [`Advised`].
    pub advised: Advised,
    /// The pages that MADV_FREE has freed, by offset in the object: their content may be dropped.
    pub freed: Runs<bool>,
}

impl Vma {
    /// True if it is private memory without a file.
    pub fn is_anonymous(&self) -> bool {
        self.object.is_none()
    }

    /// True if the other is a map of the same file with the same protection, flags and advice.
    pub fn is_like(&self, other: &Vma) -> bool {
        let flags = |own: &Vma| (own.writer, own.locked, own.dont_fork, own.wiped, own.sealed);
        (self.prot, self.may, self.object, self.open_file, self.advised, flags(self))
            == (other.prot, other.may, other.object, other.open_file, other.advised, flags(other))
    }

    /// True if `next` begins where this one ends, and goes on in the same file, so that the kernel may have
    /// merged both.
    pub fn may_be_one_with(&self, next: &Vma) -> bool {
        let follows = self.object.is_none() || self.offset_of(self.range.end) == next.offset;
        self.range.end == next.range.start && self.is_like(next) && follows
    }

    /// Returns the offset in the object that this address shows. A map that shows more than any offset can
    /// be, which only a broken rule allows, ends at the last offset.
    pub fn offset_of(&self, address: u64) -> u64 {
        self.offset.saturating_add(address.saturating_sub(self.range.start))
    }

    /// Returns the address that shows this offset.
    fn address_of(&self, offset: u64) -> u64 {
        self.range.start.saturating_add(offset.saturating_sub(self.offset))
    }

    /// Returns the part of it within these addresses.
    pub fn part(&self, range: Range<u64>) -> Vma {
        let shown = self.offset_of(range.start)..self.offset_of(range.end);
        let mut part = Vma { range, offset: shown.start, ..self.clone() };
        // The part may grow later: the pages that lay beside it are not its own.
        for pages in [&mut part.copied, &mut part.guarded, &mut part.freed] {
            pages.fill(0..shown.start, false);
            pages.fill(shown.end..u64::MAX, false);
        }
        part
    }

    /// Returns the offsets that it shows within these addresses.
    pub fn shown(&self, range: &Range<u64>) -> Range<u64> {
        let (start, end) = (self.range.start.max(range.start), self.range.end.min(range.end));
        self.offset_of(start)..self.offset_of(end)
    }

    /// Drops its private copies of the pages at these offsets.
    pub fn drop_copies(&mut self, shown: Range<u64>) {
        self.copied.fill(shown, false);
    }

    /// Drops its guards of the pages at these offsets.
    pub fn drop_guards(&mut self, shown: Range<u64>) {
        self.guarded.fill(shown, false);
    }
}

/// The advice that nothing but the kernel's list of maps shows: the kernel does not merge VMAs of different
/// advice. (Linux: vma_modify_flags)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Advised {
    /// MADV_RANDOM or MADV_SEQUENTIAL.
    pub order: Option<i32>,
    /// MADV_HUGEPAGE or MADV_NOHUGEPAGE.
    pub size: Option<i32>,
    /// True after MADV_DONTDUMP.
    pub undumped: bool,
    /// True after MADV_MERGEABLE.
    pub mergeable: bool,
}

/// All offsets.
pub const ALL: Range<u64> = 0..u64::MAX;

/// The VMAs of a process, in rising order of their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSpace {
    stretches: Vec<Vma>,
}

impl AddressSpace {
    /// Returns the VMA that holds an address.
    pub fn at(&self, address: u64) -> Option<&Vma> {
        self.stretches.iter().find(|vma| vma.range.contains(&address))
    }

    /// Returns the VMA that holds an address, to be changed.
    pub fn at_mut(&mut self, address: u64) -> Option<&mut Vma> {
        self.stretches.iter_mut().find(|vma| vma.range.contains(&address))
    }

    /// Returns all VMAs.
    pub fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.stretches.iter()
    }

    /// Returns all VMAs, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Vma> {
        self.stretches.iter_mut()
    }

    /// Keeps the VMAs for which `keep` is true, and removes the others.
    pub fn retain(&mut self, keep: impl FnMut(&Vma) -> bool) {
        self.stretches.retain(keep);
    }

    /// Returns the VMAs of which any byte lies within these addresses.
    pub fn touching(&self, range: &Range<u64>) -> impl Iterator<Item = &Vma> {
        let (range, empty) = (range.clone(), range.is_empty());
        self.stretches
            .iter()
            .filter(move |own| own.range.start < range.end && range.start < own.range.end)
            .filter(move |_| !empty)
    }

    /// Returns the parts of a range that are mapped, each within one VMA.
    pub fn parts(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let within = |own: &Vma| own.range.start.max(range.start)..own.range.end.min(range.end);
        self.touching(range).map(within).collect()
    }

    /// True if any VMA shows this object.
    pub fn shows(&self, object: Option<usize>) -> bool {
        self.stretches.iter().any(|own| own.object == object)
    }

    /// True if anything is mapped within these addresses.
    pub fn any_in(&self, range: &Range<u64>) -> bool {
        self.touching(range).next().is_some()
    }

    /// Returns the first address within the range where nothing is mapped.
    pub fn hole_in(&self, range: &Range<u64>) -> Option<u64> {
        let mut address = range.start;
        while address < range.end {
            match self.at(address) {
                Some(vma) => address = vma.range.end,
                None => return Some(address),
            }
        }
        None
    }

    /// Unmaps a range.
    pub fn remove(&mut self, range: &Range<u64>) {
        self.split(range);
        self.stretches.retain(|own| own.range.end <= range.start || own.range.start >= range.end);
    }

    /// Maps a VMA over whatever was there.
    pub fn insert(&mut self, vma: Vma) {
        self.remove(&vma.range);
        self.stretches.push(vma);
        self.stretches.sort_by_key(|own| own.range.start);
    }

    /// Changes the VMAs within a range. A part that changes becomes a VMA of its own; one that stays as it is
    /// does not.
    pub fn change(&mut self, range: &Range<u64>, mut change: impl FnMut(&mut Vma)) {
        for part in self.parts(range) {
            let Some(before) = self.at(part.start).map(|own| own.part(part.clone())) else {
                continue;
            };
            let mut after = before.clone();
            change(&mut after);
            if after != before {
                self.insert(after);
            }
        }
    }

    /// Returns the VMAs that touch a range, for changes of their content alone.
    pub fn touching_mut(&mut self, range: &Range<u64>) -> impl Iterator<Item = &mut Vma> {
        let range = range.clone();
        self.stretches
            .iter_mut()
            .filter(move |own| own.range.start < range.end && range.start < own.range.end)
    }

    /// Splits the VMAs that contain an end of a range, at that end.
    fn split(&mut self, range: &Range<u64>) {
        for address in [range.start, range.end] {
            let Some(index) = self
                .stretches
                .iter()
                .position(|own| own.range.start < address && address < own.range.end)
            else {
                continue;
            };
            let whole = self.stretches.remove(index);
            self.stretches.insert(index, whole.part(address..whole.range.end));
            self.stretches.insert(index, whole.part(whole.range.start..address));
        }
    }

    /// Returns the addresses at which something may change: ends of VMAs, of private copies and of guards,
    /// and of runs of equal content in copies.
    pub fn seams(&self) -> Vec<u64> {
        let mut seams = Vec::new();
        for own in &self.stretches {
            seams.extend([own.range.start, own.range.end]);
            let shown = own.offset..own.offset_of(own.range.end);
            let starts = own.copied.starts(shown.clone()).chain(own.copies.starts(shown.clone()));
            seams.extend(starts.chain(own.guarded.starts(shown)).map(|at| own.address_of(at)));
        }
        seams
    }
}
