//! The search at work: workers that try programs, a controller that counts and writes splits down.
//!
//! Worker `w` of `n` tries the programs `w`, `w + n`, `w + 2n` and so on; which programs these are
//! depends on the seed alone. A case can do nothing to the search: each of its children is isolated
//! like any other.

mod totals;
mod worker;

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use totals::Totals;
use worker::{Bounds, Counts, DEADLINE, Message, work};

use super::args::Place;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::output::{self, Output};
use super::{Failed, environment};
use crate::confine;
use crate::explore::Search;
use crate::supervise::{Cores, sweep_orphans};

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
    if let Some(reason) = place.strict().then(|| confine::check(&backing).err()).flatten() {
        return Err((Exit::Nothing, output::error(&format!("isolation strict: {reason}"))));
    }
    let system = |error: rustix::io::Errno| (Exit::Harness, output::error(&error.to_string()));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(system)?;
    let started = Instant::now();
    let time = time.or((count.is_none()).then_some(Duration::from_secs(60)));
    let bounds =
        Bounds { count: count.unwrap_or(u64::MAX), until: time.map(|time| started + time) };
    let search = Search { seed, environment: environment() };
    let (watched, held) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
    let mut held = Some(held);
    let failed = |message: String| (Exit::Harness, output::error(&message));
    let mut interrupt = Some(Interrupt::watch().map_err(failed)?);
    let mut readers: Vec<Option<BufReader<File>>> = Vec::new();
    let workers = place.jobs() as u64;
    let cores = Cores::own();
    for first in 0..workers {
        let (results, answers) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
        let mut ends = Some((results, answers));
        confine::fork_worker(place.strict(), |apart| {
            cores.pin(first as usize);
            held = None; // only the controller's death may hang it up
            interrupt = None;
            readers.clear();
            let (Some((_, answers)), Ok(watched)) = (ends.take(), watched.try_clone()) else {
                return 1;
            };
            if let Some(Err(why)) = apart.map(|apart| apart.enter(&backing)) {
                eprintln!("{why}");
                return 1;
            }
            work(&search, &backing, (first, workers), bounds, watched, File::from(answers))
        })
        .map_err(|errno| failed(format!("cannot fork: {errno}")))?;
        readers.extend(ends.map(|(results, _)| Some(BufReader::new(File::from(results)))));
    }
    let counts = Counts::default();
    let mut totals = Totals { out, seed, counts, shown_open: Vec::new(), splits: 0, errors: 0 };
    let mut output = Output::default();
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    let mut interrupted = None;
    while readers.iter().any(Option::is_some) && interrupted.is_none() {
        for index in ready(&readers, interrupt.as_ref()) {
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
        interrupted = interrupt.as_ref().and_then(Interrupt::caught);
    }
    drop(held);
    bar.finish_and_clear();
    sweep_orphans(&[], DEADLINE);
    let exit = totals.end(&backing, started.elapsed(), output)?;
    Ok(interrupted.unwrap_or(exit))
}

/// Waits for workers and signals. Gives the workers from which there is a line to read.
fn ready(readers: &[Option<BufReader<File>>], interrupt: Option<&Interrupt>) -> Vec<usize> {
    let all = readers.iter().enumerate();
    let open: Vec<_> = all.filter_map(|(index, own)| Some((index, own.as_ref()?))).collect();
    let buffered: Vec<usize> =
        open.iter().filter(|(_, own)| !own.buffer().is_empty()).map(|(index, _)| *index).collect();
    if !buffered.is_empty() {
        return buffered;
    }
    let results = open.iter().map(|(_, own)| own.get_ref().as_fd());
    let mut fds: Vec<PollFd<'_>> = results
        .chain(interrupt.iter().map(|own| own.as_fd()))
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    let _ = poll(&mut fds, None);
    let has = fds.iter().map(|fd| !fd.revents().is_empty());
    open.iter().zip(has).filter(|(_, has)| *has).map(|((index, _), _)| *index).collect()
}
