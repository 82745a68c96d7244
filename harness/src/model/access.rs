//! Loads, stores and fetches of the CPU, and the kernel's own accesses, may each find something else at the
//! same address: the model predicts the content or the fault.

use std::collections::BTreeSet;
use std::ops::Range;

use super::address_space::{EXEC, READ, Vma, WRITE};
use super::bytes::Content;
use super::rule::Rule;
use super::state::{Process, State, fault};
use crate::case::{Access, Clean, Errno, Fault, Outcome};
use crate::vocabulary::linux;

const MAPERR: i32 = 1;
const ACCERR: i32 = 2;
const ADRERR: i32 = 2;

/// A run of bytes of equal content in memory.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// The number of bytes.
    pub length: u64,
    /// Their content, relative to `offset`.
    pub content: Content,
    /// The offset in the object at which the run begins.
    pub offset: u64,
}

impl State<'_> {
    /// Returns the content that a load of one byte finds, or the fault.
    pub fn load(&self, process: &Process, address: u64) -> Result<Content, Fault> {
        let vma = self.reached(process, address)?;
        let nothing_allowed = vma.prot == 0 && self.holds(Rule::LoadsNeedSomeProtection);
        let lets_through = match vma.prot {
            prot if prot & READ != 0 => true,
            prot if prot & WRITE != 0 => self.holds(Rule::WriteLetsLoadsThrough),
            0 => true,
            _ => self.holds(Rule::ExecLetsLoadsThrough),
        };
        if nothing_allowed || !lets_through {
            return Err(self.refused(vma, address));
        }
        self.content(vma, vma.offset_of(address))
    }

    /// Checks that a store of one byte succeeds. Fails with the fault.
    pub fn can_store(&self, process: &Process, address: u64) -> Result<(), Fault> {
        let vma = self.reached(process, address)?;
        if vma.prot & WRITE == 0 && self.holds(Rule::StoresNeedProtWrite) {
            return Err(self.refused(vma, address));
        }
        self.content(vma, vma.offset_of(address)).map(|_| ())
    }

    /// Makes the private copies that a store at this address needs, before any byte of it lands.
    pub fn prepare_store(&self, process: &mut Process, address: u64) {
        let Some(vma) = process.space.at(address) else { return };
        if !vma.shared && self.holds(Rule::PrivateStoresStay) {
            let start = address - vma.offset_of(address) % self.page();
            self.copy_pages(process, start..start + self.page());
        }
    }

    /// Stores the same content in bytes of one page, for which [`State::can_store`] succeeds; `content` is
    /// relative to the offset in the object.
    pub fn store(&mut self, process: &mut Process, addresses: Range<u64>, content: Content) {
        let page = self.page();
        let Some(vma) = process.space.at(addresses.start) else { return };
        let (shared, object) = (vma.shared, vma.object);
        let offset = vma.offset_of(addresses.start);
        let range = offset..offset + (addresses.end - addresses.start);
        let to_object = match shared {
            true => self.holds(Rule::SharedStoresReachTheFile),
            false => !self.holds(Rule::PrivateStoresStay),
        };
        if let (true, Some(object)) = (to_object, object) {
            self.objects[object].bytes.fill(range, content);
            return;
        }
        // If the rule is broken, the next page is copied, too.
        let pages = if self.holds(Rule::CopiesByPage) { 1 } else { 2 };
        let first = addresses.start - offset % page;
        self.copy_pages(process, first..first + pages * page);
        if let Some(vma) = process.space.at_mut(addresses.start) {
            vma.copies.fill(range, content);
        }
    }

    fn mapped<'p>(&self, process: &'p Process, address: u64) -> Result<&'p Vma, Fault> {
        let code = if self.holds(Rule::OutsideIsMaperr) { MAPERR } else { ACCERR };
        process.space.at(address).ok_or(fault(linux::SIGSEGV, code))
    }

    /// Returns the map that a load or a store reaches. A protection key keeps them from memory that is PROT_EXEC alone, also
    /// past the end of the file. (pkeys(7); Linux: execute_only_pkey, and access_error, which comes before handle_mm_fault)
    fn reached<'p>(&self, process: &'p Process, address: u64) -> Result<&'p Vma, Fault> {
        let vma = self.mapped(process, address)?;
        match vma.prot == EXEC && self.environment.protection_keys {
            true => Err(fault(linux::SIGSEGV, linux::SEGV_PKUERR)),
            false => Ok(vma),
        }
    }

    /// Returns the fault of an access that the protection refuses.
    fn refused(&self, vma: &Vma, address: u64) -> Fault {
        let past = self.content(vma, vma.offset_of(address)).err();
        match past {
            Some(fault) if !self.holds(Rule::ProtectionBeforeEof) => fault,
            _ => fault(linux::SIGSEGV, ACCERR),
        }
    }

    /// Returns the content at an offset that a VMA shows, or the fault of an access to it.
    pub fn content(&self, vma: &Vma, offset: u64) -> Result<Content, Fault> {
        if vma.guarded.at(offset) && self.holds(Rule::GuardIsMaperr) {
            return Err(fault(linux::SIGSEGV, MAPERR));
        }
        if vma.copied.at(offset) {
            return Ok(vma.copies.at(offset));
        }
        let Some(object) = vma.object.map(|object| &self.objects[object]) else {
            return Ok(Content::Zero);
        };
        if offset >= self.round_up(object.size) {
            return match self.holds(Rule::PastEofIsSigbus) {
                true => Err(fault(linux::SIGBUS, ADRERR)),
                false => Ok(Content::Zero),
            };
        }
        Ok(match object.bytes.at(offset) {
            Content::Pattern(_) if !self.holds(Rule::DataOfTheFile) => Content::Zero,
            Content::Zero if offset >= object.size && !self.holds(Rule::TailIsZero) => {
                Content::Byte(1)
            }
            content => content,
        })
    }

    /// Returns the phase of the pattern that belongs at an address; `None` where no file is shown.
    pub fn phase_at(&self, process: &Process, address: u64) -> Option<u64> {
        self.objects[process.space.at(address)?.object?].phase()
    }

    /// Returns the outcome of a probe of one byte. Fails with the reason, where the model says nothing of it.
    pub fn outcome(
        &self,
        process: &Process,
        access: Access,
        address: u64,
    ) -> Result<Outcome, &'static str> {
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
            Err(_) if by_kernel && self.holds(Rule::KernelAccessIsEfault) => {
                Outcome::Errno(Errno(linux::EFAULT))
            }
            Err(fault) => Outcome::Fault(self.told(process, fault)),
        })
    }

    /// Returns the place to which a successful store has gone.
    fn stored(&self, process: &Process, address: u64) -> Clean {
        let Some(vma) = process.space.at(address) else { return Clean::Ok };
        let object = vma.object.map(|object| &self.objects[object]);
        let Some(file) = object.filter(|own| own.phase().is_some()) else { return Clean::Ok };
        let to_file = match vma.shared {
            true => self.holds(Rule::SharedStoresReachTheFile),
            false => !self.holds(Rule::PrivateStoresStay),
        };
        let inside = vma.offset_of(address) < file.size || !self.holds(Rule::TailStaysInMemory);
        if to_file && inside { Clean::ToFile } else { Clean::MemoryOnly }
    }

    /// Returns the outcome of a fetch. The file then holds return instructions where it holds its pattern.
    fn fetch(&self, process: &Process, address: u64) -> Result<Result<Clean, Fault>, &'static str> {
        if self.environment.instruction_bytes != 1 {
            return Err("fetches where an instruction has several bytes");
        }
        let vma = match self.mapped(process, address) {
            Ok(vma) => vma,
            Err(fault) => return Ok(Err(fault)),
        };
        let content = self.content(vma, vma.offset_of(address));
        if vma.prot & EXEC == 0 && self.holds(Rule::FetchesNeedProtExec) {
            // On x86 the first fetch from a page that may be loaded is a load.
            let loads_first = vma.prot != 0 && self.holds(Rule::FetchPastEofIsSigbusOnX86);
            return Ok(Err(match content {
                Err(fault) if loads_first => fault,
                _ => self.refused(vma, address),
            }));
        }
        Ok(content.map(|content| match content {
            Content::Pattern(_) => Clean::Ok,
            _ => Clean::NoCode,
        }))
    }

    /// Returns the addresses within a range at which the outcome of an access may change.
    pub fn seams(&self, process: &Process, range: &Range<u64>) -> BTreeSet<u64> {
        let mut seams: BTreeSet<u64> = process.space.seams().into_iter().collect();
        for vma in process.space.iter() {
            let Some(object) = vma.object.map(|object| &self.objects[object]) else {
                continue;
            };
            let shown = vma.offset..vma.offset_of(vma.range.end);
            let ends = [object.size, self.round_up(object.size)];
            let starts = object.bytes.starts(shown.clone()).chain(ends);
            seams.extend(
                starts
                    .filter(|offset| shown.contains(offset))
                    .map(|offset| vma.range.start + (offset - vma.offset)),
            );
        }
        seams.insert(range.start);
        seams.retain(|address| range.contains(address));
        seams
    }

    /// Returns the runs that a load of a range finds, up to the first byte that cannot be loaded.
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
