//! From the fork to the last of its descendants.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::evidence::Evidence;
use super::orphans;
use super::rests::Rests;
use crate::sys::{
    self, Arena, Body, Child, Inheritance, Nest, Sandbox, SharedRecord, SoleThread, VERDICTS,
};
use crate::victim::{self, Orders, Program, Terms};

/// How long a killed child may take to be gone. It only takes longer while the kernel itself is
/// stuck on its behalf.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether the controller is still there, and a nest that says nothing.
pub(super) const LOOKS: Duration = Duration::from_millis(50);

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
    pub(super) record: &'static SharedRecord,
    arena: Arena,
    /// Becomes readable or hangs up when the controller is gone, and when that was last looked at.
    pub(super) controller: Option<OwnedFd>,
    pub(super) looked: Cell<Instant>,
    /// None where this process is the only one of its kind.
    rests: Option<Rests>,
    own_pid: i32,
    thread: SoleThread,
    /// Victims need not be given all of this process's memory.
    keeps_back: Cell<bool>,
    /// Bytes that this process had mapped when it last kept memory back, and where its stack was.
    mapped: Cell<u64>,
    stack: Cell<(usize, usize)>,
    /// The kernel's list of this process's children.
    pub(super) children: Option<File>,
    /// What holds for all victims; and what they have found of their addresses so far, by verdict.
    terms: Terms,
    pub(super) verdicts: Cell<[u64; VERDICTS]>,
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

/// The steps of a case, as a victim performs them.
#[derive(Clone, Copy)]
struct Steps<'p> {
    program: Program<'p>,
    record: &'static sys::Record,
    arena: Arena,
    supervisor: i32,
}

