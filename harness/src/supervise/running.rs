//! An implementation of Linux may never let an access return, and keep a core busy with it: QEMU's emulation of processes
//! repeats some faults for ever. Such a child is worth an answer, and one that has no core or waits for something is not.
//!
//! The time that passes cannot tell them apart on a busy machine. The CPU time of the child's own processes can, together
//! with its record: a child that has used much of it in one step is running, and will be. One that could run when its
//! deadline passes, and has used less, may be kept from a CPU by others: it gets more time. The main type is [`Running`].

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::orphans::{children_of, is_runnable};
use crate::sys::{Record, cpu_time};

/// How long a supervisor waits for a child.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The time after which a child is killed; six times as long for one that could run then.
    pub deadline: Duration,
    /// The CPU time in one step after which a child is killed; `None` where that does not matter.
    pub cpu_time: Option<Duration>,
}

/// How many deadlines pass before a child is killed that could run all the time.
const DEADLINES: u32 = 6;

impl Patience {
    /// Returns the longest time of whole deadlines that has passed after so long; one deadline at least.
    pub fn passed(self, elapsed: Duration) -> Duration {
        let whole = elapsed.as_nanos() / self.deadline.as_nanos().max(1);
        self.deadline * u32::try_from(whole).unwrap_or(1).clamp(1, DEADLINES)
    }
}

impl From<Duration> for Patience {
    fn from(deadline: Duration) -> Patience {
        Patience { deadline, cpu_time: None }
    }
}

/// Watches what a child computes in one step.
#[derive(Debug)]
pub(super) struct Running<'r> {
    record: &'r Record,
    patience: Patience,
    started: Instant,
    /// How far the child was, and its CPU time, when it was first seen there.
    since: Option<(u64, Duration)>,
}

impl<'r> Running<'r> {
    /// Returns the watch over a child with this record, whose time has begun then.
    pub(super) fn new(record: &'r Record, patience: Patience, started: Instant) -> Running<'r> {
        Running { record, patience, started, since: None }
    }

    /// The time that is left to the child.
    pub(super) fn left(&self) -> Duration {
        self.patience.deadline.saturating_sub(self.started.elapsed())
    }

    /// True if the child has used more CPU time in one step than it may, and gets no further. To be asked now and then.
    pub(super) fn is_endless(&mut self, child: Pid) -> bool {
        let Some(limit) = self.patience.cpu_time else { return false };
        let (progress, used) = (self.progress(), used_by_all(child));
        match self.since {
            Some((then, before)) if then == progress => used.saturating_sub(before) >= limit,
            _ => {
                self.since = Some((progress, used));
                false
            }
        }
    }

    /// True if the deadline of the child has passed, unless it could run and has more deadlines left. To be asked after
    /// [`Running::is_endless`]. One deadline is all where the limit on CPU time is not below it: a child that runs then has
    /// not used too little of it.
    pub(super) fn is_late(&self, child: Pid) -> bool {
        self.left().is_zero() && !self.may_go_on(child)
    }

    fn may_go_on(&self, child: Pid) -> bool {
        let Patience { deadline, cpu_time } = self.patience;
        cpu_time.is_some_and(|limit| limit < deadline)
            && self.started.elapsed() < deadline * DEADLINES
            && all_of(child).into_iter().any(is_runnable)
    }

    /// A number that grows with each step that is begun or done.
    fn progress(&self) -> u64 {
        self.record.slots.iter().map(|slot| u64::from(slot.state.load(Relaxed))).sum()
    }
}

/// Returns the CPU time of a child and its descendants.
fn used_by_all(child: Pid) -> Duration {
    all_of(child).into_iter().filter_map(cpu_time).sum()
}

/// Returns a child and its descendants. A child waits for the process of a block, which may be the one that does not end.
fn all_of(child: Pid) -> Vec<Pid> {
    let (mut all, mut next) = (vec![child], 0);
    // A hostile child may fork without end.
    while next < all.len() && all.len() < 100 {
        let children = children_of(all[next]);
        all.extend(children.into_iter().flatten());
        next += 1;
    }
    all
}
