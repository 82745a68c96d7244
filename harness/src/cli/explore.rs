//! The search at work: workers that try programs, a controller that counts and writes splits down.
//!
//! Worker `w` of `n` tries the programs `w`, `w + n`, `w + 2n` and so on; which programs these are
//! depends on the seed alone. A case can do nothing to the search: each of its children is isolated
//! like any other.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};

use super::args::Place;
use super::exit::Exit;
use super::output::{self, Output};
use super::{Failed, environment};
use crate::backing::Backing;
use crate::case::{Case, HarnessError, Outcome, StepResult};
use crate::explore::{Answer, Search, Split, Tried};
use crate::measure::{Failure, Measurer};
use crate::supervise::{Supervisor, sweep_orphans};
use crate::sys::{SharedRecord, fork_worker};
use crate::victim::{Fill, Probe};

/// How long a child of a program may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often a worker tells how far it is.
const TELLS: Duration = Duration::from_millis(100);

/// What a worker sends.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// Since the last time.
    Tried(Counts),
    /// A program on which kernel and model part.
    Split(Split),
    /// The first program of which an open rule did not hold.
    Open(Split),
    /// A program that has no answer.
    Failed { number: u64, error: HarnessError },
    /// All of its programs are tried.
    Done,
}

/// What was tried.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counts {
    /// Programs tried.
    programs: u64,
    /// Bytes that were compared, beside the steps.
    bytes: u64,
    /// Programs of which the model says nothing.
    unmodelled: u64,
    /// Programs of which a rule that is open did not hold.
    open: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.programs += other.programs;
        self.bytes += other.bytes;
        self.unmodelled += other.unmodelled;
        self.open += other.open;
    }
}

/// When a search ends.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    count: u64,
    until: Option<Instant>,
}

/// Searches, and prints what was found.
pub fn run(
    count: Option<u64>,
    time: Option<Duration>,
    seed: u64,
    out: &Path,
    place: &Place,
) -> Result<Exit, Failed> {
    let backing = place.backing();
    backing.check().map_err(|error| output::unusable(&backing, &error))?;
    let system = |error: rustix::io::Errno| (Exit::Harness, output::error(&error.to_string()));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(system)?;
    let started = Instant::now();
    let time = time.or((count.is_none()).then_some(Duration::from_secs(60)));
    let bounds =
        Bounds { count: count.unwrap_or(u64::MAX), until: time.map(|time| started + time) };
    let search = Search { seed, environment: environment() };
    let (watched, held) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
    let mut held = Some(held);
    let mut readers: Vec<Option<BufReader<File>>> = Vec::new();
    let workers = place.jobs() as u64;
    for first in 0..workers {
        let (results, answers) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
        let mut ends = Some((results, answers));
        fork_worker(|| {
            held = None; // only the controller's death may hang it up
            readers.clear();
            let (Some((_, answers)), Ok(watched)) = (ends.take(), watched.try_clone()) else {
                return 1;
            };
            work(&search, &backing, (first, workers), bounds, watched, File::from(answers))
        })
        .map_err(|errno| (Exit::Harness, output::error(&format!("cannot fork: {errno}"))))?;
        readers.extend(ends.map(|(results, _)| Some(BufReader::new(File::from(results)))));
    }
    let counts = Counts::default();
    let mut totals = Totals { out, seed, counts, shown_open: Vec::new(), splits: 0, errors: 0 };
    let mut output = Output::default();
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    while readers.iter().any(Option::is_some) {
        for index in ready(&readers) {
            let mut line = String::new();
            let Some(reader) = &mut readers[index] else { continue };
            let count = reader.read_line(&mut line).unwrap_or(0);
            match serde_json::from_str(&line) {
                Ok(Message::Done) => readers[index] = None,
                Ok(message) => bar.suspend(|| totals.take(message, &mut output)),
                Err(_) if count == 0 => {
                    totals.errors += 1;
                    output.print("a worker of the search is gone\n");
                    readers[index] = None;
                }
                Err(error) => output.print(&format!("a worker sent what is no message: {error}\n")),
            }
        }
        let Counts { programs, bytes, .. } = totals.counts;
        let rate = programs as f64 / started.elapsed().as_secs_f64();
        bar.set_message(format!("{programs} programs, {rate:.0}/s, {bytes} bytes compared"));
        bar.tick();
    }
    drop(held);
    bar.finish_and_clear();
    sweep_orphans(&[], DEADLINE);
    totals.end(&backing, started.elapsed(), output)
}

