//! An implementation of Linux may never let an access return, and keep a core busy with it: QEMU's emulation of processes
//! repeats some faults for ever. Such a child is worth an answer, and one that has no core or waits for something is not.
//!
//! The time that passes cannot tell them apart on a busy machine. The CPU time of the child's own processes can, together
//! with its record: a child that has used much of it in one step is running, and will be. The main type is [`Running`].

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::process::Pid;

use super::orphans::children_of;
use crate::sys::{Record, cpu_time};

/// How long a supervisor waits for a child.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The time after which a child is killed.
    pub deadline: Duration,
    /// The CPU time in one step after which a child is killed; `None` where that does not matter.
    pub cpu_time: Option<Duration>,
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
    limit: Option<Duration>,
    /// How far the child was, and its CPU time, when it was first seen there.
    since: Option<(u64, Duration)>,
}

impl<'r> Running<'r> {
    /// Returns the watch over a child with this record that may use so much CPU time in one step.
    pub(super) fn new(record: &'r Record, limit: Option<Duration>) -> Running<'r> {
        Running { record, limit, since: None }
    }

    /// True if the child has used more in one step, and gets no further. To be asked now and then.
    pub(super) fn is_endless(&mut self, child: Pid) -> bool {
        let Some(limit) = self.limit else { return false };
        let (progress, used) = (self.progress(), used_by_all(child));
        match self.since {
            Some((then, before)) if then == progress => used.saturating_sub(before) >= limit,
            _ => {
                self.since = Some((progress, used));
                false
            }
        }
    }

    /// A number that grows with each step that is begun or done.
    fn progress(&self) -> u64 {
        self.record.slots.iter().map(|slot| u64::from(slot.state.load(Relaxed))).sum()
    }
}

/// Returns the CPU time of a child and its descendants. A child waits for the process of a block, which may be the one
/// that does not end.
fn used_by_all(child: Pid) -> Duration {
    let (mut all, mut next) = (vec![child], 0);
    // A hostile child may fork without end.
    while next < all.len() && all.len() < 100 {
        let children = children_of(all[next]);
        all.extend(children.into_iter().flatten());
        next += 1;
    }
    all.into_iter().filter_map(cpu_time).sum()
}
