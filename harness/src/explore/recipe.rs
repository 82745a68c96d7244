//! Random programs, as choices that stay valid when some of them are left out.
//!
//! A choice names a map or a file by a number, modulo the number of maps or files, so that a recipe
//! still makes a valid case after parts of it have been left out. proptest picks the choices and
//! shrinks them.

use proptest::prelude::*;
use proptest::sample::select;

/// A size or an offset: a number of pages plus a number of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Near {
    /// Pages, 0 to 3.
    pub pages: u64,
    /// Bytes to add; may be negative.
    pub bytes: i64,
}

/// A step that names maps and files by numbers.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A map of a file or of memory.
    Mmap { file: Option<usize>, length: Near, prot: usize, shared: bool, offset: u64, extra: usize },
    /// A map at an address within another map.
    Placed {
        map: usize,
        at: u64,
        file: Option<usize>,
        pages: u64,
        prot: usize,
        shared: bool,
        how: usize,
    },
    /// A System V segment, attached.
    Segment { length: Near, read_only: bool },
    /// A segment detached.
    Detach { map: usize },
    /// A load or a store.
    Touch { map: usize, at: Near, width: usize, store: Option<u8> },
    /// munmap, mprotect, msync, mlock, munlock, madvise or mseal of a part.
    Range { call: usize, map: usize, at: Near, length: Near, last: usize },
    /// mremap of a part; to a place in another map where there is one.
    Mremap { map: usize, at: u64, old: Near, new: Near, flags: usize, to: (usize, u64) },
    /// remap_file_pages of a part.
    Pages { map: usize, at: u64, pages: u64, first: u64 },
    /// read into a map, or write from one.
    Transfer { reads: bool, file: usize, map: usize, at: Near, count: Near },
    /// A signal ignored, blocked or reset to its default.
    Signal { how: usize },
    /// A seal.
    Seal { file: usize, seals: usize },
    /// ftruncate of a file.
    Ftruncate { file: usize, size: Near },
    /// fallocate of a part of a file, with any of its modes.
    Fallocate { file: usize, mode: usize, at: Near, length: Near },
    /// pread of a part of a file.
    Pread { file: usize, at: Near, length: Near },
    /// pwrite to a file.
    Pwrite { file: usize, at: Near, text: usize },
    /// A descriptor closed.
    Close { file: usize },
    /// Choices that another process performs.
    Block { unrelated: bool, choices: Vec<Choice> },
}

/// A whole program, with the map that is swept at its end.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The files: the size of each, and the index of its flags in [`FILES`].
    pub files: Vec<(Near, usize)>,
    /// The steps.
    pub choices: Vec<Choice>,
    /// The map to sweep and the access, by number.
    pub sweep: (usize, usize),
}

/// Protections. The first is picked most often: most programs load and store.
pub const PROTECTIONS: [&str; 6] = [
    "PROT_READ | PROT_WRITE",
    "PROT_READ",
    "PROT_NONE",
    "PROT_WRITE",
    "PROT_READ | PROT_EXEC",
    "PROT_READ | PROT_WRITE | PROT_EXEC",
];
/// The forms in which files are made. The first is picked most often.
pub const FILES: [(&str, &str); 5] = [
    ("file", "O_RDWR"),
    ("file", "O_RDONLY"),
    ("file", "O_WRONLY"),
    ("file", "O_RDWR | O_APPEND"),
    ("memfd", "MFD_ALLOW_SEALING"),
];
/// Calls on a range, with the values of their last argument, the most common first.
pub const RANGE_CALLS: [(&str, &[&str]); 7] = [
    ("munmap", &[]),
    ("mprotect", &PROTECTIONS),
    (
        "madvise",
        &[
            "MADV_DONTNEED",
            "MADV_DONTFORK",
            "MADV_DOFORK",
            "MADV_WIPEONFORK",
            "MADV_KEEPONFORK",
            "MADV_DONTNEED_LOCKED",
            "MADV_REMOVE",
            "MADV_POPULATE_READ",
            "MADV_POPULATE_WRITE",
            "MADV_GUARD_INSTALL",
            "MADV_GUARD_REMOVE",
            "MADV_FREE",
            "MADV_COLD",
            "MADV_WILLNEED",
        ],
    ),
    ("msync", &["MS_SYNC", "MS_ASYNC", "MS_SYNC | MS_INVALIDATE"]),
    ("mlock", &[]),
    ("munlock", &[]),
    ("mseal", &["0"]),
];
/// Flags beside MAP_SHARED and MAP_PRIVATE.
pub const EXTRAS: [&str; 3] = ["", " | MAP_POPULATE", " | MAP_LOCKED"];
/// Flags of a map that is placed within another.
pub const PLACED: [&str; 3] = [" | MAP_FIXED", " | MAP_FIXED_NOREPLACE", ""];
/// Flags of mremap.
pub const REMAPS: [&str; 4] =
    ["MREMAP_MAYMOVE", "0", "MREMAP_MAYMOVE | MREMAP_FIXED", "MREMAP_MAYMOVE | MREMAP_DONTUNMAP"];