impl Body for Steps<'_> {
    // So that all of it lies where a victim starts, see `victim::run`.
    #[inline(always)]
    fn run(&self, child: Child, entered: Result<(), i32>) -> i32 {
        victim::run(child, self.program, self.record, self.arena, self.supervisor, entered)
    }
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
        // What a child forks and leaves behind becomes a child of this process, not of init.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        // One that somebody has stopped would not see that the controller is gone: it is woken to see it. To be
        // killed at once would leave what it has made. (PR_SET_PDEATHSIG in prctl(2); a change of user or
        // capabilities takes it back, and whoever has to make one has done so.)
        rustix::process::set_parent_process_death_signal(Some(Signal::CONT))?;
        let arena = Arena::find().map_err(|error| {
            std::io::Error::other(format!(
                "no room for maps to stand alone (see `ulimit -v`): {error}"
            ))
        })?;
        let needed = sys::DESCRIPTORS;
        if sys::allowed_descriptors() < needed {
            return Err(std::io::Error::other(format!(
                "no room for the descriptors of a case (see `ulimit -n`): {needed} are needed"
            )));
        }
        let controller = controller.map(sys::keep_from_victims).transpose()?;
        let children = orphans::open_children().map(|list| sys::keep_from_victims(list.into()));
        let children = children.transpose()?.map(File::from);
        sys::prepare_worker(&sys::Limits::default())?;
        sys::sigchld::hold()?;
        sys::install_fault_handler(record)?;
        let own_pid = rustix::process::getpid().as_raw_nonzero().get();
        let memory = sys::MemoryRules::here();
        Ok(Supervisor {
            record,
            arena,
            controller,
            looked: Cell::new(Instant::now()),
            rests: None,
            own_pid,
            thread,
            keeps_back: Cell::new(sys::can_keep_back()),
            mapped: Cell::new(0),
            stack: Cell::new((0, 0)),
            children,
            terms: Terms { guarded: true, counted: true, memory },
            verdicts: Cell::default(),
        })
    }

    /// The same for one of several workers: see `rests.rs`.
    pub fn with_rests(self) -> Supervisor {
        Supervisor { rests: Some(Rests::new()), ..self }
    }

    /// The same without a guard, in a debug build: for tests that show what the guard keeps away.
    pub fn unguarded(self) -> Supervisor {
        Supervisor { terms: Terms { guarded: false, ..self.terms }, ..self }
    }

    /// The same with no account of what a case takes, in a debug build: for tests that show what that bounds.
    pub fn without_budget(self) -> Supervisor {
        Supervisor { terms: Terms { counted: false, ..self.terms }, ..self }
    }

    /// How often the guard has come to each of its verdicts since it was last asked.
    pub fn take_verdicts(&self) -> [u64; VERDICTS] {
        self.verdicts.take()
    }

    /// From here on victims are given no more of this process's memory than they need, see
    /// [`sys::keep_back`]; to be repeated where more may have been allocated. Where a child cannot live so,
    /// because of a C library that wants more than those that are known, they are given all of it.
    pub fn keep_back(&self, inheritance: &Inheritance) {
        let mapped = sys::mapped_bytes();
        if !self.keeps_back.get() || self.mapped.get() == mapped {
            return;
        }
        let is_first = self.mapped.replace(mapped) == 0;
        let stack = sys::keep_back(inheritance);
        self.stack.set((stack.start, stack.end));
        if is_first && !self.child_lives() {
            sys::give_back();
            self.keeps_back.set(false);
        }
    }

    /// The thread that forks.
    pub fn thread(&self) -> SoleThread {
        self.thread
    }

    fn child_lives(&self) -> bool {
        const ALIVE: i32 = 42;
        let ran = self.run_body(0, &[], GRACE, |_| ALIVE);
        ran.is_ok_and(|ran| ran.ending == Ending::Exited(ALIVE))
    }

    /// Runs one child through the program, up to the probe or to the end.
    pub fn run(&self, orders: &Orders<'_>, deadline: Duration) -> Result<Witness, NoWitness> {
        victim::ask(self.record, orders, &self.terms);
        let program = orders.program;
        let (steps, segments) = (program.ops.len(), program.segments);
        self.run_behind(program.sandbox, steps, segments, deadline, self.steps(program))
    }

    /// A process that forks the victims of a program at less cost, see [`Nest`]. `None` where it cannot be
    /// had, or would not help.
    pub fn nest(&self, program: Program<'_>) -> Option<Nest> {
        self.nest_behind(program.sandbox, self.steps(program))
    }

    /// By value, since this supervisor lies in memory that is kept back.
    fn steps<'p>(&self, program: Program<'p>) -> Steps<'p> {
        Steps { program, record: self.record, arena: self.arena, supervisor: self.own_pid }
    }

    /// A nest for any body, behind nothing, as [`Supervisor::run_body`] is for one child.
    pub fn nest_of(&self, body: impl Fn(Child) -> i32 + Copy) -> Option<Nest> {
        self.nest_behind(&Sandbox::NONE, move |child, _| body(child))
    }

    /// A nest for any body, all of whose children are in this sandbox.
    pub fn nest_behind(&self, sandbox: &Sandbox<'_>, body: impl Body + Copy) -> Option<Nest> {
        let helps = self.keeps_back.get() && self.children.is_some();
        let (start, end) = self.stack.get();
        helps.then(|| Nest::start(self.thread, start..end, sandbox, body).ok()).flatten()
    }

    /// Runs one child of a nest that was made for this program.
    pub fn run_in(
        &self,
        nest: &Nest,
        orders: &Orders<'_>,
        deadline: Duration,
    ) -> Result<Witness, NoWitness> {
        victim::ask(self.record, orders, &self.terms);
        let Program { ops, segments, .. } = orders.program;
        self.run_body_in(nest, ops.len(), segments, deadline)
    }

    /// Runs one child of any nest. Where that turns out to be gone, so is everything that it forked.
    pub fn run_body_in(
        &self,
        nest: &Nest,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
    ) -> Result<Witness, NoWitness> {
        self.rests.iter().for_each(Rests::rest);
        let started = Instant::now();
        self.record.clear(steps);
        nest.ask();
        let beside = [nest.pid()];
        let watched = self.watch(|| nest.victim(), &beside, started, steps, segments, deadline);
        // What could not be waited for beside a nest perhaps can without (ptrace(2) makes such).
        if let Err(NoWitness::NestGone | NoWitness::Left(_)) = watched {
            nest.end();
            let left = orphans::sweep_orphans(&[], GRACE);
            return Err(if left > 0 { NoWitness::Left(left) } else { NoWitness::NestGone });
        }
        watched
    }

    /// Runs one child through any body, behind nothing, with the same care: for children more hostile than
    /// any case. `segments` are the steps that give the id of a shared memory segment.
    pub fn run_body(
        &self,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
        body: impl Fn(Child) -> i32,
    ) -> Result<Witness, NoWitness> {
        let body = move |child, _: Result<(), i32>| body(child);
        self.run_behind(&Sandbox::NONE, steps, segments, deadline, body)
    }

    /// Runs one child through any body in a sandbox. The body is told the errno for which it is not in there.
    pub fn run_behind(
        &self,
        sandbox: &Sandbox<'_>,
        steps: usize,
        segments: &[usize],
        deadline: Duration,
        body: impl Body,
    ) -> Result<Witness, NoWitness> {
        self.rests.iter().for_each(Rests::rest);
        let started = Instant::now();
        self.record.clear(steps);
        let child = sys::spawn(self.thread, sandbox, body).map_err(NoWitness::Fork)?;
        self.watch(|| Ok(Some(child)), &[], started, steps, segments, deadline)
    }
}
