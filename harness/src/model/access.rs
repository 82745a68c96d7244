//! What an access finds: loads and stores of the CPU, its fetches, and the kernel's own accesses.

use std::collections::BTreeSet;
use std::ops::Range;

use nix::libc;

use super::Unmodelled;
use super::bytes::Content;
use super::rule::Rule;
use super::space::{EXEC, READ, Stretch, WRITE};
use super::world::{Process, World, fault};
use crate::case::{Access, Clean, Errno, Fault, Outcome};

const MAPERR: i32 = 1;
const ACCERR: i32 = 2;
const ADRERR: i32 = 2;

/// A run of bytes in memory that hold the same.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// How many bytes.
    pub length: u64,
    /// What they hold, as told by `offset`.
    pub content: Content,
    /// The offset in what the map shows at which the run begins.
    pub offset: u64,
}

impl World<'_> {
    /// What a load of one byte finds: its content, or the fault.
    pub fn load(&self, process: &Process, address: u64) -> Result<Content, Fault> {
        let stretch = self.mapped(process, address)?;
        let nothing_allowed = stretch.prot == 0 && self.on(Rule::LoadsNeedSomeProtection);
        let lets_through = match stretch.prot {
            prot if prot & READ != 0 => true,
            prot if prot & WRITE != 0 => self.on(Rule::WriteLetsLoadsThrough),
            0 => true,
            _ => self.on(Rule::ExecLetsLoadsThrough),
        };
        if nothing_allowed || !lets_through {
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

    /// Makes what private copies a store at this address needs, before any byte of it lands.
    pub fn prepare_store(&self, process: &mut Process, address: u64) {
        let Some(stretch) = process.space.at(address) else { return };
        if !stretch.shared && self.on(Rule::PrivateStoresStay) {
            let start = address - stretch.offset_of(address) % self.page();
            self.copy_pages(process, start..start + self.page());
        }
    }

    /// Stores the same in bytes of one page that [`World::can_store`]; `content` is told by the offset
    /// in what the map shows.
    pub fn store(&mut self, process: &mut Process, addresses: Range<u64>, content: Content) {
        let page = self.page();
        let Some(stretch) = process.space.at(addresses.start) else { return };
        let (shared, object) = (stretch.shared, stretch.object);
        let offset = stretch.offset_of(addresses.start);
        let range = offset..offset + (addresses.end - addresses.start);
        let to_object = match shared {
            true => self.on(Rule::SharedStoresReachTheFile),
            false => !self.on(Rule::PrivateStoresStay),
        };
        if let (true, Some(object)) = (to_object, object) {
            self.objects[object].bytes.fill(range, content);
            return;
        }
        // A broken rule copies the next page along.
        let pages = if self.on(Rule::CopiesByPage) { 1 } else { 2 };
        let first = addresses.start - offset % page;
        self.copy_pages(process, first..first + pages * page);
        if let Some(stretch) = process.space.at_mut(addresses.start) {
            stretch.copies.fill(range, content);
        }
    }

    fn mapped<'p>(&self, process: &'p Process, address: u64) -> Result<&'p Stretch, Fault> {
        let code = if self.on(Rule::OutsideIsMaperr) { MAPERR } else { ACCERR };
        process.space.at(address).ok_or(fault(libc::SIGSEGV, code))
    }

    /// The fault of an access that the protection refuses.
    fn refused(&self, stretch: &Stretch, address: u64) -> Fault {
        let past = self.content(stretch, stretch.offset_of(address)).err();
        match past {
            Some(fault) if !self.on(Rule::ProtectionBeforeEof) => fault,
            _ => fault(libc::SIGSEGV, ACCERR),
        }
    }

    /// What stands at an offset that a stretch shows, or the fault where nothing does.
    pub fn content(&self, stretch: &Stretch, offset: u64) -> Result<Content, Fault> {
        if stretch.guarded.at(offset) && self.on(Rule::GuardIsMaperr) {
            return Err(fault(libc::SIGSEGV, MAPERR));
        }
        if stretch.copied.at(offset) {
            return Ok(stretch.copies.at(offset));
        }
        let Some(object) = stretch.object.map(|object| &self.objects[object]) else {
            return Ok(Content::Zero);
        };
        if offset >= self.round_up(object.size) {
            return match self.on(Rule::PastEofIsSigbus) {
                true => Err(fault(libc::SIGBUS, ADRERR)),
                false => Ok(Content::Zero),
            };
        }
        Ok(match object.bytes.at(offset) {
            Content::Pattern(_) if !self.on(Rule::DataOfTheFile) => Content::Zero,
            Content::Zero if offset >= object.size && !self.on(Rule::TailIsZero) => {
                Content::Byte(1)
            }
            content => content,
        })
    }

    /// The phase of the pattern that belongs at an address; none where no file is shown.
    pub fn phase_at(&self, process: &Process, address: u64) -> Option<u64> {
        self.objects[process.space.at(address)?.object?].phase()
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
            Access::Read | Access::CopyFromUser => self
                .load(process, address)
                .map(|content| content.seen(self.phase_at(process, address))),
            Access::Write | Access::CopyToUser => {
                self.can_store(process, address).map(|()| self.stored(process, address))
            }
            Access::Exec => self.fetch(process, address)?,
        };
        Ok(match found {
            Ok(clean) => Outcome::Clean(clean),
            Err(_) if by_kernel && self.on(Rule::KernelAccessIsEfault) => {
                Outcome::Errno(Errno(libc::EFAULT))
            }
            Err(fault) => Outcome::Fault(process.signals.told(fault, self)),
        })
    }

    /// Where a store that went through has gone.
    fn stored(&self, process: &Process, address: u64) -> Clean {
        let Some(stretch) = process.space.at(address) else { return Clean::Ok };
        let object = stretch.object.map(|object| &self.objects[object]);
        let Some(file) = object.filter(|own| own.phase().is_some()) else { return Clean::Ok };
        let to_file = match stretch.shared {
            true => self.on(Rule::SharedStoresReachTheFile),
            false => !self.on(Rule::PrivateStoresStay),
        };
        let inside = stretch.offset_of(address) < file.size || !self.on(Rule::TailStaysInMemory);
        if to_file && inside { Clean::ToFile } else { Clean::MemoryOnly }
    }

    /// A fetch; the file then holds return instructions where it holds its pattern.
    fn fetch(&self, process: &Process, address: u64) -> Result<Result<Clean, Fault>, Unmodelled> {
        if self.environment.instruction_bytes != 1 {
            return Err(Unmodelled::new("fetches where an instruction has several bytes"));
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
            Content::Pattern(_) => Clean::Ok,
            _ => Clean::NoCode,
        }))
    }

    /// The addresses within a range from which on an access may find something else.
    pub fn seams(&self, process: &Process, range: &Range<u64>) -> BTreeSet<u64> {
        let mut seams: BTreeSet<u64> = process.space.seams().into_iter().collect();
        for stretch in process.space.iter() {
            let Some(object) = stretch.object.map(|object| &self.objects[object]) else {
                continue;
            };
            let shown = stretch.offset..stretch.offset_of(stretch.range.end);
            let ends = [object.size, self.round_up(object.size)];
            let starts = object.bytes.starts(shown.clone()).chain(ends);
            seams.extend(
                starts
                    .filter(|offset| shown.contains(offset))
                    .map(|offset| stretch.range.start + (offset - stretch.offset)),
            );
        }
        seams.insert(range.start);
        seams.retain(|address| range.contains(address));
        seams
    }

    /// What a load of a range finds, run by run, up to the first byte that cannot be loaded.
    pub fn load_runs(&self, process: &Process, range: &Range<u64>) -> Vec<Loaded> {
        let mut starts: Vec<u64> = self.seams(process, range).into_iter().collect();
        starts.push(range.end);
        let mut runs = Vec::new();
        for pair in starts.windows(2) {
            let Ok(content) = self.load(process, pair[0]) else { break };
            let offset = process.space.at(pair[0]).map_or(0, |own| own.offset_of(pair[0]));
            runs.push(Loaded { length: pair[1] - pair[0], content, offset });
        }
        runs
    }
}
