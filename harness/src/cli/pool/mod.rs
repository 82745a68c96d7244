//! The controller and its workers.
//!
//! A worker is a small process of one thread that forks one child after the other. Workers are
//! forked while the controller is still small. Each has two pipes: it receives the number of an
//! item of the [`Job`], a case or a program, and sends back the report. So the controller knows at
//! any time which worker has which item, and each item is reported once, be it as lost.
//!
//! No process stays behind. A worker whose pipe hangs up knows that the controller is gone, kills
//! its child and ends. If a worker is killed, so is its child (PR_SET_PDEATHSIG); the processes
//! that the child had forked become children of the controller, which is a subreaper
//! (PR_SET_CHILD_SUBREAPER) and kills them. A new worker continues a case from its [`journal`],
//! and repeats only the probe that was under way; a program of a search it repeats from the start. A
//! probe or a program during which two workers die is a harness error. A worker that is stopped
//! (SIGSTOP) is killed.
//!
//! Ctrl-C and SIGTERM end everything at once, as the pipes of all workers hang up.

mod interrupted;
mod job;
mod work;
mod worker;

pub use job::{GuardMode, Job, Setting};

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use interrupted::Interrupted;
use job::Message;
use worker::{Lines, Worker};

use super::exit::Exit;
use super::output;
use super::report::progress::count_answers;
use crate::backing::Backing;
use crate::case::HarnessError;
use crate::case::limits::GRACE;
use crate::confine::{self, Isolation, in_own_process};
use crate::journal::{self, Journal};
use crate::supervise::{
    Cores, adopt_orphans, await_end, children, has_ended, kill_if_stopped, sweep_orphans,
};
use crate::sys::{SoleThread, forget_stale_segments};

/// The time to remove the files of killed workers.
const CLEARING: Duration = Duration::from_secs(5);
/// The interval at which workers that send nothing are checked.
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

struct Pool<'a, J: Job> {
    job: &'a mut J,
    /// The items that no worker has had yet.
    items: &'a mut dyn Iterator<Item = u64>,
    cores: Cores,
    /// The number of workers to keep.
    jobs: usize,
    workers: Vec<Worker>,
    /// The items to give out next.
    waiting: VecDeque<u64>,
    /// The items during which workers have died, by number.
    interrupted: BTreeMap<u64, Interrupted>,
    /// The number of workers that died during an item.
    lost: usize,
    /// Children that this process had at its start, which are not the harness's: they were forked
    /// before exec.
    foreign: Vec<Pid>,
    /// The time of the last check of the workers.
    looked: Instant,
}

/// Runs all items in workers, and passes the report of each to `take`. Returns the exit code of the
/// signal that ended it early, if one did. Fails with the reason where no worker can go on: some
/// items are then not reported.
pub fn run<J: Job>(
    job: &mut J,
    items: &mut dyn Iterator<Item = u64>,
    mut take: impl FnMut(u64, J::Report),
) -> Result<Option<Exit>, String> {
    let foreign = children();
    adopt_orphans().map_err(|error| format!("cannot start: {error}"))?;
    let mut pool = Pool {
        jobs: job.setting().jobs,
        job,
        items,
        cores: Cores::own(),
        workers: Vec::new(),
        waiting: VecDeque::new(),
        interrupted: BTreeMap::new(),
        lost: 0,
        foreign,
        looked: Instant::now(),
    };
    let ended = pool.run(&mut take);
    match ended {
        Ok(None) => pool.reap_orphans(),
        _ => pool.end(),
    }
    if pool.lost > 0 {
        let lost = output::count(pool.lost, "worker");
        output::tell(&output::note(&format!("{lost} lost, and replaced")));
    }
    ended
}

