//! A search needs workers that try one program after the other, and send what came of them.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::backing::{Backing, missing};
use crate::case::{Case, HarnessError, Outcome, StepResult};
use crate::confine::Held;
use crate::explore::{Answer, Search, Split, Tried};
use crate::journal;
use crate::measure::{Baselines, Failure, Means, Measurer};
use crate::supervise::Supervisor;
use crate::sys::{Arena, SharedRecord, keep_only};
use crate::victim::Probe;

/// The time that a child of a program may take.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A message from a worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// A program on which kernel and model part.
    Split(Split),
    /// The first program of which an open rule did not hold.
    Open(Split),
    /// A program that has no answer.
    Failed { number: u64, error: HarnessError },
    /// All of its programs are tried.
    Done,
}

/// The counts of what was tried.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Programs tried.
    pub programs: u64,
    /// Bytes that were compared. Steps are compared as well, and not counted.
    pub bytes: u64,
    /// Programs of which the model says nothing.
    pub unmodelled: u64,
    /// Programs that need what is not there.
    pub skipped: u64,
    /// Programs of which a rule that is open did not hold.
    pub open: u64,
}

impl Counts {
    /// Adds what was tried since.
    pub fn add(&mut self, other: Counts) {
        self.programs += other.programs;
        self.bytes += other.bytes;
        self.unmodelled += other.unmodelled;
        self.skipped += other.skipped;
        self.open += other.open;
    }
}

/// The progress of a worker, kept where it outlives the worker (see [`crate::journal`]).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Progress {
    /// The number of the program that the worker is at.
    pub next: u64,
    /// The counts of what it has tried.
    pub counts: Counts,
}

impl Progress {
    /// Reads the progress that was kept; returns that of a worker which has yet to begin where none was.
    pub fn read(file: &File, first: u64) -> Progress {
        let bytes = journal::bytes(file).unwrap_or_default();
        let none = Progress { next: first, counts: Counts::default() };
        serde_json::from_slice(&bytes).unwrap_or(none)
    }

    /// Keeps the progress in the file. True if that succeeded.
    pub fn write(&self, file: &File) -> bool {
        file.write_all_at(&journal::line(self), 0).is_ok()
    }
}

/// The bounds of a search.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Programs.
    pub count: u64,
    /// Or a moment, whichever comes first.
    pub until: Option<Instant>,
}

/// The kernel, asked through children.
struct Kernel<'a> {
    supervisor: &'a Supervisor,
    memory: Arena,
    backing: &'a Backing,
    held: &'a Held,
    /// The results of the steps of the program at hand.
    baselines: Baselines,
    abandoned: bool,
}

impl Kernel<'_> {
    fn ask<T>(
        &mut self,
        case: &Case,
        question: impl FnOnce(&mut Measurer<'_>) -> Result<T, Failure>,
    ) -> Result<T, HarnessError> {
        self.memory.clear();
        let (supervisor, memory, backing) = (self.supervisor, &self.memory, self.backing);
        let (deadline, exhaustive, seed) = (DEADLINE, false, 0);
        let means = Means { supervisor, memory, backing, deadline, exhaustive, seed };
        let baselines = std::mem::take(&mut self.baselines);
        let mut measurer = Measurer::new(means, case).with_baselines(baselines);
        let held = measurer.hold(self.held, None);
        let answer = held.and_then(|()| question(&mut measurer));
        self.baselines = measurer.into_baselines();
        answer.map_err(|failure| match failure {
            Failure::Harness(error) => error,
            Failure::Abandoned => {
                self.abandoned = true;
                HarnessError::ExitedEarly
            }
        })
    }
}

impl Answer for Kernel<'_> {
    fn missing(&self, case: &Case) -> Option<String> {
        missing(case, self.backing, rustix::param::page_size() as u64)
    }

    fn steps(&mut self, case: &Case) -> Result<Vec<StepResult>, HarnessError> {
        self.baselines = Baselines::default();
        self.ask(case, |measurer| measurer.steps())
    }

    fn probe(&mut self, case: &Case, _: &[StepResult], at: i64) -> Result<Outcome, HarnessError> {
        let Some((sweep, _, [access, ..])) = case.sweeps().next() else {
            return Err(HarnessError::System("there is no sweep to probe".to_owned()));
        };
        let probe = Probe { sweep, access: *access, at };
        self.ask(case, |measurer| measurer.byte(&probe))
    }
}

/// Runs a worker from start to end. Returns its exit status.
pub fn work(
    search: &Search,
    (backing, held): (&Backing, &Held),
    (number, workers): (u64, u64),
    bounds: Bounds,
    watched: OwnedFd,
    progress: File,
    answers: File,
) -> i32 {
    let _ = rustix::process::setpgid(None, None);
    let Ok(record) = SharedRecord::new() else { return 1 };
    let Ok(memory) = Arena::new() else { return 1 };
    let Ok(supervisor) = Supervisor::new(Box::leak(Box::new(record)), Some(watched)) else {
        return 1;
    };
    let own = [OwnedFd::from(progress), OwnedFd::from(answers)];
    let Ok([progress, mut answers]) =
        keep_only(supervisor.thread(), own).map(|own| own.map(File::from))
    else {
        return 1;
    };
    let supervisor = if workers == 1 { supervisor } else { supervisor.with_throttle() };
    let mut kernel = Kernel {
        supervisor: &supervisor,
        memory,
        backing,
        held,
        baselines: Baselines::default(),
        abandoned: false,
    };
    let all = try_all(search, &mut kernel, workers, bounds, &progress, number, |message| {
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        answers.write_all(&line).map_err(drop)
    });
    i32::from(all.is_err())
}

/// Tries every program of a worker, from the one that it is at, and sends what came of each. Fails where
/// nobody reads that any more.
fn try_all(
    search: &Search,
    kernel: &mut Kernel<'_>,
    workers: u64,
    bounds: Bounds,
    progress: &File,
    first: u64,
    mut send: impl FnMut(&Message) -> Result<(), ()>,
) -> Result<(), ()> {
    let mut done = Progress::read(progress, first);
    let mut shown_open = Vec::new();
    for number in (done.next..bounds.count).step_by(workers as usize) {
        if bounds.until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let tried = search.try_program(number, kernel);
        if kernel.abandoned {
            return Err(());
        }
        let counts = &mut done.counts;
        counts.programs += 1;
        match tried {
            Ok(Tried::Agree(bytes)) => counts.bytes += bytes,
            Ok(Tried::Open(rule, bytes)) => {
                counts.bytes += bytes;
                counts.open += 1;
                if !shown_open.contains(&rule) {
                    let split = search.shrink_open(number, rule, kernel);
                    split.map_or(Ok(()), |split| send(&Message::Open(split)))?;
                }
                shown_open.push(rule);
            }
            Ok(Tried::Unmodelled) => counts.unmodelled += 1,
            Ok(Tried::Skipped) => counts.skipped += 1,
            Ok(Tried::Split(split)) => send(&Message::Split(split))?,
            Err(error) => send(&Message::Failed { number, error })?,
        }
        done.next = number + workers;
        if !done.write(progress) {
            return Err(());
        }
    }
    send(&Message::Done)
}
