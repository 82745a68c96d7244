//! From the fork to the last of its descendants.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, kill_process_group, waitid,
};

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::orphans;
use crate::sys::{self, Arena, Child, Inheritance, Nest, NoVictim, SharedRecord};
use crate::victim::{self, Orders, Program, Question};

/// How long a killed child may take to be gone. It only takes longer while the kernel itself is
/// stuck on its behalf.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether the controller is still there, and a nest that says nothing.
const LOOKS: Duration = Duration::from_millis(50);

/// Descriptors that any case gets, so that none of its steps fails for what the caller has set.
const DESCRIPTORS: u64 = 64;

/// How a child ended, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It called `_exit` with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It was still there at the deadline, and was killed.
    TimedOut {
        /// It was stopped then.
        stopped: bool,
    },
    /// It was killed, and is still there: the kernel does not let it go.
    Stuck,
}

/// Everything that is known of one child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// How it ended.
    pub ending: Ending,
    /// What it recorded.
    pub evidence: Evidence,
    /// From before the fork to after the reap.
    pub elapsed: Duration,
}

/// Runs children one at a time, in a worker process of one thread.
#[derive(Debug)]
pub struct Supervisor {
    record: &'static SharedRecord,
    arena: Arena,
    /// Becomes readable or hangs up when the controller is gone.
    controller: Option<OwnedFd>,
    own_pid: i32,
    /// Victims need not be given all of this process's memory.
    keeps_back: bool,
    /// Bytes that this process had mapped when it last kept memory back.
    mapped: Cell<u64>,
    /// The kernel's list of this process's children.
    children: Option<File>,
}

/// The controller is gone: everything has been killed, and the worker should end.
#[derive(Debug)]
pub struct Abandoned;

/// Why there is no witness.
#[derive(Debug)]
pub enum NoWitness {
    /// The child could not be forked.
    Fork(nix::errno::Errno),
    /// Somebody has killed or stopped the nest. It is gone, and so is the child if it had forked it.
    NestGone,
    /// See [`Abandoned`].
    Abandoned(Abandoned),
    /// The child could not be waited for.
    Wait(rustix::io::Errno),
    /// So many processes that the child left behind could not be killed.
    Left(usize),
}

