//! The state that steps change: objects, processes, segments; and what becomes of bytes when a file's
//! size changes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::Environment;
use super::address_space::AddressSpace;
use super::bytes::{Bytes, Content};
use super::rule::Rule;
use super::signals::Signals;
use crate::case::{Fault, FaultAddress, Signal};

/// Something that can be mapped shared: a file, shared anonymous memory, a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its size in bytes.
    pub size: u64,
    /// What stands in it; past its size, what has been stored in its last page.
    pub bytes: Bytes,
    /// What it is.
    pub kind: Kind,
    /// It still has its name.
    pub named: bool,
    /// The seals of F_ADD_SEALS.
    pub seals: i32,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that the harness made and filled with the pattern of this phase: it can be looked at
    /// beside the map.
    File(u64),
    /// The same, made by memfd_create(2).
    Memfd(u64),
    /// Memory without a file that could be looked at.
    Memory,
}

impl Object {
    /// The phase of the pattern that it was filled with, where it is a file.
    pub fn phase(&self) -> Option<u64> {
        match self.kind {
            Kind::File(phase) | Kind::Memfd(phase) => Some(phase),
            Kind::Memory => None,
        }
    }
}

/// What a descriptor shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An object.
    Object(usize),
    /// /dev/zero.
    DevZero,
    /// /dev/null.
    DevNull,
    /// /dev/full.
    DevFull,
    /// /proc/self/maps.
    ProcMaps,
    /// Another file of /proc.
    Proc,
    /// A directory.
    Dir,
    /// A pipe in which nothing is.
    Pipe,
}

impl FileKind {
    /// The largest offset that it can have, as far as mmap cares: of files that is what an `off_t`
    /// holds. (Linux: file_mmap_size_max)
    pub fn end(self) -> u64 {
        match self {
            FileKind::Object(_) | FileKind::ProcMaps | FileKind::Proc => i64::MAX as u64,
            FileKind::DevZero
            | FileKind::DevNull
            | FileKind::DevFull
            | FileKind::Dir
            | FileKind::Pipe => u64::MAX,
        }
    }
}

/// An open descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// What it shows.
    pub shows: FileKind,
    /// Opened for reading.
    pub readable: bool,
    /// Opened for writing.
    pub writable: bool,
    /// O_APPEND.
    pub appends: bool,
    /// O_SYNC.
    pub syncs: bool,
    /// O_PATH: it can be closed, and nothing else.
    pub path_only: bool,
    /// Which open file it is, in [`State::positions`]: a forked process shares it.
    pub open_file: usize,
}

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its memory.
    pub space: AddressSpace,
    /// Its descriptors, by number as far as the case can tell; the lowest free one is given next.
    pub descriptors: Vec<Option<Descriptor>>,
    /// What it does with signals.
    pub signals: Signals,
    /// Limits that the case has set, by resource.
    pub limits: BTreeMap<i64, u64>,
}

/// A System V shared memory segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The object that it is.
    pub object: usize,
    /// The bytes that were asked for.
    pub size: u64,
    /// Its owner may execute what stands in it, by its mode.
    pub runs: bool,
    /// Marked by IPC_RMID.
    pub removed: bool,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct State<'a> {
    /// What is given.
    pub environment: &'a Environment,
    /// Everything that can be mapped shared.
    pub objects: Vec<Object>,
    /// All segments.
    pub segments: Vec<Segment>,
    /// Where the next read(2) or write(2) of each open file begins.
    pub positions: Vec<u64>,
    /// How many maps have been placed alone.
    pub placed: u64,
    /// The open rules that had a say in the step at work, and whether they hold in it.
    pub decided: RefCell<Vec<(Rule, bool)>>,
}

