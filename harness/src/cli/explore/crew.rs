//! The workers of a search, each with its share of the programs, and their replacements.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::worker::{Bounds, Counts, DEADLINE, Message, Progress, work};
use crate::backing::Backing;
use crate::case::HarnessError;
use crate::cli::interrupt::Interrupt;
use crate::cli::lines::Lines;
use crate::cli::output;
use crate::cli::place;
use crate::confine::Held;
use crate::explore::Search;
use crate::supervise::{Cores, children, is_dead, kill_if_stopped, reap, sweep_orphans};
use crate::sys::SoleThread;
use crate::{confine, journal};

/// The interval at which workers are checked.
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A share of the programs, and the worker that tries them.
struct Share {
    /// `None` when all programs of the share are tried.
    worker: Option<(Pid, Lines)>,
    /// The progress of the worker, which outlives it, see [`Progress`].
    progress: File,
    /// The program during which a worker has died.
    died_at: Option<u64>,
}

/// All workers of a search.
pub struct Crew<'a> {
    search: &'a Search,
    backing: &'a Backing,
    held: &'a Held,
    bounds: Bounds,
    strict: bool,
    cores: Cores,
    shares: Vec<Share>,
    size: u64,
    /// The end of a pipe that workers watch. They end when the other end, `hold`, is closed.
    watched: OwnedFd,
    hold: Option<OwnedFd>,
    foreign: Vec<rustix::process::Pid>,
    looked: Instant,
}

