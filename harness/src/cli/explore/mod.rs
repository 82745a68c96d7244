//! A search tries programs in workers, while the controller counts them and writes splits down.
//!
//! The seed alone decides which program a number stands for. A case can do nothing to the search: each
//! of its children is isolated like any other. A worker that is killed is replaced, and its program is tried
//! again; a program that costs two workers their lives is a harness error.

mod programs;
mod totals;

use std::time::{Duration, Instant};

use programs::Programs;
use totals::Totals;

use super::args::Exploration;
use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::place::Places;
use super::pool::{self, GuardMode, Setting};
use crate::confine::Held;
use crate::environment;
use crate::explore::Search;

/// The time of a search that has no bound.
const TIME: Duration = Duration::from_secs(60);
/// The time that workers may take to end when the time of the search is over: one may be shrinking a program.
const OVERTIME: Duration = Duration::from_secs(60);

/// Searches, and prints what was found.
pub fn run(options: &Exploration) -> Result<Exit, Failed> {
    let Exploration { count, time, seed, out, place } = options;
    let backing = place.backing();
    let interrupt = Interrupt::watch()?;
    // `out` is checked now, as the first program to write may come after an hour.
    let places = Places { backing: &backing, out: Some(out), clear: false };
    let surveyed = places.look(*time, &interrupt)?;
    let held = Held::find();
    let until = time.or(count.is_none().then_some(TIME)).map(|time| Instant::now() + time);
    let setting = Setting {
        backing: &backing,
        file_system: &surveyed.file_system,
        held: &held,
        isolation: place.isolation,
        interrupt: &interrupt,
        jobs: place.jobs(),
        guard: GuardMode::On,
        ipc_namespace: held.ipc_namespace(),
        until: until.map(|until| until + OVERTIME),
    };
    if let Some(reason) = setting.refusal() {
        return Err(Failed::Nothing(reason));
    }
    let environment = environment::of(setting.jobs, setting.isolation, &surveyed);
    let search = Search { seed: *seed, environment };
    let mut programs = Programs::of(search, setting);
    let mut totals = Totals::of(out, *seed);
    let mut numbers = (0..count.unwrap_or(u64::MAX))
        .take_while(|_| until.is_none_or(|until| Instant::now() < until));
    let take = |number, found| totals.take(number, found);
    let ended = pool::run(&mut programs, &mut numbers, take);
    totals.end(&setting, ended)
}