impl<'a> State<'a> {
    /// Before anything was made.
    pub fn new(environment: &'a Environment) -> State<'a> {
        State {
            environment,
            objects: Vec::new(),
            segments: Vec::new(),
            positions: Vec::new(),
            placed: 0,
            decided: RefCell::default(),
        }
    }

    /// Whether the other has the same things in the same state.
    pub fn is_like(&self, other: &State<'_>) -> bool {
        self.objects == other.objects
            && self.segments == other.segments
            && self.positions == other.positions
            && self.placed == other.placed
    }

    /// Whether a rule holds here. An open one holds in a step unless that was decided otherwise.
    pub fn holds(&self, rule: Rule) -> bool {
        if self.environment.without.contains(&rule) {
            return false;
        }
        if !rule.is_open() {
            return true;
        }
        let mut decided = self.decided.borrow_mut();
        match decided.iter().find(|(own, _)| *own == rule) {
            Some((_, held)) => *held,
            None => {
                decided.push((rule, true));
                true
            }
        }
    }

    /// Whether a rule holds that is open for files: it is the file system's to keep. A memfd is kept as
    /// tmpfs keeps its files, which does not hold to any of them.
    pub fn holds_for(&self, rule: Rule, object: usize) -> bool {
        matches!(self.objects[object].kind, Kind::File(_)) && self.holds(rule)
    }

    /// The page size in bytes.
    pub fn page(&self) -> u64 {
        self.environment.page
    }

    /// The end of the page in which a byte before this offset can lie.
    pub fn round_up(&self, offset: u64) -> u64 {
        offset.div_ceil(self.page()).saturating_mul(self.page())
    }

    /// The file is written out within these offsets.
    pub fn write_back(&mut self, object: usize, range: Range<u64>) {
        let own = &self.objects[object];
        let last = own.size / self.page() * self.page();
        let tail = own.size..self.round_up(own.size);
        let written = range.start < tail.end && last < range.end;
        let stale = written && own.bytes.any_but(Content::Zero, tail.clone());
        if stale && self.holds_for(Rule::WritebackClearsTheTail, object) {
            self.objects[object].bytes.fill(tail, Content::Zero);
        }
    }

    /// Makes private copies of the pages at these addresses, which lie in one map; nothing where there is
    /// a copy already, or no page.
    pub fn copy_pages(&self, process: &mut Process, addresses: Range<u64>) {
        let Some(vma) = process.space.at_mut(addresses.start) else { return };
        let end = vma.offset_of(addresses.end.min(vma.range.end));
        let object = vma.object.map(|object| &self.objects[object]);
        let there = object.map_or(end, |object| end.min(self.round_up(object.size)));
        let shown = vma.offset_of(addresses.start)..there;
        for part in vma.copied.where_is(false, shown) {
            match object {
                Some(object) => vma.copies.copy(&object.bytes, part.clone()),
                None => vma.copies.fill(part.clone(), Content::Zero),
            }
            vma.copied.fill(part, true);
        }
    }

    /// The file or object has another size now: what becomes of its bytes and of all maps of it.
    pub fn resize(&mut self, spaces: &mut [&mut AddressSpace], object: usize, size: u64) {
        // To the size that it has is a shrinking by nothing: the tail is zeroed all the same.
        match size <= self.objects[object].size {
            true => self.shrink(spaces, object, size),
            false => self.grow(object, size),
        }
        self.objects[object].size = size;
    }

    fn shrink(&mut self, spaces: &mut [&mut AddressSpace], object: usize, size: u64) {
        let end = self.round_up(size);
        let from = if self.holds(Rule::TruncationZeroesTheTail) { size } else { end };
        self.objects[object].bytes.fill(from..u64::MAX, Content::Zero);
        let (takes, leaves) = (
            self.holds(Rule::TruncationTakesCopies),
            self.holds(Rule::TruncationLeavesTheLastCopy),
        );
        for vma in spaces.iter_mut().flat_map(|space| space.iter_mut()) {
            if vma.object != Some(object) {
                continue;
            }
            if takes {
                vma.copied.fill(end..u64::MAX, false);
            }
            if !leaves {
                vma.copies.fill(size..end, Content::Zero);
            }
        }
    }

    fn grow(&mut self, object: usize, size: u64) {
        let old = self.objects[object].size;
        let stale = |state: &Self, range| state.objects[object].bytes.any_but(Content::Zero, range);
        if stale(self, size..u64::MAX) && self.holds_for(Rule::GrowthClearsThePage, object) {
            self.objects[object].bytes.fill(size..u64::MAX, Content::Zero);
        }
        if stale(self, old..size) && self.holds_for(Rule::GrowthClearsTheTail, object) {
            self.objects[object].bytes.fill(old..size, Content::Zero);
        }
        if !self.holds(Rule::GrowthIsZero) {
            self.objects[object].bytes.fill(old..size, Content::Byte(1));
        }
    }
}

/// A fault at the byte that was accessed.
pub fn fault(signal: i32, code: i32) -> Fault {
    Fault { signal: Signal(signal), code: Some(code), address: FaultAddress::Accessed }
}