impl<J: Job> Pool<'_, J> {
    /// Runs until all items are reported, a signal arrives, or no worker can go on.
    fn run(&mut self, take: &mut impl FnMut(u64, J::Report)) -> Result<Option<Exit>, String> {
        self.fill()?;
        while !self.workers.is_empty() {
            // From the last one on: a worker that has ended leaves the list.
            for index in self.ready().into_iter().rev() {
                self.receive(index, take)?;
            }
            self.fill()?;
            let setting = self.job.setting();
            if let Some(exit) = setting.interrupt.caught() {
                return Ok(Some(exit));
            }
            if setting.until.is_some_and(|until| Instant::now() > until) {
                let place = setting.backing.describe();
                return Err(format!(
                    "some workers did not end and were killed; does {place} answer?"
                ));
            }
        }
        Ok(None)
    }

    /// Returns the next item.
    fn next(&mut self) -> Option<u64> {
        if self.waiting.is_empty() {
            self.waiting.extend(self.items.next());
        }
        self.waiting.front().copied()
    }

    /// Starts workers up to the number to keep, or to the number of items left. Fails where there
    /// are items left and no worker at all.
    fn fill(&mut self) -> Result<(), String> {
        while let Some(next) = self.next() {
            let busy: Vec<u64> = self.workers.iter().filter_map(|worker| worker.at).collect();
            let is_alone = busy.iter().chain([&next]).any(|item| self.job.is_alone(*item));
            if busy.len() >= self.jobs || (is_alone && !busy.is_empty()) {
                break;
            }
            match self.start() {
                Ok(()) => {}
                Err(error) if busy.is_empty() => return Err(error),
                Err(_) => self.jobs = busy.len(), // fewer do the same work
            }
        }
        Ok(())
    }

    /// Forks a worker and sends it its first item.
    fn start(&mut self) -> Result<(), String> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(cannot_start);
        let ((told, orders), (results, answers)) = (pipe()?, pipe()?);
        let journal = journal::file().map_err(cannot_start)?;
        let thread = SoleThread::claim().map_err(cannot_start)?;
        let taken = |number: &usize| self.workers.iter().any(|worker| worker.number == *number);
        let number = (0..).find(|number| !taken(number)).unwrap_or(0);
        let mut ends = Some((orders, results, told, answers, journal));
        let forked = confine::fork_worker(thread, self.job.setting().isolation, |namespaces| {
            self.cores.pin(number);
            // The pipes of other workers must hang up when the controller dies, so no worker keeps
            // them open.
            self.workers.clear();
            let Some((orders, results, told, answers, journal)) = ends.take() else { return 1 };
            drop((orders, results));
            let own = [told, answers, OwnedFd::from(journal)];
            work::work(self.job, self.jobs, namespaces, own)
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

    /// Sends a worker the next item with its answers so far, or tells it that none is left. A
    /// worker that has died is noticed at the next read.
    fn order(&mut self, index: usize) {
        let next = self.next();
        self.waiting.pop_front();
        let worker = &mut self.workers[index];
        worker.at = next;
        let (Some(item), Some(orders)) = (next, &mut worker.orders) else {
            worker.orders = None;
            return;
        };
        let known = self.interrupted.get(&item).map_or(&[][..], |known| &known.journal);
        let told = worker.journal.set_len(0).and_then(|()| worker.journal.write_all_at(known, 0));
        match told.and_then(|()| orders.write_all(&item.to_ne_bytes())) {
            Ok(()) => {}
            Err(_) => worker.orders = None, // it ends
        }
    }

    /// Waits for workers and signals. Returns the workers whose pipes can be read.
    fn ready(&mut self) -> Vec<usize> {
        self.look();
        let results = self.workers.iter().map(|worker| worker.results.as_fd());
        let mut fds: Vec<PollFd<'_>> = results
            .chain([self.job.setting().interrupt.as_fd()])
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
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
        if let Some(bar) = self.job.bar() {
            let busy = self.workers.iter().filter(|worker| worker.at.is_some());
            let journals = busy.filter_map(|worker| Journal::resume(&worker.journal).ok());
            count_answers(bar, journals.map(|journal| journal.answers()).sum());
        }
        self.workers.iter().for_each(|worker| kill_if_stopped(worker.pid));
        if self.workers.iter().any(|worker| has_ended(worker.pid)) {
            // A descendant of the dead worker holds its pipe open.
            self.reap_orphans();
        }
    }

    /// Ends all workers: their pipes hang up, and they kill their children.
    fn end(&mut self) {
        let pids: Vec<Pid> = self.workers.drain(..).map(|worker| worker.pid).collect();
        let deadline = Instant::now() + GRACE;
        for pid in pids {
            await_end(pid, deadline.saturating_duration_since(Instant::now()));
        }
        self.reap_orphans();
        clear(self.job.setting().backing);
    }

    /// Reads the messages of a worker and sends it the next item; waits for it where it has ended.
    fn receive(
        &mut self,
        index: usize,
        take: &mut impl FnMut(u64, J::Report),
    ) -> Result<(), String> {
        let goes_on = self.workers[index].results.receive();
        while let Some(line) = self.workers[index].results.take() {
            match (serde_json::from_slice(&line), self.workers[index].at) {
                (Ok(Message::Done { item: told, report }), Some(item)) if told == item => {
                    self.workers[index].at = None;
                    take(item, report);
                    self.interrupted.remove(&item);
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

    /// Waits for a worker that has closed its pipe. Its unfinished item is left for another worker.
    fn reap(&mut self, index: usize, take: &mut impl FnMut(u64, J::Report)) {
        let worker = self.workers.remove(index);
        let how = await_end(worker.pid, GRACE).to_string();
        let Some(item) = worker.at else { return };
        let journal = journal::answers(&worker.journal).unwrap_or_default();
        self.reap_orphans();
        clear(self.job.setting().backing);
        self.lost += 1;
        match self.interrupted.entry(item).or_default().died(journal, &how) {
            true => self.waiting.push_front(item),
            false => take(item, J::failed(HarnessError::WorkerDied(how))),
        }
    }

    /// Kills the descendants of dead workers, which have become children of this process.
    fn reap_orphans(&self) {
        let mut keep: Vec<_> = self.workers.iter().map(|worker| worker.pid).collect();
        keep.extend(&self.foreign);
        sweep_orphans(&keep, GRACE);
    }
}

/// Removes what killed workers and their children have left.
fn clear(backing: &Backing) {
    forget_stale_segments();
    if let Backing::Directory(_) = backing {
        let _ = in_own_process(CLEARING, None, Isolation::Default, |_| backing.remove_stale());
    }
}

fn cannot_start(error: impl Display) -> String {
    format!("cannot start a worker: {error}")
}
