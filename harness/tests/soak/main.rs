//! The soak: whole runs of all cases and of hostile ones, each in a trouble of its own, until so many
//! probes are accounted for. Every answer must be the one of a quiet run or, where there is none, the
//! case must say which probe was lost; and nothing may be left of any run.
//!
//! `cargo test` soaks for a moment, each trouble once. `make soak` goes on to a million probes. Which
//! troubles, where, and when, follows from the seed, as far as the machine's own timing lets it:
//!
//! - `FAULTMAP_SOAK_PROBES`: go on until there are so many;
//! - `FAULTMAP_SOAK_SEED`: another seed than 1;
//! - `FAULTMAP_SOAK_CLOCK=1`: root may set this machine's clock forth and back.
//!
//! A program with its own `main`: what a killed run leaves behind must become a child of this very
//! process, to be seen.

mod account;
mod leftovers;
mod mix;
mod random;
mod trouble;

#[path = "../command/mod.rs"]
mod command;

use std::io::IsTerminal as _;
use std::process::Stdio;
use std::time::Instant;

use account::Account;
use indicatif::ProgressBar;
use leftovers::{Leftovers, adopt_orphans, bury_adopted};
use mix::Mix;
use random::Random;
use trouble::Trouble;

fn main() {
    // `cargo test -- --list`, and a filter that means another test.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--nocapture"));
    if words.any(|word| !"soak".contains(&word)) {
        return;
    }
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text} is no number")))
    };
    let probes = number("FAULTMAP_SOAK_PROBES").unwrap_or(0);
    let seed = number("FAULTMAP_SOAK_SEED").unwrap_or(1);
    let mut random = Random::new(seed);
    adopt_orphans();
    let mix = Mix::new();
    let (troubles, refused): (Vec<_>, Vec<_>) = Trouble::ALL
        .iter()
        .map(|trouble| (*trouble, trouble.refused()))
        .partition(|t| t.1.is_none());
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    let (mut account, started) = (Account::default(), Instant::now());
    for round in 0.. {
        let vacuous =
            troubles.iter().map(|(trouble, _)| *trouble).find(|t| account.probes_in(*t) == 0);
        let trouble = match vacuous {
            // One in which nothing was ever answered would show nothing.
            Some(trouble) if round >= troubles.len() => trouble,
            None if round >= troubles.len() && account.probes() >= probes => break,
            _ => troubles[round % troubles.len()].0,
        };
        assert!(vacuous.is_none() || round < 10 * troubles.len(), "{vacuous:?}: never any answer");
        bar.set_message(format!("{} probes; {}", account.probes(), trouble.name()));
        bar.tick();
        let what = format!("seed {seed}, round {round}, {}", trouble.name());
        one_round(trouble, &mix, &mut random, &mut account, &what);
    }
    bar.finish_and_clear();
    println!("soak with seed {seed}, {:.0} s:\n\n{account}", started.elapsed().as_secs_f64());
    for (trouble, reason) in refused {
        println!("skipped: {}: {}", trouble.name(), reason.unwrap_or_default());
    }
}

/// One run in trouble, held against a quiet one.
fn one_round(trouble: Trouble, mix: &Mix, random: &mut Random, account: &mut Account, what: &str) {
    let setting = random.of(&trouble.settings());
    let quiet = mix.quiet(setting);
    let before = Leftovers::now(mix);
    let (stdout, stderr) = (mix.output("stdout"), mix.output("stderr"));
    let limits = trouble.limits(random);
    let mut command = mix.command(setting, &limits, random);
    let mut run = command
        .stdin(Stdio::null())
        .stdout(stdout.create())
        .stderr(stderr.create())
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: cannot start {command:?}: {error}"));
    drop(command);
    let kills = trouble.make(&mut run, random);
    let status = run.wait().expect("it was started");
    let killed = trouble.may_end_it_all() && status.code().is_none();
    // Strict isolation may lack what it needs: then all is skipped.
    let skipped = trouble.changes_answers() && status.code() == Some(4);
    assert!(killed || skipped || status.code() == Some(3), "{what}: {status}: {}", stderr.text());
    bury_adopted(killed, what);
    limits.remove();
    let told = (stdout.text(), stderr.text());
    account.add(trouble, kills, &quiet, &told, killed, what);
    if killed {
        // A name that was there at that moment is removed by the next run.
        mix.quiet_again(setting);
    }
    before.are_all(mix, what);
}
