//! A search tries programs in workers, while the controller groups those that split by their causes. A cause that
//! stands in a list of known findings is counted, and no more.
//!
//! The seed alone decides which program a number stands for. A case can do nothing to the search: each
//! of its children is isolated like any other. A worker that is killed is replaced, and its program is tried
//! again; a program that costs two workers their lives is a harness error.

mod causes;
mod example;
mod json;
mod page;
mod programs;
mod totals;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use causes::Causes;
use programs::Programs;
use totals::Totals;

use super::args::Place;
use super::exit::{Exit, Failed};
use super::findings::known;
use super::interrupt::Interrupt;
use super::place::Places;
use super::pool::{self, GuardMode, Setting};
use super::values;
use crate::confine::Held;
use crate::environment::Machine;
use crate::explore::Search;
use crate::model::Rule;

/// The time of a search that has no bound.
const TIME: Duration = Duration::from_secs(60);
/// The time that workers may take to end when the time of the search is over: one may be shrinking a program.
const OVERTIME: Duration = Duration::from_secs(60);

/// The bounds of a search, and the places of its files and of its results.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of programs to try, instead of a time
    #[arg(long, value_name = "N", conflicts_with = "time")]
    count: Option<u64>,
    /// Time to search, such as 60s or 5m [default: 60s]
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration)]
    time: Option<Duration>,
    /// Seed of the random programs: it gives the same programs on every machine
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Folder for the smallest program of each finding, as a case file and as a C program
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Tell only what is not in this file, the output of `explore --json` or `run --json`; `-` is stdin
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print one JSON object on each line, and nothing else: the new findings, and the totals
    #[arg(long)]
    json: bool,
    /// Rules that the model is to forget, for tests of this program
    #[arg(long, hide = true, value_name = "RULE", value_parser = values::rule)]
    broken: Vec<Rule>,
    #[command(flatten)]
    place: Place,
}

/// Searches, and prints what was found.
pub fn run(options: &Options) -> Result<Exit, Failed> {
    let Options { count, time, seed, out, place, .. } = options;
    let known = match &options.against {
        Some(file) => known::read(file)?,
        None => BTreeSet::new(),
    };
    let backing = place.backing();
    let interrupt = Interrupt::watch()?;
    // `out` is checked now, as the first program to write may come after an hour.
    let places = Places { backing: &backing, out: Some(out), clear: false };
    let surveyed = places.look(*time, &interrupt)?;
    let held = Held::find();
    let until = time.or(count.is_none().then_some(TIME)).map(|time| Instant::now() + time);
    let setting = Setting {
        backing: &backing,
        surveyed: &surveyed,
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
    let here = Machine::here(setting.jobs, setting.isolation, &surveyed);
    let machine = here.lacking(held.without());
    let environment = machine.environment().without(&options.broken);
    let search = Search { seed: *seed, environment };
    let mut programs = Programs::of(search, setting, &known);
    let mut totals = Totals::of(options, Causes::of(out, *seed, &known));
    let mut numbers = (0..count.unwrap_or(u64::MAX))
        .take_while(|_| until.is_none_or(|until| Instant::now() < until));
    let take = |number, found| totals.take(number, found);
    let ended = pool::run(&mut programs, &mut numbers, take);
    totals.end(&setting, &machine, ended)
}
