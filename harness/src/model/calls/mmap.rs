//! The model must predict what mmap maps and where, and the errno where it fails.

use std::ops::Range;

use crate::case::Arg;
use crate::model::address_space::{EXEC, READ, Vma, WRITE};
use crate::model::bytes::Bytes;
use crate::model::interpreter::{APART, Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::{Returned, Value};
use crate::model::rule::Rule;
use crate::model::state::{Descriptor, FileKind, Kind, Object};
use crate::vocabulary::linux;

/// More than any process has: 47 bits, of which a page stays unused.
pub(in crate::model) const ADDRESSES: u64 = 1 << 47;

/// The origin of a map: what it shows, and its limits.
struct Origin {
    shows: Option<FileKind>,
    /// The protection that it may ever have.
    may: i64,
}

pub(super) const CALLS: &[(&str, Predict)] = &[("mmap", |p, args| p.mmap(args))];

impl Interpreter<'_> {
    pub(in crate::model) fn in_page(&self, address: u64) -> bool {
        address % self.state.page() != 0
    }

    fn mmap(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        // PROT_GROWSDOWN and PROT_GROWSUP say nothing here. (Linux: calc_vm_prot_bits)
        let (length, prot) = (self.length(args, 1), Self::flags(args, 2) & (READ | WRITE | EXEC));
        let (flags, offset) = (Self::flags(args, 3) as i32, self.number(args, 5) as u64);
        let has = |flag| flags & flag != 0;
        if has(linux::MAP_HUGETLB | linux::MAP_SYNC) {
            return Err(Unmodelled("MAP_HUGETLB and MAP_SYNC, which only some files have"));
        }
        if offset % self.state.page() != 0 && self.state.holds(Rule::OffsetInPageIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        let anonymous = has(linux::MAP_ANONYMOUS);
        let descriptor = if anonymous { None } else { self.descriptor(&args[4]) };
        if !anonymous && descriptor.is_none() && self.state.holds(Rule::NoDescriptorIsEbadf) {
            return Err(Errno(linux::EBADF));
        }
        let pages = self.whole_pages(length)?;
        let noreplace = has(linux::MAP_FIXED_NOREPLACE);
        let fixed = noreplace || has(linux::MAP_FIXED);
        let asked = self.address(&args[0]);
        let start =
            if fixed { self.placed_at(asked, pages)? } else { self.placed_near(asked, pages)? };
        let range = start..start.saturating_add(pages);
        let taken = self.process().space.any_in(&range);
        if noreplace && taken && self.state.holds(Rule::NoreplaceIsEexist) {
            return Err(Errno(linux::EEXIST));
        }
        if has(linux::MAP_LOCKED) {
            self.may_lock(pages, linux::EAGAIN)?;
        }
        let far = descriptor.is_some_and(|own| offset > own.shows.end().saturating_sub(pages));
        if far && self.state.holds(Rule::TooFarIsEoverflow) {
            return Err(Errno(linux::EOVERFLOW));
        }
        let mut origin = self.origin(descriptor, flags, prot)?;
        let sealed = self.process().space.touching(&range).any(|own| own.sealed);
        if sealed && self.state.holds(Rule::MsealIsEperm) {
            return Err(Errno(linux::EPERM));
        }
        let shared = flags & linux::MAP_TYPE != linux::MAP_PRIVATE;
        if let (Some(FileKind::Object(object)), true) = (origin.shows, shared) {
            origin.may = self.may_under_seals(object, (prot, origin.may), &range)?;
        }
        if taken && !self.process().limits.is_empty() {
            return Err(Unmodelled("a limit, and a map that replaces another"));
        }
        self.may_have(pages, if !shared && prot & WRITE != 0 { pages } else { 0 })?;
        if fixed && !self.state.holds(Rule::FixedReplaces) {
            return Ok(Returned::Value(Value::Map(start)));
        }
        let (object, offset) = match origin.shows {
            Some(FileKind::Object(object)) => (Some(object), offset),
            // Linux takes a shared map of a descriptor that cannot be written for a private one. (do_mmap: VM_SHARED)
            Some(_) if descriptor.is_some_and(|own| !own.writable) => (None, 0),
            // The memory is as long as the map, and is entered at the offset.
            Some(_) if shared && self.state.holds(Rule::DevZeroIsEnteredAtTheOffset) => {
                (Some(self.new_memory(pages)), offset)
            }
            _ if shared => (Some(self.new_memory(pages)), 0),
            _ => (None, 0),
        };
        let new = Vma {
            range,
            prot,
            may: origin.may,
            shared,
            writer: shared && descriptor.is_none_or(|own| own.writable),
            object,
            open_file: descriptor.map(|own| own.open_file),
            hints: flags & (linux::MAP_NORESERVE | linux::MAP_STACK),
            offset,
            locked: has(linux::MAP_LOCKED),
            ..Vma::default()
        };
        self.insert(new, flags)
    }

    /// The length of a new map, in bytes; the errno where there can be no map of this length.
    fn whole_pages(&self, length: u64) -> Result<u64, i32> {
        let page = self.state.page();
        if length == 0 && self.state.holds(Rule::LengthZeroIsEinval) {
            return Err(linux::EINVAL);
        }
        if length > ADDRESSES && self.state.holds(Rule::TooLongIsEnomem) {
            return Err(linux::ENOMEM);
        }
        Ok(match self.state.holds(Rule::WholePages) {
            true => length.div_ceil(page).saturating_mul(page),
            false => length / page * page,
        })
    }

    /// Puts a new map of these flags into the address space, over whatever is there.
    fn insert(&mut self, new: Vma, flags: i32) -> Result<Returned, Failure> {
        let (range, shared, locked) = (new.range.clone(), new.shared, new.locked);
        self.process().space.insert(new);
        if !shared && !self.state.holds(Rule::UncopiedPagesFollowTheFile) {
            let Some(process) = self.processes.last_mut() else { return Ok(Returned::Nothing) };
            self.state.copy_pages(process, range.clone());
        }
        let start = range.start;
        let populates = flags & (linux::MAP_POPULATE | linux::MAP_NONBLOCK) == linux::MAP_POPULATE;
        let failed = (locked || populates) && self.populate(range).is_err();
        match failed && !self.state.holds(Rule::PopulatingCannotFail) {
            true => Err(Errno(linux::ENOMEM)),
            false => Ok(Returned::Value(Value::Map(start))),
        }
    }

    /// Returns the address that a map must have.
    fn placed_at(&self, asked: u64, pages: u64) -> Result<u64, Failure> {
        // The kernel takes the last addresses for error numbers: MAP_FAILED is EPERM. (Linux: IS_ERR_VALUE in
        // __get_unmapped_area)
        const MAX_ERRNO: u64 = 4095;
        if asked >= MAX_ERRNO.wrapping_neg() && self.state.holds(Rule::LastAddressesAreErrnos) {
            return Err(Errno(asked.wrapping_neg() as i32));
        }
        if asked.saturating_add(pages) > ADDRESSES {
            return Err(Errno(linux::ENOMEM));
        }
        if self.in_page(asked) && self.state.holds(Rule::AddressInPageIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        match asked < APART / 2 {
            true => Err(Unmodelled("MAP_FIXED at an address outside of every map")),
            false => Ok(asked),
        }
    }

    /// Returns the address of a map: the one that it asks for if nothing is there, or one where it stands
    /// alone.
    fn placed_near(&mut self, asked: u64, pages: u64) -> Result<u64, Failure> {
        if asked == 0 {
            return Ok(self.place());
        }
        let start = asked / self.state.page() * self.state.page();
        let free = !self.process().space.any_in(&(start..start.saturating_add(pages)));
        match free && start >= APART / 2 && start.saturating_add(pages) < ADDRESSES {
            true if self.state.holds(Rule::FreeHintIsTaken) => Ok(start),
            true => Ok(self.place()),
            false => Err(Unmodelled("the place of a map whose hint the kernel cannot take")),
        }
    }

    /// Returns the origin of a map, or the errno where there may be no such map.
    fn origin(
        &mut self,
        descriptor: Option<Descriptor>,
        flags: i32,
        prot: i64,
    ) -> Result<Origin, Failure> {
        let kind = flags & linux::MAP_TYPE;
        let validates = kind == linux::MAP_SHARED_VALIDATE && descriptor.is_some();
        let shared = kind == linux::MAP_SHARED || validates;
        // MAP_FIXED_NOREPLACE is not among the flags that are as old as MAP_SHARED. (Linux:
        // LEGACY_MAP_MASK)
        let unknown = flags & linux::MAP_FIXED_NOREPLACE != 0;
        if validates && unknown && self.state.holds(Rule::ValidateKnowsItsFlags) {
            return Err(Errno(linux::EOPNOTSUPP));
        }
        let typed = shared || kind == linux::MAP_PRIVATE;
        // A type of its own, beside those two.
        let dropped = descriptor.is_none() && kind == linux::MAP_DROPPABLE;
        if dropped && self.state.holds(Rule::DroppableIsKnown) {
            return Err(Unmodelled("memory that the kernel may drop"));
        }
        if !typed && self.state.holds(Rule::NoTypeIsEinval) {
            return Err(Errno(linux::EINVAL));
        }
        let grows = flags & linux::MAP_GROWSDOWN != 0;
        let mut may = READ | WRITE | EXEC;
        let Some(descriptor) = descriptor else {
            return match (grows, shared) {
                (true, true) => Err(Errno(linux::EINVAL)),
                (true, false) => Err(Unmodelled("a map that grows down")),
                _ => Ok(Origin { shows: None, may }),
            };
        };
        if shared && !descriptor.writable {
            if prot & WRITE != 0 && self.state.holds(Rule::UnwritableSharedIsEacces) {
                return Err(Errno(linux::EACCES));
            }
            if self.state.holds(Rule::MprotectKeepsTheMode) {
                may &= !WRITE;
            }
        }
        if !descriptor.readable && self.state.holds(Rule::UnreadableIsEacces) {
            return Err(Errno(linux::EACCES));
        }
        let unmappable =
            matches!(descriptor.shows, FileKind::Dir | FileKind::Pipe | FileKind::DevNull)
                || matches!(descriptor.shows, FileKind::DevFull | FileKind::ProcMaps);
        if self.is_noexec(descriptor.shows) {
            if prot & EXEC != 0 && self.state.holds(Rule::NoexecIsEperm) {
                return Err(Errno(linux::EPERM));
            }
            may &= !EXEC;
        }
        if unmappable && self.state.holds(Rule::NoFileIsEnodev) {
            return Err(Errno(linux::ENODEV));
        }
        if grows {
            return Err(Errno(linux::EINVAL));
        }
        // Most files of /proc have an mmap that only fails. (Linux: proc_reg_mmap)
        if descriptor.shows == FileKind::Proc {
            return Err(Errno(linux::EIO));
        }
        Ok(Origin { shows: Some(descriptor.shows), may })
    }

    /// Returns the protection that a shared map of a memfd, which has `prot` and may have `may`, may ever have under
    /// its seals, or the errno where there may be no such map over this range.
    pub(in crate::model) fn may_under_seals(
        &mut self,
        object: usize,
        (prot, may): (i64, i64),
        over: &Range<u64>,
    ) -> Result<i64, i32> {
        let writes = linux::F_SEAL_WRITE | linux::F_SEAL_FUTURE_WRITE;
        if may & WRITE == 0 || !self.sealed(object, writes) {
            return Ok(may);
        }
        let loads = prot & WRITE == 0;
        let bad = self.sealed(object, linux::F_SEAL_WRITE)
            && !self.state.holds(Rule::SealedFilesCanBeLoaded);
        if loads && !bad {
            return Ok(may & !WRITE);
        }
        let taken = self.process().space.any_in(over);
        if taken && !self.state.holds(Rule::SealsComeBeforeTheMap) {
            self.process().space.remove(over);
        }
        Err(linux::EPERM)
    }

    /// True if the thing that it shows lies where nothing may be executed. (mount(8): noexec; Linux:
    /// SB_I_NOEXEC of procfs and of pipes)
    fn is_noexec(&self, shows: FileKind) -> bool {
        let noexec = self.state.environment.noexec;
        match shows {
            FileKind::Proc | FileKind::ProcMaps => true,
            FileKind::Pipe => self.state.holds(Rule::PipesAreNoexec),
            FileKind::Object(object) => {
                let on_disk = matches!(self.state.objects[object].kind, Kind::File(_));
                on_disk && noexec.files
            }
            FileKind::Dir => noexec.root,
            FileKind::DevZero | FileKind::DevNull | FileKind::DevFull => noexec.devices,
        }
    }

    /// Makes shared memory that is no file, and returns the number of the object.
    pub(in crate::model) fn new_memory(&mut self, size: u64) -> usize {
        let (bytes, kind) = (Bytes::default(), Kind::Memory);
        self.state.objects.push(Object { size, bytes, kind, named: false, seals: 0 });
        self.state.objects.len() - 1
    }

    /// Brings pages in. Where stores are allowed to a private map, it does so as a store would. Fails at the
    /// first page that cannot be had.
    pub(in crate::model) fn populate(&mut self, range: Range<u64>) -> Result<(), ()> {
        let Some(process) = self.processes.last_mut() else { return Ok(()) };
        for part in process.space.parts(&range) {
            let Some(vma) = process.space.at(part.start) else { continue };
            let copies = !vma.shared && vma.prot & WRITE != 0;
            let seams = self.state.seams(process, &part);
            let bad = seams.into_iter().find(|at| self.state.load(process, *at).is_err());
            if copies && self.state.holds(Rule::LockingMakesCopies) {
                self.state.copy_pages(process, part.start..bad.unwrap_or(part.end));
            }
            if bad.is_some() {
                return Err(());
            }
        }
        Ok(())
    }
}
