//! Random programs with absurd arguments must do no harm, leave nothing behind, and have the answers of the
//! model.
//!
//! Each world (see `world.rs`) is a process of its own, in which this program is started again.
//! FAULTMAP_FUZZ_CASES sets the number of all cases, and FAULTMAP_FUZZ_SEED their seed.

mod accepted;
mod arguments;
mod bounds;
#[path = "../command/mod.rs"]
mod command;
mod generate;
mod harm;
mod judge;
#[path = "../random/mod.rs"]
mod random;
#[allow(dead_code, reason = "it uses one of them")]
#[path = "../own_process/refusal.rs"]
mod refusal;
mod run;
mod session;
mod shrink;
mod vocabulary;
mod world;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use vocabulary::Count;
use world::{WORLDS, World};

/// The variable with the name of the world that this process must enter.
const WORLD: &str = "FAULTMAP_FUZZ_WORLD";
/// The variable with the name of the part that the process leaves out: the guard or the budget.
const WITHOUT: &str = "FAULTMAP_FUZZ_WITHOUT";

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(WORLD) {
        let world = World::named(&name).expect("a world of that name");
        return match std::env::var(WITHOUT).as_deref() {
            Ok("guard") => harm::without_guard(world, &Plan::read()),
            Ok("budget") => harm::without_budget(world, &Plan::read()),
            _ => session::main(world, &Plan::read()),
        };
    }
    let mut arguments = Arguments::from_args();
    // Only one world runs at a time.
    arguments.test_threads.get_or_insert(1);
    let mut trials = vec![Trial::test("every_call_and_flag_is_generated", every_item)];
    for world in WORLDS {
        let name = format!("no_case_does_harm_{}", world.name);
        trials.push(trial(name, refused(world), move || report(&mut again(world))));
    }
    for (what, name) in [
        ("guard", "harm_is_found_without_the_guard"),
        ("budget", "too_much_is_taken_without_the_budget"),
    ] {
        let too_few = what == "budget" && Plan::read().cases < harm::CASES;
        let refused = match cfg!(debug_assertions) {
            false => Some(format!("a release build cannot do without the {what}")),
            true if too_few => Some(format!("it takes FAULTMAP_FUZZ_CASES={}", harm::CASES)),
            true => refused(World::SANDBOX),
        };
        let run = move || report(again(World::SANDBOX).env(WITHOUT, what));
        trials.push(trial(name.to_owned(), refused, run));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns a test, which is ignored with the reason if this machine cannot run it.
fn trial(
    name: String,
    refused: Option<String>,
    run: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    match refused {
        Some(reason) => Trial::ignorable_test(name, || Ok(Completion::ignored_with(reason))),
        None => Trial::test(name, run),
    }
}

/// The number and the seed of the cases.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    cases: u64,
}

impl Plan {
    fn read() -> Plan {
        let number = |name: &str, otherwise| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")),
            Err(_) => otherwise,
        };
        Plan { seed: number("FAULTMAP_FUZZ_SEED", 1), cases: number("FAULTMAP_FUZZ_CASES", 90) }
    }
}

/// Enough cases to use every call and every word.
fn every_item() -> Result<(), Failed> {
    let Plan { seed, cases } = Plan::read();
    let mut count = Count::new();
    let mut refused = 0;
    let cases = cases.max(vocabulary::items().len() as u64);
    for number in 0..cases {
        let (_, case, more) = accepted::accepted(seed, number);
        count.add(&case);
        refused += more;
    }
    println!(
        "{cases} cases; the parser refused {refused} steps more; calls and words were generated so often:\n{count}"
    );
    match count.missing() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(format!("never generated: {}", missing.join(", ")).into()),
    }
}

fn again(world: World) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows its file"));
    command.env(WORLD, world.name);
    command
}

/// Returns the reason why this machine cannot have such a world.
fn refused(world: World) -> Option<String> {
    let output = again(world).env("FAULTMAP_FUZZ_CASES", "0").output().expect("it can be started");
    match output.status.success() {
        true if world.arguments.contains(&"strict") => refusal::strict_isolation(),
        true => None,
        false => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Runs a world, and prints its output.
fn report(world: &mut Command) -> Result<(), Failed> {
    let output = world.output().expect("it can be started");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => {
            print!("{told}");
            Ok(())
        }
        false => Err(format!("{told}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