impl<'a> Crew<'a> {
    /// Starts `size` workers. Fails with the reason where one cannot be started.
    pub fn start(
        search: &'a Search,
        (backing, held): (&'a Backing, &'a Held),
        bounds: Bounds,
        (size, strict): (u64, bool),
        interrupt: &mut Option<Interrupt>,
    ) -> Result<Crew<'a>, String> {
        let system = |error: rustix::io::Errno| format!("cannot start: {error}");
        let foreign = children();
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(system)?;
        let (watched, hold) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
        let (cores, shares, hold) = (Cores::own(), Vec::new(), Some(hold));
        let looked = Instant::now();
        let mut crew = Crew {
            search,
            backing,
            held,
            bounds,
            strict,
            cores,
            shares,
            size,
            watched,
            hold,
            foreign,
            looked,
        };
        for number in 0..size {
            let progress = journal::file().map_err(|error| format!("cannot start: {error}"))?;
            let worker = Some(crew.worker(number, &progress, interrupt)?);
            crew.shares.push(Share { worker, progress, died_at: None });
        }
        Ok(crew)
    }

    /// True while any worker runs.
    pub fn is_at_work(&self) -> bool {
        self.shares.iter().any(|share| share.worker.is_some())
    }

    /// The counts of all workers together.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let each = self.shares.iter().map(|share| Progress::read(&share.progress, 0).counts);
        each.for_each(|own| counts.add(own));
        counts
    }

    /// Forks a worker, which starts at the progress of its share.
    fn worker(
        &mut self,
        number: u64,
        progress: &File,
        interrupt: &mut Option<Interrupt>,
    ) -> Result<(Pid, Lines), String> {
        let (results, answers) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| format!("cannot start a worker: {error}"))?;
        let thread =
            SoleThread::claim().map_err(|error| format!("cannot start a worker: {error}"))?;
        let mut ends = Some((results, answers));
        let forked = confine::fork_worker(thread, self.strict, |namespaces| {
            self.cores.pin(number as usize);
            // A copy of these in a worker would keep them open after the death of the controller.
            self.hold = None;
            self.shares.clear();
            *interrupt = None;
            let copies = (self.watched.try_clone(), progress.try_clone());
            let (Some((_, answers)), (Ok(watched), Ok(progress))) = (ends.take(), copies) else {
                return 1;
            };
            let held = match namespaces {
                Some(namespaces) => namespaces.enter(self.backing),
                None => self.held.hold_worker(),
            };
            if let Err(why) = held {
                output::tell(&why);
                return 1;
            }
            let (share, answers) = ((number, self.size), File::from(answers));
            let place = (self.backing, self.held);
            work(self.search, place, share, self.bounds, watched, progress, answers)
        });
        let pid = forked.map_err(output::cannot_fork)?;
        let Some((results, _)) = ends else { return Err("cannot start".to_owned()) };
        Ok((pid, Lines::of(File::from(results))))
    }

    /// Waits a moment for workers and signals, and passes the messages of workers to `take`.
    pub fn receive(&mut self, interrupt: &mut Option<Interrupt>, mut take: impl FnMut(Message)) {
        self.look();
        let lines = self.shares.iter().filter_map(|share| Some(share.worker.as_ref()?.1.as_fd()));
        let signals = interrupt.iter().map(|interrupt| interrupt.as_fd());
        let mut fds: Vec<PollFd<'_>> =
            lines.chain(signals).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let _ = poll(&mut fds, Some(&POLL_INTERVAL));
        let mut has = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
        for number in 0..self.shares.len() {
            let share = &mut self.shares[number];
            let Some((_, lines)) = &mut share.worker else { continue };
            if !has.next().unwrap_or(false) {
                continue;
            }
            let goes_on = lines.receive();
            let mut done = false;
            while let Some(line) = lines.take() {
                match serde_json::from_slice(&line) {
                    Ok(Message::Done) => done = true,
                    Ok(message) => take(message),
                    Err(error) => {
                        let error = format!("invalid message from a worker: {error}");
                        let number = Progress::read(&share.progress, number as u64).next;
                        take(Message::Failed { number, error: HarnessError::System(error) });
                    }
                }
            }
            if done {
                self.reap(number);
            } else if !goes_on {
                self.replace(number, interrupt, &mut take);
            }
        }
    }

    fn look(&mut self) {
        if self.looked.elapsed() < Duration::from_nanos(POLL_INTERVAL.tv_nsec as u64) {
            return;
        }
        self.looked = Instant::now();
        self.pids().into_iter().for_each(kill_if_stopped);
        if self.pids().into_iter().any(is_dead) {
            // A descendant of the dead worker may hold its pipe open.
            self.reap_orphans();
        }
    }

    /// Replaces a dead worker. The new one tries the same program again, or the next one where two
    /// workers have died during it.
    fn replace(
        &mut self,
        number: usize,
        interrupt: &mut Option<Interrupt>,
        take: &mut impl FnMut(Message),
    ) {
        let ended = self.reap(number);
        self.reap_orphans();
        place::clear(self.backing);
        let share = &mut self.shares[number];
        let mut progress = Progress::read(&share.progress, number as u64);
        if share.died_at == Some(progress.next) {
            let error = HarnessError::WorkerDied(ended);
            take(Message::Failed { number: progress.next, error });
            progress.next += self.size;
            progress.counts.programs += 1;
            progress.write(&share.progress);
        } else {
            share.died_at = Some(progress.next);
        }
        let Ok(file) = share.progress.try_clone() else { return };
        match self.worker(number as u64, &file, interrupt) {
            Ok(worker) => self.shares[number].worker = Some(worker),
            Err(error) => {
                take(Message::Failed { number: progress.next, error: HarnessError::System(error) });
            }
        }
    }

    /// Waits for a worker that has ended or is about to. Returns the way in which it ended.
    fn reap(&mut self, number: usize) -> String {
        let Some((pid, lines)) = self.shares[number].worker.take() else { return String::new() };
        drop(lines);
        reap(pid)
    }

    fn pids(&self) -> Vec<Pid> {
        self.shares.iter().filter_map(|share| Some(share.worker.as_ref()?.0)).collect()
    }

    /// Kills the descendants of dead workers, which have become children of this process.
    fn reap_orphans(&self) {
        let pids = self.pids().into_iter().map(Pid::as_raw);
        let mut keep: Vec<_> = pids.filter_map(rustix::process::Pid::from_raw).collect();
        keep.extend(&self.foreign);
        sweep_orphans(&keep, DEADLINE);
    }

    /// Ends all workers.
    pub fn end(mut self) {
        self.hold = None;
        self.shares.clear();
        sweep_orphans(&self.foreign, DEADLINE);
        place::clear(self.backing);
    }
}
