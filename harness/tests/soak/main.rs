//! The soak runs all cases and hostile ones under one kind of trouble after another, until it has accounted
//! for a number of probes. Every answer must be that of a quiet run. A case without an answer must say which
//! probe was lost, and a run must leave nothing behind.
//!
//! `cargo test` meets each trouble once, with a sixth of the cases. `make soak` continues to a million
//! probes. The seed determines the troubles, their places and their times, as far as the timing of the
//! machine allows:
//!
//! - `FAULTMAP_SOAK_PROBES`: the number of probes;
//! - `FAULTMAP_SOAK_SEED`: another seed than 1;
//! - `FAULTMAP_SOAK_CLOCK=1`: root may set this machine's clock forward and back.
//!
//! Each trouble is a test with a process of its own, which adopts the orphans of a killed run. It has its own
//! mounts and System V segments, if the machine allows it.

mod account;
mod leftovers;
mod mix;
mod trouble;

#[path = "../command/mod.rs"]
mod command;
#[path = "../own_process/mod.rs"]
mod own_process;
#[path = "../random/mod.rs"]
mod random;

use std::process::{ExitCode, Stdio};

use account::Account;
use leftovers::{Leftovers, reap_adopted};
use mix::Mix;
use own_process::children::adopt_orphans;
use own_process::{refusal, test};
use random::Random;
use trouble::Trouble;

fn main() -> ExitCode {
    let own = own_namespaces();
    let tests = Trouble::ALL.iter().map(|&trouble| {
        let test = test(trouble.name().replace(' ', "_"), move || soak(trouble));
        test.unless(move || trouble.refused()).inside(own).without_deadline()
    });
    own_process::run_waiting(tests.collect())
}

/// Returns options of unshare(1) that keep the user of the tests; none if the machine refuses them.
fn own_namespaces() -> &'static [&'static str] {
    let own: &[&str] = match nix::unistd::geteuid().is_root() {
        true => &["--mount", "--ipc"],
        false => &["--user", "--map-current-user", "--mount", "--ipc"],
    };
    if refusal::namespaces(own).is_none() { own } else { &[] }
}

/// Returns the number in a variable of the environment, or this default.
fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    let number =
        text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number?")));
    number.unwrap_or(otherwise)
}

/// Makes rounds of one trouble until its share of the probes is answered.
fn soak(trouble: Trouble) {
    const ROUNDS: u64 = 10; // without any answer the rounds would show nothing
    let probes = number("FAULTMAP_SOAK_PROBES", 0).div_ceil(Trouble::ALL.len() as u64);
    let seed = number("FAULTMAP_SOAK_SEED", 1);
    let mut random = Random::new(seed + ((trouble as u64) << 32));
    adopt_orphans();
    // A short soak runs one case of six, and a longer one runs all.
    let mix = Mix::new(if probes == 0 { 6 } else { 1 });
    let mut account = Account::default();
    for round in 0.. {
        if account.probes() > 0 && account.probes() >= probes {
            break;
        }
        assert!(account.probes() > 0 || round < ROUNDS, "never any answer\n{account}");
        let what = format!("seed {seed}, round {round}, {}", trouble.name());
        one_round(trouble, &mix, &mut random, &mut account, &what);
    }
    println!("soak with seed {seed}, {}: {account}", trouble.name());
}

/// Compares a run under this trouble with a quiet one.
fn one_round(trouble: Trouble, mix: &Mix, random: &mut Random, account: &mut Account, what: &str) {
    let setting = random.of(&trouble.settings());
    let quiet = mix.quiet(setting);
    let before = Leftovers::now(mix);
    let (stdout, stderr) = (mix.output("stdout"), mix.output("stderr"));
    let limits = trouble.limits(random);
    let mut command = mix.command_in_trouble(setting, &limits, random);
    let mut run = command
        .stdin(Stdio::null())
        .stdout(stdout.create())
        .stderr(stderr.create())
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: cannot start {command:?}: {error}"));
    drop(command);
    // On a busy machine the first kill might always come before the first answer.
    let wait_for = (account.probes() == 0).then_some(&stdout);
    let kills = trouble.make(&mut run, random, wait_for.filter(|_| trouble.may_end_it_all()));
    let status = run.wait().expect("it was started");
    let killed = trouble.may_end_it_all() && status.code().is_none();
    // A machine without strict isolation skips every case.
    let skipped = trouble.changes_answers() && status.code() == Some(4);
    assert!(killed || skipped || status.code() == Some(3), "{what}: {status}: {}", stderr.text());
    reap_adopted(killed, what);
    limits.remove();
    let told = (stdout.text(), stderr.text());
    account.add(trouble, kills, &quiet, &told, killed, what);
    if killed {
        // The next run removes a name that existed at that moment.
        mix.clear_away(setting);
    }
    before.are_all(mix, what);
}
