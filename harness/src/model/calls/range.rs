//! The model must predict what munmap, mprotect, msync, mlock, munlock and mseal change in a range, and the
//! errno where they fail.

use std::ops::Range;

use nix::libc;

use crate::case::Arg;
use crate::model::address_space::{EXEC, READ, Vma, WRITE};
use crate::model::calls::mmap::ADDRESSES;
use crate::model::interpreter::{APART, Interpreter, Predict, Returned};
use crate::model::prediction::Unmodelled;
use crate::model::rule::Rule;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("munmap", |p, args| p.munmap(args)),
    ("mprotect", |p, args| p.mprotect(args)),
    ("msync", |p, args| p.msync(args)),
    ("mlock", |p, args| p.mlock(true, args)),
    ("munlock", |p, args| p.mlock(false, args)),
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
    ) -> Result<Result<Range<u64>, i32>, Unmodelled> {
        let (start, length) = (self.address(&args[0]), self.length(args, 1));
        if self.in_page(start) && self.state.holds(Rule::AddressInPageIsEinval) {
            return Ok(Err(libc::EINVAL));
        }
        let page = self.state.page();
        let start = start / page * page;
        let Some(length) = length.checked_next_multiple_of(page) else {
            // 0 is no errno: the call takes such a length for an empty range.
            return Ok(if wraps == 0 { Ok(start..start) } else { Err(wraps) });
        };
        match start.checked_add(length) {
            None => Ok(Err(beyond)),
            Some(end) if length > APART / 2 && end < ADDRESSES => {
                Err(Unmodelled::new("a range that may reach what is no map of the case"))
            }
            Some(end) => Ok(Ok(start..end)),
        }
    }

    /// Returns the part of a range before the first hole, and true if there is a hole.
    fn before_hole(&mut self, range: &Range<u64>) -> (Range<u64>, bool) {
        let hole = self.process().space.hole_in(range);
        let end = match hole {
            Some(_) if !self.state.holds(Rule::ChangedBeforeTheHole) => range.start,
            Some(hole) => hole,
            None => range.end,
        };
        (range.start..end, hole.is_some())
    }

    /// Changes the VMAs of a range up to the first hole; a hole is ENOMEM.
    fn change(&mut self, range: &Range<u64>, mut change: impl FnMut(&mut Vma)) -> Returned {
        let (before, hole) = self.before_hole(range);
        if !before.is_empty() {
            self.process().space.change(&before, &mut change);
        }
        match hole && self.state.holds(Rule::HoleIsEnomem) {
            true => Returned::Errno(libc::ENOMEM),
            false => Returned::Nothing,
        }
    }

    pub(in crate::model) fn munmap(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let length = self.length(args, 1);
        let start = self.address(&args[0]);
        if self.in_page(start) && self.state.holds(Rule::AddressInPageIsEinval) {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let beyond = length > ADDRESSES || start > ADDRESSES - length;
        if beyond || (length == 0 && self.state.holds(Rule::LengthZeroIsEinval)) {
            return Ok(Returned::Errno(libc::EINVAL));
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
        let sealed = self.process().space.touching(&(start..end)).any(|own| own.sealed);
        if sealed && self.state.holds(Rule::MsealIsEperm) {
            return Ok(Returned::Errno(libc::EPERM));
        }
        self.process().space.remove(&(start..end));
        Ok(Returned::Nothing)
    }

    pub(in crate::model) fn mprotect(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let prot = Self::flags(args, 2);
        let (down, up) = (i64::from(libc::PROT_GROWSDOWN), i64::from(libc::PROT_GROWSUP));
        if prot & down != 0 && prot & up != 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let range = match self.pages(args, libc::ENOMEM, libc::ENOMEM)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) if range.is_empty() => return Ok(Returned::Nothing),
            Ok(range) => range,
        };
        if prot & (down | up) != 0 {
            // No map of a case grows. PROT_GROWSDOWN takes the first map of the range for its own.
            let space = &self.process().space;
            let hole = match prot & down != 0 {
                true => !space.any_in(&range),
                false => space.at(range.start).is_none(),
            };
            return Ok(Returned::Errno(if hole { libc::ENOMEM } else { libc::EINVAL }));
        }
        let page = self.state.page();
        let range = match self.state.holds(Rule::MprotectChangesPages) {
            true => range,
            false => range.start..range.start.saturating_add(self.length(args, 1)) / page * page,
        };
        // The change ends at the first VMA that may not have the protection.
        let seals = self.state.holds(Rule::MsealIsEperm);
        let hole = self.process().space.hole_in(&range).unwrap_or(range.end);
        let space = &self.process().space;
        let refused = space.touching(&(range.start..hole)).find_map(|own| {
            let at = own.range.start.max(range.start);
            match prot & !own.may != 0 {
                true => Some((at, libc::EACCES)),
                false => (own.sealed && seals).then_some((at, libc::EPERM)),
            }
        });
        let end = refused.map_or(hole, |(at, _)| at);
        let more = prot & WRITE != 0
            && space.touching(&(range.start..end)).any(|own| !own.shared && own.prot & WRITE == 0);
        if more && self.limit(libc::RLIMIT_DATA as i64).is_some() {
            return Err(Unmodelled::new("what a process has below RLIMIT_DATA"));
        }
        if let Some((at, errno)) = refused {
            if range.start < at {
                let _ = self.protect(&(range.start..at), prot);
            }
            return Ok(Returned::Errno(errno));
        }
        Ok(self.protect(&range, prot))
    }

    fn protect(&mut self, range: &Range<u64>, prot: i64) -> Returned {
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

    pub(in crate::model) fn msync(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let flags = Self::flags(args, 2) as i32;
        let both = flags & libc::MS_ASYNC != 0 && flags & libc::MS_SYNC != 0;
        if both && self.state.holds(Rule::AsyncAndSyncIsEinval) {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let range = match self.pages(args, 0, libc::ENOMEM)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) => range,
        };
        let invalidates = flags & libc::MS_INVALIDATE != 0;
        let locked = self.process().space.touching(&range).find(|own| own.locked);
        let locked = locked.map(|own| own.range.start.max(range.start));
        if let (Some(at), true) =
            (locked.filter(|_| invalidates), self.state.holds(Rule::InvalidatingLockedIsEbusy))
        {
            if flags & libc::MS_SYNC != 0 {
                self.write_back(&(range.start..at));
            }
            return Ok(Returned::Errno(libc::EBUSY));
        }
        let synced = self.change(&range, |_| {});
        if flags & libc::MS_SYNC != 0 {
            self.write_back(&range);
        }
        Ok(synced)
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

    pub(in crate::model) fn mlock(
        &mut self,
        locks: bool,
        args: &[Arg],
    ) -> Result<Returned, Unmodelled> {
        let (start, length) = (self.address(&args[0]), self.length(args, 1));
        let page = self.state.page();
        if self.in_page(start) && !self.state.holds(Rule::LocksRoundTheAddress) {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let rounded = start / page * page;
        if locks && self.lockable() == Some(0) {
            return Ok(Returned::Errno(libc::EPERM));
        }
        // A length that wraps around becomes a short length, or 0. (Linux: do_mlock)
        let length = length.wrapping_add(start - rounded).wrapping_add(page - 1) / page * page;
        let range = rounded..rounded.saturating_add(length);
        // The limit is checked first.
        let refused = if locks { self.may_mlock(&range, length).err() } else { None };
        if let Some(errno) = refused {
            return Ok(Returned::Errno(errno));
        }
        if rounded.checked_add(length).is_none() {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        if length > APART / 2 && range.end < ADDRESSES {
            return Err(Unmodelled::new("a range that may reach what is no map of the case"));
        }
        if range.is_empty() {
            return Ok(Returned::Nothing);
        }
        let changed = self.change(&range, |vma| vma.locked = locks);
        if !locks || matches!(changed, Returned::Errno(_)) {
            return Ok(changed);
        }
        let failed = self.populate(range).is_err() && self.state.holds(Rule::LockPastEofIsEnomem);
        Ok(if failed { Returned::Errno(libc::ENOMEM) } else { changed })
    }

    pub(in crate::model) fn mseal(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        if self.number(args, 2) != 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let range = match self.pages(args, libc::EINVAL, libc::EINVAL)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) => range,
        };
        let hole = !range.is_empty() && self.process().space.hole_in(&range).is_some();
        if hole && self.state.holds(Rule::MsealNeedsNoHole) {
            return Ok(Returned::Errno(libc::ENOMEM));
        }
        Ok(self.change(&range, |vma| vma.sealed = true))
    }
}
