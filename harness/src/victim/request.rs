//! All victims of a case are forked with the same memory, but each is asked for something else: the
//! supervisor lays the [`Request`] into the record before it forks the victim.
//!
//! The record is the one place that the supervisor can still write to. Wrong numbers there hurt nobody but
//! the victim itself.

use std::sync::atomic::Ordering::Relaxed;

use super::fill::Fill;
use super::program::{FileHandle, Program};
use crate::case::{Access, Pattern, limits};
use crate::sys::{Budget, MemoryRules, Record};

/// The task of a victim.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The steps.
    pub program: Program<'a>,
    /// The access to make; `None` where the program is to be performed to its end.
    pub probe: Option<Probe>,
    /// The content of the files.
    pub fill: Fill,
    /// The files, by number.
    pub files: &'a [FileHandle],
}

/// The byte to touch, the access, and the point of the program at which it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// The op of the sweep.
    pub sweep: usize,
    /// The access that touches the byte.
    pub access: Access,
    /// The byte, relative to the map.
    pub at: i64,
}

/// The number in place of a sweep where there is no probe.
const NO_SWEEP: u64 = u64::MAX;
/// The number in place of a folder where the file has no name.
const NO_FOLDER: i32 = -1;

/// The terms that hold for all victims of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// True if their addresses are checked, see [`super::Guard`].
    pub guarded: bool,
    /// True if the memory and the disk that they take are counted.
    pub counted: bool,
    /// The number of bytes that an access may bring in, and that may be locked.
    pub memory: MemoryRules,
}

/// Writes the request (all but the program), the budget and the terms of the victim into the record.
pub fn ask(record: &Record, orders: &Request<'_>, terms: &Terms) {
    allow(&record.budget, &orders.program, terms);
    let question = &record.question;
    let (sweep, access, at) = match orders.probe {
        Some(probe) => (probe.sweep as u64, probe.access as u32, probe.at),
        None => (NO_SWEEP, 0, 0),
    };
    question.sweep.store(sweep, Relaxed);
    question.access.store(access, Relaxed);
    question.at.store(at, Relaxed);
    question.fill.store(orders.fill.number() as u32, Relaxed);
    question.unguarded.store(u32::from(!terms.guarded), Relaxed);
    question.uncounted.store(u32::from(!terms.counted), Relaxed);
    for (place, file) in question.files.iter().zip(orders.files) {
        place.descriptor.store(file.descriptor, Relaxed);
        place.folder.store(file.name.map_or(NO_FOLDER, |(folder, _)| folder), Relaxed);
        if let Some((_, name)) = file.name {
            place.name.iter().zip(name).for_each(|(place, byte)| place.store(byte, Relaxed));
        }
    }
}

/// Sets the budget of a victim: the first sizes of the files are paid from it.
fn allow(budget: &Budget, program: &Program<'_>, terms: &Terms) {
    let files = program.files.iter().map(|file| file.size).sum::<u64>();
    let page = terms.memory.of_memory(program.asks_for_huge_pages);
    let block = terms.memory.of_files().max(limits::LARGEST_PAGE);
    let memory = limits::MEMORY_BYTES - limits::WORKER_BYTES;
    budget.memory.store(memory.saturating_sub(files), Relaxed);
    budget.disk.store(limits::FILE_BYTES.saturating_sub(files), Relaxed);
    budget.beyond.store(0, Relaxed);
    budget.page.store(page, Relaxed);
    budget.block.store(block, Relaxed);
    budget.folio.store(terms.memory.of_folios(), Relaxed);
    budget.huge_page.store(terms.memory.of_huge_pages(), Relaxed);
    budget.lockable.store(terms.memory.lockable(), Relaxed);
}

/// Returns the access to make.
#[inline(always)]
pub(super) fn probe(record: &Record) -> Option<Probe> {
    let question = &record.question;
    let sweep = question.sweep.load(Relaxed);
    let number = question.access.load(Relaxed);
    // Compared, not looked up in a table: that would lie on a page of constants of its own.
    let access = Access::ALL.iter().copied().find(|access| *access as u32 == number)?;
    let at = question.at.load(Relaxed);
    (sweep != NO_SWEEP).then_some(Probe { sweep: sweep as usize, access, at })
}

/// Returns the content of the files.
#[inline(always)]
pub(super) fn fill(record: &Record) -> Fill {
    // Compared, as above.
    match record.question.fill.load(Relaxed) {
        1 => Fill::Code,
        2 => Fill::Pattern(Pattern::Second),
        _ => Fill::Pattern(Pattern::First),
    }
}

/// True if addresses are checked against what the case may reach: always, except in a debug build that is
/// asked not to.
#[inline(always)]
pub(super) fn guarded(record: &Record) -> bool {
    !cfg!(debug_assertions) || record.question.unguarded.load(Relaxed) == 0
}

/// True if what a step takes is counted: always, except in a debug build that is asked not to.
#[inline(always)]
pub(super) fn counted(record: &Record) -> bool {
    !cfg!(debug_assertions) || record.question.uncounted.load(Relaxed) == 0
}

/// Returns the harness's own descriptor of a file.
#[inline(always)]
pub(super) fn descriptor(record: &Record, file: usize) -> Option<i32> {
    Some(record.question.files.get(file)?.descriptor.load(Relaxed))
}

/// Returns the descriptor of the folder in which a file has its name, and the address of the name.
#[inline(always)]
pub(super) fn name(record: &Record, file: usize) -> Option<(i32, usize)> {
    let file = record.question.files.get(file)?;
    let folder = file.folder.load(Relaxed);
    (folder != NO_FOLDER).then_some((folder, file.name.as_ptr() as usize))
}
