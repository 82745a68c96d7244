//! A worker has to run hostile children, one at a time, from the fork to the end of the last descendant.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid};
use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::orphans;
use super::pace::Pace;
use super::recorded::Recorded;
use super::running::{Patience, Running};
use super::spawn::{Asked, Fork, Forked, Spawn};
use super::throttle::Throttle;
use crate::case::limits::{self, GRACE};
use crate::sys::{self, AddressRange, Arena, Body, ForkServer, SharedRecord, SoleThread, VERDICTS};
use crate::victim::{self, Program, Steps, Terms};

/// The interval between two checks for a vanished controller, and for the end of a fork server that says
/// nothing.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Everything that is known of one child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildReport {
    /// The end of the child.
    pub ending: Ending,
    /// The record of the child.
    pub recorded: Recorded,
    /// The time from before the fork to after the reap.
    pub elapsed: Duration,
}

/// Runs children one at a time, in a worker process of one thread.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) record: &'static SharedRecord,
    addresses: AddressRange,
    /// Becomes readable or hangs up when the controller is gone, and when that was last looked at.
    pub(super) controller: Option<OwnedFd>,
    pub(super) looked: Cell<Instant>,
    /// None where this process is the only one of its kind.
    rests: Option<Throttle>,
    own_pid: i32,
    thread: SoleThread,
    /// Victims need not be given all of this process's memory.
    keeps_back: Cell<bool>,
    /// Bytes that this process had mapped when it last kept memory back, and where its stack was.
    mapped: Cell<u64>,
    stack: Cell<(usize, usize)>,
    /// The kernel's list of this process's children.
    pub(super) children: Option<File>,
    /// The terms of all victims, and the number of times that their guards came to each verdict.
    terms: Terms,
    pace: Pace,
    pub(super) verdicts: Cell<[u64; VERDICTS]>,
}

/// The reason why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NoReport {
    /// The child could not be forked.
    #[error("cannot fork a child: {}", std::io::Error::from(*.0))]
    Fork(nix::errno::Errno),
    /// Somebody has killed or stopped the fork server. It is gone, and so is the child if it had forked it.
    #[error("a fork server is gone")]
    ForkServerGone,
    /// The controller is gone: everything has been killed, and the worker should end.
    #[error("the controller is gone")]
    Abandoned,
    /// The child could not be waited for.
    #[error("cannot wait for a child: {0}")]
    Wait(rustix::io::Errno),
    /// So many processes that the child left behind could not be killed.
    #[error("{0} processes of a child cannot be killed")]
    Left(usize),
}

impl Supervisor {
    /// Makes this process a worker, and this thread the one that forks. Fails where another does already, and
    /// where the process has no room for what a case needs.
    ///
    /// `controller` is one end of a pipe whose other end only the controller holds.
    pub fn new(
        record: &'static SharedRecord,
        controller: Option<OwnedFd>,
    ) -> Result<Supervisor, std::io::Error> {
        let thread = SoleThread::claim().map_err(std::io::Error::other)?;
        // A process that a child leaves behind becomes a child of this process, not of init
        // (PR_SET_CHILD_SUBREAPER).
        orphans::adopt_orphans()?;
        // A stopped worker would not notice that the controller is gone: SIGCONT wakes it to notice. A
        // SIGKILL instead would leave what the worker has made. (PR_SET_PDEATHSIG in prctl(2); a change of
        // user or capabilities takes it back, and whoever has to make one has done so.)
        rustix::process::set_parent_process_death_signal(Some(Signal::CONT))?;
        let addresses = AddressRange::find().map_err(|error| {
            std::io::Error::other(format!(
                "no room to place the maps apart (see `ulimit -v`): {error}"
            ))
        })?;
        let needed = sys::DESCRIPTORS;
        if sys::allowed_descriptors() < needed {
            return Err(std::io::Error::other(format!(
                "the limit on open files is too low (see `ulimit -n`): a case needs {needed}"
            )));
        }
        let (allowed, needed) = (sys::allowed_file_bytes(), limits::FILE_BYTES);
        if allowed < needed {
            return Err(std::io::Error::other(format!(
                "the limit on the size of files is too low (see `ulimit -f`): a case may need {needed} bytes"
            )));
        }
        let controller = controller.map(sys::keep_from_victims).transpose()?;
        let children = orphans::open_children().map(|list| sys::keep_from_victims(list.into()));
        let children = children.transpose()?.map(File::from);
        sys::prepare_worker(&sys::Limits::default())?;
        sys::sigchld::hold()?;
        sys::install_fault_handler(record)?;
        let own_pid = getpid().as_raw_nonzero().get();
        let memory = sys::MemoryRules::here();
        let mut own = Supervisor {
            record,
            addresses,
            controller,
            looked: Cell::new(Instant::now()),
            rests: None,
            own_pid,
            thread,
            keeps_back: Cell::new(sys::can_exclude_from_fork()),
            mapped: Cell::new(0),
            stack: Cell::new((0, 0)),
            children,
            terms: Terms { guarded: true, counted: true, memory },
            pace: Pace::of_fork(Duration::ZERO),
            verdicts: Cell::default(),
        };
        own.pace = own.measured_pace();
        Ok(own)
    }