impl Supervisor {
    /// Makes this process a worker. It must be single-threaded, and stay so.
    ///
    /// `controller` is one end of a pipe whose other end only the controller holds.
    pub fn new(
        record: &'static SharedRecord,
        controller: Option<OwnedFd>,
    ) -> Result<Supervisor, std::io::Error> {
        // What a child forks and leaves behind becomes a child of this process, not of init.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let arena = Arena::find().map_err(|error| {
            std::io::Error::other(format!(
                "no room for maps to stand alone (see `ulimit -v`): {error}"
            ))
        })?;
        if sys::allowed_descriptors() < DESCRIPTORS {
            return Err(std::io::Error::other(format!(
                "no room for the descriptors of a case (see `ulimit -n`): {DESCRIPTORS} are needed"
            )));
        }
        sys::prepare_worker(&sys::Limits::default())?;
        sys::sigchld::hold()?;
        sys::install_fault_handler(record)?;
        let own_pid = rustix::process::getpid().as_raw_nonzero().get();
        let (keeps_back, mapped) = (sys::can_keep_back(), Cell::new(0));
        let children = orphans::open_children();
        Ok(Supervisor { record, arena, controller, own_pid, keeps_back, mapped, children })
    }

    /// From here on victims are given no more of this process's memory than they need, see
    /// [`sys::keep_back`]; to be repeated where more may have been allocated.
    pub fn keep_back(&self, inheritance: &Inheritance) {
        let mapped = sys::mapped_bytes();
        if self.keeps_back && self.mapped.replace(mapped) != mapped {
            sys::keep_back(inheritance);
        }
    }

    /// Runs one child through the program, up to the probe or to the end.
    pub fn run(&self, orders: &Orders<'_>, deadline: Duration) -> Result<Witness, NoWitness> {
        let (arena, own_pid) = (self.arena, self.own_pid);
        let record: &sys::Record = self.record; // the reference itself lies in memory that is kept back
        let program = orders.program;
        self.run_body(program.ops.len(), &program.segments, deadline, |child| {
            victim::run(child, orders, record, arena, own_pid)
        })
    }

    /// A process that forks the victims of a program at less cost, see [`Nest`]. `None` where it cannot be
    /// had, or would not help.
    pub fn nest(&self, program: &Program<'_>) -> Option<Nest<Question>> {
        let (arena, own_pid) = (self.arena, self.own_pid);
        let record: &sys::Record = self.record;
        self.nest_of(|child, question: &Question| {
            victim::run(child, &question.orders(program), record, arena, own_pid)
        })
    }

    /// A nest for any body, as [`Supervisor::run_body`] is for one child.
    pub fn nest_of<T: Copy>(&self, body: impl Fn(Child, &T) -> i32) -> Option<Nest<T>> {
        let helps = self.keeps_back && self.children.is_some();
        helps.then(|| Nest::start(body).ok()).flatten()
    }

    /// Runs one child of a nest that was made for this program.
    pub fn run_in(
        &self,
        nest: &Nest<Question>,
        orders: &Orders<'_>,
        deadline: Duration,
    ) -> Result<Witness, NoWitness> {
        let Program { ops, segments, .. } = orders.program;
        self.run_question_in(nest, orders.question(), ops.len(), segments, deadline)
    }

    /// Runs one child of any nest. Where that turns out to be gone, so is everything that it forked.
    pub fn run_question_in<T: Copy>(
        &self,
        nest: &Nest<T>,
        question: T,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
    ) -> Result<Witness, NoWitness> {
        let started = Instant::now();
        self.record.clear(steps);
        nest.ask(question);
        let sweep = || match &self.children {
            Some(list) => orphans::sweep_orphans_beside(nest.pid(), list, GRACE),
            None => orphans::sweep_orphans(&[nest.pid()], GRACE),
        };
        let watched = self.watch(|| nest.victim(), started, steps, segments, deadline, sweep);
        if let Err(NoWitness::NestGone) = watched {
            nest.end();
            let left = orphans::sweep_orphans(&[], GRACE);
            return Err(if left > 0 { NoWitness::Left(left) } else { NoWitness::NestGone });
        }
        watched
    }

    /// Runs one child through any body, with the same care: for children more hostile than any case.
    /// `segments` are the steps that give the id of a shared memory segment.
    pub fn run_body(
        &self,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
        body: impl FnOnce(Child) -> i32,
    ) -> Result<Witness, NoWitness> {
        let started = Instant::now();
        self.record.clear(steps);
        let child = sys::spawn(body).map_err(NoWitness::Fork)?;
        let sweep = || orphans::sweep_orphans(&[], GRACE);
        self.watch(|| Ok(Some(child)), started, steps, segments, deadline, sweep)
    }

    /// From a child's first moment to the last of its descendants, whom `sweep` kills and counts. Which
    /// child it is need not be known before it runs.
    fn watch(
        &self,
        child: impl Fn() -> Result<Option<Pid>, NoVictim>,
        started: Instant,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
        sweep: impl Fn() -> usize,
    ) -> Result<Witness, NoWitness> {
        let ended = self.await_end(child, started + deadline);
        let (child, ended) = match ended {
            Ok(pair) => pair,
            Err(error) => {
                if !matches!(error, NoWitness::NestGone) {
                    sweep();
                }
                return Err(error);
            }
        };
        let stopped = !ended && is_stopped(child);
        // Zombie or not, the leader still holds its pid: the group is the child's and nobody else's.
        let _ = kill_process_group(child, Signal::KILL);
        if !ended {
            // And the child itself: it may have joined another group.
            let _ = kill_process(child, Signal::KILL);
        }
        let ending = match ended {
            true => reap(child)?,
            false => match self.await_end(|| Ok(Some(child)), Instant::now() + GRACE) {
                Ok((_, true)) => {
                    reap(child)?;
                    Ending::TimedOut { stopped }
                }
                _ => Ending::Stuck,
            },
        };
        let left = sweep();
        if left > 0 {
            return Err(NoWitness::Left(left));
        }
        let evidence = Evidence::read(self.record, steps);
        let made = segments.iter().filter_map(|step| evidence.slots.get(*step));
        for slot in made.filter(|slot| slot.state == Some(sys::SlotState::Done)) {
            if let Ok(id) = i32::try_from(slot.value) {
                sys::forget_segment(id);
            }
        }
        Ok(Witness { ending, evidence, elapsed: started.elapsed() })
    }

    /// Waits until the child has ended (`true`) or the deadline has passed.
    fn await_end(
        &self,
        child: impl Fn() -> Result<Option<Pid>, NoVictim>,
        deadline: Instant,
    ) -> Result<(Pid, bool), NoWitness> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = sys::sigchld::await_child(left.min(LOOKS));
            let child = child().map_err(NoWitness::of)?;
            match child {
                Some(child) if ended == Some(child) || has_ended(child) => {
                    return Ok((child, true));
                }
                Some(child) if left.is_zero() => return Ok((child, false)),
                None if left.is_zero() => return Err(NoWitness::NestGone),
                _ => {}
            }
            if ended.is_none() && self.is_abandoned() {
                return Err(NoWitness::Abandoned(Abandoned));
            }
        }
    }

    /// Whether the controller is gone.
    fn is_abandoned(&self) -> bool {
        let Some(controller) = &self.controller else { return false };
        // No events: only the hang-up, which is always reported.
        let mut fds = [PollFd::from_borrowed_fd(controller.as_fd(), PollFlags::empty())];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl NoWitness {
    fn of(none: NoVictim) -> NoWitness {
        match none {
            NoVictim::Fork(errno) => NoWitness::Fork(errno),
            NoVictim::Gone => NoWitness::NestGone,
        }
    }
}

/// How the child ended. It is a zombie before this and nothing after.
fn reap(child: Pid) -> Result<Ending, NoWitness> {
    let status = retry(|| waitid(WaitId::Pid(child), WaitIdOptions::EXITED))
        .map_err(NoWitness::Wait)?
        .ok_or(NoWitness::Wait(rustix::io::Errno::CHILD))?;
    Ok(ending(&status))
}

fn ending(status: &WaitIdStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        (None, None) => Ending::Stuck,
    }
}

fn has_ended(child: Pid) -> bool {
    is(child, WaitIdOptions::EXITED).is_some()
}

fn is_stopped(child: Pid) -> bool {
    is(child, WaitIdOptions::STOPPED).is_some_and(|status| status.stopped())
}

fn is(child: Pid, state: WaitIdOptions) -> Option<WaitIdStatus> {
    let options = state | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(child), options).ok().flatten()
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result,
        }
    }
}
