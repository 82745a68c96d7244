//! The controller and its workers.
//!
//! A worker is a small process of one thread that forks one child after the other. Workers are forked
//! before the controller has anything to lose, take the next case from a counter in shared memory,
//! and send what they measured through a pipe.
//!
//! Nobody is left behind: a worker that finds the controller gone (the pipe that only the controller
//! holds hangs up) kills its child and ends; a worker that is killed takes its child along
//! (PR_SET_PDEATHSIG), and what the child had forked becomes the controller's, which is a subreaper
//! too and kills it. The case that the worker was at is measured again by a new one; a case that
//! costs two workers their lives is a harness error.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};

use super::args::Options;
use super::select::Loaded;
use crate::backing::Backing;
use crate::case::{HarnessError, Measurement, Signal};
use crate::measure::{Failure, Measurer};
use crate::supervise::{Supervisor, sweep_orphans};
use crate::sys::{SharedCounters, SharedRecord, fork_worker, own_ipc_namespace};

/// How long the orphans of a killed worker may take to be gone.
const GRACE: Duration = Duration::from_secs(5);
/// A case is given up when it has cost this many workers their lives.
const WORKERS_PER_CASE: u32 = 2;

/// What came of one case.
#[derive(Debug, Serialize, Deserialize)]
pub struct CaseReport {
    /// The measurement, or why the case was skipped, or why it has none.
    pub result: CaseResult,
    /// Children that were forked for it.
    pub probes: u64,
    /// From its first child to its last.
    pub elapsed_us: u64,
}

/// What came of one case.
#[derive(Debug, Serialize, Deserialize)]
pub enum CaseResult {
    Measured(Measurement),
    Skipped(String),
    Failed(HarnessError),
}

#[derive(Debug, Serialize, Deserialize)]
enum Message {
    Begin(usize),
    End(usize, CaseReport),
    Broken(String),
}

struct Worker {
    pid: Pid,
    results: File,
    unread: Vec<u8>,
    at: Option<usize>,
}

struct Pool<'a> {
    cases: &'a [Loaded],
    options: &'a Options,
    backing: &'a Backing,
    counters: &'a SharedCounters,
    /// Both ends of the pipe that tells workers of the controller's death.
    alive: (OwnedFd, Option<OwnedFd>),
    workers: Vec<Worker>,
}

/// Measures all cases and hands over each report as it comes. Gives the number of children forked.
/// Fails where no worker can be had at all.
pub fn run(
    cases: &[Loaded],
    options: &Options,
    backing: &Backing,
    mut take: impl FnMut(usize, CaseReport),
) -> Result<u64, String> {
    let system = |error: rustix::io::Errno| format!("cannot start: {error}");
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(system)?;
    let counters = SharedCounters::new().map_err(system)?;
    let (watched, held) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
    let alive = (watched, Some(held));
    let mut pool =
        Pool { cases, options, backing, counters: &counters, alive, workers: Vec::new() };
    for _ in 0..options.jobs().min(cases.len()) {
        match pool.start(None) {
            Ok(()) => {}
            Err(error) if pool.workers.is_empty() => return Err(error),
            Err(_) => break, // fewer workers do the same work
        }
    }
    let mut lives = vec![0; cases.len()];
    while !pool.workers.is_empty() {
        for index in pool.ready() {
            pool.receive(index, &mut lives, &mut take)?;
        }
        pool.workers.retain(|worker| worker.pid.as_raw() != 0);
    }
    sweep_orphans(&[], GRACE);
    Ok(counters.children.load(Relaxed))
}