    /// Returns the pace of this machine, by one fork.
    fn measured_pace(&self) -> Pace {
        let own = getpid();
        let before = sys::cpu_time(own);
        let _ = self.run(Fork::unconfined(|_, _| 0), Asked::Slots(0), GRACE);
        let used =
            sys::cpu_time(own).zip(before).map(|(after, before)| after.saturating_sub(before));
        Pace::of_fork(used.unwrap_or_default())
    }

    /// Returns the pace of this machine, as it was when this supervisor was made.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns the supervisor of one of several workers, which rests now and then: see `throttle.rs`.
    pub fn with_throttle(self) -> Supervisor {
        Supervisor { rests: Some(Throttle::new()), ..self }
    }

    /// Returns a supervisor without a guard, in a debug build: for tests that show what the guard keeps away.
    pub fn unguarded(self) -> Supervisor {
        Supervisor { terms: Terms { guarded: false, ..self.terms }, ..self }
    }

    /// Returns a supervisor that keeps no account of what a case takes, in a debug build: for tests that show
    /// what that bounds.
    pub fn without_budget(self) -> Supervisor {
        Supervisor { terms: Terms { counted: false, ..self.terms }, ..self }
    }

    /// Returns the number of times that the guard has come to each of its verdicts since the last call.
    pub fn take_verdicts(&self) -> [u64; VERDICTS] {
        self.verdicts.take()
    }

    /// Excludes from victims all memory of this process that they do not need, see
    /// [`sys::exclude_from_fork`]; must be repeated where more may have been allocated. Where a child cannot
    /// live so, because of a C library that wants more than the known ones, victims get all of the memory.
    pub fn exclude_from_fork(&self, arena: &Arena) {
        let mapped = sys::mapped_bytes();
        if !self.keeps_back.get() || self.mapped.get() == mapped {
            return;
        }
        let is_first = self.mapped.replace(mapped) == 0;
        let stack = sys::exclude_from_fork(arena);
        self.stack.set((stack.start, stack.end));
        if is_first && !self.child_lives() {
            sys::include_in_fork();
            self.keeps_back.set(false);
        }
    }

    /// The thread that forks.
    pub fn thread(&self) -> SoleThread {
        self.thread
    }

    fn child_lives(&self) -> bool {
        const ALIVE: i32 = 42;
        let ran = self.run(Fork::unconfined(|_, _| ALIVE), Asked::Slots(0), GRACE);
        ran.is_ok_and(|ran| ran.ending == Ending::Exited(ALIVE))
    }

    /// Returns the fork of a victim that performs this program. It has the steps by value, since this
    /// supervisor lies in memory that is excluded from forks.
    pub fn fork_of<'p>(&self, program: Program<'p>) -> Fork<'p, Steps<'p>> {
        let (record, addresses, supervisor) = (&**self.record, self.addresses, self.own_pid);
        Fork { sandbox: program.sandbox, body: Steps { program, record, addresses, supervisor } }
    }

    /// Returns a process that forks such children at less cost, see [`ForkServer`]. `None` where none can be
    /// made, or where it would not help.
    pub fn fork_server(&self, fork: Fork<'_, impl Body + Copy>) -> Option<ForkServer> {
        let helps = self.keeps_back.get() && self.children.is_some();
        let (start, end) = self.stack.get();
        let start = || ForkServer::start(self.thread, start..end, fork.sandbox, fork.body).ok();
        helps.then(start).flatten()
    }

    /// Runs one child from the fork to the end of the last process that it leaves. Where a fork server turns
    /// out to be gone, so is everything that it forked.
    pub fn run<'s>(
        &self,
        spawn: impl Spawn<'s>,
        asked: Asked<'_>,
        patience: impl Into<Patience>,
    ) -> Result<ChildReport, NoReport> {
        let patience = patience.into();
        if let Asked::Case(request) = asked {
            victim::ask(self.record, request, &self.terms);
        }
        self.rests.iter().for_each(Throttle::rest);
        let started = Instant::now();
        self.record.clear(asked.slots());
        let forked = spawn.spawn(self.thread).map_err(NoReport::Fork)?;
        let running = Running::new(self.record, patience, started);
        match (self.watch(forked, running), forked) {
            // A child that could not be waited for beside a fork server perhaps can be without one
            // (ptrace(2) makes such).
            (Err(NoReport::ForkServerGone | NoReport::Left(_)), Forked::By(fork_server)) => {
                fork_server.end();
                let left = orphans::sweep_orphans(&[], GRACE);
                Err(if left > 0 { NoReport::Left(left) } else { NoReport::ForkServerGone })
            }
            (ending, _) => Ok(self.report(ending?, asked, started)),
        }
    }
}
