//! The model must predict how many bytes a transfer between a file and memory moves. read(2) into a map and
//! write(2) from one are the kernel's own accesses, many bytes at a time.
//!
//! The kernel stops at a byte that it cannot reach, and returns the number of bytes that it has
//! moved so far, or EFAULT where it has moved none.

use std::ops::Range;

use super::resize::FILE_END;
use crate::case::{Arg, Clean};
use crate::model::access::Loaded;
use crate::model::bytes::Content;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::model::state::{Descriptor, FileKind, Kind};
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("pread", |p, args| p.pread(args)),
    ("pwrite", |p, args| p.pwrite(args)),
    ("read", |p, args| p.read(args)),
    ("write", |p, args| p.write(args)),
];

impl Interpreter<'_> {
    fn pread(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (offset, count) = (self.number(args, 1), self.number(args, 2) as u64);
        if !(0..=FILE_END).contains(&offset) {
            return Err(Errno(linux::EINVAL));
        }
        let descriptor = self.descriptor(&args[0]).ok_or(linux::EBADF)?;
        match descriptor.shows {
            FileKind::Pipe => Err(Errno(linux::ESPIPE)),
            _ if !descriptor.readable => Err(Errno(linux::EBADF)),
            FileKind::Object(object) => {
                let object = &self.state.objects[object];
                let start = offset as u64;
                let end = match self.state.holds(Rule::ReadStopsAtEof) {
                    true => (start + count).min(object.size.max(start)),
                    false => start + count,
                };
                let runs = object.bytes.runs(start..end);
                let phase = object.phase();
                Ok(Returned::Saw(runs.into_iter().map(|(n, c)| (n, c.seen(phase))).collect()))
            }
            FileKind::Dir => Err(Errno(linux::EISDIR)),
            FileKind::DevZero | FileKind::DevFull => Ok(Returned::Saw(vec![(count, Clean::Zero)])),
            FileKind::Proc | FileKind::ProcMaps => {
                Err(Unmodelled("the content of a file of /proc"))
            }
            FileKind::DevNull => Ok(Returned::Saw(Vec::new())),
        }
    }

    fn pwrite(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let Arg::Text(text) = &args[1] else { return Ok(Returned::Nothing) };
        let offset = self.number(args, 2);
        if !(0..=FILE_END).contains(&offset) {
            return Err(Errno(linux::EINVAL));
        }
        let descriptor = self.descriptor(&args[0]).ok_or(linux::EBADF)?;
        // A file of /proc cannot be written at an offset. (Linux: FMODE_PWRITE)
        if matches!(descriptor.shows, FileKind::Pipe | FileKind::Proc | FileKind::ProcMaps) {
            return Err(Errno(linux::ESPIPE));
        }
        let bytes = text.iter().map(|byte| Content::of(*byte));
        let runs: Vec<Loaded> =
            bytes.map(|content| Loaded { length: 1, content, offset: 0 }).collect();
        self.put(descriptor, offset as u64, &runs)
    }

    /// Writes runs to what a descriptor shows, as write(2) and pwrite(2) do.
    fn put(
        &mut self,
        descriptor: Descriptor,
        at: u64,
        runs: &[Loaded],
    ) -> Result<Returned, Failure> {
        let mut count: u64 = runs.iter().map(|run| run.length).sum();
        if !descriptor.writable {
            return Err(Errno(linux::EBADF));
        }
        let object = match descriptor.shows {
            FileKind::Object(object) => object,
            FileKind::DevFull if count > 0 => return Err(Errno(linux::ENOSPC)),
            _ => return Ok(Returned::Count(count)),
        };
        let size = self.state.objects[object].size;
        let appends = descriptor.appends && self.state.holds(Rule::AppendIgnoresTheOffset);
        let start = if appends { size } else { at };
        if count == 0 {
            return Ok(Returned::Count(0));
        }
        if let Some(limit) = self.limit(linux::RLIMIT_FSIZE as i64) {
            if start >= limit {
                return self.too_big();
            }
            count = count.min(limit - start);
        }
        let kept = matches!(self.state.objects[object].kind, Kind::Memfd(_));
        if kept {
            let writes = linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE;
            if self.sealed(object, writes) {
                return Err(Errno(linux::EPERM));
            }
            if start + count > size && self.sealed(object, linux::F_SEAL_GROW) {
                // Page by page: those that lie within the file are written.
                let page = self.state.page();
                let whole = (size / page * page).max(start);
                if whole == start {
                    return Err(Errno(linux::EPERM));
                }
                count = whole - start;
            }
        }
        if start + count > size && self.state.holds(Rule::WriteGrows) {
            let clears = match start > size {
                true => Rule::WritesPastEofClearThePage,
                false => Rule::WritesClearThePage,
            };
            self.resize(object, start + count, clears);
        }
        let mut to = start;
        for run in runs {
            let end = (to + run.length).min(start + count);
            let content = run.content.moved(run.offset, to);
            self.state.objects[object].bytes.fill(to..end.max(to), content);
            to = end;
        }
        if descriptor.syncs {
            self.state.write_back(object, start..start + count);
        }
        Ok(Returned::Count(count))
    }

    /// Returns the address, the length and the range of the memory of a transfer; the range is `None` where
    /// no process can have such memory.
    fn memory(&self, args: &[Arg]) -> (u64, u64, Option<Range<u64>>) {
        let (address, count) = (self.address(&args[1]), self.number(args, 2) as u64);
        let end = address.checked_add(count).filter(|end| *end <= super::mmap::ADDRESSES);
        (address, count, end.map(|end| address..end))
    }

    fn read(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (_, count, memory) = self.memory(args);
        let descriptor =
            self.descriptor(&args[0]).filter(|own| own.readable).ok_or(linux::EBADF)?;
        let memory = memory.ok_or(linux::EFAULT)?;
        let (runs, from) = match descriptor.shows {
            FileKind::Object(object) => {
                let from = self.state.positions[descriptor.open_file];
                let size = self.state.objects[object].size;
                let end = match self.state.holds(Rule::ReadStopsAtEof) {
                    true => (from + count).min(size.max(from)),
                    false => from + count,
                };
                self.not_onto_itself(object, from..end, &memory, 1)?;
                let mut offset = from;
                let runs = self.state.objects[object].bytes.runs(from..end);
                let runs = runs.into_iter().map(|(length, content)| {
                    let run = Loaded { length, content, offset };
                    offset += length;
                    run
                });
                (runs.collect(), from)
            }
            FileKind::DevZero | FileKind::DevFull => {
                (vec![Loaded { length: count, content: Content::Zero, offset: 0 }], 0)
            }
            FileKind::DevNull => (Vec::new(), 0),
            FileKind::Dir => return Err(Errno(linux::EISDIR)),
            FileKind::Pipe if count == 0 => (Vec::new(), 0),
            FileKind::Pipe => return Ok(Returned::Hangs),
            FileKind::Proc | FileKind::ProcMaps => {
                return Err(Unmodelled("the content of a file of /proc"));
            }
        };
        let total: u64 = runs.iter().map(|run| run.length).sum();
        let moved = self.store_runs(memory.start, &runs);
        self.transferred(&descriptor, from, moved, total)
    }

    fn write(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (_, count, memory) = self.memory(args);
        let descriptor =
            self.descriptor(&args[0]).filter(|own| own.writable).ok_or(linux::EBADF)?;
        let memory = memory.ok_or(linux::EFAULT)?;
        let FileKind::Object(object) = descriptor.shows else {
            // Nobody looks at what is written to /dev/null and the like.
            let bytes = Loaded { length: count, content: Content::Zero, offset: 0 };
            return self.put(descriptor, 0, &[bytes]);
        };
        let size = self.state.objects[object].size;
        let from = match descriptor.appends && self.state.holds(Rule::AppendIgnoresTheOffset) {
            true => size,
            false => self.state.positions[descriptor.open_file],
        };
        // A write that makes the file longer may zero more of its page.
        let unit = if from + count > size { self.state.page() } else { 1 };
        self.not_onto_itself(object, from..from + count, &memory, unit)?;
        let process = &self.processes[self.processes.len() - 1];
        let mut runs = self.state.load_runs(process, &memory);
        let loaded: u64 = runs.iter().map(|run| run.length).sum();
        if loaded < count && !self.state.holds(Rule::TransfersStopAtTheFault) {
            runs.clear();
        }
        if loaded < count && !self.state.holds_for(Rule::WritesMovePartsOfPages, object) {
            let page = self.state.page();
            cut(&mut runs, ((from + loaded) / page * page).saturating_sub(from));
            if !runs.is_empty() && !self.state.holds_for(Rule::WritesMovePagesBefore, object) {
                runs.clear();
            }
        }
        if runs.is_empty() && count > 0 {
            // The kernel checks the limit and the seals before the memory.
            if self.refuses(&descriptor, object, from, count) {
                let zeros = Loaded { length: count, content: Content::Zero, offset: 0 };
                return self.put(descriptor, from, &[zeros]);
            }
            if from > size && !self.state.holds_for(Rule::FailedWriteKeepsTheSize, object) {
                let to = self.end_after_a_failed_write(object, from);
                self.resize(object, to, Rule::WritesPastEofClearThePage);
            }
            return Err(Errno(linux::EFAULT));
        }
        match self.put(descriptor, from, &runs)? {
            Returned::Count(0) => Ok(Returned::Count(0)), // O_APPEND has moved nothing either
            Returned::Count(moved) => self.transferred(&descriptor, from, moved, moved),
            other => Ok(other),
        }
    }

    /// Returns the end of a file after a write that would have begun past it, at `from`, where that makes it longer.
    fn end_after_a_failed_write(&self, object: usize, from: u64) -> u64 {
        let block = self.state.environment.block.unwrap_or(self.state.page());
        let last_block = self.state.objects[object].size.next_multiple_of(block);
        match from <= last_block || self.state.holds_for(Rule::FailedWriteGrowsToItsOffset, object)
        {
            true => from,
            false => last_block,
        }
    }

    /// True if a write is refused before any byte is looked at.
    fn refuses(&self, descriptor: &Descriptor, object: usize, from: u64, count: u64) -> bool {
        let limited = self.limit(linux::RLIMIT_FSIZE as i64).is_some_and(|limit| from >= limit);
        // The part of it within whole pages of the file is not refused.
        let (size, page) = (self.state.objects[object].size, self.state.page());
        let grows = from + count > size && size / page * page <= from;
        let seals = linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE;
        let sealed =
            self.sealed(object, seals) || (grows && self.sealed(object, linux::F_SEAL_GROW));
        descriptor.writable && (limited || sealed)
    }

    /// Returns the result of a transfer that has moved `moved` of `total` bytes, and advances the position of
    /// the file.
    fn transferred(
        &mut self,
        descriptor: &Descriptor,
        from: u64,
        moved: u64,
        total: u64,
    ) -> Result<Returned, Failure> {
        if total > 0 && moved == 0 {
            return Err(Errno(linux::EFAULT));
        }
        if self.state.holds(Rule::PositionsAdvance) {
            self.state.positions[descriptor.open_file] = from + moved;
        }
        Ok(Returned::Count(moved))
    }

    /// Stores runs from an address on, up to the first byte that cannot be stored. Returns the number of
    /// bytes that were stored.
    fn store_runs(&mut self, start: u64, runs: &[Loaded]) -> u64 {
        let page = self.state.page();
        let total: u64 = runs.iter().map(|run| run.length).sum();
        let (state, process) = (&mut self.state, self.processes.last_mut());
        let Some(process) = process else { return 0 };
        // Only the page and the end of a file decide if a store succeeds.
        let seams = state.seams(process, &(start..start + total));
        let bad = seams.into_iter().find(|at| state.can_store(process, *at).is_err());
        let end = match bad {
            Some(_) if !state.holds(Rule::TransfersStopAtTheFault) => start,
            Some(bad) => bad,
            None => start + total,
        };
        let mut address = start;
        for run in runs {
            let mut from = run.offset;
            let last = (address + run.length).min(end);
            while address < last {
                let next = last.min((address / page + 1) * page);
                let shown = process.space.at(address).map_or(0, |own| own.offset_of(address));
                state.prepare_store(process, address);
                state.store(process, address..next, run.content.moved(from, shown));
                from += next - address;
                address = next;
            }
        }
        end - start
    }

    /// Fails where a file is read into a map of its own bytes, or written from one: the file changes under
    /// the copy, and the result depends on the order of the bytes, except where each stays in its place.
    /// `unit` is the number of bytes that may change at once.
    fn not_onto_itself(
        &self,
        object: usize,
        offsets: Range<u64>,
        memory: &Range<u64>,
        unit: u64,
    ) -> Result<(), Failure> {
        let process = &self.processes[self.processes.len() - 1];
        let (first, last) = (offsets.start / unit, offsets.end.div_ceil(unit));
        let onto_itself = process.space.touching(memory).any(|own| {
            let shown = own.offset_of(own.range.start.max(memory.start));
            let end = own.offset_of(own.range.end.min(memory.end)).div_ceil(unit);
            let moved = own.range.start.max(memory.start) - memory.start;
            let in_place = unit == 1 && shown == offsets.start + moved;
            own.object == Some(object) && shown / unit < last && first < end && !in_place
        });
        match onto_itself {
            true => Err(Unmodelled("bytes of a file that are copied onto themselves")),
            false => Ok(()),
        }
    }
}

/// Leaves only the first bytes of what was loaded.
fn cut(runs: &mut Vec<Loaded>, mut left: u64) {
    for run in runs.iter_mut() {
        run.length = run.length.min(left);
        left -= run.length;
    }
    runs.retain(|run| run.length > 0);
}
