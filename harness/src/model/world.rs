//! The state that steps change: objects, processes, segments; and what an access finds in it.

use super::bytes::{Bytes, Content};
use super::rule::Rule;
use super::space::{EXEC, Space, Stretch, WRITE};
use super::{Environment, Unmodelled};
use crate::case::{Access, Clean, Errno, Fault, FaultAddress, Outcome, Signal};

/// EFAULT, as an outcome.
const EFAULT: Outcome = Outcome::Errno(Errno(nix::libc::EFAULT));

/// Something that can be mapped shared: a file, shared anonymous memory, a segment.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its size in bytes.
    pub size: u64,
    /// What stands in it; past its size, what has been stored in its last page.
    pub bytes: Bytes,
    /// A file that the harness made: it can be looked at beside the map.
    pub is_file: bool,
    /// It still has its name.
    pub named: bool,
}

/// What a descriptor shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// An object.
    Object(usize),
    /// /dev/zero.
    DevZero,
    /// A directory, a pipe, a file of /proc: nothing that can be mapped.
    NoFile,
}

/// An open descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// What it shows.
    pub shows: Shows,
    /// Opened for reading.
    pub readable: bool,
    /// Opened for writing.
    pub writable: bool,
}

/// One process.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its memory.
    pub space: Space,
    /// Its descriptors, by number as far as the case can tell; the lowest free one is given next.
    pub descriptors: Vec<Option<Descriptor>>,
    /// The segments that it has attached: address and segment.
    pub attached: Vec<(u64, usize)>,
}

/// A System V shared memory segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// The object that it is.
    pub object: usize,
    /// Marked by IPC_RMID.
    pub removed: bool,
    /// How often it is attached, over all processes.
    pub attached: usize,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World<'a> {
    /// What is given.
    pub environment: &'a Environment,
    /// Everything that can be mapped shared.
    pub objects: Vec<Object>,
    /// All segments.
    pub segments: Vec<Segment>,
    /// How many maps have been placed alone.
    pub placed: u64,
}

