//! The model must predict what munmap, mprotect, msync, mlock, munlock and mseal change in a range, and the
//! errno where they fail.

use std::ops::Range;

use crate::case::Arg;
use crate::model::address_space::{EXEC, READ, Vma, WRITE};
use crate::model::calls::mmap::ADDRESSES;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("munmap", |p, args| p.munmap(args)),
    ("mprotect", |p, args| p.mprotect(args)),
    ("msync", |p, args| p.msync(args)),
    ("mlock", |p, args| p.mlock(args)),
    ("munlock", |p, args| p.munlock(args)),
    ("mseal", |p, args| p.mseal(args)),
];

impl Interpreter<'_> {
    /// Returns the whole pages of an address and a length. Fails with an errno where there is no such range:
    /// `wraps` where the length, rounded up, is 0 again, and `beyond` where the end lies before the start.
    pub(in crate::model) fn pages(
        &self,
        args: &[Arg],
        wraps: i32,
        beyond: i32,
    ) -> Result<Range<u64>, Failure> {
        let (start, length) = (self.address(&args[0]), self.length(args, 1));
        if self.in_page(start) && self.state.holds(Rule::AddressInPageIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        let page = self.state.page();
        let start = start / page * page;
        let Some(length) = length.checked_next_multiple_of(page) else {
            // 0 is no errno: the call takes such a length for an empty range.
            return if wraps == 0 { Ok(start..start) } else { Err(Errno(wraps)) };
        };
        range_of(start, length, beyond)
    }

    /// Changes the VMAs of a range up to the first hole; a hole is ENOMEM.
    fn change(
        &mut self,
        range: &Range<u64>,
        change: impl FnMut(&mut Vma),
    ) -> Result<Returned, Failure> {
        let hole = self.process().space.hole_in(range);
        let end = match hole {
            Some(_) if !self.state.holds(Rule::ChangedBeforeTheHole) => range.start,
            Some(hole) => hole,
            None => range.end,
        };
        self.process().space.change(&(range.start..end), change);
        self.done_but_for(hole)
    }

    /// Returns the result of a call that has done its work up to a hole in its range, if there is one.
    pub(super) fn done_but_for(&self, hole: Option<u64>) -> Result<Returned, Failure> {
        match hole.is_some() && self.state.holds(Rule::HoleIsEnomem) {
            true => Err(Errno(linux::ENOMEM)),
            false => Ok(Returned::Nothing),
        }
    }

    fn munmap(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let length = self.length(args, 1);
        let start = self.address(&args[0]);
        if self.in_page(start) && self.state.holds(Rule::AddressInPageIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        let beyond = length > ADDRESSES || start > ADDRESSES - length;
        if beyond || (length == 0 && self.state.holds(Rule::LengthZeroIsEinval)) {
            return Err(Errno(linux::EINVAL));
        }
        let page = self.state.page();
        let start = start / page * page;
        let end = match self.state.holds(Rule::MunmapRemovesPages) {
            true => start.saturating_add(length.div_ceil(page).saturating_mul(page)),
            false => start.saturating_add(length) / page * page,
        };
        if start >= end {
            return Ok(Returned::Nothing);
        }
        self.unmap(&(start..end))?;
        Ok(Returned::Nothing)
    }

    /// Unmaps a range, all of it or nothing. (Linux: do_munmap)
    pub(super) fn unmap(&mut self, range: &Range<u64>) -> Result<(), i32> {
        let sealed = self.process().space.touching(range).any(|own| own.sealed);
        if sealed && self.state.holds(Rule::MsealIsEperm) {
            return Err(linux::EPERM);
        }
        if !range.is_empty() {
            self.process().space.remove(range);
        }
        Ok(())
    }

    fn mprotect(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let prot = Self::flags(args, 2);
        let (down, up) = (i64::from(linux::PROT_GROWSDOWN), i64::from(linux::PROT_GROWSUP));
        if prot & down != 0 && prot & up != 0 {
            return Err(Errno(linux::EINVAL));
        }
        let range = self.pages(args, linux::ENOMEM, linux::ENOMEM)?;
        if range.is_empty() {
            return Ok(Returned::Nothing);
        }
        if prot & (down | up) != 0 {
            // No map of a case grows. PROT_GROWSDOWN takes the first map of the range for its own.
            let space = &self.process().space;
            let hole = match prot & down != 0 {
                true => !space.any_in(&range),
                false => space.at(range.start).is_none(),
            };
            return Err(Errno(if hole { linux::ENOMEM } else { linux::EINVAL }));
        }
        let page = self.state.page();
        let range = match self.state.holds(Rule::MprotectChangesPages) {
            true => range,
            false => range.start..range.start.saturating_add(self.length(args, 1)) / page * page,
        };
        // The change ends at the first VMA that may not have the protection.
        let seals = self.state.holds(Rule::MsealIsEperm);
        let space = &self.process().space;
        let sealed =
            space.at(range.start).is_some() && space.touching(&range).any(|own| own.sealed);
        if sealed && seals && !self.state.holds(Rule::ChangedBeforeTheSeal) {
            return Err(Errno(linux::EPERM));
        }
        let hole = self.process().space.hole_in(&range).unwrap_or(range.end);
        let space = &self.process().space;
        let refused = space.touching(&(range.start..hole)).find_map(|own| {
            let at = own.range.start.max(range.start);
            match prot & !own.may != 0 {
                true => Some((at, linux::EACCES)),
                false => (own.sealed && seals).then_some((at, linux::EPERM)),
            }
        });
        let end = refused.map_or(hole, |(at, _)| at);
        let more = prot & WRITE != 0
            && space.touching(&(range.start..end)).any(|own| !own.shared && own.prot & WRITE == 0);
        if more && self.limit(linux::RLIMIT_DATA as i64).is_some() {
            return Err(Unmodelled("the memory that a process has used of RLIMIT_DATA"));
        }
        if let Some((at, errno)) = refused {
            if range.start < at {
                let _ = self.protect(&(range.start..at), prot);
            }
            return Err(Errno(errno));
        }
        self.protect(&range, prot)
    }

    fn protect(&mut self, range: &Range<u64>, prot: i64) -> Result<Returned, Failure> {
        let prot = prot & (READ | WRITE | EXEC);
        let mut copied = Vec::new();
        let changed = self.change(range, |own| {
            if own.locked && !own.shared && own.prot & WRITE == 0 && prot & WRITE != 0 {
                copied.push(own.range.clone());
            }
            own.prot = prot;
        });
        for range in copied {
            // Nobody learns of a failure. (Linux: mprotect_fixup)
            let _ = self.populate(range);
        }
        changed
    }

    fn msync(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let flags = Self::flags(args, 2) as i32;
        let both = flags & linux::MS_ASYNC != 0 && flags & linux::MS_SYNC != 0;
        if both && self.state.holds(Rule::AsyncAndSyncIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        let range = self.pages(args, 0, linux::ENOMEM)?;
        let invalidates = flags & linux::MS_INVALIDATE != 0;
        let locked = self.process().space.touching(&range).find(|own| own.locked);
        let locked = locked.map(|own| own.range.start.max(range.start));
        if let (Some(at), true) =
            (locked.filter(|_| invalidates), self.state.holds(Rule::InvalidatingLockedIsEbusy))
        {
            if flags & linux::MS_SYNC != 0 {
                self.write_back(&(range.start..at));
            }
            return Err(Errno(linux::EBUSY));
        }
        let synced = self.change(&range, |_| {});
        if flags & linux::MS_SYNC != 0 {
            self.write_back(&range);
        }
        synced
    }

    /// Writes out what shared maps show within the range.
    fn write_back(&mut self, range: &Range<u64>) {
        let shown: Vec<(usize, Range<u64>)> = self
            .process()
            .space
            .touching(range)
            .filter(|own| own.shared)
            .filter_map(|own| {
                let (start, end) = (own.range.start.max(range.start), own.range.end.min(range.end));
                Some((own.object?, own.offset_of(start)..own.offset_of(end)))
            })
            .collect();
        shown.into_iter().for_each(|(object, range)| self.state.write_back(object, range));
    }

    fn mlock(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (start, length) = self.rounded(args)?;
        // The limit is checked first.
        self.may_mlock(&(start..start.saturating_add(length)), length)?;
        let range = range_of(start, length, linux::EINVAL)?;
        self.change(&range, |vma| vma.locked = true)?;
        match self.populate(range).is_err() && self.state.holds(Rule::LockPastEofIsEnomem) {
            true => Err(Errno(linux::ENOMEM)),
            false => Ok(Returned::Nothing),
        }
    }

    fn munlock(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (start, length) = self.rounded(args)?;
        let range = range_of(start, length, linux::EINVAL)?;
        self.change(&range, |vma| vma.locked = false)
    }

    /// Returns the address and the length of an mlock or munlock in whole pages. A length that wraps around
    /// becomes a short length, or 0. (Linux: do_mlock)
    fn rounded(&self, args: &[Arg]) -> Result<(u64, u64), Failure> {
        let (start, length) = (self.address(&args[0]), self.length(args, 1));
        let page = self.state.page();
        if self.in_page(start) && !self.state.holds(Rule::LocksRoundTheAddress) {
            return Err(Errno(linux::EINVAL));
        }
        let rounded = start / page * page;
        Ok((rounded, length.wrapping_add(start - rounded).wrapping_add(page - 1) / page * page))
    }

    fn mseal(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        if !self.state.holds(Rule::MsealExists) {
            return Err(Errno(linux::ENOSYS));
        }
        if self.number(args, 2) != 0 {
            return Err(Errno(linux::EINVAL));
        }
        let range = self.pages(args, linux::EINVAL, linux::EINVAL)?;
        let hole = !range.is_empty() && self.process().space.hole_in(&range).is_some();
        if hole && self.state.holds(Rule::MsealNeedsNoHole) {
            return Err(Errno(linux::ENOMEM));
        }
        self.change(&range, |vma| vma.sealed = true)
    }
}

/// Returns a range of addresses. Fails with the errno `beyond` where its end lies before its start.
fn range_of(start: u64, length: u64, beyond: i32) -> Result<Range<u64>, Failure> {
    start.checked_add(length).map(|end| start..end).ok_or(Errno(beyond))
}
