//! The vocabulary: what a case says and what an access can come to, as plain values.
//!
//! A case file reads as C. Here it is the same text taken apart: [`Case`], its [`Step`]s, the sizes
//! and flags in them, and the [`Outcome`] of one access. Nothing in this room knows how a case is
//! run; the values can be made by hand, compared, and faked in a test.

mod call;
mod fault_map;
mod flag;
pub mod limits;
mod note;
mod outcome;
mod pattern;
mod requirement;
mod result;
mod seen;
mod size;
mod window;

pub use call::{Call, Gives, Parameter, Signature};
pub use fault_map::{FaultMap, Region, Row};
pub use flag::{Family, FlagWord, lookup as lookup_flag, names_of as flag_names};
pub use note::{Note, Scarce};
pub use outcome::{Clean, Errno, Fault, FaultAddress, HarnessError, Outcome, Signal};
pub use pattern::{Pattern, is_filling};
pub use requirement::{ARCHITECTURES, CPU_FLAGS, FILE_SYSTEMS, Requirement};
pub use result::{Measurement, StepResult, SweepResult};
pub use seen::{RUNS, Rest, Run, Seen, code, decode, digest};
pub use size::{Linear, Radix, Size};
pub use window::window;

use std::fmt;
use std::time::Duration;

/// One case: the rule it shows, what it needs, and its steps in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// The comment block at the head of the file, a line each, without the `//`.
    pub comment: Vec<String>,
    /// What must hold here for the case to be run at all; otherwise it is skipped with the reason.
    pub requires: Vec<Requirement>,
    /// Set where a child that never returns is an answer (`timeout(200ms)`), not a harness error.
    pub timeout: Option<Duration>,
    /// The steps, in the order in which the victim performs them.
    pub steps: Vec<Step>,
}

/// One line of a case: a system call, an access, a block run by another process, or a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `name = call(args);`
    Call {
        /// The variable that takes what the call gives, if the line names one.
        assign: Option<String>,
        /// Which call.
        call: Call,
        /// Its arguments, as many as the call's [`Signature`] has.
        args: Vec<Arg>,
    },
    /// `map[at];`, `map[at] = 'x';`, or `map[from..to];` for an access of two, four or eight bytes.
    Touch {
        /// The variable that holds the map.
        map: String,
        /// First byte accessed, relative to the map.
        at: Size,
        /// One past the last byte where the access is wider than a byte.
        to: Option<Size>,
        /// The byte stored (in every byte of a wide access); a load where there is none.
        store: Option<u8>,
    },
    /// `fork { ... }` or `process { ... }`: steps of another process, waited for.
    Block {
        /// What the other process shares with this one.
        kind: BlockKind,
        /// Its steps.
        steps: Vec<Step>,
    },
    /// `sweep(map, read, write);`: at this point of the program, a row is measured for each access.
    Sweep {
        /// The variable that holds the map to sweep.
        map: String,
        /// The rows.
        accesses: Vec<Access>,
    },
}

/// Which process runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A child of the process that runs the surrounding steps: it inherits their maps.
    Fork,
    /// An unrelated process: it was started before the first step and has none of their maps.
    Process,
}

/// How a probe touches its one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A load by the CPU.
    Read,
    /// A store by the CPU.
    Write,
    /// An instruction fetch by the CPU; the file then holds return instructions.
    Exec,
    /// A load by the kernel: a write(2) from the address. EFAULT where the CPU would get a signal.
    CopyFromUser,
    /// A store by the kernel: a read(2) into the address. EFAULT where the CPU would get a signal.
    CopyToUser,
}

impl Access {
    /// Every access, in the order in which rows are drawn.
    pub const ALL: [Access; 5] =
        [Access::Read, Access::Write, Access::Exec, Access::CopyFromUser, Access::CopyToUser];

    /// The name, as a case and the command line spell it.
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
        Access::ALL.into_iter().find(|access| access.name() == name)
    }

    /// Whether it changes the byte that it touches.
    pub fn stores(self) -> bool {
        matches!(self, Access::Write | Access::CopyToUser)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One argument of a call, already of the kind that the call's [`Signature`] asks for.
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

impl Case {
    /// The first sentence of the comment, for lists.
    pub fn summary(&self) -> String {
        let text = self.comment.join(" ");
        let end = text.char_indices().find_map(|(at, c)| {
            let rest = &text[at + c.len_utf8()..];
            (c == '.' && (rest.is_empty() || rest.starts_with(' '))).then_some(at + 1)
        });
        text[..end.unwrap_or(text.len())].trim().to_owned()
    }

    /// Every step with its index and depth, outer before inner: the order in which a victim's record
    /// numbers them.
    ///
    /// ```
    /// let case = faultmap::parse::case("fd = file(10); fork { close(fd); } close(fd);").unwrap();
    /// let depths: Vec<_> = case.walk().map(|(index, depth, _)| (index, depth)).collect();
    /// assert_eq!(depths, [(0, 0), (1, 0), (2, 1), (3, 0)]);
    /// ```
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

    /// The sweeps: the index of each as [`Case::walk`] counts, its map and its accesses.
    pub fn sweeps(&self) -> impl Iterator<Item = (usize, &str, &[Access])> {
        self.walk().filter_map(|(index, _, step)| match step {
            Step::Sweep { map, accesses } => Some((index, map.as_str(), accesses.as_slice())),
            _ => None,
        })
    }

    /// Whether the case counts in pages: then its offsets are printed in pages, and one snapshot
    /// serves every page size. One that has bytes of its own, as many as a page or more, does not.
    pub fn says_page(&self) -> bool {
        let sizes = self.sizes();
        let least = limits::SMALLEST_PAGE;
        let within =
            |size: &&Size| size.linear().is_none_or(|linear| linear.bytes.unsigned_abs() < least);
        sizes.iter().any(|size| size.says_page()) && sizes.iter().all(within)
    }

    /// Every size that the steps mention: lengths, offsets, limits.
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
