//! The model must predict how mremap moves, grows, shrinks or doubles maps, and the errno where it fails.

use std::ops::Range;

use crate::case::Arg;
use crate::model::address_space::{ALL, READ, Vma, WRITE};
use crate::model::calls::remap_checks::Remap;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::{Returned, Value};
use crate::model::rule::Rule;
use crate::model::state::{Kind, Process};
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[("mremap", |p, args| p.mremap(args))];

impl Interpreter<'_> {
    fn mremap(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let mut remap = self.checked(args)?;
        let moves = remap.has(linux::MREMAP_FIXED | linux::MREMAP_DONTUNMAP);
        let will = remap.will_end();
        let shrinks = will <= remap.was.end && !moves;
        let unmapped = self.unmaps_first(&mut remap)?;
        let keeps_length = remap.old_length() == remap.length;
        if remap.has(linux::MREMAP_FIXED) && keeps_length && !unmapped {
            return self.move_all(&remap);
        }
        let own = self.process().space.at(remap.was.start);
        let own = own.map(|own| (own.range.clone(), own.sealed, own.is_anonymous()));
        let Some((whole, sealed, is_anonymous)) = own else {
            if shrinks && !self.state.holds(Rule::RemapShrinksAMap) {
                return self.shrink(&(will..remap.was.end), remap.was.start);
            }
            let fault = self.state.holds(Rule::RemapOfHoleIsEfault);
            return Err(Errno(if fault { linux::EFAULT } else { linux::ENOMEM }));
        };
        if sealed && self.state.holds(Rule::MsealIsEperm) {
            return Err(Errno(linux::EPERM));
        }
        if shrinks {
            return self.shrink(&(will..remap.was.end), remap.was.start);
        }
        // From here on the call moves, grows or doubles a map.
        if remap.was.is_empty() && !self.is_shared(remap.was.start) {
            return Err(Errno(linux::EINVAL));
        }
        let leaves_file = remap.has(linux::MREMAP_DONTUNMAP) && !is_anonymous;
        if leaves_file && !self.state.holds(Rule::DontunmapOfFiles) {
            return Err(Errno(linux::EINVAL));
        }
        // The part by which it shrinks goes first. (Linux 6.17: mremap_to)
        let end = remap.was.end.min(will);
        if end > whole.end {
            self.are_apart(whole.end)?;
            return Err(Errno(linux::EFAULT));
        }
        let more = remap.length.saturating_sub(remap.old_length());
        let locked = self.process().space.at(remap.was.start).is_some_and(|own| own.locked);
        if let (true, Err(errno)) = (locked && more > 0, self.may_lock(more, linux::EAGAIN)) {
            // Where nothing may be locked, the errno is the same here.
            return Err(Errno(if errno == linux::EPERM { linux::EAGAIN } else { errno }));
        }
        let data = !self.is_shared(remap.was.start) && self.may_store(remap.was.start);
        let added = if remap.has(linux::MREMAP_DONTUNMAP) { remap.length } else { more };
        self.may_have(added, if data { added } else { 0 })?;
        let beyond = remap.was.end..will;
        let in_place = !moves && !remap.was.is_empty() && remap.was.end == whole.end;
        if in_place && !self.process().space.any_in(&beyond) {
            if let Some(vma) = self.process().space.at_mut(remap.was.start) {
                vma.range.end = will;
            }
            self.populate_locked(beyond);
            return Ok(Returned::Value(Value::Map(remap.was.start)));
        }
        if !remap.has(linux::MREMAP_MAYMOVE) && self.state.holds(Rule::RemapWithoutRoomIsEnomem) {
            return Err(Errno(linux::ENOMEM));
        }
        self.move_one(remap)
    }

    fn is_shared(&mut self, address: u64) -> bool {
        self.process().space.at(address).is_some_and(|own| own.shared)
    }

    fn may_store(&mut self, address: u64) -> bool {
        self.process().space.at(address).is_some_and(|own| own.prot & WRITE != 0)
    }

    /// Fails where the kernel may have merged the maps on both sides of this address.
    fn are_apart(&mut self, address: u64) -> Result<(), Failure> {
        let space = &self.process().space;
        let before = address.checked_sub(1).and_then(|address| space.at(address));
        match before.zip(space.at(address)).is_some_and(|(a, b)| a.may_be_one_with(b)) {
            true => Err(Unmodelled("two maps that the kernel may have merged")),
            false => Ok(()),
        }
    }

    /// Fails where the kernel may have merged a locked map and one beside it.
    fn alone(&mut self, range: &Range<u64>) -> Result<(), Failure> {
        let own = self.process().space.at(range.start).filter(|own| own.locked);
        let Some(whole) = own.map(|own| own.range.clone()) else { return Ok(()) };
        self.are_apart(whole.start)?;
        self.are_apart(whole.end)
    }

    fn shrink(&mut self, tail: &Range<u64>, start: u64) -> Result<Returned, Failure> {
        if self.state.holds(Rule::RemapShrinks) {
            self.unmap(tail)?;
        }
        Ok(Returned::Value(Value::Map(start)))
    }

    /// Unmaps the range to which a map is moved. Fails with the errno where that is refused.
    pub(super) fn clear(&mut self, target: &Range<u64>) -> Result<(), i32> {
        if self.process().space.any_in(target) && !self.state.holds(Rule::RemapFixedReplaces) {
            return Err(linux::EEXIST);
        }
        self.unmap(target)
    }

    /// Moves one map, or a part of it, to another place, and gives it another length.
    fn move_one(&mut self, remap: Remap) -> Result<Returned, Failure> {
        let to = match remap.to {
            Some(to) if remap.has(linux::MREMAP_FIXED) => to,
            Some(to) if !self.process().space.any_in(&(to..to + remap.length)) => to,
            _ => self.place(),
        };
        let target = to..to + remap.length;
        self.clear(&target)?;
        let Some(own) = self.process().space.at(remap.was.start).map(|own| own.range.clone())
        else {
            return Err(Errno(linux::EFAULT)); // it has replaced itself
        };
        if remap.has(linux::MREMAP_DONTUNMAP) {
            self.alone(&own)?;
        }
        let end = remap.was.end.min(remap.was.start + remap.length);
        // Linux unmaps the target first: it is gone even if the tail is sealed, and the call fails. (Linux 6.17: mremap_to,
        // shrink_vma)
        self.unmap(&(end..remap.was.end))?;
        self.move_stretch(&(remap.was.start..end), to, &remap);
        let grown = target.start + (end - remap.was.start)..target.end;
        self.populate_locked(grown);
        Ok(Returned::Value(Value::Map(to)))
    }

    /// Moves any number of maps, and the holes between them, to one place with the same lengths. (Linux 6.17:
    /// remap_move)
    fn move_all(&mut self, remap: &Remap) -> Result<Returned, Failure> {
        let to = remap.to.ok_or(linux::EFAULT)?;
        let space = &self.process().space;
        let parts = space.parts(&remap.was);
        let covered = parts.len() == 1 && parts[0].end == remap.was.end;
        let several = parts.windows(2).any(|pair| {
            let (a, b) = (space.at(pair[0].start), space.at(pair[1].start));
            !a.zip(b).is_some_and(|(a, b)| a.may_be_one_with(b))
        });
        if parts.first().is_none_or(|first| first.start != remap.was.start) {
            let fault = self.state.holds(Rule::RemapOfHoleIsEfault);
            return Err(Errno(if fault { linux::EFAULT } else { linux::ENOMEM }));
        }
        // A segment, or private memory of /dev/zero, is moved alone, and not along with what comes before it.
        // (Linux: vma_multi_allowed)
        let segments: Vec<usize> = self.state.segments.iter().map(|own| own.object).collect();
        let moves_alone = |process: &mut Process, at: u64| {
            process.space.at(at).is_some_and(|own| match own.object {
                Some(object) => segments.contains(&object),
                None => own.open_file.is_some(),
            })
        };
        // Segments are never merged. (Linux: shm_vm_ops has a close)
        let may_merge = |process: &mut Process, at: u64| {
            process.space.at(at).is_some_and(|own| own.object.is_none())
        };
        if !covered && moves_alone(self.process(), remap.was.start) {
            for part in parts.iter().skip(1) {
                if may_merge(self.process(), part.start) {
                    self.are_apart(part.start)?;
                }
            }
            return Err(Errno(linux::EFAULT));
        }
        // A gap counts as several maps, too.
        let gap = parts.last().is_some_and(|last| last.end != remap.was.end);
        if !covered && (several || gap) && !self.moves_several(&parts) {
            return Err(Errno(linux::EFAULT));
        }
        for part in parts {
            let sealed = self.process().space.at(part.start).is_some_and(|own| own.sealed);
            if part.start > remap.was.start && moves_alone(self.process(), part.start) {
                if may_merge(self.process(), part.start) {
                    self.are_apart(part.start)?;
                }
                return Err(Errno(linux::EFAULT));
            }
            let place = to + (part.start - remap.was.start);
            let target = place..place + (part.end - part.start);
            if sealed && self.state.holds(Rule::MsealIsEperm) {
                return Err(Errno(linux::EPERM));
            }
            self.clear(&target)?;
            if remap.has(linux::MREMAP_DONTUNMAP) {
                let bytes = part.end - part.start;
                let data = !self.is_shared(part.start) && self.may_store(part.start);
                self.may_have(bytes, if data { bytes } else { 0 })?;
                self.alone(&part)?;
            }
            self.move_stretch(&part, place, remap);
        }
        Ok(Returned::Value(Value::Map(to)))
    }

    /// True where these maps can be moved at once; a file system may forbid it for its files.
    fn moves_several(&self, parts: &[Range<u64>]) -> bool {
        let maps = parts.iter().filter_map(|part| self.processes.last()?.space.at(part.start));
        let is_file = |object: &usize| matches!(self.state.objects[*object].kind, Kind::File(_));
        match maps.filter_map(|own| own.object).find(is_file) {
            Some(object) => self.state.holds_for(Rule::RemapMovesSeveral, object),
            None => self.state.holds_on(Rule::RemapMovesSeveral, None),
        }
    }

    /// Moves a range, which is a part of one VMA. With MREMAP_DONTUNMAP or an old length of 0 the VMA stays
    /// as well.
    fn move_stretch(&mut self, was: &Range<u64>, to: u64, remap: &Remap) {
        let moves = self.state.holds(Rule::RemapMoves);
        let (doubles, stays) = (remap.was.is_empty(), remap.has(linux::MREMAP_DONTUNMAP));
        let length =
            if remap.old_length() == remap.length { was.end - was.start } else { remap.length };
        let mut moved: Vma;
        if doubles {
            let Some(own) = self.process().space.at(was.start) else { return };
            moved = Vma { offset: own.offset_of(was.start), ..own.clone() };
            moved.drop_guards(ALL);
            if !self.state.holds(Rule::RemapOfLengthZeroMapsAgain) {
                return;
            }
        } else {
            let Some(own) = self.process().space.at(was.start) else { return };
            moved = own.part(was.clone());
            match stays && self.state.holds(Rule::DontunmapLeavesTheMap) {
                true => self.leave_behind(was),
                false => self.process().space.remove(was),
            }
        }
        moved.range = to..to + length;
        if !moves {
            moved.drop_copies(ALL);
            moved.prot = READ;
        }
        self.process().space.insert(moved);
    }

    /// Empties and unlocks a range that MREMAP_DONTUNMAP has moved away: the range stays mapped.
    fn leave_behind(&mut self, was: &Range<u64>) {
        let whole = self.process().space.at(was.start).filter(|own| own.locked);
        let whole = whole.map(|own| own.range.clone());
        let part = whole.as_ref().is_some_and(|range| range != was);
        let unlocks_all = part && self.state.holds(Rule::DontunmapUnlocksTheRest);
        if let Some(whole) = whole {
            let unlocked = if unlocks_all { &whole } else { was };
            self.process().unlocked += unlocked.end - unlocked.start;
        }
        if let Some(own) = self.process().space.at_mut(was.start) {
            let shown = own.shown(was);
            own.drop_copies(shown.clone());
            own.drop_guards(shown);
            own.locked &= !unlocks_all;
        }
        self.process().space.change(was, |own| own.locked = false);
    }

    /// Brings in the pages by which a locked map has grown: they are locked, too.
    fn populate_locked(&mut self, grown: Range<u64>) {
        let locked = self.process().space.at(grown.start).is_some_and(|own| own.locked);
        if locked && !grown.is_empty() {
            // Nobody learns of a failure. (Linux: mm_populate)
            let _ = self.populate(grown);
        }
    }
}