/// Steps that change the handling of the signals of faults.
pub const SIGNALS: [&str; 6] = [
    "sigaction(SIGBUS, SIG_IGN);",
    "sigaction(SIGSEGV, SIG_IGN);",
    "sigaction(SIGBUS, SIG_DFL);",
    "sigprocmask(SIG_BLOCK, SIGSEGV);",
    "sigprocmask(SIG_SETMASK, SIGBUS);",
    "sigprocmask(SIG_UNBLOCK, SIGSEGV);",
];
/// Modes of fallocate(2).
pub const FALLOCATES: [&str; 7] = [
    "FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE",
    "0",
    "FALLOC_FL_KEEP_SIZE",
    "FALLOC_FL_ZERO_RANGE",
    "FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE",
    "FALLOC_FL_COLLAPSE_RANGE",
    "FALLOC_FL_INSERT_RANGE",
];
/// Seals of F_ADD_SEALS.
pub const SEALS: [&str; 5] =
    ["F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE", "F_SEAL_SEAL"];
/// Texts for pwrite.
pub const TEXTS: [&str; 3] = ["w", "uv", "0123456789"];

fn near(pages: impl Strategy<Value = u64>) -> impl Strategy<Value = Near> {
    let bytes =
        prop_oneof![4 => Just(0), 1 => Just(-1), 1 => Just(1), 2 => Just(100), 2 => 1i64..4000];
    (pages, bytes).prop_map(|(pages, bytes)| Near { pages, bytes })
}

/// Any offset near the map or the file; about half of them are outside of it.
fn anywhere() -> impl Strategy<Value = Near> {
    near(0u64..=3)
}

/// An offset that is mostly inside of the map, as a program that dies of its first load shows
/// little.
fn low() -> impl Strategy<Value = Near> {
    near(prop_oneof![3 => Just(0u64), 2 => Just(1), 1 => 0u64..=3])
}

/// A length or a size that is mostly one page or more.
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
        1 => (0usize..4, 0u64..=2, file(), 1u64..=2, weighted(6), any::<bool>(), weighted(3))
            .prop_map(|(map, at, file, pages, prot, shared, how)| {
                Choice::Placed { map, at, file, pages, prot, shared, how }
            }),
        6 => (0usize..4, low(), width, store)
            .prop_map(|(map, at, width, store)| Choice::Touch { map, at, width, store }),
        5 => (0..RANGE_CALLS.len(), 0usize..4, anywhere(), anywhere(), weighted(14))
            .prop_map(|(call, map, at, length, last)| {
                Choice::Range { call, map, at, length, last }
            }),
        1 => (0usize..4, 0u64..=1, anywhere(), anywhere(), weighted(4), (0usize..4, 0u64..=3))
            .prop_map(|(map, at, old, new, flags, to)| {
                Choice::Mremap { map, at, old, new, flags, to }
            }),
        2 => (any::<bool>(), 0usize..2, 0usize..4, anywhere(), anywhere()).prop_map(
            |(reads, file, map, at, count)| Choice::Transfer { reads, file, map, at, count }
        ),
        1 => rare(),
        2 => (0usize..2, anywhere()).prop_map(|(file, size)| Choice::Ftruncate { file, size }),
        1 => (0usize..2, weighted(FALLOCATES.len()), anywhere(), anywhere())
            .prop_map(|(file, mode, at, length)| Choice::Fallocate { file, mode, at, length }),
        1 => (0usize..2, anywhere(), anywhere())
            .prop_map(|(file, at, length)| Choice::Pread { file, at, length }),
        2 => (0usize..2, anywhere(), 0usize..3)
            .prop_map(|(file, at, text)| Choice::Pwrite { file, at, text }),
        1 => (0usize..2).prop_map(|file| Choice::Close { file }),
    ]
}

/// Choices that are picked rarely.
fn rare() -> impl Strategy<Value = Choice> {
    prop_oneof![
        (0usize..4, 0u64..=2, 1u64..=2, 0u64..=2)
            .prop_map(|(map, at, pages, first)| Choice::Pages { map, at, pages, first }),
        (0..SIGNALS.len()).prop_map(|how| Choice::Signal { how }),
        (0usize..2, 0..SEALS.len()).prop_map(|(file, seals)| Choice::Seal { file, seals }),
        (ample(), any::<bool>())
            .prop_map(|(length, read_only)| Choice::Segment { length, read_only }),
        (0usize..4).prop_map(|map| Choice::Detach { map }),
    ]
}

fn block() -> impl Strategy<Value = Choice> {
    (any::<bool>(), prop::collection::vec(choice(), 1..4))
        .prop_map(|(unrelated, choices)| Choice::Block { unrelated, choices })
}

/// The strategy that makes recipes.
pub fn recipe() -> impl Strategy<Value = Recipe> {
    let files = prop::collection::vec((ample(), weighted(FILES.len())), 1..=2);
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
