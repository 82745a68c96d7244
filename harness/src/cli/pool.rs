//! The controller and its workers.
//!
//! A worker is a small process of one thread that forks one child after the other. Workers are forked
//! before the controller has anything to lose. Each has two pipes: it is told a case by number, and
//! sends back what it measured. So the controller knows at any time who is at what, and every case is
//! accounted for: answered once, or told to be lost.
//!
//! Nobody is left behind: a worker whose pipe hangs up knows that the controller is gone, kills its
//! child and ends; a worker that is killed takes its child along (PR_SET_PDEATHSIG), and what the
//! child had forked becomes the controller's, which is a subreaper too and kills it. The case that the
//! worker was at is measured again by a new one; a case that costs two workers their lives is a
//! harness error. A worker that somebody stops does no more work, and is killed.
//!
//! Ctrl-C and SIGTERM end it all at once: workers see their pipes hang up.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::work::{CaseReport, Job, work};
use crate::case::{HarnessError, Signal};
use crate::confine;
use crate::supervise::{Cores, children, sweep_orphans};

/// How long a worker that has been told to end, and the orphans of one that was killed, may take to be
/// gone.
const GRACE: Duration = Duration::from_secs(5);
/// How often workers are looked at that send nothing.
const LOOKS: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// A case is given up when it has cost this many workers their lives.
const WORKERS_PER_CASE: u32 = 2;

/// What a worker sends, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// The case that it was told is measured.
    Done(CaseReport),
    /// It cannot work at all.
    Broken(String),
}

struct Worker {
    pid: Pid,
    /// Counted from 0: which core is its own.
    number: usize,
    /// Tells it the next case; closed when there is none.
    orders: Option<File>,
    results: File,
    unread: Vec<u8>,
    at: Option<usize>,
}

struct Pool<'a> {
    job: &'a Job<'a>,
    cores: Cores,
    workers: Vec<Worker>,
    waiting: VecDeque<usize>,
    /// How many workers each case has cost.
    lives: Vec<u32>,
    /// Children that this process had when it began: whoever started it had forked them.
    foreign: Vec<rustix::process::Pid>,
    /// None in a worker.
    interrupt: Option<Interrupt>,
}

/// Measures all cases of the job with so many workers, and hands over each report as it comes, one
/// for each case, and gives the exit code of the signal that has ended it early. Fails where no worker
/// can be had at all.
pub fn run(
    job: &Job<'_>,
    jobs: usize,
    mut take: impl FnMut(usize, CaseReport),
) -> Result<Option<Exit>, String> {
    if let Some(reason) = job.strict.then(|| confine::check(job.backing).err()).flatten() {
        let reason = format!("isolation strict: {reason}");
        (0..job.cases.len()).for_each(|case| take(case, CaseReport::skipped(reason.clone())));
        return Ok(None);
    }
    let foreign = children();
    let interrupt = Some(Interrupt::watch()?);
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| format!("cannot start: {error}"))?;
    let waiting = (0..job.cases.len()).collect();
    let lives = vec![0; job.cases.len()];
    let (cores, workers) = (Cores::own(), Vec::new());
    let mut pool = Pool { job, cores, workers, waiting, lives, foreign, interrupt };
    for _ in 0..jobs.min(job.cases.len()) {
        match pool.start() {
            Ok(()) => {}
            Err(error) if pool.workers.is_empty() => return Err(error),
            Err(_) => break, // fewer workers do the same work
        }
    }
    while !pool.workers.is_empty() {
        for index in pool.ready() {
            pool.receive(index, &mut take)?;
        }
        pool.workers.retain(|worker| worker.pid.as_raw() != 0);
        if let Some(exit) = pool.interrupt.as_ref().and_then(Interrupt::caught) {
            pool.end();
            return Ok(Some(exit));
        }
    }
    pool.bury_orphans();
    Ok(None)
}