impl Pool<'_> {
    /// Forks a worker; `first` is a case that it measures before it asks for the next.
    fn start(&mut self, first: Option<usize>) -> Result<(), String> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| format!("cannot start a worker: {error}"))?;
        let forked = with_patience(|| {
            fork_worker(|| {
                // Only the controller may hold this end: its death must be seen.
                drop(self.alive.1.take());
                let (watched, write) = (self.alive.0.try_clone(), write.try_clone());
                let (Ok(watched), Ok(write)) = (watched, write) else {
                    return 1;
                };
                work(self, first, watched, File::from(write))
            })
        });
        let pid = forked.map_err(|errno| {
            format!(
                "cannot fork: {}\n  see `ulimit -u` and the limits of this container",
                std::io::Error::from(errno)
            )
        })?;
        self.workers.push(Worker { pid, results: File::from(read), unread: Vec::new(), at: None });
        Ok(())
    }

    /// The workers from which there is something to read.
    fn ready(&self) -> Vec<usize> {
        let mut fds: Vec<PollFd<'_>> = self
            .workers
            .iter()
            .map(|worker| PollFd::from_borrowed_fd(worker.results.as_fd(), PollFlags::IN))
            .collect();
        let _ = poll(&mut fds, None);
        let has = |(index, fd): (usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(index);
        fds.iter().enumerate().filter_map(has).collect()
    }

    /// Reads what a worker sent; buries it, and replaces it where it had not finished, at its end.
    fn receive(
        &mut self,
        index: usize,
        lives: &mut [u32],
        take: &mut impl FnMut(usize, CaseReport),
    ) -> Result<(), String> {
        let worker = &mut self.workers[index];
        let mut buffer = [0; 16 * 1024];
        let count = match worker.results.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            count => count.unwrap_or(0),
        };
        worker.unread.extend_from_slice(&buffer[..count]);
        while let Some(end) = worker.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = worker.unread.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(Message::Begin(case)) => worker.at = Some(case),
                Ok(Message::End(case, report)) => {
                    worker.at = None;
                    take(case, report);
                }
                Ok(Message::Broken(why)) => return Err(format!("a worker cannot work: {why}")),
                Err(error) => return Err(format!("a worker sent what is no message: {error}")),
            }
        }
        if count > 0 {
            return Ok(());
        }
        let (pid, at) = (worker.pid, worker.at);
        let end = waitpid(pid, None);
        worker.pid = Pid::from_raw(0); // no longer ours
        let Some(case) = at else { return Ok(()) };
        let others: Vec<_> = self
            .workers
            .iter()
            .filter_map(|worker| rustix::process::Pid::from_raw(worker.pid.as_raw()))
            .collect();
        sweep_orphans(&others, GRACE);
        self.backing.remove_leftovers(pid.as_raw().unsigned_abs());
        lives[case] += 1;
        if lives[case] < WORKERS_PER_CASE {
            return self.start(Some(case));
        }
        let how = match end {
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                format!("killed by {}", Signal(signal as i32))
            }
            Ok(WaitStatus::Exited(_, code)) => format!("exited with {code}"),
            other => format!("{other:?}"),
        };
        let result = CaseResult::Failed(HarnessError::WorkerDied(how));
        take(case, CaseReport { result, probes: 0, elapsed_us: 0 });
        self.start(None)
    }
}

/// A full process table is often a passing thing: tries again for a while.
fn with_patience<T>(mut fork: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for pause in [1, 10, 50, 100, 200] {
        match fork() {
            Err(nix::errno::Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(pause)),
            result => return result,
        }
    }
    fork()
}

/// A worker's whole life. Gives its exit status.
fn work(pool: &Pool<'_>, first: Option<usize>, watched: OwnedFd, mut results: File) -> i32 {
    // Ctrl-C at a terminal is for the controller; this process sees it by the pipe.
    let _ = rustix::process::setpgid(None, None);
    let mut send = |message: &Message| {
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        results.write_all(&line).is_ok()
    };
    // The first to go when memory runs out: a case can be measured again.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    if pool.cases.iter().any(|loaded| uses_shared_segments(&loaded.case)) {
        let _ = own_ipc_namespace(); // without it, each segment is removed by hand
    }
    let supervisor = SharedRecord::new()
        .map_err(std::io::Error::from)
        .and_then(|record| Supervisor::new(Box::leak(Box::new(record)), Some(watched)));
    let supervisor = match supervisor {
        Ok(supervisor) => supervisor,
        Err(error) => {
            send(&Message::Broken(error.to_string()));
            return 1;
        }
    };
    let count = || {
        pool.counters.children.fetch_add(1, Relaxed);
    };
    let measurer = Measurer {
        supervisor: &supervisor,
        backing: pool.backing,
        deadline: pool.options.deadline(),
        exhaustive: pool.options.exhaustive,
        on_child: &count,
    };
    let mut next = first;
    loop {
        let index =
            next.take().unwrap_or_else(|| pool.counters.next.fetch_add(1, Relaxed) as usize);
        let Some(loaded) = pool.cases.get(index) else {
            return 0;
        };
        if !send(&Message::Begin(index)) {
            return 1;
        }
        let report = report(&measurer, loaded);
        if !report.is_some_and(|report| send(&Message::End(index, report))) {
            return 1;
        }
    }
}

/// Measures one case; `None` where the controller is gone.
fn report(measurer: &Measurer<'_>, loaded: &Loaded) -> Option<CaseReport> {
    let page = rustix::param::page_size() as u64;
    let started = Instant::now();
    let children = std::cell::Cell::new(0);
    let count = || {
        children.set(children.get() + 1);
        (measurer.on_child)();
    };
    let counting = Measurer { on_child: &count, ..*measurer };
    let result = match crate::backing::missing(&loaded.case, measurer.backing, page) {
        Some(reason) => CaseResult::Skipped(reason),
        None => match counting.measure(&loaded.case, page) {
            Ok(measurement) => CaseResult::Measured(measurement),
            Err(Failure::Harness(error)) => CaseResult::Failed(error),
            Err(Failure::Abandoned) => return None,
        },
    };
    let elapsed_us = started.elapsed().as_micros() as u64;
    Some(CaseReport { result, probes: children.get(), elapsed_us })
}

fn uses_shared_segments(case: &crate::case::Case) -> bool {
    use crate::case::{Call, Step};
    case.walk().any(|(_, _, step)| matches!(step, Step::Call { call: Call::Shmget, .. }))
}
