//! A search tries programs in workers, while a controller counts them and writes splits down.
//!
//! Worker `w` of `n` tries the programs `w`, `w + n`, `w + 2n` and so on; which programs these are
//! depends on the seed alone. A case can do nothing to the search: each of its children is isolated
//! like any other. A worker that is killed is replaced by one that goes on with the program that it was
//! at; a program that costs two workers their lives is a harness error.

mod crew;
mod totals;
mod worker;

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crew::Crew;
use indicatif::ProgressBar;
use totals::Totals;
use worker::{Bounds, Counts, Message};

use super::args::Place;
use super::environment;
use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::output::{self, Output};
use super::place::Places;
use crate::confine::{self, Held};
use crate::explore::Search;

/// The time that workers may take to end when the time of the search is over: one may be shrinking a program.
const OVERTIME: Duration = Duration::from_secs(60);

/// Searches, and prints what was found.
pub fn run(
    count: Option<u64>,
    time: Option<Duration>,
    seed: u64,
    out: &Path,
    place: &Place,
) -> Result<Exit, Failed> {
    let backing = place.backing();
    let interrupt = Interrupt::watch().map_err(output::failed)?;
    // `out` is checked now, as the first program to write may come after an hour.
    let places = Places { backing: &backing, out: Some(out), clear: false };
    let surveyed = places.look(time, &interrupt)?;
    if let Some(reason) =
        place.strict().then(|| confine::check(&backing, Some(interrupt.as_fd())).err()).flatten()
    {
        return Err((Exit::Nothing, output::error(&format!("isolation strict: {reason}"))));
    }
    let mut interrupt = Some(interrupt);
    let started = Instant::now();
    let time = time.or((count.is_none()).then_some(Duration::from_secs(60)));
    let bounds =
        Bounds { count: count.unwrap_or(u64::MAX), until: time.map(|time| started + time) };
    let search = Search { seed, environment: environment::of(place, &surveyed) };
    let size = (place.jobs() as u64, place.strict());
    let held = Held::find();
    let crew = Crew::start(&search, (&backing, &held), bounds, size, &mut interrupt);
    let mut crew = crew.map_err(output::failed)?;
    let mut totals = Totals::of(out, seed);
    let mut output = Output::default();
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    let mut interrupted = None;
    let mut is_late = false;
    while crew.is_at_work() && interrupted.is_none() && !is_late {
        let take = |message: Message| bar.suspend(|| totals.take(message, &mut output));
        crew.receive(&mut interrupt, take);
        let Counts { programs, bytes, .. } = crew.counts();
        let rate = programs as f64 / started.elapsed().as_secs_f64();
        let (tried, bytes) =
            (output::count(programs as usize, "program"), output::count(bytes as usize, "byte"));
        bar.set_message(format!("{tried}, {rate:.0}/s, {bytes} compared"));
        bar.tick();
        interrupted = interrupt.as_ref().and_then(Interrupt::caught);
        is_late = bounds.until.is_some_and(|until| Instant::now() > until + OVERTIME);
    }
    bar.finish_and_clear();
    let counts = crew.counts();
    crew.end();
    if is_late {
        let place = backing.describe();
        output::tell(&output::note(&format!(
            "some workers did not end and were killed; does {place} answer?"
        )));
    }
    let exit = totals.end(counts, (&backing, &held), started.elapsed(), output)?;
    Ok(interrupted.unwrap_or(if is_late { Exit::Harness } else { exit }))
}
