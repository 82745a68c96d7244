//! A victim must perform the steps of its case one after the other, up to its probe. The main type is
//! [`Victim`].

use std::sync::atomic::Ordering::Relaxed;

use super::ahead::{MEMORY, prepare};
use super::failure::SetupFailure;
use super::fill::Fill;
use super::guard::{Guard, Verdict};
use super::maps::Shown;
use super::probe::{self, Surroundings};
use super::program::{Op, Program};
use super::request::{self, Probe};
use super::runs;
use crate::case::Access;
use crate::case::limits::BLOCKS;
use crate::sys::{AddressRange, Body, Child, Record, Slot, SlotState, instruction_at, set_cursor};

/// The exit status of a victim that could not do what it was asked to.
const SETUP_FAILED: i32 = 3;
/// The value of a variable after a call that failed: MAP_FAILED, and -1 for a descriptor.
pub(super) const FAILED: u64 = u64::MAX;

/// A process that performs steps, and the things that it must know for that.
pub(super) struct Victim<'a> {
    pub(super) child: &'a Child,
    pub(super) program: Program<'a>,
    pub(super) record: &'a Record,
    pub(super) probe: Option<Probe>,
    pub(super) fill: Fill,
    pub(super) addresses: AddressRange,
    pub(super) guard: Guard,
    pub(super) guarded: bool,
    pub(super) counted: bool,
    /// The processes of the `process` blocks.
    pub(super) ahead: [usize; BLOCKS],
    /// The end of the ops of this process: that of the program, or of its block.
    pub(super) end: usize,
    /// True if it is the process of a block.
    pub(super) in_block: bool,
}

/// The steps of a program, and the things that a victim must be told to perform them.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'p> {
    /// The program.
    pub program: Program<'p>,
    /// The record, which holds the probe that ends the program; without one it goes on to its end.
    pub record: &'p Record,
    /// The addresses of its maps.
    pub addresses: AddressRange,
    /// The pid of the parent as it knows itself.
    pub supervisor: i32,
}

impl Body for Steps<'_> {
    /// All of a victim's own code is inlined into the function that forks, and so lies together: each stretch
    /// of 64 KiB of the program that a child touches is a page fault that maps sixteen pages.
    #[inline(always)]
    fn run(&self, child: Child, entered: Result<(), i32>) -> i32 {
        let mut victim = Victim {
            child: &child,
            program: self.program,
            record: self.record,
            probe: request::probe(self.record),
            fill: request::fill(self.record),
            addresses: self.addresses,
            guard: Guard::new(&self.addresses, self.program.page as usize),
            guarded: request::guarded(self.record),
            counted: request::counted(self.record),
            ahead: [0; BLOCKS],
            end: self.program.ops.len(),
            in_block: false,
        };
        if let Err(errno) = entered {
            victim.give_up(SetupFailure::Sandbox, errno);
        }
        victim.die_with(self.supervisor);
        if let Some(probe) = victim.probe {
            if let Err(errno) = prepare(&child, probe.access) {
                victim.give_up(SetupFailure::Access, errno);
            }
        }
        let mut index = 0;
        for process in 0..self.program.processes.len().min(BLOCKS) {
            if let Some(first) = victim.fork_ahead(process) {
                index = first;
                break; // this is that process, and the others are not its children
            }
        }
        while index < victim.end {
            let (Some(op), Some(slot)) =
                (self.program.ops.get(index), self.record.slots.get(index))
            else {
                break;
            };
            set_cursor(index);
            if !matches!(op, Op::Sweep { .. }) {
                slot.state.store(SlotState::Begun as u32, Relaxed);
            }
            index = victim.step(index, op, slot);
        }
        if !victim.in_block {
            self.record.finished.store(1, Relaxed);
        }
        child.exit(0)
    }
}

