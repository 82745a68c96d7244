//! The search at work: workers that try programs, a controller that counts and writes splits down.
//!
//! Worker `w` of `n` tries the programs `w`, `w + n`, `w + 2n` and so on; which programs these are
//! depends on the seed alone. A case can do nothing to the search: each of its children is isolated
//! like any other. A worker that is killed is replaced by one that goes on with the program that it was
//! at; a program that costs two workers their lives is a harness error.

mod crew;
mod totals;
mod worker;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crew::Crew;
use indicatif::ProgressBar;
use totals::Totals;
use worker::{Bounds, Counts, Message};

use super::args::Place;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::output::{self, Output};
use super::{Failed, environment};
use crate::confine::{self, Held};
use crate::explore::Search;

/// Searches, and prints what was found.
pub fn run(
    count: Option<u64>,
    time: Option<Duration>,
    seed: u64,
    out: &Path,
    place: &Place,
) -> Result<Exit, Failed> {
    // Not only when there is something to write, which may be after an hour.
    tempfile::tempfile_in(out).map_err(|error| {
        let message = format!("cannot write cases to {}: {error}", out.display());
        (Exit::Usage, format!("{}\n  --out DIR names another folder", output::error(&message)))
    })?;
    let backing = place.backing();
    let mut interrupt = Some(Interrupt::watch().map_err(output::failed)?);
    backing.check().map_err(|error| output::unusable(&backing, &error))?;
    if let Some(reason) = place.strict().then(|| confine::check(&backing).err()).flatten() {
        return Err((Exit::Nothing, output::error(&format!("isolation strict: {reason}"))));
    }
    let started = Instant::now();
    let time = time.or((count.is_none()).then_some(Duration::from_secs(60)));
    let bounds =
        Bounds { count: count.unwrap_or(u64::MAX), until: time.map(|time| started + time) };
    let search = Search { seed, environment: environment() };
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
    while crew.is_at_work() && interrupted.is_none() {
        let take = |message: Message| bar.suspend(|| totals.take(message, &mut output));
        crew.receive(&mut interrupt, take);
        let Counts { programs, bytes, .. } = crew.counts();
        let rate = programs as f64 / started.elapsed().as_secs_f64();
        bar.set_message(format!("{programs} programs, {rate:.0}/s, {bytes} bytes compared"));
        bar.tick();
        interrupted = interrupt.as_ref().and_then(Interrupt::caught);
    }
    bar.finish_and_clear();
    let counts = crew.counts();
    crew.end();
    let exit = totals.end(counts, (&backing, &held), started.elapsed(), output)?;
    Ok(interrupted.unwrap_or(exit))
}
