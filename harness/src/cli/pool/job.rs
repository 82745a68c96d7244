//! The agreement between a pool and its workers: the work, its setting, and the messages.

use std::os::fd::AsFd as _;
use std::time::Instant;

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backing::{Backing, Surveyed};
use crate::case::HarnessError;
use crate::cli::interrupt::Interrupt;
use crate::confine::{self, Held, Isolation};
use crate::journal::Journal;
use crate::supervise::Supervisor;
use crate::sys::Arena;

/// The work of a pool: items, each with a number, of which a worker makes reports. Each worker has
/// a copy of the job, as it is forked.
pub trait Job {
    /// The result of an item.
    type Report: Serialize + DeserializeOwned;

    /// Returns the setting of the workers.
    fn setting(&self) -> &Setting<'_>;

    /// True if no other item may be under way at the same time. Such items come before all others:
    /// a worker that is done takes the next item without asking.
    fn is_alone(&self, _item: u64) -> bool {
        false
    }

    /// Returns a bar that counts the answers to the items that are under way.
    fn bar(&self) -> Option<&ProgressBar> {
        None
    }

    /// Makes the report of an item, in a worker. The journal holds the answers of earlier workers,
    /// and questions that have cost several workers their lives. `None` where the controller has
    /// died.
    fn work(
        &mut self,
        item: u64,
        supervisor: &Supervisor,
        memory: &mut Arena,
        journal: Journal<'_>,
    ) -> Option<Self::Report>;

    /// Returns the report of an item that has none for this reason.
    fn failed(error: HarnessError) -> Self::Report;
}

/// The place, the isolation and the number of workers, and the end of their work.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The place of the files.
    pub backing: &'a Backing,
    /// The facts about it, which a worker cannot ask for.
    pub surveyed: &'a Surveyed,
    /// The filters for workers and victims.
    pub held: &'a Held,
    /// The isolation of workers and victims.
    pub isolation: Isolation,
    /// The signals that end all work early.
    pub interrupt: &'a Interrupt,
    /// The number of workers to keep.
    pub jobs: usize,
    /// The treatment of the addresses in the cases.
    pub guard: GuardMode,
    /// True if workers get an IPC namespace where the kernel allows it, for shared memory segments.
    pub ipc_namespace: bool,
    /// The time at which workers that are still at work are given up.
    pub until: Option<Instant>,
}

impl Setting<'_> {
    /// Returns the reason where this machine refuses the isolation that is asked for.
    pub fn refusal(&self) -> Option<String> {
        let watched = self.interrupt.as_fd();
        let checked = (self.isolation == Isolation::Strict)
            .then(|| confine::check(self.backing, Some(watched)));
        checked?.err().map(|reason| format!("isolation strict: {reason}"))
    }
}

/// The treatment of the addresses of a case, see [`crate::victim::Guard`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GuardMode {
    /// Each address is compared with the maps that the case may reach.
    #[default]
    On,
    /// The same, and stderr tells at the end how often the guard came to each verdict.
    Counted,
    /// The addresses are not checked.
    #[cfg(debug_assertions)]
    Off,
    /// They are, but what the case takes of disk and memory is not counted.
    #[cfg(debug_assertions)]
    WithoutBudget,
}

impl GuardMode {
    /// True where the guard checks addresses.
    pub fn is_on(self) -> bool {
        #[cfg(debug_assertions)]
        return self != GuardMode::Off;
        #[cfg(not(debug_assertions))]
        true
    }

    /// True where the budget counts what a case takes.
    pub fn counts_costs(self) -> bool {
        #[cfg(debug_assertions)]
        return self != GuardMode::WithoutBudget;
        #[cfg(not(debug_assertions))]
        true
    }
}

/// A message of a worker, sent as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message<Report> {
    /// The worker has finished its item.
    Done {
        /// The number of the item.
        item: u64,
        /// The result.
        report: Report,
    },
    /// The worker cannot work at all.
    Broken(String),
}
