//! A supervisor in the process of a test, whose children do more than a case can.
//!
//! A child calls the kernel through the same [`Child`] that a victim has.

#![allow(dead_code, reason = "each test program uses some of it")]

pub mod held;

use std::os::fd::OwnedFd;
use std::time::Duration;

use faultmap::internals::supervise::{Asked, ChildReport, Fork, Patience, Supervisor};
use faultmap::internals::sys::{Arena, Child, Record, SharedRecord};
use faultmap::internals::victim::Program;

/// The deadline of a child that hangs.
pub const HANGS: Duration = Duration::from_millis(300);
/// The deadline of a child that ends, long enough for a busy machine.
pub const ENDS: Duration = Duration::from_secs(60);
/// The number of slots that a child may fill.
pub const SLOTS: usize = 2;

pub struct Stage {
    pub supervisor: Supervisor,
    /// The record itself, because its owner lies in the heap, which victims do not have.
    pub record: &'static Record,
}

impl Stage {
    pub fn new() -> Stage {
        let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
        let supervisor = Supervisor::new(record, None::<OwnedFd>).expect("a supervisor");
        Stage { supervisor, record }
    }

    pub fn keeps_memory_back(self) -> Stage {
        self.supervisor.exclude_from_fork(&Arena::new().expect("memory"));
        self
    }

    pub fn run(&self, patience: impl Into<Patience>, body: impl Fn(Child) -> i32) -> ChildReport {
        let fork = Fork::unconfined(|child, _| body(child));
        self.supervisor.run(fork, Asked::Slots(SLOTS), patience).expect("it was forked")
    }
}

/// The program of a case, in memory of its own.
pub fn laid_out(text: &str) -> Program<'static> {
    let memory = Box::leak(Box::new(Arena::new().expect("memory")));
    let page = rustix::param::page_size() as u64;
    Program::of(&faultmap::internals::parse::case(text).expect("a case"), page, memory)
}
