//! The model must know the objects, processes and segments that the steps of a case change, and what a new
//! size of a file does to its bytes: [`State`] holds all but the processes.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::address_space::AddressSpace;
use super::bytes::{Bytes, Content};
use super::environment::Environment;
use super::rule::Rule;
use super::signals::Signals;
use crate::case::{Fault, FaultAddress, Signal};

/// Something that can be mapped shared: a file, shared anonymous memory, a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its size in bytes.
    pub size: u64,
    /// Its content; past its size, the bytes that were stored in its last page.
    pub bytes: Bytes,
    /// Its kind.
    pub kind: Kind,
    /// True if it still has its name.
    pub named: bool,
    /// The seals of F_ADD_SEALS.
    pub seals: i32,
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that the harness made and filled with the pattern of this phase. The harness can read it
    /// without the map.
    File(u64),
    /// The same, made by memfd_create(2).
    Memfd(u64),
    /// Memory without a file that could be read.
    Memory,
}

impl Object {
    /// Returns the phase of the pattern that it was filled with, if it is a file.
    pub fn phase(&self) -> Option<u64> {
        match self.kind {
            Kind::File(phase) | Kind::Memfd(phase) => Some(phase),
            Kind::Memory => None,
        }
    }
}

/// The thing that a descriptor shows.
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
    /// An empty pipe.
    Pipe,
}

impl FileKind {
    /// Returns the largest offset that it can have, as far as mmap cares: for a file, the largest `off_t`.
    /// (Linux: file_mmap_size_max)
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
    /// The thing that it shows.
    pub shows: FileKind,
    /// True if it was opened for reading.
    pub readable: bool,
    /// True if it was opened for writing.
    pub writable: bool,
    /// True for O_APPEND.
    pub appends: bool,
    /// True for O_SYNC.
    pub syncs: bool,
    /// True for O_PATH: it can be closed, and nothing else.
    pub path_only: bool,
    /// The number of its open file, in [`State::positions`]: a forked process shares the open file.
    pub open_file: usize,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its memory.
    pub space: AddressSpace,
    /// Its descriptors, by number as far as the case can tell; the next descriptor gets the lowest free
    /// number.
    pub descriptors: Vec<Option<Descriptor>>,
    /// Its dispositions and its mask of signals.
    pub signals: Signals,
    /// The limits that the case has set, by resource.
    pub limits: BTreeMap<i64, u64>,
    /// The bytes that count as locked, and are no more: Linux forgets those that MREMAP_DONTUNMAP unlocks. (Linux:
    /// dontunmap_complete)
    pub unlocked: u64,
}

/// A System V shared memory segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The object that holds its bytes.
    pub object: usize,
    /// The size in bytes that shmget was called with.
    pub size: u64,
    /// True if its mode lets its owner execute its content.
    pub runs: bool,
    /// True if IPC_RMID has marked it.
    pub removed: bool,
}

/// The state that all processes of a case share.
#[derive(Debug, Clone)]
pub struct State<'a> {
    /// The environment of the case.
    pub environment: &'a Environment,
    /// All objects, that is everything that can be mapped shared.
    pub objects: Vec<Object>,
    /// All segments.
    pub segments: Vec<Segment>,
    /// The offset at which the next read(2) or write(2) of each open file begins.
    pub positions: Vec<u64>,
    /// The number of the last place at which a map was placed alone, 0 before the first; its address is a
    /// multiple of `APART`. Places that are taken are skipped.
    pub placed: u64,
    /// The open rules that mattered to the current step, each with true if it holds there.
    pub decided: RefCell<Vec<(Rule, bool)>>,
}

impl<'a> State<'a> {
    /// Returns the state before anything was made.
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

    /// True if the other has the same objects, segments, file positions and places.
    pub fn is_like(&self, other: &State<'_>) -> bool {
        self.objects == other.objects
            && self.segments == other.segments
            && self.positions == other.positions
            && self.placed == other.placed
    }

