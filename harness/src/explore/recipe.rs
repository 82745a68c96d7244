//! Random programs: what a case may do, as choices that any shrinking leaves meaningful.
//!
//! A choice names a map or a file by a number that is taken modulo what there is, so that a recipe from
//! which anything has been left out still makes a case that parses. proptest picks the choices and
//! shrinks them.

use proptest::prelude::*;
use proptest::sample::select;

/// One size or offset: so many pages and so many bytes beside them.
#[derive(Debug, Clone, Copy)]
pub struct Near {
    /// Pages, 0 to 3.
    pub pages: u64,
    /// Bytes more or fewer.
    pub bytes: i64,
}

/// One step, before it is known which maps and files there are.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A map of a file or of memory.
    Mmap { file: Option<usize>, length: Near, prot: usize, shared: bool, offset: u64, extra: usize },
    /// A map placed within another.
    Fixed {
        map: usize,
        at: u64,
        file: Option<usize>,
        pages: u64,
        prot: usize,
        shared: bool,
        noreplace: bool,
    },
    /// A load or a store.
    Touch { map: usize, at: Near, width: usize, store: Option<u8> },
    /// munmap, mprotect, msync, mlock, munlock or MADV_DONTNEED of a part.
    Range { call: usize, map: usize, at: Near, length: Near, prot: usize },
    /// mremap of a part.
    Mremap { map: usize, at: u64, old: Near, new: Near, moves: bool },
    /// The file beside its maps.
    Ftruncate { file: usize, size: Near },
    /// A hole, room, or nothing that can be seen.
    Fallocate { file: usize, mode: usize, at: Near, length: Near },
    /// A look at the file.
    Pread { file: usize, at: Near, length: Near },
    /// A store beside the maps.
    Pwrite { file: usize, at: Near, text: usize },
    /// A descriptor closed.
    Close { file: usize },
    /// The same in another process.
    Block { unrelated: bool, choices: Vec<Choice> },
}

/// A whole program, and which map is swept at its end.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The files: size, and how they are opened.
    pub files: Vec<(Near, usize)>,
    /// The steps.
    pub choices: Vec<Choice>,
    /// The map to sweep, and the access.
    pub sweep: (usize, usize),
}

/// Protections to pick from; most programs want to load and store.
pub const PROTECTIONS: [&str; 6] = [
    "PROT_READ | PROT_WRITE",
    "PROT_READ",
    "PROT_NONE",
    "PROT_WRITE",
    "PROT_READ | PROT_EXEC",
    "PROT_READ | PROT_WRITE | PROT_EXEC",
];
/// How files are opened; mostly for reading and writing.
pub const MODES: [&str; 3] = ["O_RDWR", "O_RDONLY", "O_WRONLY"];
/// Calls on a range.
pub const RANGE_CALLS: [&str; 6] = ["munmap", "mprotect", "msync", "madvise", "mlock", "munlock"];
/// Flags beside MAP_SHARED and MAP_PRIVATE.
pub const EXTRAS: [&str; 3] = ["", " | MAP_POPULATE", " | MAP_LOCKED"];
/// Texts to write.
pub const TEXTS: [&str; 3] = ["w", "uv", "0123456789"];

fn near(pages: impl Strategy<Value = u64>) -> impl Strategy<Value = Near> {
    let bytes =
        prop_oneof![4 => Just(0), 1 => Just(-1), 1 => Just(1), 2 => Just(100), 2 => 1i64..4000];
    (pages, bytes).prop_map(|(pages, bytes)| Near { pages, bytes })
}

/// Anywhere: half of what is asked for so is not there.
fn anywhere() -> impl Strategy<Value = Near> {
    near(0u64..=3)
}

/// Where as a rule something is: a program that dies of its first load shows little.
fn low() -> impl Strategy<Value = Near> {
    near(prop_oneof![3 => Just(0u64), 2 => Just(1), 1 => 0u64..=3])
}

/// A length or size of which as a rule something is left.
fn ample() -> impl Strategy<Value = Near> {
    near(prop_oneof![1 => 0u64..=3, 2 => 1u64..=3])
}

fn weighted(len: usize) -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => 0..len]
}

fn file() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![3 => (0usize..2).prop_map(Some), 1 => Just(None)]
}

fn choice() -> impl Strategy<Value = Choice> {
    let store = prop_oneof![2 => Just(None), 3 => (b'a'..=b'z').prop_map(Some)];
    let width = select(vec![1usize, 1, 1, 1, 2, 8]);
    prop_oneof![
        3 => (file(), ample(), weighted(6), any::<bool>(), 0u64..=2, weighted(3)).prop_map(
            |(file, length, prot, shared, offset, extra)| {
                Choice::Mmap { file, length, prot, shared, offset, extra }
            }
        ),
        1 => (0usize..4, 0u64..=2, file(), 1u64..=2, weighted(6), any::<bool>(), any::<bool>())
            .prop_map(|(map, at, file, pages, prot, shared, noreplace)| {
                Choice::Fixed { map, at, file, pages, prot, shared, noreplace }
            }),
        6 => (0usize..4, low(), width, store)
            .prop_map(|(map, at, width, store)| Choice::Touch { map, at, width, store }),
        4 => (0usize..6, 0usize..4, anywhere(), anywhere(), 0usize..6)
            .prop_map(|(call, map, at, length, prot)| {
                Choice::Range { call, map, at, length, prot }
            }),
        1 => (0usize..4, 0u64..=1, anywhere(), anywhere(), any::<bool>())
            .prop_map(|(map, at, old, new, moves)| Choice::Mremap { map, at, old, new, moves }),
        2 => (0usize..2, anywhere()).prop_map(|(file, size)| Choice::Ftruncate { file, size }),
        1 => (0usize..2, 0usize..3, anywhere(), anywhere())
            .prop_map(|(file, mode, at, length)| Choice::Fallocate { file, mode, at, length }),
        1 => (0usize..2, anywhere(), anywhere())
            .prop_map(|(file, at, length)| Choice::Pread { file, at, length }),
        2 => (0usize..2, anywhere(), 0usize..3)
            .prop_map(|(file, at, text)| Choice::Pwrite { file, at, text }),
        1 => (0usize..2).prop_map(|file| Choice::Close { file }),
    ]
}

fn block() -> impl Strategy<Value = Choice> {
    (any::<bool>(), prop::collection::vec(choice(), 1..4))
        .prop_map(|(unrelated, choices)| Choice::Block { unrelated, choices })
}

/// All recipes.
pub fn recipe() -> impl Strategy<Value = Recipe> {
    let files = prop::collection::vec((ample(), weighted(3)), 1..=2);
    let steps = prop::collection::vec(prop_oneof![8 => choice(), 1 => block()], 1..10);
    let first = (file(), ample(), weighted(6), any::<bool>(), 0u64..=1, weighted(3)).prop_map(
        |(file, length, prot, shared, offset, extra)| Choice::Mmap {
            file,
            length,
            prot,
            shared,
            offset,
            extra,
        },
    );
    (files, first, steps, (0usize..4, 0usize..5)).prop_map(|(files, first, mut choices, sweep)| {
        choices.insert(0, first);
        Recipe { files, choices, sweep }
    })
}
