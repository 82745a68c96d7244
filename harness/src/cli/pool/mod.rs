//! The controller and its workers.
//!
//! A worker is a small process of one thread that forks one child after the other. Workers are
//! forked while the controller is still small. Each has two pipes: it receives the number of a
//! case, and sends back the measurement. So the controller knows at any time which worker has which
//! case, and each case is either answered once or reported as lost.
//!
//! No process stays behind. A worker whose pipe hangs up knows that the controller is gone, kills
//! its child and ends. If a worker is killed, so is its child (PR_SET_PDEATHSIG); the processes
//! that the child had forked become children of the controller, which is a subreaper
//! (PR_SET_CHILD_SUBREAPER) and kills them. A new worker continues the case from its [`journal`],
//! and repeats only the probe that was under way. A probe during which two workers die is a harness
//! error. A worker that is stopped (SIGSTOP) is killed.
//!
//! Ctrl-C and SIGTERM end everything at once, as the pipes of all workers hang up.

mod interrupted;
mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};

use interrupted::Interrupted;
use worker::Worker;

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::lines::Lines;
use super::output;
use super::place;
use super::work::{CaseReport, Job, work};
use crate::case::HarnessError;
use crate::confine;
use crate::journal;
use crate::supervise::{Cores, children, is_dead, kill_if_stopped, reap, sweep_orphans};
use crate::sys::SoleThread;

/// The time for a worker that was told to end, or for the orphans of a killed one, to be gone.
const GRACE: Duration = Duration::from_secs(5);
/// The interval at which workers that send nothing are checked.
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// A message of a worker, sent as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// The worker has measured its case.
    Done {
        /// The number of the case.
        case: usize,
        /// The result.
        report: Box<CaseReport>,
    },
    /// The worker cannot work at all.
    Broken(String),
}

struct Pool<'a> {
    job: &'a Job<'a>,
    cores: Cores,
    /// The number of workers to keep.
    jobs: usize,
    workers: Vec<Worker>,
    waiting: VecDeque<usize>,
    /// The cases during which workers have died, by number.
    interrupted: BTreeMap<usize, Interrupted>,
    /// The number of workers that died during a case.
    lost: usize,
    /// Children that this process had at its start, which are not the harness's: they were forked
    /// before exec.
    foreign: Vec<rustix::process::Pid>,
    /// The time of the last check of the workers.
    looked: Instant,
    /// `None` in a worker.
    interrupt: Option<Interrupt>,
}

/// Measures all cases of the job with this number of workers, and passes each report to `take`, one
/// for each case. Returns the exit code of the signal that ended it early, if one did. Fails where
/// this process cannot be prepared for workers.
pub fn run(
    job: &Job<'_>,
    jobs: usize,
    interrupt: Interrupt,
    mut take: impl FnMut(usize, CaseReport),
) -> Result<Option<Exit>, String> {
    if let Some(reason) =
        job.strict.then(|| confine::check(job.backing, Some(interrupt.as_fd())).err()).flatten()
    {
        let reason = format!("isolation strict: {reason}");
        (0..job.cases.len()).for_each(|case| take(case, CaseReport::skipped(reason.clone())));
        return Ok(None);
    }
    let foreign = children();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| format!("cannot start: {error}"))?;
    // Cases that are measured alone come first: no other case is measured at the same time.
    let (alone, others): (VecDeque<usize>, VecDeque<usize>) =
        (0..job.cases.len()).partition(|case| job.alone.contains_key(case));
    let waiting = alone.into_iter().chain(others).collect();
    let (cores, workers, interrupted) = (Cores::own(), Vec::new(), BTreeMap::new());
    let mut pool = Pool {
        job,
        cores,
        jobs,
        workers,
        waiting,
        interrupted,
        lost: 0,
        foreign,
        looked: Instant::now(),
        interrupt: Some(interrupt),
    };
    if let Err(error) = pool.fill() {
        pool.give_up(&error, &mut take);
    }
    while !pool.workers.is_empty() {
        for index in pool.ready() {
            if let Err(error) = pool.receive(index, &mut take) {
                pool.give_up(&error, &mut take);
                return Ok(None);
            }
        }
        pool.workers.retain(|worker| worker.pid.as_raw() != 0);
        if let Err(error) = pool.fill() {
            pool.give_up(&error, &mut take);
        }
        if let Some(exit) = pool.interrupt.as_ref().and_then(Interrupt::caught) {
            pool.end();
            return Ok(Some(exit));
        }
    }
    pool.reap_orphans();
    if pool.lost > 0 {
        let lost = output::count(pool.lost, "worker");
        output::tell(&output::note(&format!("{lost} lost, and replaced")));
    }
    Ok(None)
}