    /// True if a rule holds here. An open rule of which nothing is known on this kernel and this file system holds
    /// in a step unless it was decided otherwise for that step.
    pub fn holds(&self, rule: Rule) -> bool {
        self.holds_on(rule, self.environment.file_system.as_deref())
    }

    /// The same for an object, which may be on another file system: memfds and memory are on tmpfs.
    /// (memfd_create(2))
    pub fn holds_for(&self, rule: Rule, object: usize) -> bool {
        match self.objects[object].kind {
            Kind::File(_) => self.holds(rule),
            Kind::Memfd(_) | Kind::Memory => self.holds_on(rule, Some("tmpfs")),
        }
    }

    /// The same for what lies on this file system; none where it is not known, or there is no file.
    pub fn holds_on(&self, rule: Rule, file_system: Option<&str>) -> bool {
        if self.environment.without.contains(&rule) {
            return false;
        }
        if !rule.is_open() {
            return true;
        }
        if let Some(held) = rule.decided(self.environment, file_system) {
            return held;
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

    /// Returns a fault of a process as it is seen from outside.
    pub fn told(&self, process: &Process, fault: Fault) -> Fault {
        match process.signals.hide(fault.signal.0) && self.holds(Rule::BlockedFaultsKill) {
            true => Fault { code: None, address: FaultAddress::Unknown, ..fault },
            false => fault,
        }
    }

    /// Returns the page size in bytes.
    pub fn page(&self) -> u64 {
        self.environment.page
    }

    /// Returns the end of the page in which the byte before this offset lies.
    pub fn round_up(&self, offset: u64) -> u64 {
        offset.div_ceil(self.page()).saturating_mul(self.page())
    }

    /// Writes out the file within these offsets.
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

    /// Zeroes the bytes that were stored past the end if this open rule says that the file is written out.
    pub fn write_back_where(&mut self, rule: Rule, object: usize) {
        let own = &self.objects[object];
        let tail = own.size..u64::MAX;
        if own.bytes.any_but(Content::Zero, tail.clone()) && self.holds_for(rule, object) {
            self.objects[object].bytes.fill(tail, Content::Zero);
        }
    }

    /// Makes private copies of the pages at these addresses, which lie in one map. A page that has a copy
    /// already, or does not exist, is left out.
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

    /// Gives an object another size, and changes its bytes and all maps of it accordingly. Where it grows,
    /// `clears` is the open rule that decides about bytes past its new end.
    pub fn resize(
        &mut self,
        spaces: &mut [&mut AddressSpace],
        object: usize,
        size: u64,
        clears: Rule,
    ) {
        match size.cmp(&self.objects[object].size) {
            Ordering::Less => self.shrink(spaces, object, size),
            Ordering::Equal if self.keeps_its_tail(object) => {}
            // A file that keeps its size shrinks by nothing: the tail is zeroed all the same.
            Ordering::Equal => self.shrink(spaces, object, size),
            Ordering::Greater => self.grow(object, size, clears),
        }
        self.objects[object].size = size;
    }

    /// True if there are bytes past the end that stay where a file is given the size that it has.
    fn keeps_its_tail(&self, object: usize) -> bool {
        let own = &self.objects[object];
        own.bytes.any_but(Content::Zero, own.size..u64::MAX)
            && !self.holds_for(Rule::SameSizeClearsTheTail, object)
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

    fn grow(&mut self, object: usize, size: u64, clears: Rule) {
        let old = self.objects[object].size;
        let stale = |state: &Self, range| state.objects[object].bytes.any_but(Content::Zero, range);
        if stale(self, size..u64::MAX) && self.holds_for(clears, object) {
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

/// Returns a fault at the byte that was accessed.
pub fn fault(signal: i32, code: i32) -> Fault {
    Fault { signal: Signal(signal), code: Some(code), address: FaultAddress::Accessed }
}