impl Pool<'_> {
    /// Forks a worker and tells it its first case.
    fn start(&mut self) -> Result<(), String> {
        let pipe = || {
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| format!("cannot start a worker: {error}"))
        };
        let ((told, orders), (results, answers)) = (pipe()?, pipe()?);
        let mut ends = Some((orders, results, told, answers));
        let taken = |number: &usize| {
            self.workers.iter().any(|worker| worker.pid.as_raw() != 0 && worker.number == *number)
        };
        let number = (0..).find(|number| !taken(number)).unwrap_or(0);
        let forked = confine::fork_worker(self.job.strict, |apart| {
            self.cores.pin(number);
            // Other workers' pipes must hang up when the controller goes, whoever else lives on.
            self.workers.clear();
            self.interrupt = None;
            let Some((orders, results, told, answers)) = ends.take() else { return 1 };
            drop((orders, results));
            work(self.job, apart, File::from(told), File::from(answers))
        });
        let pid = forked.map_err(|errno| {
            let error = std::io::Error::from(errno);
            format!("cannot fork: {error}\n  see `ulimit -u` and the limits of this container")
        })?;
        let Some((orders, results, ..)) = ends else { return Err("cannot start".to_owned()) };
        let (orders, results) = (Some(File::from(orders)), File::from(results));
        let mut worker = Worker { pid, number, orders, results, unread: Vec::new(), at: None };
        worker.order(self.waiting.pop_front());
        self.workers.push(worker);
        Ok(())
    }

    /// Waits for workers and signals. Gives the workers from which there is something to read.
    fn ready(&self) -> Vec<usize> {
        let results = self.workers.iter().map(|worker| worker.results.as_fd());
        let signals = self.interrupt.iter().map(Interrupt::as_fd);
        let mut fds: Vec<PollFd<'_>> =
            results.chain(signals).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        if poll(&mut fds, Some(&LOOKS)) == Ok(0) {
            self.workers.iter().for_each(Worker::kill_if_stopped);
        }
        let has = |(index, fd): (usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(index);
        fds.iter().take(self.workers.len()).enumerate().filter_map(has).collect()
    }

    /// Ends all workers: their pipes hang up, and they kill what they were at.
    fn end(&mut self) {
        let pids: Vec<Pid> = self.workers.drain(..).map(|worker| worker.pid).collect();
        let deadline = Instant::now() + GRACE;
        for pid in pids {
            while waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
                if Instant::now() >= deadline {
                    let _ = kill(pid, SIGKILL);
                    let _ = waitpid(pid, None);
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.bury_orphans();
        self.job.backing.remove_stale();
    }

    /// Reads what a worker sent, and tells it the next case; buries it at its end.
    fn receive(
        &mut self,
        index: usize,
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
            match (serde_json::from_slice(&line), worker.at.take()) {
                (Ok(Message::Done(report)), Some(case)) => {
                    take(case, report);
                    worker.order(self.waiting.pop_front());
                }
                (Ok(Message::Broken(why)), _) => {
                    return Err(format!("a worker cannot work: {why}"));
                }
                (Ok(_), None) => return Err("a worker sent more than it was asked".to_owned()),
                (Err(error), _) => {
                    return Err(format!("a worker sent what is no message: {error}"));
                }
            }
        }
        if count == 0 { self.bury(index, take) } else { Ok(()) }
    }

    /// Waits for a worker that has closed its pipe, and replaces it where it had not finished.
    fn bury(
        &mut self,
        index: usize,
        take: &mut impl FnMut(usize, CaseReport),
    ) -> Result<(), String> {
        let worker = &mut self.workers[index];
        let end = waitpid(worker.pid, None);
        worker.pid = Pid::from_raw(0); // no longer ours
        let Some(case) = worker.at.take() else { return Ok(()) };
        self.bury_orphans();
        self.job.backing.remove_stale();
        self.lives[case] += 1;
        if self.lives[case] < WORKERS_PER_CASE {
            self.waiting.push_front(case);
        } else {
            let how = match end {
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    format!("killed by {}", Signal(signal as i32))
                }
                Ok(WaitStatus::Exited(_, code)) => format!("exited with {code}"),
                other => format!("{other:?}"),
            };
            take(case, CaseReport::failed(HarnessError::WorkerDied(how)));
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        match self.start() {
            Err(error) if self.workers.iter().all(|worker| worker.pid.as_raw() == 0) => {
                for case in std::mem::take(&mut self.waiting) {
                    take(case, CaseReport::failed(HarnessError::System(error.clone())));
                }
                Ok(())
            }
            _ => Ok(()), // the others do its work
        }
    }

    /// What a dead worker's children had forked has become this process's.
    fn bury_orphans(&self) {
        let workers = self.workers.iter().map(|worker| worker.pid.as_raw());
        let mut keep: Vec<_> = workers.filter_map(rustix::process::Pid::from_raw).collect();
        keep.extend(&self.foreign);
        sweep_orphans(&keep, GRACE);
    }
}

impl Worker {
    /// Nobody but a stranger stops a worker.
    fn kill_if_stopped(&self) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let Some(pid) = rustix::process::Pid::from_raw(self.pid.as_raw()) else { return };
        if matches!(waitid(WaitId::Pid(pid), options), Ok(Some(status)) if status.stopped()) {
            let _ = kill(self.pid, SIGKILL);
        }
    }

    /// Tells it a case, or that there is none left. One that is gone is found out when it is read.
    fn order(&mut self, case: Option<usize>) {
        self.at = case;
        match (case, &mut self.orders) {
            (Some(case), Some(orders)) => {
                let _ = orders.write_all(&(case as u64).to_ne_bytes());
            }
            _ => self.orders = None,
        }
    }
}
