//! The model must predict what each advice of madvise changes, and the errno where it fails.

use std::ops::Range;

use crate::case::Arg;
use crate::model::address_space::{READ, Vma, WRITE};
use crate::model::bytes::Content;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::vocabulary::linux;

/// Advice that takes content away: sealed memory keeps its content where it cannot be stored to.
const DISCARDS: &[i32] = &[
    linux::MADV_FREE,
    linux::MADV_DONTNEED,
    linux::MADV_DONTNEED_LOCKED,
    linux::MADV_REMOVE,
    linux::MADV_DONTFORK,
    linux::MADV_WIPEONFORK,
    linux::MADV_GUARD_INSTALL,
];

pub(super) const CALLS: &[(&str, Predict)] = &[("madvise", |p, args| p.madvise(args))];

/// Returns the open rule that says whether a kernel knows this advice.
fn known_by(advice: i32) -> Option<Rule> {
    Some(match advice {
        linux::MADV_MERGEABLE | linux::MADV_UNMERGEABLE => Rule::PagesCanBeMerged,
        linux::MADV_HUGEPAGE | linux::MADV_NOHUGEPAGE => Rule::PagesCanBeHuge,
        linux::MADV_POPULATE_READ | linux::MADV_POPULATE_WRITE => Rule::PopulateIsKnown,
        linux::MADV_DONTNEED_LOCKED => Rule::DontneedLockedIsKnown,
        linux::MADV_COLLAPSE => Rule::CollapseIsKnown,
        linux::MADV_GUARD_INSTALL | linux::MADV_GUARD_REMOVE => Rule::GuardsAreKnown,
        _ => return None,
    })
}

/// True if a map, once it is sealed, refuses an advice that takes its content away.
fn keeps_content(own: &Vma, advice: i32) -> bool {
    own.is_anonymous() && own.prot & WRITE == 0 && DISCARDS.contains(&advice)
}

