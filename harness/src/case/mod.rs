//! A case as plain values: its steps, and the outcome of an access.
//!
//! A case file reads as C. This module holds the parsed text: [`Case`], its [`Step`]s, their sizes
//! and flags; and the [`Outcome`] of one access. It knows nothing of how a case is run, so a test
//! can make any of these values by hand.

mod fault;
mod fault_map;
mod flag_word;
mod harness_error;
pub mod limits;
mod note;
mod outcome;
mod pattern;
mod requirement;
mod result;
mod seen;
mod size;
mod window;

pub use fault::{FAULTS, Fault, FaultAddress, Signal, code_name};
pub use fault_map::{FaultMap, Region, Row};
pub use flag_word::FlagWord;
pub use harness_error::HarnessError;
pub use note::{Note, Scarce};
pub use outcome::{Clean, Errno, Outcome};
pub use pattern::{Pattern, is_filling};
pub use requirement::{ARCHITECTURES, CPU_FLAGS, FILE_SYSTEMS, PROTECTION_KEYS, Requirement};
pub use result::{Measurement, StepResult, SweepResult};
pub use seen::{RUNS, Rest, Run, Seen, code, decode, digest, shape};
pub use size::{Linear, Radix, Size};
pub use window::window;

use std::fmt;
use std::time::Duration;

use crate::vocabulary::{Facet, Returns, Syscall};

/// One case: the rule it shows, what it needs, and its steps in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// The lines of the comment at the head of the file, without the `//`.
    #[doc(hidden)]
    pub comment: Vec<String>,
    /// The needs of the case. Where one is not met, the case is skipped, with that as the reason.
    #[doc(hidden)]
    pub requires: Vec<Requirement>,
    /// The time after which a child that has not returned is an answer (`timeout(200ms)`); `None`
    /// where it is a harness error.
    #[doc(hidden)]
    pub timeout: Option<Duration>,
    /// The steps, in the order in which the victim performs them.
    #[doc(hidden)]
    pub steps: Vec<Step>,
}

/// One line of a case: a system call, an access, a block run by another process, or a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `name = call(args);`
    Call {
        /// The variable for the result of the call, if the line names one.
        assign: Option<String>,
        /// The call.
        call: &'static Syscall,
        /// Its arguments, one for each of its parameters.
        args: Vec<Arg>,
    },
    /// `map[at];`, `map[at] = 'x';`, or `map[from..to];` for an access of two, four or eight bytes.
    Touch {
        /// The variable that holds the map.
        map: String,
        /// The offset of the first byte from the start of the map.
        at: Size,
        /// The offset just past the last byte, where the access is wider than one byte.
        to: Option<Size>,
        /// The value to store, in every byte of a wide access; `None` for a load.
        store: Option<u8>,
    },
    /// `fork { ... }` or `process { ... }`: steps of another process. The next step waits for its
    /// end.
    Block {
        /// The relation of the other process to this one.
        kind: BlockKind,
        /// Its steps.
        steps: Vec<Step>,
    },
    /// `sweep(map, read, write);` measures a row for each access, at this point of the program.
    Sweep {
        /// The variable that holds the map to sweep.
        map: String,
        /// The accesses, one row each.
        accesses: Vec<Access>,
    },
}

/// The process that runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A child of the process that runs the surrounding steps: it inherits their maps.
    Fork,
    /// An unrelated process, started before the first step: it has none of their maps.
    Process,
}

impl BlockKind {
    /// The text with which a block begins.
    pub fn opening(self) -> &'static str {
        match self {
            BlockKind::Fork => "fork {",
            BlockKind::Process => "process {",
        }
    }
}

/// The way in which a probe accesses its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// A load by the CPU.
    Read,
    /// A store by the CPU.
    Write,
    /// An instruction fetch by the CPU. For this access, files are filled with return instructions.
    Exec,
    /// A load by the kernel: write(2) from the address. EFAULT where a load by the CPU raises a
    /// signal.
    CopyFromUser,
    /// A store by the kernel: read(2) into the address. EFAULT where a store by the CPU raises a
    /// signal.
    CopyToUser,
}

impl Access {
    /// Every access, in the order of the rows of a picture.
    pub const ALL: &[Access] =
        &[Access::Read, Access::Write, Access::Exec, Access::CopyFromUser, Access::CopyToUser];

