//! The model must predict how ftruncate and fallocate change the size and the content of a file, and the
//! errno where they fail.

use std::ops::Range;

use crate::case::Arg;
use crate::model::bytes::Content;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::model::signals::Sent;
use crate::model::state::FileKind;
use crate::vocabulary::linux;

/// The largest offset that a file can have.
pub(super) const FILE_END: i128 = i64::MAX as i128;

pub(super) const CALLS: &[(&str, Predict)] =
    &[("ftruncate", |p, args| p.ftruncate(args)), ("fallocate", |p, args| p.fallocate(args))];

impl Interpreter<'_> {
    fn ftruncate(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let size = self.number(args, 1);
        let fails = self.state.holds(Rule::FtruncateIsEinval);
        if !(0..=FILE_END).contains(&size) {
            return Err(Errno(if fails { linux::EINVAL } else { linux::EFBIG }));
        }
        let descriptor = self.descriptor(&args[0]).ok_or(linux::EBADF)?;
        let (FileKind::Object(object), true) = (descriptor.shows, descriptor.writable || !fails)
        else {
            return Err(Errno(linux::EINVAL));
        };
        let (size, old) = (size as u64, self.state.objects[object].size);
        let sealed = (size < old && self.sealed(object, linux::F_SEAL_SHRINK))
            || (size > old && self.sealed(object, linux::F_SEAL_GROW));
        if size > old && self.limit(linux::RLIMIT_FSIZE as i64).is_some_and(|limit| size > limit) {
            return self.too_big();
        }
        if sealed {
            return Err(Errno(linux::EPERM));
        }
        self.resize(object, size, Rule::GrowthClearsThePage);
        Ok(Returned::Nothing)
    }

    /// Returns the outcome of a call that would make a file larger than RLIMIT_FSIZE: EFBIG, and a signal
    /// that kills by default. (setrlimit(2))
    pub(super) fn too_big(&mut self) -> Result<Returned, Failure> {
        match self.process().signals.send(linux::SIGXFSZ) {
            Sent::Ends if !self.state.holds(Rule::BeyondFileSizeIsSigxfsz) => {
                Err(Errno(linux::EFBIG))
            }
            Sent::Ends => Ok(Returned::Killed(linux::SIGXFSZ)),
            Sent::Ignored | Sent::Blocked => Err(Errno(linux::EFBIG)),
        }
    }

    fn fallocate(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let mode = Self::flags(args, 1) as i32;
        let (offset, length) = (self.number(args, 2), self.number(args, 3));
        let keeps = mode & linux::FALLOC_FL_KEEP_SIZE != 0;
        let does = mode & !linux::FALLOC_FL_KEEP_SIZE;
        let object = self.to_be_allocated(&args[0], (does, keeps), (offset, length))?;
        if !self.state.holds_for(supports(does), object) {
            return Err(Errno(linux::EOPNOTSUPP));
        }
        let range = offset as u64..(offset + length) as u64;
        let grows = range.end > self.state.objects[object].size;
        let beyond = self.limit(linux::RLIMIT_FSIZE as i64).is_some_and(|limit| range.end > limit);
        if does == 0 && grows && beyond {
            return match keeps {
                true => Err(Unmodelled("room beyond RLIMIT_FSIZE that adds no size")),
                false => self.too_big(),
            };
        }
        let writes = linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE;
        let size = self.state.objects[object].size;
        match does {
            0 if range.end > size && self.sealed(object, linux::F_SEAL_GROW) => {
                Err(Errno(linux::EPERM))
            }
            0 => {
                self.write_back_for_fallocate(object);
                if range.end > size && !keeps {
                    self.resize(object, range.end, Rule::FallocateGrowthClearsThePage);
                }
                Ok(Returned::Nothing)
            }
            linux::FALLOC_FL_PUNCH_HOLE if self.sealed(object, writes) => Err(Errno(linux::EPERM)),
            linux::FALLOC_FL_PUNCH_HOLE => {
                self.punch(object, range);
                Ok(Returned::Nothing)
            }
            linux::FALLOC_FL_COLLAPSE_RANGE | linux::FALLOC_FL_INSERT_RANGE => {
                self.shift(object, range, does)
            }
            // Neither KEEP_SIZE nor INSERT_RANGE is held to the limit. (Linux: ext4_zero_range)
            linux::FALLOC_FL_ZERO_RANGE if grows && beyond && !keeps => self.too_big(),
            linux::FALLOC_FL_ZERO_RANGE => {
                self.write_back_for_fallocate(object);
                if range.end > size && !keeps {
                    self.resize(object, range.end, Rule::FallocateGrowthClearsThePage);
                }
                self.state.objects[object].bytes.fill(range.clone(), Content::Zero);
                self.clear_page(object, &range, Rule::FallocateClearsThePage);
                Ok(Returned::Nothing)
            }
            _ => Err(Unmodelled("FALLOC_FL_UNSHARE_RANGE, for file systems that share blocks")),
        }
    }

    /// The file that a fallocate is about; the errno where its arguments are wrong, in the order of the kernel.
    fn to_be_allocated(
        &self,
        descriptor: &Arg,
        (does, keeps): (i32, bool),
        (offset, length): (i128, i128),
    ) -> Result<usize, i32> {
        let descriptor = self.descriptor(descriptor).ok_or(linux::EBADF)?;
        if offset < 0 || length <= 0 || offset > FILE_END || length > FILE_END {
            return Err(linux::EINVAL);
        }
        let may_be = match does {
            0 | linux::FALLOC_FL_ZERO_RANGE | linux::FALLOC_FL_UNSHARE_RANGE => true,
            linux::FALLOC_FL_PUNCH_HOLE => keeps,
            linux::FALLOC_FL_COLLAPSE_RANGE | linux::FALLOC_FL_INSERT_RANGE => !keeps,
            _ => false,
        };
        if !may_be {
            return Err(match excludes(does, keeps) && !self.state.holds(Rule::ModesAreKnown) {
                true => linux::EINVAL,
                false => linux::EOPNOTSUPP,
            });
        }
        if !descriptor.writable {
            return Err(linux::EBADF);
        }
        // ESPIPE and EFBIG do not come: a case cannot write to a pipe, and the language bounds its offsets and lengths.
        match descriptor.shows {
            FileKind::Object(object) => Ok(object),
            _ => Err(linux::ENODEV),
        }
    }

    /// Punches a hole: every map that has no copy shows zeros there.
    pub(in crate::model) fn punch(&mut self, object: usize, range: Range<u64>) {
        let size = self.state.objects[object].size;
        if range.start < self.state.round_up(size) {
            self.write_back_for_fallocate(object);
        }
        let begins_past = range.start >= size;
        let bytes = &self.state.objects[object].bytes;
        let stale = begins_past && bytes.any_but(Content::Zero, range.clone());
        let stays = stale && !self.state.holds_for(Rule::PunchingClearsTheTail, object);
        if self.state.holds(Rule::PunchingZeroes) && !stays {
            self.state.objects[object].bytes.fill(range.clone(), Content::Zero);
        }
        let over_the_end = !begins_past && range.end > size;
        let clears = match over_the_end {
            true => Rule::HolesOverTheEndClearThePage,
            false => Rule::FallocateClearsThePage,
        };
        self.clear_page(object, &range, clears);
        if !self.state.holds(Rule::PunchingLeavesCopies) {
            for process in &mut self.processes {
                let own = process.space.iter_mut().filter(|own| own.object == Some(object));
                own.for_each(|vma| vma.copied.fill(range.clone(), false));
            }
        }
    }

    /// Zeroes the bytes that were stored past the end, beside a range that reaches the last page, where this open
    /// rule holds.
    fn clear_page(&mut self, object: usize, range: &Range<u64>, clears: Rule) {
        let size = self.state.objects[object].size;
        let tail = size..self.state.round_up(size);
        let last = size / self.state.page() * self.state.page();
        let beside = [tail.start..tail.end.min(range.start), tail.start.max(range.end)..tail.end];
        let bytes = &self.state.objects[object].bytes;
        let stale = beside.iter().any(|part| bytes.any_but(Content::Zero, part.clone()));
        let reaches = range.start < tail.end && last < range.end;
        if reaches && stale && self.state.holds_for(clears, object) {
            for part in beside {
                self.state.objects[object].bytes.fill(part, Content::Zero);
            }
        }
    }

    /// Writes the file to its disk, where fallocate does.
    fn write_back_for_fallocate(&mut self, object: usize) {
        self.state.write_back_where(Rule::FallocateWritesBack, object);
    }

    /// Takes a range out of a file, or inserts one of zeros, and moves the bytes behind it.
    fn shift(&mut self, object: usize, range: Range<u64>, does: i32) -> Result<Returned, Failure> {
        let takes = does == linux::FALLOC_FL_COLLAPSE_RANGE;
        let (size, length) = (self.state.objects[object].size, range.end - range.start);
        let whole = |unit: u64| range.start % unit == 0 && length % unit == 0;
        if self.state.environment.block.is_some_and(|block| !whole(block)) {
            return Err(Errno(linux::EINVAL));
        }
        if !whole(self.state.page()) {
            return Err(Unmodelled("ranges that are no whole pages: a block may be smaller"));
        }
        if (takes && range.end >= size) || range.start >= size {
            return Err(Errno(linux::EINVAL));
        }
        let after = if takes { size - length } else { size + length };
        let maps = self.processes.iter().flat_map(|process| process.space.iter());
        let any = maps
            .filter(|own| own.object == Some(object))
            .any(|vma| vma.copied.any_but(false, range.start..u64::MAX));
        // Private copies past the new end go in any case.
        let from = match any && !self.state.holds_for(Rule::ChangedRangesTakeCopies, object) {
            true => self.state.round_up(after),
            false => range.start,
        };
        for process in &mut self.processes {
            let own = process.space.iter_mut().filter(|own| own.object == Some(object));
            own.for_each(|vma| vma.copied.fill(from..u64::MAX, false));
        }
        let own = &mut self.state.objects[object];
        own.bytes.fill(size..u64::MAX, Content::Zero);
        if takes {
            own.bytes.fill(range.clone(), Content::Zero);
            own.bytes.shift(range.end..size, range.start);
        } else {
            own.bytes.shift(range.start..size, range.end);
        }
        own.size = after;
        Ok(Returned::Nothing)
    }
}

/// True if one of these modes of fallocate excludes all others, and is not refused for being a hole.
fn excludes(does: i32, keeps: bool) -> bool {
    let has = |mode: i32| does & mode != 0;
    let (punches, zeroes) = (has(linux::FALLOC_FL_PUNCH_HOLE), has(linux::FALLOC_FL_ZERO_RANGE));
    let alone = linux::FALLOC_FL_COLLAPSE_RANGE
        | linux::FALLOC_FL_INSERT_RANGE
        | linux::FALLOC_FL_UNSHARE_RANGE;
    has(alone) && (!punches || (keeps && !zeroes))
}

/// Returns the open rule by which a file system supports a mode of fallocate.
fn supports(does: i32) -> Rule {
    match does {
        0 => Rule::RoomCanBeAllocated,
        linux::FALLOC_FL_PUNCH_HOLE => Rule::HolesCanBePunched,
        linux::FALLOC_FL_ZERO_RANGE => Rule::RangesCanBeZeroed,
        _ => Rule::RangesCanBeChanged,
    }
}
