//! The soak: whole runs of all cases and of hostile ones, each in a trouble of its own, until so many
//! probes are accounted for. Every answer must be the one of a quiet run or, where there is none, the
//! case must say which probe was lost; and nothing may be left of any run.
//!
//! `cargo test` soaks for a moment, each trouble once, with a sixth of the cases. `make soak` goes on to a million probes. Which
//! troubles, where, and when, follows from the seed, as far as the machine's own timing lets it:
//!
//! - `FAULTMAP_SOAK_PROBES`: go on until there are so many;
//! - `FAULTMAP_SOAK_SEED`: another seed than 1;
//! - `FAULTMAP_SOAK_CLOCK=1`: root may set this machine's clock forth and back.
//!
//! Each trouble is a test with a process of its own: what a killed run leaves behind becomes a child of
//! that very process, to be seen. It has mounts and SysV segments of its own, where the machine allows it.

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

/// Options of unshare(1), for whoever runs the tests to stay who it is; none where they are refused.
fn own_namespaces() -> &'static [&'static str] {
    let own: &[&str] = match nix::unistd::geteuid().is_root() {
        true => &["--mount", "--ipc"],
        false => &["--user", "--map-current-user", "--mount", "--ipc"],
    };
    if refusal::namespaces(own).is_none() { own } else { &[] }
}

/// The number in a variable of the environment, or another one.
fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    let number =
        text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number?")));
    number.unwrap_or(otherwise)
}

/// Rounds of one trouble, until its share of the probes is answered.
fn soak(trouble: Trouble) {
    const ROUNDS: u64 = 10; // without any answer, they would show nothing
    let probes = number("FAULTMAP_SOAK_PROBES", 0).div_ceil(Trouble::ALL.len() as u64);
    let seed = number("FAULTMAP_SOAK_SEED", 1);
    let mut random = Random::new(seed + ((trouble as u64) << 32));
    adopt_orphans();
    // For a moment one case of six has to do: all of them are for a longer soak.
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

/// One run in trouble, held against a quiet one.
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
    // On a busy machine the first kill could always come before the first answer.
    let wait_for = (account.probes() == 0).then_some(&stdout);
    let kills = trouble.make(&mut run, random, wait_for.filter(|_| trouble.may_end_it_all()));
    let status = run.wait().expect("it was started");
    let killed = trouble.may_end_it_all() && status.code().is_none();
    // Strict isolation may lack what it needs: then all is skipped.
    let skipped = trouble.changes_answers() && status.code() == Some(4);
    assert!(killed || skipped || status.code() == Some(3), "{what}: {status}: {}", stderr.text());
    reap_adopted(killed, what);
    limits.remove();
    let told = (stdout.text(), stderr.text());
    account.add(trouble, kills, &quiet, &told, killed, what);
    if killed {
        // A name that was there at that moment is removed by the next run.
        mix.clear_away(setting);
    }
    before.are_all(mix, what);
}