/// The workers from which there is a line to read.
fn ready(readers: &[Option<BufReader<File>>]) -> Vec<usize> {
    let all = readers.iter().enumerate();
    let open: Vec<_> = all.filter_map(|(index, own)| Some((index, own.as_ref()?))).collect();
    let buffered: Vec<usize> =
        open.iter().filter(|(_, own)| !own.buffer().is_empty()).map(|(index, _)| *index).collect();
    if !buffered.is_empty() {
        return buffered;
    }
    let mut fds: Vec<PollFd<'_>> = open
        .iter()
        .map(|(_, own)| PollFd::from_borrowed_fd(own.get_ref().as_fd(), PollFlags::IN))
        .collect();
    let _ = poll(&mut fds, None);
    let has = fds.iter().map(|fd| !fd.revents().is_empty());
    open.iter().zip(has).filter(|(_, has)| *has).map(|((index, _), _)| *index).collect()
}

struct Totals<'a> {
    out: &'a Path,
    seed: u64,
    counts: Counts,
    /// One program for each open rule that did not hold: the others are like it.
    shown_open: Vec<String>,
    splits: u64,
    errors: u64,
}

impl Totals<'_> {
    fn take(&mut self, message: Message, output: &mut Output) {
        match message {
            Message::Tried(counts) => self.counts.add(counts),
            Message::Split(split) => {
                self.splits += 1;
                self.keep("split", &split, output);
            }
            Message::Open(split) => {
                if !self.shown_open.contains(&split.difference) {
                    self.keep("open", &split, output);
                    self.shown_open.push(split.difference);
                }
            }
            Message::Failed { number, error } => {
                self.errors += 1;
                output.print(&format!("program {number}: {error}\n"));
            }
            Message::Done => {}
        }
    }

    /// Writes a program down as a case, and shows it.
    fn keep(&mut self, what: &str, split: &Split, output: &mut Output) {
        let path = self.out.join(format!("{what}-{}-{}.case", self.seed, split.number));
        let (number, seed, difference) = (split.number, self.seed, &split.difference);
        let text =
            format!("// Program {number} of seed {seed}, shrunk: {difference}.\n{}", split.text);
        output.print(&format!("{}\n{text}\n", path.display()));
        if let Err(error) = std::fs::write(&path, &text) {
            self.errors += 1;
            output.print(&format!("cannot write {}: {error}\n", path.display()));
        }
    }

    fn end(self, backing: &Backing, elapsed: Duration, mut output: Output) -> Result<Exit, Failed> {
        let Counts { programs, bytes, unmodelled, open } = self.counts;
        let seed = self.seed;
        let (splits, errors) = (
            output::count(self.splits as usize, "split"),
            output::count(self.errors as usize, "harness error"),
        );
        let (place, seconds) = (backing.describe(), elapsed.as_secs_f64());
        output.print(&format!(
            "seed {seed} in {place}: {programs} programs ({unmodelled} not modelled, {open} with an open rule that did not hold), {bytes} bytes \
             compared, {splits}, {errors} in {seconds:.1} s\n"
        ));
        output.end(match (self.errors, self.splits) {
            (0, 0) => Exit::Agree,
            (0, _) => Exit::Differ,
            _ => Exit::Harness,
        })
    }
}