    /// The name of the access in a case and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Exec => "exec",
            Access::CopyFromUser => "copy_from_user",
            Access::CopyToUser => "copy_to_user",
        }
    }

    /// The access of that name.
    pub fn from_name(name: &str) -> Option<Access> {
        Access::ALL.iter().copied().find(|access| access.name() == name)
    }

    /// True where the access changes the byte.
    pub fn stores(self) -> bool {
        matches!(self, Access::Write | Access::CopyToUser)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One argument of a call. The parser has checked it against the parameter of the call, see [`Syscall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A length, offset, count or limit, in bytes.
    Size(Size),
    /// A place in memory: a map plus an offset, or a bare number such as `0`.
    Address {
        /// The variable that holds the map; none for a bare number.
        map: Option<String>,
        /// Bytes from the start of that map, or the bare number.
        offset: Size,
    },
    /// A descriptor held in a variable.
    Descriptor(String),
    /// A descriptor written as a number, for calls that must fail: `-1`, `99`.
    BadDescriptor(i32),
    /// A shared memory id held in a variable.
    Id(String),
    /// Flags joined by `|`, or a bare number.
    Flags(Vec<FlagWord>),
    /// The bytes of a string literal.
    Text(Vec<u8>),
}

impl Arg {
    /// True where the argument says a flag that makes this of its call.
    pub fn has(&self, facet: Facet) -> bool {
        matches!(self, Arg::Flags(words) if words.iter().any(|word| word.has(facet)))
    }

    /// The value of flags; 0 of any other argument.
    pub fn flags(&self) -> i64 {
        match self {
            Arg::Flags(words) => FlagWord::all(words),
            _ => 0,
        }
    }
}

/// True where the argument at this place says a flag that makes this of its call.
pub fn says(args: &[Arg], index: usize, facet: Facet) -> bool {
    args.get(index).is_some_and(|arg| arg.has(facet))
}

/// The kind of value that a call with these arguments stores in its variable.
pub fn stored(call: &Syscall, args: &[Arg]) -> Returns {
    match (call.returns, args.first()) {
        // open(2) of a descriptor's path gives the same file again.
        (Returns::Opened, Some(Arg::Descriptor(_))) => Returns::File,
        (Returns::Opened, Some(Arg::Text(path))) if path.starts_with(b"/proc/") => Returns::Varying,
        (Returns::Opened, _) => Returns::Descriptor,
        (returns, _) => returns,
    }
}

impl Case {
    /// The calls, with their arguments.
    #[doc(hidden)]
    pub fn calls(&self) -> impl Iterator<Item = (&'static Syscall, &[Arg])> {
        self.walk().filter_map(|(_, _, step)| match step {
            Step::Call { call, args, .. } => Some((*call, args.as_slice())),
            _ => None,
        })
    }

    /// The first sentence of the comment, for `faultmap list`.
    pub fn summary(&self) -> String {
        let text = self.comment.join(" ");
        let end = text.char_indices().find_map(|(at, c)| {
            let rest = &text[at + c.len_utf8()..];
            (c == '.' && (rest.is_empty() || rest.starts_with(' '))).then_some(at + 1)
        });
        text[..end.unwrap_or(text.len())].trim().to_owned()
    }

    /// Iterates over the index, the depth and the step of every step, a block before its own steps.
    /// The record of a victim numbers the steps in this order.
    ///
    /// ```
    /// let case: faultmap::Case = "fd = file(10); fork { close(fd); } close(fd);".parse().unwrap();
    /// let depths: Vec<_> = case.walk().map(|(index, depth, _)| (index, depth)).collect();
    /// assert_eq!(depths, [(0, 0), (1, 0), (2, 1), (3, 0)]);
    /// ```
    #[doc(hidden)]
    pub fn walk(&self) -> impl Iterator<Item = (usize, usize, &Step)> {
        fn descend<'a>(steps: &'a [Step], depth: usize, out: &mut Vec<(usize, &'a Step)>) {
            for step in steps {
                out.push((depth, step));
                if let Step::Block { steps, .. } = step {
                    descend(steps, depth + 1, out);
                }
            }
        }
        let mut all = Vec::new();
        descend(&self.steps, 0, &mut all);
        all.into_iter().enumerate().map(|(index, (depth, step))| (index, depth, step))
    }

    /// The sweeps: the index of each in [`Case::walk`], its map and its accesses.
    #[doc(hidden)]
    pub fn sweeps(&self) -> impl Iterator<Item = (usize, &str, &[Access])> {
        self.walk().filter_map(|(index, _, step)| match step {
            Step::Sweep { map, accesses } => Some((index, map.as_str(), accesses.as_slice())),
            _ => None,
        })
    }

    /// True where the case counts in pages: it says `PAGE`, and no number of bytes as large as a
    /// page. Its offsets are then drawn in pages, and one snapshot serves every page size.
    pub fn says_page(&self) -> bool {
        let sizes = self.sizes();
        let least = limits::SMALLEST_PAGE;
        let within =
            |size: &&Size| size.linear().is_none_or(|linear| linear.bytes.unsigned_abs() < least);
        sizes.iter().any(|size| size.says_page()) && sizes.iter().all(within)
    }

    /// All sizes in the steps: lengths, offsets, limits.
    #[doc(hidden)]
    pub fn sizes(&self) -> Vec<&Size> {
        let mut sizes = Vec::new();
        for (_, _, step) in self.walk() {
            match step {
                Step::Call { args, .. } => sizes.extend(args.iter().filter_map(|arg| match arg {
                    Arg::Size(size) | Arg::Address { offset: size, .. } => Some(size),
                    _ => None,
                })),
                Step::Touch { at, to, .. } => sizes.extend(std::iter::once(at).chain(to)),
                Step::Block { .. } | Step::Sweep { .. } => {}
            }
        }
        sizes
    }
}