impl Pool<'_> {
    /// Starts workers up to the number to keep, or to the number of cases left. Fails where there
    /// are cases left and no worker at all.
    fn fill(&mut self) -> Result<(), String> {
        let busy = |worker: &&Worker| worker.at.is_some();
        while !self.waiting.is_empty() {
            let busy = self.workers.iter().filter(busy).count();
            if busy >= self.jobs || (busy > 0 && self.is_to_be_alone()) {
                break;
            }
            match self.start() {
                Ok(()) => {}
                Err(error) if busy == 0 => return Err(error),
                Err(_) => self.jobs = busy, // fewer do the same work
            }
        }
        Ok(())
    }

    /// True where the current case or the next one must be measured alone.
    fn is_to_be_alone(&self) -> bool {
        let under_way = self.workers.iter().filter_map(|worker| worker.at.as_ref());
        let mut cases = under_way.chain(self.waiting.front());
        cases.any(|case| self.job.alone.contains_key(case))
    }

    /// Forks a worker and sends it its first case.
    fn start(&mut self) -> Result<(), String> {
        let pipe = || {
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| format!("cannot start a worker: {error}"))
        };
        let ((told, orders), (results, answers)) = (pipe()?, pipe()?);
        let journal = journal::file().map_err(|error| format!("cannot start a worker: {error}"))?;
        let thread =
            SoleThread::claim().map_err(|error| format!("cannot start a worker: {error}"))?;
        let mut ends = Some((orders, results, told, answers, journal));
        let taken = |number: &usize| {
            self.workers.iter().any(|worker| worker.pid.as_raw() != 0 && worker.number == *number)
        };
        let number = (0..).find(|number| !taken(number)).unwrap_or(0);
        let forked = confine::fork_worker(thread, self.job.strict, |namespaces| {
            self.cores.pin(number);
            // The pipes of other workers must hang up when the controller dies, so no worker keeps
            // them open.
            self.workers.clear();
            self.interrupt = None;
            let Some((orders, results, told, answers, journal)) = ends.take() else { return 1 };
            drop((orders, results));
            let (told, answers, is_alone) = (File::from(told), File::from(answers), self.jobs == 1);
            work(self.job, namespaces, told, answers, journal, is_alone)
        });
        let pid = forked.map_err(output::cannot_fork)?;
        let Some((orders, results, .., journal)) = ends else {
            return Err("cannot start".to_owned());
        };
        let (orders, results) = (Some(File::from(orders)), Lines::of(File::from(results)));
        self.workers.push(Worker { pid, number, orders, results, journal, at: None });
        self.order(self.workers.len() - 1);
        Ok(())
    }

    /// Sends a worker the next case with its answers so far, or tells it that none is left. A
    /// worker that has died is noticed at the next read.
    fn order(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        worker.at = self.waiting.pop_front();
        let (Some(case), Some(orders)) = (worker.at, &mut worker.orders) else {
            worker.orders = None;
            return;
        };
        let known = self.interrupted.get(&case).map_or(&[][..], |known| &known.journal);
        let told = worker.journal.set_len(0).and_then(|()| worker.journal.write_all_at(known, 0));
        match told.and_then(|()| orders.write_all(&(case as u64).to_ne_bytes())) {
            Ok(()) => {}
            Err(_) => worker.orders = None, // it ends
        }
    }

    /// Waits for workers and signals. Returns the workers whose pipes can be read.
    fn ready(&mut self) -> Vec<usize> {
        self.look();
        let results = self.workers.iter().map(|worker| worker.results.as_fd());
        let signals = self.interrupt.iter().map(Interrupt::as_fd);
        let mut fds: Vec<PollFd<'_>> =
            results.chain(signals).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let _ = poll(&mut fds, Some(&POLL_INTERVAL));
        let has = |(index, fd): (usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(index);
        fds.iter().take(self.workers.len()).enumerate().filter_map(has).collect()
    }

    /// Checks for workers that will never send anything: stopped or dead ones.
    fn look(&mut self) {
        if self.looked.elapsed() < Duration::from_nanos(POLL_INTERVAL.tv_nsec as u64) {
            return;
        }
        self.looked = Instant::now();
        self.workers.iter().for_each(|worker| kill_if_stopped(worker.pid));
        if self.workers.iter().any(|worker| is_dead(worker.pid)) {
            // A descendant of the dead worker holds its pipe open.
            self.reap_orphans();
        }
    }

    /// Ends all workers, and reports each case that was not measured, with the reason.
    fn give_up(&mut self, error: &str, take: &mut impl FnMut(usize, CaseReport)) {
        let mut lost: Vec<usize> = self.workers.iter().filter_map(|worker| worker.at).collect();
        lost.extend(std::mem::take(&mut self.waiting));
        self.end();
        for case in lost {
            take(case, CaseReport::failed(HarnessError::System(error.to_owned())));
        }
    }

    /// Ends all workers: their pipes hang up, and they kill their children.
    fn end(&mut self) {
        let pids: Vec<Pid> = self.workers.drain(..).map(|worker| worker.pid).collect();
        let deadline = Instant::now() + GRACE;
        for pid in pids {
            while waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
                if Instant::now() >= deadline {
                    let _ = kill(pid, SIGKILL);
                    break; // to be reaped with the orphans
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.reap_orphans();
        place::clear(self.job.backing);
    }

    /// Reads the messages of a worker and sends it the next case; waits for it where it has ended.
    fn receive(
        &mut self,
        index: usize,
        take: &mut impl FnMut(usize, CaseReport),
    ) -> Result<(), String> {
        let goes_on = self.workers[index].results.receive();
        while let Some(line) = self.workers[index].results.take() {
            match (serde_json::from_slice(&line), self.workers[index].at) {
                (Ok(Message::Done { case: told, report }), Some(case)) if told == case => {
                    self.workers[index].at = None;
                    take(case, *report);
                    self.interrupted.remove(&case);
                    self.order(index);
                }
                (Ok(Message::Broken(why)), _) => {
                    return Err(format!("a worker cannot start: {why}"));
                }
                (Ok(_), _) => return Err("unexpected message from a worker".to_owned()),
                (Err(error), _) => {
                    return Err(format!("invalid message from a worker: {error}"));
                }
            }
        }
        if !goes_on {
            self.reap(index, take);
        }
        Ok(())
    }

    /// Waits for a worker that has closed its pipe. Its unfinished case is left for another worker.
    fn reap(&mut self, index: usize, take: &mut impl FnMut(usize, CaseReport)) {
        let worker = &mut self.workers[index];
        let how = reap(worker.pid);
        worker.pid = Pid::from_raw(0); // no longer ours
        let Some(case) = worker.at.take() else { return };
        let journal = journal::answers(&worker.journal).unwrap_or_default();
        self.reap_orphans();
        place::clear(self.job.backing);
        self.lost += 1;
        match self.interrupted.entry(case).or_default().died(journal, &how) {
            true => self.waiting.push_front(case),
            false => take(case, CaseReport::failed(HarnessError::WorkerDied(how))),
        }
    }

    /// Kills the descendants of dead workers, which have become children of this process.
    fn reap_orphans(&self) {
        let workers = self.workers.iter().map(|worker| worker.pid.as_raw());
        let mut keep: Vec<_> = workers.filter_map(rustix::process::Pid::from_raw).collect();
        keep.extend(&self.foreign);
        sweep_orphans(&keep, GRACE);
    }
}
