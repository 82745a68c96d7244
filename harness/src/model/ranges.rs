//! Calls on a range of memory that is mapped: what each changes, and the errno where it fails.

use std::ops::Range;

use nix::libc;

use super::Unmodelled;
use super::bytes::Content;
use super::mapping::ADDRESSES;
use super::rule::Rule;
use super::space::{EXEC, READ, Stretch, WRITE};
use super::steps::{Performance, Returned};
use crate::case::{Arg, Call};

impl Performance<'_> {
    /// The whole pages of an address and a length; `Err` with the errno where there is no such range.
    pub(super) fn pages(&self, args: &[Arg]) -> Result<Result<Range<u64>, i32>, Unmodelled> {
        let (start, length) = (self.address(&args[0])?, self.length(args, 1));
        if self.in_page(start) && self.world.on(Rule::AddressInPageIsEinval) {
            return Ok(Err(libc::EINVAL));
        }
        let page = self.world.page();
        let Some(length) = length.checked_next_multiple_of(page) else {
            return Err(Unmodelled::new("a length that wraps around"));
        };
        if length > ADDRESSES {
            return Err(Unmodelled::new("a length beyond all addresses"));
        }
        let start = start / page * page;
        Ok(Ok(start..start + length))
    }

    /// Changes the stretches of a range up to the first hole, which is ENOMEM.
    fn change(&mut self, range: &Range<u64>, mut change: impl FnMut(&mut Stretch)) -> Returned {
        let hole = self.process().space.hole_in(range);
        let (found, before) =
            (self.world.on(Rule::HoleIsEnomem), self.world.on(Rule::ChangedBeforeTheHole));
        let end = match hole {
            Some(_) if !before => range.start,
            Some(hole) => hole,
            None => range.end,
        };
        if range.start < end {
            self.process().space.cut(&(range.start..end)).for_each(&mut change);
        }
        match hole {
            Some(_) if found => Returned::Errno(libc::ENOMEM),
            _ => Returned::Nothing,
        }
    }

    pub(super) fn mprotect(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let prot = Self::flags(args, 2);
        if prot & !(READ | WRITE | EXEC) != 0 {
            return Err(Unmodelled::new("PROT_GROWSDOWN and PROT_GROWSUP"));
        }
        let range = match self.pages(args)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) if range.is_empty() => return Ok(Returned::Nothing),
            Ok(range) => range,
        };
        let page = self.world.page();
        let range = match self.world.on(Rule::MprotectChangesPages) {
            true => range,
            false => range.start..(range.start + self.length(args, 1)) / page * page,
        };
        // Up to the first stretch that may not have it.
        let refused = self
            .process()
            .space
            .iter()
            .filter(|own| own.range.start < range.end && range.start < own.range.end)
            .find(|own| prot & !own.may != 0)
            .map(|own| own.range.start.max(range.start));
        let hole = self.process().space.hole_in(&range);
        if let Some(at) = refused.filter(|at| hole.is_none_or(|hole| *at < hole)) {
            if range.start < at {
                let _ = self.change(&(range.start..at), |stretch| stretch.prot = prot);
            }
            return Ok(Returned::Errno(libc::EACCES));
        }
        Ok(self.change(&range, |stretch| stretch.prot = prot))
    }

    pub(super) fn msync(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let flags = Self::flags(args, 2) as i32;
        if flags & libc::MS_ASYNC != 0 && flags & libc::MS_SYNC != 0 {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        let range = match self.pages(args)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) => range,
        };
        let locked = self.process().space.iter().any(|own| own.locked);
        if flags & libc::MS_INVALIDATE != 0 && locked {
            return Err(Unmodelled::new("MS_INVALIDATE of locked memory"));
        }
        let synced = self.change(&range, |_| {});
        if flags & libc::MS_SYNC != 0 {
            self.write_back(&range);
        }
        Ok(synced)
    }

    /// Writes out what shared maps show within the range.
    fn write_back(&mut self, range: &Range<u64>) {
        let space = &self.process().space;
        let shown: Vec<(usize, Range<u64>)> = space
            .iter()
            .filter(|own| own.shared && own.range.start < range.end && range.start < own.range.end)
            .filter_map(|own| {
                let (start, end) = (own.range.start.max(range.start), own.range.end.min(range.end));
                Some((own.object?, own.offset_of(start)..own.offset_of(end)))
            })
            .collect();
        shown.into_iter().for_each(|(object, range)| self.world.write_back(object, range));
    }

    pub(super) fn mlock(&mut self, call: Call, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (start, length) = (self.address(&args[0])?, self.length(args, 1));
        if length > ADDRESSES {
            return Err(Unmodelled::new("a length beyond all addresses"));
        }
        // Unlike the others, mlock rounds its address down. (mlock(2), NOTES)
        let page = self.world.page();
        let range = start / page * page..(start + length).div_ceil(page) * page;
        if range.is_empty() {
            return Ok(Returned::Nothing);
        }
        let locks = call == Call::Mlock;
        let changed = self.change(&range, |stretch| stretch.locked = locks);
        if !locks || matches!(changed, Returned::Errno(_)) {
            return Ok(changed);
        }
        let failed = self.populate(range).is_err() && self.world.on(Rule::LockPastEofIsEnomem);
        Ok(if failed { Returned::Errno(libc::ENOMEM) } else { changed })
    }

    pub(super) fn madvise(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let advice = Self::flags(args, 2) as i32;
        let range = match self.pages(args)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) => range,
        };
        match advice {
            libc::MADV_NORMAL | libc::MADV_RANDOM | libc::MADV_SEQUENTIAL => {
                Ok(self.change(&range, |_| {}))
            }
            libc::MADV_DONTFORK => Ok(self.change(&range, |stretch| stretch.dont_fork = true)),
            libc::MADV_DOFORK => Ok(self.change(&range, |stretch| stretch.dont_fork = false)),
            libc::MADV_DONTNEED => Ok(self.dontneed(&range)),
            _ => Err(Unmodelled::new("other advice of madvise")),
        }
    }

    fn dontneed(&mut self, range: &Range<u64>) -> Returned {
        if range.is_empty() {
            return Returned::Nothing;
        }
        let touched = |own: &&Stretch| own.range.start < range.end && range.start < own.range.end;
        let space = &self.process().space;
        let first = space.iter().filter(touched).find(|own| own.locked);
        let first = first.map(|own| own.range.start.max(range.start));
        if let (Some(at), true) = (first, self.world.on(Rule::DontneedOfLockedIsEinval)) {
            self.drop_copies(&(range.start..at));
            return Returned::Errno(libc::EINVAL);
        }
        let hole = self.process().space.hole_in(range).is_some();
        self.drop_copies(range);
        match hole && self.world.on(Rule::HoleIsEnomem) {
            true => Returned::Errno(libc::ENOMEM),
            false => Returned::Nothing,
        }
    }

    /// Unlike the others, MADV_DONTNEED goes on after a hole. (Linux: madvise_walk_vmas)
    fn drop_copies(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (drops, keeps) =
            (self.world.on(Rule::DontneedDropsCopies), self.world.on(Rule::DontneedKeepsShared));
        let mut cleared = Vec::new();
        for stretch in self.process().space.cut(range) {
            if drops {
                stretch.copies.clear();
            }
            if let (true, false, Some(object)) = (stretch.shared, keeps, stretch.object) {
                cleared.push((object, stretch.offset..stretch.offset_of(stretch.range.end)));
            }
        }
        for (object, range) in cleared {
            self.world.objects[object].bytes.fill(range, Content::Zero);
        }
    }
}