/// The kernel, asked through children.
struct Kernel<'a> {
    supervisor: &'a Supervisor,
    backing: &'a Backing,
    /// What the steps come to while files hold return instructions.
    code_steps: Option<Vec<StepResult>>,
    abandoned: bool,
}

impl Kernel<'_> {
    fn ask<T>(
        &mut self,
        case: &Case,
        question: impl FnOnce(&mut Measurer<'_>) -> Result<T, Failure>,
    ) -> Result<T, HarnessError> {
        let page = rustix::param::page_size() as u64;
        let mut measurer =
            Measurer::new(self.supervisor, self.backing, case, page, DEADLINE, false);
        question(&mut measurer).map_err(|failure| match failure {
            Failure::Harness(error) => error,
            Failure::Abandoned => {
                self.abandoned = true;
                HarnessError::ExitedEarly
            }
        })
    }
}

impl Answer for Kernel<'_> {
    fn steps(&mut self, case: &Case) -> Result<Vec<StepResult>, HarnessError> {
        // What steps see of the files depends on what these hold while fetches are probed.
        let access = case.sweeps().next().and_then(|(_, _, accesses)| accesses.first().copied());
        self.code_steps = match access.map(Fill::of) {
            Some(Fill::Code) => Some(self.ask(case, |measurer| measurer.steps(Fill::Code))?),
            _ => None,
        };
        self.ask(case, |measurer| measurer.steps(Fill::Pattern))
    }

    fn probe(
        &mut self,
        case: &Case,
        steps: &[StepResult],
        at: i64,
    ) -> Result<Outcome, HarnessError> {
        let Some((sweep, _, [access, ..])) = case.sweeps().next() else {
            return Err(HarnessError::System("there is no sweep to probe".to_owned()));
        };
        let probe = Probe { sweep, access: *access, at };
        let code_steps = self.code_steps.clone();
        self.ask(case, |measurer| measurer.probe(&probe, code_steps.as_deref().unwrap_or(steps)))
    }
}

/// A worker's whole life. Gives its exit status.
fn work(
    search: &Search,
    backing: &Backing,
    (first, step): (u64, u64),
    bounds: Bounds,
    watched: OwnedFd,
    mut answers: File,
) -> i32 {
    let _ = rustix::process::setpgid(None, None);
    let mut send = |message: &Message| {
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        answers.write_all(&line).is_ok()
    };
    let Ok(record) = SharedRecord::new() else { return 1 };
    let Ok(supervisor) = Supervisor::new(Box::leak(Box::new(record)), Some(watched)) else {
        return 1;
    };
    let mut kernel =
        Kernel { supervisor: &supervisor, backing, code_steps: None, abandoned: false };
    let (mut counts, mut shown_open) = (Counts::default(), Vec::new());
    let mut told = Instant::now();
    for number in (first..bounds.count).step_by(step as usize) {
        if bounds.until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let tried = search.try_program(number, &mut kernel);
        if kernel.abandoned {
            return 1;
        }
        counts.programs += 1;
        let sent = match tried {
            Ok(Tried::Agree(bytes)) => {
                counts.bytes += bytes;
                true
            }
            Ok(Tried::Open(rule, bytes)) => {
                counts.bytes += bytes;
                counts.open += 1;
                let first = !shown_open.contains(&rule);
                shown_open.push(rule);
                let shrunk = first.then(|| search.shrink_open(number, rule, &mut kernel)).flatten();
                shrunk.is_none_or(|split| send(&Message::Open(split)))
            }
            Ok(Tried::Unmodelled) => {
                counts.unmodelled += 1;
                true
            }
            Ok(Tried::Split(split)) => send(&Message::Split(split)),
            Err(error) => send(&Message::Failed { number, error }),
        };
        if !sent {
            return 1;
        }
        if told.elapsed() >= TELLS {
            if !send(&Message::Tried(std::mem::take(&mut counts))) {
                return 1;
            }
            told = Instant::now();
        }
    }
    let all = send(&Message::Tried(counts)) && send(&Message::Done);
    i32::from(!all)
}