impl Victim<'_> {
    /// Ends the process, because it cannot do what it was asked to.
    #[inline(always)]
    pub(super) fn give_up(&self, why: SetupFailure, errno: i32) -> ! {
        self.record.setup_errno.store(errno, Relaxed);
        self.record.setup.store(why as u32, Relaxed);
        self.child.exit(SETUP_FAILED)
    }

    /// Performs one op, and returns the index of the next.
    #[inline(always)]
    fn step(&mut self, index: usize, op: &Op, slot: &Slot) -> usize {
        let mut next = index + 1;
        let result = match op {
            Op::System(system) => self.system_call(system, slot),
            Op::OpenFile { file, reopen } => {
                let opened = self.open_file(*file, *reopen);
                opened.inspect(|opened| self.program.descriptors.note(*opened, Shown::File(*file)))
            }
            Op::OpenPath { path, flags, shown } => {
                let opened = self.open(path, *flags);
                opened.inspect(|opened| self.program.descriptors.note(*opened, *shown))
            }
            Op::Pipe => self.pipe(),
            Op::Unlink { file } => self.unlink(*file),
            Op::Touch { map, at, width, store } => {
                let base = self.value(*map);
                if base == FAILED {
                    slot.state.store(SlotState::NoMap as u32, Relaxed);
                    return next;
                }
                slot.base.store(base, Relaxed);
                let address = (base as usize).wrapping_add_signed(*at as isize);
                self.touch(slot, address, *width, *store);
                Ok(0)
            }
            Op::Sigaction { signal, handler } => self.sigaction(*signal, *handler),
            Op::Sigprocmask { how, signal } => self.sigprocmask(*how, *signal),
            Op::Setrlimit { resource, limit } => self.setrlimit(*resource, *limit),
            Op::Raise { signal } => self.raise(*signal),
            Op::Exit { code } => self.child.exit(*code),
            Op::Block { kind, end, process } => {
                next = *end;
                let Some(pid) = self.start(*kind, *end, *process) else {
                    return index + 1; // this is the block's process
                };
                self.await_end(pid, index..next, slot);
                Ok(0)
            }
            Op::Sweep { map } => {
                self.sweep(index, *map, slot);
                return next;
            }
        };
        // Back in this process: a fault between two steps is not the block's.
        set_cursor(index);
        let returned = result.map_or_else(|errno| -i64::from(errno) as u64, |value| value as u64);
        slot.value.store(returned, Relaxed);
        let into = self.program.into.get(index).copied().flatten();
        if let Some(variable) = into.and_then(|into| self.record.values.get(into)) {
            variable.store(result.map_or(FAILED, |value| value as u64), Relaxed);
        }
        slot.state.store(SlotState::Done as u32, Relaxed);
        next
    }

    /// Performs a load or store that the case asks for.
    #[inline(always)]
    fn touch(&self, slot: &Slot, address: usize, width: usize, store: Option<u8>) {
        self.admit(self.guard.bytes(address, width));
        self.pay_for_access(address, width);
        if let Some(byte) = store {
            return self.child.store(address, width, byte);
        }
        let bytes = self.child.load(address, width);
        for (index, byte) in bytes.iter().take(width).enumerate() {
            let shows = self.program.maps.file_at(address.wrapping_add(index));
            runs::push(slot, runs::classify_byte(*byte, shows, self.fill));
        }
    }

    /// Counts a verdict of the guard, and ends the process if it is a refusal.
    #[inline(always)]
    pub(super) fn admit(&self, verdict: Verdict) {
        if !self.guarded {
            return;
        }
        if let Some(count) = self.record.verdicts.get(verdict as usize) {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
        if verdict == Verdict::Refused {
            self.give_up(SetupFailure::Guard, 0);
        }
    }

    #[inline(always)]
    pub(super) fn value(&self, variable: usize) -> u64 {
        self.record.values.get(variable).map_or(FAILED, |value| value.load(Relaxed))
    }

    #[inline(always)]
    fn sweep(&mut self, index: usize, map: usize, slot: &Slot) {
        let base = self.value(map);
        slot.base.store(base, Relaxed);
        let probe = self.probe.filter(|probe| probe.sweep == index);
        let (Some(probe), true) = (probe, base != FAILED) else {
            let state = if base == FAILED { SlotState::NoMap } else { SlotState::Done };
            slot.state.store(state as u32, Relaxed);
            return;
        };
        let mut address = (base as usize).wrapping_add_signed(probe.at as isize);
        if probe.access == Access::Exec {
            address = instruction_at(address as u64) as usize;
        }
        self.admit(self.guard.bytes(address, 1));
        self.pay_for_access(address, 1);
        let around = Surroundings {
            child: self.child,
            maps: self.program.maps,
            fill: self.fill,
            page: self.program.page as usize,
            record: self.record,
            memory: (!self.in_block).then_some(MEMORY),
        };
        if let Err(errno) = probe::make(&around, probe.access, address, slot) {
            self.give_up(SetupFailure::Access, errno);
        }
        self.record.finished.store(1, Relaxed);
        self.child.exit(0)
    }
}
