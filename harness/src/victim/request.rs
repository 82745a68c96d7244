//! What a victim is asked: laid into the record by its supervisor, before it is forked.
//!
//! All victims of a case are forked with the same memory; what differs from one to the next stands in the
//! one place that their supervisor can still write to. What a victim makes of wrong numbers there hurts
//! nobody but itself.

use std::sync::atomic::Ordering::Relaxed;

use super::fill::Fill;
use super::probe::Probe;
use super::program::{FileHandle, Program};
use crate::case::{Access, Pattern, limits};
use crate::sys::{Budget, MemoryRules, Record};

/// What a victim is asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The steps.
    pub program: Program<'a>,
    /// The access to make; none where the program is to be performed to its end.
    pub probe: Option<Probe>,
    /// What the files hold.
    pub fill: Fill,
    /// The files, by number.
    pub files: &'a [FileHandle],
}

/// In the place of a sweep: there is no probe.
const NO_SWEEP: u64 = u64::MAX;
/// In the place of a folder: the file has no name.
const NO_FOLDER: i32 = -1;

/// What holds for all victims of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Their addresses are looked at, see [`super::Guard`].
    pub guarded: bool,
    /// What it takes is counted.
    pub counted: bool,
    /// What an access may bring in, and what may be locked.
    pub memory: MemoryRules,
}

/// Writes down what is asked, all but the program; what the victim may take, and on which terms.
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

/// What the files take at first is paid.
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
    budget.lockable.store(terms.memory.lockable(), Relaxed);
}

/// The access to make.
#[inline(always)]
pub(super) fn probe(record: &Record) -> Option<Probe> {
    let question = &record.question;
    let sweep = question.sweep.load(Relaxed);
    let number = question.access.load(Relaxed);
    // Compared, not looked up in a table: that would lie on a page of constants of its own.
    let access = Access::ALL.into_iter().find(|access| *access as u32 == number)?;
    let at = question.at.load(Relaxed);
    (sweep != NO_SWEEP).then_some(Probe { sweep: sweep as usize, access, at })
}

/// What the files hold.
#[inline(always)]
pub(super) fn fill(record: &Record) -> Fill {
    // Compared, as above.
    match record.question.fill.load(Relaxed) {
        1 => Fill::Code,
        2 => Fill::Pattern(Pattern::Second),
        _ => Fill::Pattern(Pattern::First),
    }
}

/// Addresses are held against what the case may reach: always, but in a debug build that is asked not to.
#[inline(always)]
pub(super) fn guarded(record: &Record) -> bool {
    !cfg!(debug_assertions) || record.question.unguarded.load(Relaxed) == 0
}

/// What a step takes is counted: always, but in a debug build that is asked not to.
#[inline(always)]
pub(super) fn counted(record: &Record) -> bool {
    !cfg!(debug_assertions) || record.question.uncounted.load(Relaxed) == 0
}

/// The harness's own descriptor of a file.
#[inline(always)]
pub(super) fn descriptor(record: &Record, file: usize) -> Option<i32> {
    Some(record.question.files.get(file)?.descriptor.load(Relaxed))
}

/// The descriptor of the folder in which a file has its name, and the address of the name.
#[inline(always)]
pub(super) fn name(record: &Record, file: usize) -> Option<(i32, usize)> {
    let file = record.question.files.get(file)?;
    let folder = file.folder.load(Relaxed);
    (folder != NO_FOLDER).then_some((folder, file.name.as_ptr() as usize))
}
