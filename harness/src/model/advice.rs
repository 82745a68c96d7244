//! madvise: what each advice changes, and the errno where it fails.

use std::ops::Range;

use nix::libc;

use super::Unmodelled;
use super::bytes::Content;
use super::rule::Rule;
use super::space::{READ, Stretch, WRITE};
use super::steps::{Performance, Returned};
use super::world::Kind;
use crate::case::Arg;

// Those that the C library does not name on every target. (<asm-generic/mman-common.h>)
const MADV_DONTNEED_LOCKED: i32 = 24;
const MADV_COLLAPSE: i32 = 25;
const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;

/// Advice that takes content away: sealed memory keeps its content where it cannot be stored to.
const DISCARDS: [i32; 7] = [
    libc::MADV_FREE,
    libc::MADV_DONTNEED,
    MADV_DONTNEED_LOCKED,
    libc::MADV_REMOVE,
    libc::MADV_DONTFORK,
    libc::MADV_WIPEONFORK,
    MADV_GUARD_INSTALL,
];

impl Performance<'_> {
    pub(super) fn madvise(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let advice = Self::flags(args, 2) as i32;
        let range = match self.pages(args, libc::EINVAL, libc::EINVAL)? {
            Err(errno) => return Ok(Returned::Errno(errno)),
            Ok(range) if range.is_empty() => return Ok(Returned::Nothing),
            Ok(range) => range,
        };
        match advice {
            MADV_COLLAPSE => {
                return Err(Unmodelled::new("MADV_COLLAPSE, which depends on free memory"));
            }
            libc::MADV_POPULATE_READ | libc::MADV_POPULATE_WRITE => {
                return Ok(self.populate_advice(&range, advice == libc::MADV_POPULATE_WRITE));
            }
            libc::MADV_MERGEABLE | libc::MADV_UNMERGEABLE
                if !self.world.on(Rule::PagesCanBeMerged) =>
            {
                return Ok(Returned::Errno(libc::EINVAL));
            }
            libc::MADV_HUGEPAGE | libc::MADV_NOHUGEPAGE if !self.world.on(Rule::PagesCanBeHuge) => {
                return Ok(Returned::Errno(libc::EINVAL));
            }
            _ => {}
        }
        // Unlike other calls, madvise goes on behind a hole, and ends at what is refused. (Linux:
        // madvise_walk_vmas)
        let parts: Vec<Range<u64>> = self
            .process()
            .space
            .touching(&range)
            .map(|own| own.range.start.max(range.start)..own.range.end.min(range.end))
            .collect();
        for part in parts {
            let own = self.process().space.at(part.start).cloned();
            let refused = own.and_then(|own| self.refuses_advice(&own, advice));
            if let Some(errno) = refused {
                return Ok(Returned::Errno(errno));
            }
            self.advise(&part, advice);
        }
        let hole = self.process().space.hole_in(&range).is_some();
        Ok(match hole && self.world.on(Rule::HoleIsEnomem) {
            true => Returned::Errno(libc::ENOMEM),
            false => Returned::Nothing,
        })
    }

    /// The errno with which a map refuses an advice.
    fn refuses_advice(&self, own: &Stretch, advice: i32) -> Option<i32> {
        let on = |rule| self.world.on(rule);
        let kept = own.is_anonymous() && own.prot & WRITE == 0 && DISCARDS.contains(&advice);
        if own.sealed && kept && on(Rule::MsealKeepsReadOnly) {
            return Some(libc::EPERM);
        }
        let locked = own.locked && on(Rule::DontneedOfLockedIsEinval);
        let anonymous_only = !own.is_anonymous() && on(Rule::AdviceForAnonymousIsEinval);
        let refused = match advice {
            libc::MADV_DONTNEED | libc::MADV_COLD | libc::MADV_PAGEOUT | MADV_GUARD_INSTALL => {
                locked
            }
            libc::MADV_FREE => locked || anonymous_only,
            libc::MADV_WIPEONFORK => anonymous_only,
            libc::MADV_REMOVE if locked || own.object.is_none() => true,
            libc::MADV_REMOVE => {
                let writable = own.shared && own.may & WRITE != 0;
                return (!writable && on(Rule::RemoveNeedsSharedWritable)).then_some(libc::EACCES);
            }
            _ => false,
        };
        refused.then_some(libc::EINVAL)
    }

    /// What an advice does to a range within one map.
    fn advise(&mut self, range: &Range<u64>, advice: i32) {
        let change: fn(&mut Stretch) = match advice {
            libc::MADV_DONTFORK => |own| own.dont_fork = true,
            libc::MADV_DOFORK => |own| own.dont_fork = false,
            libc::MADV_WIPEONFORK => |own| own.wiped = true,
            libc::MADV_KEEPONFORK => |own| own.wiped = false,
            MADV_GUARD_REMOVE => |own| own.guards.clear(),
            libc::MADV_DONTNEED | MADV_DONTNEED_LOCKED => return self.drop_copies(range),
            libc::MADV_FREE if !self.world.on(Rule::FreedPagesStay) => {
                return self.drop_copies(range);
            }
            libc::MADV_REMOVE => return self.remove_pages(range),
            MADV_GUARD_INSTALL => return self.guard(range),
            // Of the rest nothing can be seen but their speed.
            _ => return,
        };
        self.process().space.cut(range).for_each(change);
    }

    fn drop_copies(&mut self, range: &Range<u64>) {
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

    /// A hole in what a map shows there.
    fn remove_pages(&mut self, range: &Range<u64>) {
        let Some(own) = self.process().space.at(range.start) else { return };
        let Some(object) = own.object else { return };
        let shown = own.offset_of(range.start)..own.offset_of(range.end);
        let writes = libc::F_SEAL_WRITE | libc::F_SEAL_FUTURE_WRITE;
        let sealed = matches!(self.world.objects[object].kind, Kind::Memfd(_))
            && self.sealed(object, writes);
        if !sealed && self.world.on(Rule::RemovePunches) {
            self.punch(object, shown);
        }
    }

    /// Guards pages: whatever private copies there were are gone.
    fn guard(&mut self, range: &Range<u64>) {
        let (page, drops) = (self.world.page(), self.world.on(Rule::GuardDropsCopies));
        for stretch in self.process().space.cut(range) {
            let shown = stretch.offset..stretch.offset_of(stretch.range.end);
            stretch.guards.extend(shown.step_by(page as usize));
            if drops {
                stretch.copies.clear();
            }
        }
    }

    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE: page by page, up to the first that fails.
    fn populate_advice(&mut self, range: &Range<u64>, stores: bool) -> Returned {
        let page = self.world.page();
        let Some(process) = self.processes.last_mut() else { return Returned::Nothing };
        for address in range.clone().step_by(page as usize) {
            let Some(stretch) = process.space.at(address) else {
                return match self.world.on(Rule::HoleIsEnomem) {
                    true => Returned::Errno(libc::ENOMEM),
                    false => Returned::Nothing,
                };
            };
            let needed = if stores { WRITE } else { READ };
            if stretch.prot & needed == 0 && self.world.on(Rule::PopulateNeedsProtection) {
                return Returned::Errno(libc::EINVAL);
            }
            let offset = stretch.offset_of(address);
            let there = self.world.content(stretch, offset).is_ok();
            if !there && self.world.on(Rule::PopulatePastEofIsEfault) {
                return Returned::Errno(libc::EFAULT);
            }
            if stores && !stretch.shared && self.world.on(Rule::PopulateWriteMakesCopies) {
                self.world.copy_page(process, address, offset);
            }
        }
        Returned::Nothing
    }
}
