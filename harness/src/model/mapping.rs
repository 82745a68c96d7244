//! mmap, munmap and mremap: what each maps or unmaps, and the errno where it fails.

use std::collections::BTreeMap;
use std::ops::Range;

use nix::libc;

use super::Unmodelled;
use super::bytes::{Bytes, Content};
use super::rule::Rule;
use super::space::{EXEC, READ, Stretch, WRITE};
use super::steps::{Performance, Returned, Value};
use super::world::{Object, Shows};
use crate::case::Arg;

/// More than any process has: 47 bits, of which a page stays unused.
pub(super) const ADDRESSES: u64 = 1 << 47;
/// The largest offset that a file can have.
const FILE_END: u64 = i64::MAX as u64;

impl Performance<'_> {
    pub(super) fn in_page(&self, address: u64) -> bool {
        address % self.world.page() != 0
    }

    pub(super) fn mmap(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (length, prot) = (self.length(args, 1), Self::flags(args, 2));
        let (flags, offset) = (Self::flags(args, 3) as i32, self.number(args, 5) as u64);
        let known = libc::MAP_SHARED
            | libc::MAP_PRIVATE
            | libc::MAP_ANONYMOUS
            | libc::MAP_FIXED
            | libc::MAP_FIXED_NOREPLACE
            | libc::MAP_LOCKED
            | libc::MAP_POPULATE
            | libc::MAP_NORESERVE;
        if flags & !known != 0 || prot & !(READ | WRITE | EXEC) != 0 {
            return Err(Unmodelled::new("other flags of mmap"));
        }
        let kind = flags & libc::MAP_TYPE;
        let errno = |errno| Ok(Returned::Errno(errno));
        let page = self.world.page();
        if offset % page != 0 && self.world.on(Rule::OffsetInPageIsEinval) {
            return errno(libc::EINVAL);
        }
        let anonymous = flags & libc::MAP_ANONYMOUS != 0;
        let descriptor = if anonymous { None } else { self.descriptor(&args[4]) };
        if !anonymous && descriptor.is_none() && self.world.on(Rule::NoDescriptorIsEbadf) {
            return errno(libc::EBADF);
        }
        if length == 0 && self.world.on(Rule::LengthZeroIsEinval) {
            return errno(libc::EINVAL);
        }
        let fixed = flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) != 0;
        let noreplace = flags & libc::MAP_FIXED_NOREPLACE != 0;
        if length > ADDRESSES && self.world.on(Rule::TooLongIsEnomem) {
            return errno(libc::ENOMEM);
        }
        let pages = match self.world.on(Rule::WholePages) {
            true => length.div_ceil(page) * page,
            false => length / page * page,
        };
        let asked = self.address(&args[0])?;
        if fixed && self.in_page(asked) {
            return errno(libc::EINVAL);
        }
        if !fixed && asked != 0 {
            return Err(Unmodelled::new("a hint that the kernel may follow or not"));
        }
        let range = |start: u64| start..start.saturating_add(pages);
        if noreplace
            && self.process().space.any_in(&range(asked))
            && self.world.on(Rule::NoreplaceIsEexist)
        {
            return errno(libc::EEXIST);
        }
        if !anonymous
            && offset > FILE_END - pages.min(FILE_END)
            && self.world.on(Rule::TooFarIsEoverflow)
        {
            return errno(libc::EOVERFLOW);
        }
        let shared = kind == libc::MAP_SHARED;
        if ![libc::MAP_SHARED, libc::MAP_PRIVATE].contains(&kind)
            && self.world.on(Rule::NoTypeIsEinval)
        {
            return errno(libc::EINVAL);
        }
        let mut may = READ | WRITE | EXEC;
        if let Some(descriptor) = descriptor {
            if shared && !descriptor.writable {
                if prot & WRITE != 0 && self.world.on(Rule::UnwritableSharedIsEacces) {
                    return errno(libc::EACCES);
                }
                if self.world.on(Rule::MprotectKeepsTheMode) {
                    may &= !WRITE;
                }
            }
            if !descriptor.readable && self.world.on(Rule::UnreadableIsEacces) {
                return errno(libc::EACCES);
            }
            if descriptor.shows == Shows::NoFile && self.world.on(Rule::NoFileIsEnodev) {
                return errno(libc::ENODEV);
            }
        }
        let object = match descriptor.map(|own| own.shows) {
            Some(Shows::Object(object)) => Some(object),
            _ if shared => Some(self.new_memory(pages)),
            _ => None,
        };
        // Shared memory of its own begins at 0, whatever offset was given.
        let of_file = matches!(descriptor.map(|own| own.shows), Some(Shows::Object(_)));
        let offset = if of_file { offset } else { 0 };
        let start = if fixed { asked } else { self.place() };
        let replaces = !fixed || self.world.on(Rule::FixedReplaces);
        if replaces {
            let locked = flags & libc::MAP_LOCKED != 0;
            let copies = BTreeMap::new();
            let stretch = Stretch {
                range: range(start),
                prot,
                may,
                shared,
                object,
                offset,
                copies,
                locked,
                dont_fork: false,
            };
            self.process().space.insert(stretch);
            if !shared && !self.world.on(Rule::UncopiedPagesFollowTheFile) {
                self.copy_all(range(start));
            }
            if flags & (libc::MAP_LOCKED | libc::MAP_POPULATE) != 0 {
                let failed = self.populate(range(start)).is_err();
                if failed && !self.world.on(Rule::PopulatingCannotFail) {
                    return errno(libc::ENOMEM);
                }
            }
        }
        Ok(Returned::Value(Value::Map(start)))
    }

    /// Shared memory that is no file.
    pub(super) fn new_memory(&mut self, size: u64) -> usize {
        let bytes = Bytes::all(Content::Zero);
        self.world.objects.push(Object { size, bytes, is_file: false, named: false });
        self.world.objects.len() - 1
    }

    /// Brings pages in, as a store would where stores are allowed to a private map. Fails at the first
    /// page that cannot be had.
    pub(super) fn populate(&mut self, range: Range<u64>) -> Result<(), ()> {
        let page = self.world.page();
        let Some(process) = self.processes.last_mut() else { return Ok(()) };
        for address in range.step_by(page as usize) {
            let Some(stretch) = process.space.at(address) else { continue };
            let (copies, offset) =
                (!stretch.shared && stretch.prot & WRITE != 0, stretch.offset_of(address));
            self.world.load(process, address).map_err(|_| ())?;
            if copies && self.world.on(Rule::LockingMakesCopies) {
                self.world.copy_page(process, address, offset);
            }
        }
        Ok(())
    }

    /// What a private map would be if it were made of copies from the beginning.
    fn copy_all(&mut self, range: Range<u64>) {
        let page = self.world.page();
        let Some(process) = self.processes.last_mut() else { return };
        for address in range.step_by(page as usize) {
            let Some(stretch) = process.space.at(address) else { continue };
            let offset = stretch.offset_of(address);
            self.world.copy_page(process, address, offset);
        }
    }

    pub(super) fn munmap(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        if self.length(args, 1) == 0 && self.world.on(Rule::LengthZeroIsEinval) {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        Ok(match self.pages(args)? {
            Err(errno) => Returned::Errno(errno),
            Ok(range) => {
                let asked = range.start..range.start + self.length(args, 1);
                let whole = self.world.on(Rule::MunmapRemovesPages);
                let page = self.world.page();
                let removed = if whole { range } else { asked.start..asked.end / page * page };
                if !removed.is_empty() {
                    self.process().space.remove(&removed);
                }
                Returned::Nothing
            }
        })
    }

    pub(super) fn mremap(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let flags = Self::flags(args, 3) as i32;
        if flags & !libc::MREMAP_MAYMOVE != 0 {
            return Err(Unmodelled::new("MREMAP_FIXED and MREMAP_DONTUNMAP"));
        }
        let page = self.world.page();
        let old = self.address(&args[0])?;
        let (old_length, new_length) = (self.length(args, 1), self.length(args, 2));
        if old_length > ADDRESSES || new_length > ADDRESSES {
            return Err(Unmodelled::new("a length beyond all addresses"));
        }
        let einval = self.in_page(old) && self.world.on(Rule::AddressInPageIsEinval);
        if einval || (new_length == 0 && self.world.on(Rule::LengthZeroIsEinval)) {
            return Ok(Returned::Errno(libc::EINVAL));
        }
        if old_length == 0 {
            return Err(Unmodelled::new("mremap that duplicates a map"));
        }
        let up = |length: u64| length.div_ceil(page) * page;
        let (was, will) = (old..old + up(old_length), old..old + up(new_length));
        let whole = self.process().space.at(old).map(|own| own.range.clone());
        let Some(whole) = whole else {
            let fault = self.world.on(Rule::RemapOfHoleIsEfault);
            return Ok(Returned::Errno(if fault { libc::EFAULT } else { libc::ENOMEM }));
        };
        if will.end < was.end {
            if self.world.on(Rule::RemapShrinks) {
                self.process().space.remove(&(will.end..was.end));
            }
            return Ok(Returned::Value(Value::Map(old)));
        }
        if will.end == was.end {
            return Ok(Returned::Value(Value::Map(old)));
        }
        if was.end > whole.end {
            return Err(Unmodelled::new("mremap over more than one map"));
        }
        let beyond = was.end..will.end;
        if was.end == whole.end && !self.process().space.any_in(&beyond) {
            if let Some(stretch) = self.process().space.at_mut(old) {
                stretch.range.end = will.end;
            }
            return Ok(Returned::Value(Value::Map(old)));
        }
        if flags & libc::MREMAP_MAYMOVE == 0 {
            return Ok(Returned::Errno(libc::ENOMEM));
        }
        let to = self.place();
        for mut stretch in self.process().space.take(&was) {
            let shift = stretch.range.start - old;
            let length = stretch.range.end - stretch.range.start;
            stretch.range = to + shift..to + shift + length;
            if stretch.range.end == to + (was.end - was.start) {
                stretch.range.end = to + (will.end - will.start);
            }
            if !self.world.on(Rule::RemapMoves) {
                stretch.copies.clear();
                stretch.prot = READ;
            }
            self.process().space.insert(stretch);
        }
        Ok(Returned::Value(Value::Map(to)))
    }
}