impl Interpreter<'_> {
    fn madvise(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let advice = Self::flags(args, 2) as i32;
        // The kernel looks at the advice first. (Linux: madvise_behavior_valid)
        if known_by(advice).is_some_and(|rule| !self.state.holds(rule)) {
            return Err(Errno(linux::EINVAL));
        }
        let range = self.pages(args, linux::EINVAL, linux::EINVAL)?;
        if range.is_empty() {
            return Ok(Returned::Nothing);
        }
        match advice {
            linux::MADV_COLLAPSE => {
                return Err(Unmodelled("MADV_COLLAPSE, which depends on free memory"));
            }
            linux::MADV_POPULATE_READ | linux::MADV_POPULATE_WRITE => {
                return self.populate_advice(&range, advice);
            }
            _ => {}
        }
        // The walk ends at the first VMA that refuses the advice. (Linux: madvise_walk_vmas)
        let end = match self.process().space.hole_in(&range) {
            Some(hole) if !self.state.holds(Rule::AdviceGoesOnBehindTheHole) => hole,
            _ => range.end,
        };
        let pages_out = advice == linux::MADV_PAGEOUT || advice == linux::MADV_COLD;
        let freed = |own: &Vma| own.freed.any_but(false, own.shown(&range));
        if pages_out && self.process().space.touching(&range).any(freed) {
            return Err(Unmodelled("memory that was freed and is paged out"));
        }
        let parts = self.process().space.parts(&(range.start..end));
        let kept = |own: &Vma| own.sealed && keeps_content(own, advice);
        if parts.len() > 1
            && self.process().space.touching(&range).any(kept)
            && !self.state.holds(Rule::ChangedBeforeTheSeal)
        {
            return Err(Errno(linux::EPERM));
        }
        for part in parts {
            let own = self.process().space.at(part.start).cloned();
            let refused = own.and_then(|own| self.refuses_advice(&own, advice));
            if let Some(errno) = refused {
                return Err(Errno(errno));
            }
            self.advise(&part, advice)?;
        }
        let hole = self.process().space.hole_in(&range);
        self.done_but_for(hole)
    }

    /// Returns the errno with which a map refuses an advice.
    fn refuses_advice(&self, own: &Vma, advice: i32) -> Option<i32> {
        let on = |rule| self.state.holds(rule);
        if own.sealed && keeps_content(own, advice) && on(Rule::DiscardOfSealedIsEperm) {
            return Some(linux::EPERM);
        }
        let locked = own.locked && on(Rule::AdviceOfLockedIsEinval);
        // A private map of /dev/zero is memory, but has a file. (Linux: vma_is_anonymous, vm_file)
        let has_file = own.object.is_some() || own.open_file.is_some();
        let memory_only = on(Rule::AdviceForMemoryIsEinval);
        let guards = matches!(advice, linux::MADV_GUARD_INSTALL | linux::MADV_GUARD_REMOVE);
        let plain = own.is_anonymous() && own.may & WRITE != 0;
        if guards && !plain && !on(Rule::GuardsOfFiles) {
            return Some(linux::EINVAL);
        }
        let refused = match advice {
            linux::MADV_DONTNEED
            | linux::MADV_COLD
            | linux::MADV_PAGEOUT
            | linux::MADV_GUARD_INSTALL => locked,
            linux::MADV_FREE => locked || (!own.is_anonymous() && memory_only),
            linux::MADV_WIPEONFORK => has_file && memory_only,
            linux::MADV_REMOVE if locked || !has_file => true,
            linux::MADV_REMOVE => {
                let writable = own.shared && own.may & WRITE != 0;
                return (!writable && on(Rule::RemoveNeedsSharedWritable)).then_some(linux::EACCES);
            }
            _ => false,
        };
        refused.then_some(linux::EINVAL)
    }

    /// Applies an advice to a range within one map. Fails with the errno of the call that it makes for that.
    fn advise(&mut self, range: &Range<u64>, advice: i32) -> Result<(), i32> {
        let change: fn(&mut Vma) = match advice {
            linux::MADV_DONTFORK => |own| own.dont_fork = true,
            linux::MADV_DOFORK => |own| own.dont_fork = false,
            linux::MADV_WIPEONFORK => |own| own.wiped = true,
            linux::MADV_KEEPONFORK => |own| own.wiped = false,
            linux::MADV_NORMAL => |own| own.advised.order = None,
            linux::MADV_RANDOM => |own| own.advised.order = Some(linux::MADV_RANDOM),
            linux::MADV_SEQUENTIAL => |own| own.advised.order = Some(linux::MADV_SEQUENTIAL),
            linux::MADV_HUGEPAGE => |own| own.advised.size = Some(linux::MADV_HUGEPAGE),
            linux::MADV_NOHUGEPAGE => |own| own.advised.size = Some(linux::MADV_NOHUGEPAGE),
            linux::MADV_DONTDUMP => |own| own.advised.undumped = true,
            linux::MADV_DODUMP => |own| own.advised.undumped = false,
            linux::MADV_MERGEABLE => |own| own.advised.mergeable = !own.shared,
            linux::MADV_UNMERGEABLE => |own| own.advised.mergeable = false,
            linux::MADV_GUARD_REMOVE => {
                for own in self.process().space.touching_mut(range) {
                    own.drop_guards(own.shown(range));
                }
                return Ok(());
            }
            linux::MADV_DONTNEED | linux::MADV_DONTNEED_LOCKED => {
                self.drop_copies(range);
                return Ok(());
            }
            linux::MADV_FREE => {
                if !self.state.holds(Rule::FreedPagesStay) {
                    self.drop_copies(range);
                }
                for own in self.process().space.touching_mut(range) {
                    own.freed.fill(own.shown(range), true);
                }
                return Ok(());
            }
            linux::MADV_REMOVE => return self.remove_pages(range),
            linux::MADV_GUARD_INSTALL => {
                self.guard(range);
                return Ok(());
            }
            // Any other advice changes nothing that can be seen but the speed.
            _ => return Ok(()),
        };
        self.process().space.change(range, change);
        Ok(())
    }

    fn drop_copies(&mut self, range: &Range<u64>) {
        let (drops, keeps) = (
            self.state.holds(Rule::DontneedDropsCopies),
            self.state.holds(Rule::DontneedKeepsShared),
        );
        let mut cleared = Vec::new();
        for vma in self.process().space.touching_mut(range) {
            let shown = vma.shown(range);
            if drops {
                vma.drop_copies(shown.clone());
            }
            if let (true, false, Some(object)) = (vma.shared, keeps, vma.object) {
                cleared.push((object, shown));
            }
        }
        for (object, range) in cleared {
            self.state.objects[object].bytes.fill(range, Content::Zero);
        }
    }

    /// Punches a hole into the object that a map shows there. (Linux: madvise_remove calls fallocate)
    fn remove_pages(&mut self, range: &Range<u64>) -> Result<(), i32> {
        let Some(own) = self.process().space.at(range.start) else { return Ok(()) };
        let Some(object) = own.object else { return Ok(()) };
        let shown = own.offset_of(range.start)..own.offset_of(range.end);
        if self.sealed(object, linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE) {
            return Err(linux::EPERM);
        }
        if !self.state.holds_for(Rule::HolesCanBePunched, object) {
            return Err(linux::EOPNOTSUPP);
        }
        if self.state.holds(Rule::RemovePunches) {
            self.punch(object, shown);
        }
        Ok(())
    }

    /// Guards pages, and drops their private copies.
    fn guard(&mut self, range: &Range<u64>) {
        let drops = self.state.holds(Rule::GuardDropsCopies);
        for vma in self.process().space.touching_mut(range) {
            let shown = vma.shown(range);
            vma.guarded.fill(shown.clone(), true);
            if drops {
                vma.drop_copies(shown);
            }
        }
    }

    /// Performs MADV_POPULATE_READ or MADV_POPULATE_WRITE page by page, up to the first page that fails.
    fn populate_advice(&mut self, range: &Range<u64>, advice: i32) -> Result<Returned, Failure> {
        let hole = self.process().space.hole_in(range);
        let stores = advice == linux::MADV_POPULATE_WRITE;
        let Some(process) = self.processes.last_mut() else { return Ok(Returned::Nothing) };
        for part in process.space.parts(&(range.start..hole.unwrap_or(range.end))) {
            let Some(vma) = process.space.at(part.start) else { break };
            let needed = if stores { WRITE } else { READ };
            if vma.prot & needed == 0 && self.state.holds(Rule::PopulateNeedsProtection) {
                return Err(Errno(linux::EINVAL));
            }
            let missing = |at: &u64| self.state.content(vma, vma.offset_of(*at)).is_err();
            let bad = self.state.seams(process, &part).into_iter().find(missing);
            let copies = stores && !vma.shared;
            if copies && self.state.holds(Rule::PopulateWriteMakesCopies) {
                self.state.copy_pages(process, part.start..bad.unwrap_or(part.end));
            }
            if bad.is_some() && self.state.holds(Rule::PopulatePastEofIsEfault) {
                return Err(Errno(linux::EFAULT));
            }
        }
        self.done_but_for(hole)
    }
}
