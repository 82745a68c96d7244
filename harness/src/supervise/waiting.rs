//! A supervisor has to wait for a child that runs, kill it at its deadline, reap it, and find what it has
//! left.

use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::ending::{Ending, has_ended, is_stopped, reap};
use super::life::{ChildReport, NoReport, POLL_INTERVAL, Supervisor};
use super::orphans;
use super::recorded::Recorded;
use super::running::Running;
use super::spawn::{Asked, Forked};
use crate::case::limits::GRACE;
use crate::sys::{self, NoVictim};

/// Why a supervisor waits no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// The child has ended.
    Ended,
    /// The deadline has passed.
    Late,
    /// The child runs, and gets no further.
    Endless,
}

impl Supervisor {
    /// Waits for the child, or kills it at its deadline, and reaps it: afterwards no process is left but the
    /// fork server.
    pub(super) fn watch(
        &self,
        forked: Forked<'_>,
        running: Running<'_>,
    ) -> Result<Ending, NoReport> {
        let beside = forked.beside();
        let (child, waited) = match self.await_end(forked, running) {
            Ok(pair) => pair,
            Err(NoReport::ForkServerGone) => return Err(NoReport::ForkServerGone),
            Err(error) => {
                orphans::sweep_orphans(beside.as_slice(), GRACE);
                return Err(error);
            }
        };
        let ended = waited == Waited::Ended;
        if ended && self.left_nobody(child, beside) {
            return reap(child).map_err(NoReport::Wait);
        }
        let stopped = !ended && is_stopped(child);
        // Zombie or not, the leader still holds its pid: the group is the child's and nobody else's.
        let _ = kill_process_group(child, Signal::KILL);
        if !ended {
            // And the child itself: it may have joined another group.
            let _ = kill_process(child, Signal::KILL);
        }
        let ending = match waited {
            Waited::Ended => reap(child).map_err(NoReport::Wait)?,
            Waited::Late => self.reap_killed(child, Ending::TimedOut { stopped })?,
            Waited::Endless => self.reap_killed(child, Ending::Running)?,
        };
        match orphans::sweep_orphans(beside.as_slice(), GRACE) {
            0 => Ok(ending),
            left => Err(NoReport::Left(left)),
        }
    }

    /// Reaps a child that has been killed, and returns why it was; or that it is still there.
    fn reap_killed(&self, child: Pid, why: Ending) -> Result<Ending, NoReport> {
        let watched = Running::new(self.record, GRACE.into(), Instant::now());
        match self.await_end(Forked::Own(child), watched) {
            Ok((_, Waited::Ended)) => reap(child).map(|_| why).map_err(NoReport::Wait),
            _ => Ok(Ending::Stuck),
        }
    }

    /// True if this child, which has ended, has left nobody behind: as nearly always, and one read tells it.
    fn left_nobody(&self, child: Pid, beside: Option<Pid>) -> bool {
        let beside = beside.as_slice();
        self.children.as_ref().is_some_and(|list| orphans::are_all(child, beside, list))
    }

    /// Returns the report of a child of which nobody is left, and removes its shared memory segments.
    pub(super) fn report(&self, ending: Ending, asked: Asked<'_>, started: Instant) -> ChildReport {
        let recorded = Recorded::read(self.record, asked.slots());
        let made = asked.segments().iter().filter_map(|step| recorded.slots.get(*step));
        for slot in made.filter(|slot| slot.state == Some(sys::SlotState::Done)) {
            if let Ok(id) = i32::try_from(slot.value) {
                sys::forget_segment(id);
            }
        }
        let mut verdicts = self.verdicts.get();
        for (all, own) in verdicts.iter_mut().zip(&self.record.verdicts) {
            *all += u64::from(own.load(Relaxed));
        }
        self.verdicts.set(verdicts);
        ChildReport { ending, recorded, elapsed: started.elapsed() }
    }

    /// Waits until the child has ended, or there is a reason to wait no longer.
    fn await_end(
        &self,
        forked: Forked<'_>,
        mut running: Running<'_>,
    ) -> Result<(Pid, Waited), NoReport> {
        loop {
            if self.is_abandoned() {
                return Err(NoReport::Abandoned);
            }
            let left = running.left();
            let pause = if left.is_zero() { POLL_INTERVAL } else { left.min(POLL_INTERVAL) };
            sys::sigchld::await_any(pause);
            match forked.child()? {
                // The signal may be an old one, of a process that had the same number.
                Some(child) if has_ended(child) => return Ok((child, Waited::Ended)),
                Some(child) if running.is_endless(child) => return Ok((child, Waited::Endless)),
                Some(child) if running.is_late(child) => return Ok((child, Waited::Late)),
                None if running.left().is_zero() => return Err(NoReport::ForkServerGone),
                _ => {}
            }
        }
    }

    /// True if the controller is gone. Checks no more often than once in each `POLL_INTERVAL`.
    fn is_abandoned(&self) -> bool {
        let Some(controller) = &self.controller else { return false };
        if self.looked.get().elapsed() < POLL_INTERVAL {
            return false;
        }
        self.looked.set(Instant::now());
        // No events: only the hang-up, which is always reported.
        let mut fds = [PollFd::from_borrowed_fd(controller.as_fd(), PollFlags::empty())];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl From<NoVictim> for NoReport {
    fn from(none: NoVictim) -> NoReport {
        match none {
            NoVictim::Fork(errno) => NoReport::Fork(errno),
            NoVictim::Gone => NoReport::ForkServerGone,
        }
    }
}