impl World<'_> {
    /// Whether a rule holds here.
    pub fn on(&self, rule: Rule) -> bool {
        !self.environment.without.contains(&rule)
    }

    /// The page size in bytes.
    pub fn page(&self) -> u64 {
        self.environment.page
    }

    /// The end of the page in which a byte before this offset can lie.
    pub fn round_up(&self, offset: u64) -> u64 {
        offset.div_ceil(self.page()) * self.page()
    }

    /// What a load of one byte finds: its content, or the fault.
    pub fn load(&self, process: &Process, address: u64) -> Result<Content, Fault> {
        let stretch = self.mapped(process, address)?;
        let nothing_allowed = stretch.prot == 0 && self.on(Rule::LoadsNeedSomeProtection);
        let alone = stretch.prot & super::space::READ == 0;
        if nothing_allowed || (alone && !self.on(Rule::AnyProtectionLetsLoadsThrough)) {
            return Err(self.refused(stretch, address));
        }
        self.content(stretch, stretch.offset_of(address))
    }

    /// Whether a store of one byte goes through, or the fault.
    pub fn can_store(&self, process: &Process, address: u64) -> Result<(), Fault> {
        let stretch = self.mapped(process, address)?;
        if stretch.prot & WRITE == 0 && self.on(Rule::StoresNeedProtWrite) {
            return Err(self.refused(stretch, address));
        }
        self.content(stretch, stretch.offset_of(address)).map(|_| ())
    }

    /// The file is written out within these offsets.
    pub fn write_back(&mut self, object: usize, range: std::ops::Range<u64>) {
        let size = self.objects[object].size;
        let last = size / self.page() * self.page();
        let tail = size..self.round_up(size);
        let written = range.start < tail.end && last < range.end;
        if self.objects[object].is_file && written && self.on(Rule::WritebackClearsTheTail) {
            self.objects[object].bytes.fill(tail, Content::Zero);
        }
    }

    /// Makes what private copies a store at this address needs, before any byte of it lands.
    pub fn prepare_store(&mut self, process: &mut Process, address: u64) {
        let Some(stretch) = process.space.at(address) else { return };
        if !stretch.shared && self.on(Rule::PrivateStoresStay) {
            let (offset, page) = (stretch.offset_of(address), self.page());
            self.copy_page(process, address, offset / page * page);
        }
    }

    /// Stores one byte that [`World::can_store`].
    pub fn store(&mut self, process: &mut Process, address: u64, byte: u8) {
        let page = self.page();
        let Some(stretch) = process.space.at(address) else { return };
        let (offset, shared, object) = (stretch.offset_of(address), stretch.shared, stretch.object);
        let to_object = match shared {
            true => self.on(Rule::SharedStoresReachTheFile),
            false => !self.on(Rule::PrivateStoresStay),
        };
        if let (true, Some(object)) = (to_object, object) {
            self.objects[object].bytes.fill(offset..offset + 1, Content::Byte(byte));
            return;
        }
        let first = offset / page * page;
        // A broken rule copies the next page along.
        let pages = if self.on(Rule::CopiesByPage) { 1 } else { 2 };
        for start in (0..pages).map(|number| first + number * page) {
            self.copy_page(process, address - offset + start, start);
        }
        if let Some(copy) = process.space.at_mut(address).and_then(|s| s.copies.get_mut(&first)) {
            copy.fill(offset..offset + 1, Content::Byte(byte));
        }
    }

    /// Makes a private copy of the page of `address`, which shows `offset` on; nothing where there is
    /// one already, or no page.
    pub fn copy_page(&self, process: &mut Process, address: u64, offset: u64) {
        let Some(stretch) = process.space.at(address) else { return };
        if stretch.copies.contains_key(&offset) || self.content(stretch, offset).is_err() {
            return;
        }
        let copy = match stretch.object {
            Some(object) => self.objects[object].bytes.clone(),
            None => Bytes::all(Content::Zero),
        };
        if let Some(stretch) = process.space.at_mut(address) {
            stretch.copies.insert(offset, copy);
        }
    }

    fn mapped<'p>(&self, process: &'p Process, address: u64) -> Result<&'p Stretch, Fault> {
        let code = if self.on(Rule::OutsideIsMaperr) { 1 } else { 2 };
        process.space.at(address).ok_or(fault(nix::libc::SIGSEGV, code))
    }

    /// The fault of an access that the protection refuses.
    fn refused(&self, stretch: &Stretch, address: u64) -> Fault {
        let past = self.content(stretch, stretch.offset_of(address)).err();
        match past {
            Some(fault) if !self.on(Rule::ProtectionBeforeEof) => fault,
            _ => fault(nix::libc::SIGSEGV, 2), // SEGV_ACCERR
        }
    }

    /// What stands at an offset that a stretch shows, or SIGBUS.
    fn content(&self, stretch: &Stretch, offset: u64) -> Result<Content, Fault> {
        let page = offset / self.page() * self.page();
        if let Some(copy) = stretch.copies.get(&page) {
            return Ok(copy.at(offset));
        }
        let Some(object) = stretch.object.map(|object| &self.objects[object]) else {
            return Ok(Content::Zero);
        };
        if offset >= self.round_up(object.size) {
            return match self.on(Rule::PastEofIsSigbus) {
                true => Err(fault(nix::libc::SIGBUS, 2)), // BUS_ADRERR
                false => Ok(Content::Zero),
            };
        }
        let content = object.bytes.at(offset);
        Ok(match content {
            Content::Pattern if !self.on(Rule::DataOfTheFile) => Content::Zero,
            Content::Zero if offset >= object.size && !self.on(Rule::TailIsZero) => {
                Content::Byte(1)
            }
            content => content,
        })
    }

    /// What a probe of one byte comes to.
    pub fn outcome(
        &self,
        process: &Process,
        access: Access,
        address: u64,
    ) -> Result<Outcome, Unmodelled> {
        let by_kernel = matches!(access, Access::CopyFromUser | Access::CopyToUser);
        let found = match access {
            Access::Read | Access::CopyFromUser => {
                self.load(process, address).map(|content| match content {
                    Content::Pattern => Clean::Data,
                    Content::Zero => Clean::Zero,
                    Content::Byte(byte) => Clean::Byte(byte),
                })
            }
            Access::Write | Access::CopyToUser => {
                self.can_store(process, address).map(|()| self.stored(process, address))
            }
            Access::Exec => self.fetch(process, address)?,
        };
        Ok(match found {
            Ok(clean) => Outcome::Clean(clean),
            Err(_) if by_kernel && self.on(Rule::KernelAccessIsEfault) => EFAULT,
            Err(fault) => Outcome::Fault(fault),
        })
    }

    /// Where a store that went through has gone.
    fn stored(&self, process: &Process, address: u64) -> Clean {
        let Some(stretch) = process.space.at(address) else { return Clean::Ok };
        let file = stretch.object.map(|object| &self.objects[object]).filter(|own| own.is_file);
        let Some(file) = file else { return Clean::Ok };
        let to_file = match stretch.shared {
            true => self.on(Rule::SharedStoresReachTheFile),
            false => !self.on(Rule::PrivateStoresStay),
        };
        let inside = stretch.offset_of(address) < file.size || !self.on(Rule::TailStaysInMemory);
        if to_file && inside { Clean::ToFile } else { Clean::MemoryOnly }
    }

    /// A fetch; the file then holds return instructions where it holds its pattern.
    fn fetch(&self, process: &Process, address: u64) -> Result<Result<Clean, Fault>, Unmodelled> {
        let environment = self.environment;
        if environment.instruction_bytes != 1 {
            return Err(Unmodelled::new("instructions of several bytes"));
        }
        let stretch = match self.mapped(process, address) {
            Ok(stretch) => stretch,
            Err(fault) => return Ok(Err(fault)),
        };
        let content = self.content(stretch, stretch.offset_of(address));
        if stretch.prot & EXEC == 0 && self.on(Rule::FetchesNeedProtExec) {
            // What is there but may be loaded, is loaded first.
            let loads_first = stretch.prot != 0 && self.on(Rule::FetchPastEofIsSigbusOnX86);
            return Ok(Err(match content {
                Err(fault) if loads_first => fault,
                _ => self.refused(stretch, address),
            }));
        }
        Ok(content.map(|content| match content {
            Content::Pattern => Clean::Ok,
            _ => Clean::NoCode,
        }))
    }

    /// The file or object has another size now: what becomes of its bytes and of all maps of it.
    pub fn resize(&mut self, spaces: &mut [&mut Space], object: usize, size: u64) {
        let (unit, old) = (self.page(), self.objects[object].size);
        // To the size that it has is a shrinking by nothing: the tail is zeroed all the same.
        let (shrinks, end) = (size <= old, self.round_up(size));
        if shrinks {
            let zeroes = self.on(Rule::TruncationZeroesTheTail);
            let from = if zeroes { size } else { end };
            self.objects[object].bytes.fill(from..u64::MAX, Content::Zero);
            let (takes, leaves) =
                (self.on(Rule::TruncationTakesCopies), self.on(Rule::TruncationLeavesTheLastCopy));
            for stretch in spaces.iter_mut().flat_map(|space| space.iter_mut()) {
                if stretch.object != Some(object) {
                    continue;
                }
                stretch.copies.retain(|at, _| !takes || *at < end);
                if let (false, Some(copy)) = (leaves, stretch.copies.get_mut(&(size / unit * unit)))
                {
                    copy.fill(size..u64::MAX, Content::Zero);
                }
            }
        } else {
            let (clears, zero) = (self.on(Rule::GrowthClearsTheTail), self.on(Rule::GrowthIsZero));
            let page = self.on(Rule::GrowthClearsThePage);
            let bytes = &mut self.objects[object].bytes;
            if clears {
                bytes.fill(old..if page { u64::MAX } else { size }, Content::Zero);
            }
            if !zero {
                bytes.fill(old..size, Content::Byte(1));
            }
        }
        self.objects[object].size = size;
    }
}

/// A fault at the byte that was accessed.
pub fn fault(signal: i32, code: i32) -> Fault {
    Fault { signal: Signal(signal), code: Some(code), address: FaultAddress::Accessed }
}
