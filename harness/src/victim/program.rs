//! A victim can allocate no memory, so a case is compiled before the fork: a [`Program`] has its names
//! resolved, its sizes evaluated, its texts laid out.
//!
//! The parts of it that a victim needs lie in the memory that it inherits. Op number `n` is step number `n`
//! of [`crate::case::Case::walk`], and slot number `n` of the record.

use std::ffi::CStr;

use nix::libc;

use super::maps::{Descriptors, Maps, Shown};
use super::price::Price;
use super::reach::Span;
use crate::case::BlockKind;
use crate::sys::{NAME_BYTES, Sandbox};

/// The steps that a victim performs: references into the memory that it inherits, and nothing else. They take
/// no more than 128 bytes: to move more, memcpy reads data of libc, which a victim does not have.
#[derive(Debug, Clone, Copy)]
pub struct Program<'m> {
    /// One for each step.
    pub ops: &'m [Op<'m>],
    /// The variable that takes the result of each op.
    pub into: &'m [Option<usize>],
    /// The files that must be there before the first step.
    pub files: &'m [FileSpec],
    /// The first op of each `process` block, in order.
    pub processes: &'m [usize],
    /// The ops that give the id of a shared memory segment.
    pub segments: &'m [usize],
    /// The page size in bytes.
    pub page: u64,
    /// True if a step asks for maps to become huge pages.
    pub asks_for_huge_pages: bool,
    /// True if there may be maps of huge pages.
    pub huge: bool,
    /// True if a step keeps memory from children: a child lacks maps that are noted.
    pub keeps_from_children: bool,
    /// The victim's notes of its maps.
    pub maps: &'m Maps<'m>,
    /// The victim's notes of its descriptors.
    pub descriptors: &'m Descriptors<'m>,
    /// The sandbox in which it is performed; an empty one at first.
    pub sandbox: &'m Sandbox<'m>,
}

/// A file that is made afresh for each probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSpec {
    /// The number of bytes that it is filled with.
    pub size: u64,
    /// Set for a memfd: its flags. Otherwise the file lives in the backing.
    pub memfd: Option<u32>,
    /// True if it needs a name, because a step unlinks it.
    pub named: bool,
}

/// A file as it was made for one probe.
#[derive(Debug, Clone, Copy)]
pub struct FileHandle {
    /// The harness's own descriptor, open for reading and writing; -errno where the kernel refused the memfd.
    pub descriptor: i32,
    /// The descriptor of its folder and its name there, where it has one.
    pub name: Option<(i32, [u8; NAME_BYTES])>,
}

/// One step, ready to be performed.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each variant's line tells its fields")]
pub enum Op<'m> {
    /// A system call.
    System(&'m System<'m>),
    /// A descriptor for a file of the harness: a duplicate, or opened anew with flags `reopen`.
    OpenFile { file: usize, reopen: Option<i32> },
    /// A descriptor for a path, which shows that.
    OpenPath { path: &'m CStr, flags: i32, shown: Shown },
    /// The read end of a pipe.
    Pipe,
    /// The name of a file of the harness is removed.
    Unlink { file: usize },
    /// A load, or a `store` of that byte, `width` bytes wide, `at` bytes from the start of `map`.
    Touch { map: usize, at: i64, width: usize, store: Option<u8> },
    /// A signal's disposition becomes SIG_IGN or SIG_DFL, the `handler`.
    Sigaction { signal: i32, handler: usize },
    /// The mask is changed by one signal.
    Sigprocmask { how: i32, signal: i32 },
    /// A resource's soft and hard limit.
    Setrlimit { resource: i32, limit: u64 },
    /// The process sends itself a signal.
    Raise { signal: i32 },
    /// The process ends.
    Exit { code: i32 },
    /// The ops up to, not including, `end` are another process's: number `process` of the
    /// `process` blocks, or a forked one.
    Block { kind: BlockKind, end: usize, process: usize },
    /// A place to probe: the map that this variable holds.
    Sweep { map: usize },
}

/// A system call, ready to be made.
#[derive(Debug, Clone, Copy)]
pub struct System<'m> {
    /// Its number.
    pub number: libc::c_long,
    /// Its arguments.
    pub args: [Operand<'m>; 6],
    /// The arguments whose values the filter has to check; bit `n` stands for argument `n`.
    pub fixed: u8,
    /// The memory that it reaches.
    pub span: Span,
    /// The price that is paid for it.
    pub price: Price,
    /// The effect of its success on the notes of maps and descriptors.
    pub then: Then,
    /// The content of the buffer of the harness afterwards.
    pub buffer: Buffer,
    /// True if it reads the file of argument 0.
    pub reads: bool,
    /// True if its result is a number of bytes, which the picture shows.
    pub counts: bool,
}

/// The content that a system call leaves in the buffer of the harness.
#[derive(Debug, Clone, Copy)]
pub enum Buffer {
    /// Nothing.
    Unused,
    /// As many bytes as the call returns: those of a file from the offset in this argument on, where there
    /// is one.
    Bytes(Option<usize>),
    /// One byte for each page of the length in this argument.
    BytePerPage(usize),
}

/// An argument of a system call.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'m> {
    /// A number.
    Number(usize),
    /// The value of a variable, plus a number.
    Variable(usize, isize),
    /// The address of these bytes.
    Bytes(&'m [u8]),
    /// An address of the address range, in place of the 0 of the case.
    Place,
    /// The address of the buffer of the harness.
    Buffer,
}

/// The effect of a successful call on the notes about maps and descriptors.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The descriptor in the first argument is free for others.
    Closed,
    /// There is a new segment: the result is its id.
    Segment,
    /// There is a new map.
    Mapped {
        /// The argument that holds the address.
        address: usize,
        /// True if it may grow down.
        grows: bool,
        /// The offset from which on it shows the file of the descriptor in the fifth argument; `None` for
        /// memory without a file.
        offset: Option<u64>,
        /// Its length in bytes.
        length: usize,
    },
    /// The map at the first argument shows its file from another offset on.
    Shows {
        /// The offset in bytes.
        offset: u64,
        /// The number of bytes that do so.
        length: usize,
    },
    /// Nothing is mapped any more at the first argument, for as many bytes as the second says.
    Unmapped,
    /// A segment is mapped no more, from the first argument on.
    Detached,
    /// The map at the first argument has moved, grown or shrunk.
    Remapped {
        /// Its length before, in bytes.
        old: usize,
        /// Its new length in bytes.
        length: usize,
    },
}

const _: () = assert!(size_of::<Program<'_>>() <= 128);

impl Program<'_> {
    /// True if the case sets the disposition of this signal, or changes the mask for it: a fault may then
    /// kill without being recorded.
    pub fn alters(&self, signal: i32) -> bool {
        self.ops.iter().any(|op| match op {
            Op::Sigaction { signal: altered, .. } | Op::Sigprocmask { signal: altered, .. } => {
                *altered == signal
            }
            _ => false,
        })
    }
}
