//! A fuzz that finds nothing proves little: without the guard or the budget it must find harm.
//!
//! Each case runs twice, without the guard and with it. A step does harm if its result without the guard is
//! one that must not occur, and the guard refuses the step or changes the answer of the kernel.

use std::process::ExitCode;

use faultmap::internals::case::{Arg, Case, Step, says};
use faultmap::internals::vocabulary::{Effect, Facet, Syscall};

use crate::Plan;
use crate::accepted::accepted;
use crate::judge::{Verdict, judge};
use crate::run::{Came, Guard, Named, Runner};
use crate::world::World;

/// The number of cases that must show all kinds of harm.
pub const CASES: u64 = 1000;
/// The number of cases in one call of the command.
const BATCH: usize = 50;

/// A way to reach foreign memory.
struct Harm {
    /// The description for a person.
    name: &'static str,
    steps: &'static [&'static str],
    shown_by: Sign,
}

/// The sign that a step has done harm.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    /// With the guard the kernel agrees with the model, and without it the kernel contradicts the model.
    OtherAnswer,
    /// With the guard the step is refused, and without it something is mapped there. The case has a map that
    /// need not lie at the address that the case asks for.
    SomethingThere,
    /// With the guard the step is refused, and without it the child dies of the memory that it has lost.
    Death,
}

const HARMS: [Harm; 5] = [
    Harm {
        name: "a variable that is MAP_FAILED, with something added, is an address",
        steps: &["read", "write", "mprotect"],
        shown_by: Sign::OtherAnswer,
    },
    Harm {
        name: "an access beside a map that lies low reaches the program",
        steps: &["an access"],
        shown_by: Sign::SomethingThere,
    },
    Harm { name: "advice skips gaps", steps: &["madvise"], shown_by: Sign::Death },
    Harm { name: "a range is unmapped", steps: &["munmap"], shown_by: Sign::Death },
    Harm { name: "a range is replaced", steps: &["mmap"], shown_by: Sign::Death },
];

/// True if the case asks for a map at an address as a hint.
fn has_hint(case: &Case) -> bool {
    let is_hint = |(call, args): (&Syscall, &[Arg])| {
        let Effect::Maps { address, flags, .. } = call.effect else { return false };
        let Some(Arg::Address { map: None, offset }) = args.get(address) else { return false };
        let fixed = says(args, flags, Facet::Fixed);
        offset.eval(faultmap::internals::case::limits::SMALLEST_PAGE) != Some(0) && !fixed
    };
    case.calls().any(is_hint)
}

/// A case, its result, and the verdict on the result.
struct Ran {
    number: u64,
    case: Case,
    came: Came,
    verdict: Verdict,
}

impl Harm {
    /// Returns the harm that a case has done, from its results without the guard and with it; `None` if it
    /// has done none.
    fn done(&self, without: &Ran, with: &Ran) -> Option<String> {
        let is_own = |kind: &str| {
            let step = kind.split_once(": ").map_or("", |(step, _)| step);
            let step = step.strip_prefix("split ").unwrap_or(step).strip_prefix("in ");
            step.is_some_and(|step| self.steps.contains(&step))
        };
        let refused = matches!(&with.verdict, Verdict::Allowed(kind) if is_own(kind));
        let found = match &without.verdict {
            Verdict::Finding { kind, .. } if is_own(kind) => Some(kind),
            _ => None,
        };
        match self.shown_by {
            Sign::OtherAnswer => {
                found.filter(|_| matches!(with.verdict, Verdict::Fine(_))).cloned()
            }
            Sign::Death => {
                found.filter(|kind| refused && kind.contains(" killed the child")).cloned()
            }
            Sign::SomethingThere => {
                let step =
                    refused_step(&with.came).filter(|_| refused && has_hint(&without.case))?;
                found.cloned().or_else(|| something_there(&without.came, step))
            }
        }
    }
}

/// Returns the text of the step that was refused.
fn refused_step(came: &Came) -> Option<&str> {
    let Came::Line(line) = came else { return None };
    Some(line["reason"].as_str()?.strip_prefix("in `")?.split_once("`: ")?.0)
}

/// Returns the result of an access if it is not SEGV_MAPERR, which it would be with nothing mapped.
fn something_there(came: &Came, access: &str) -> Option<String> {
    let Came::Line(line) = came else { return None };
    let step = line["steps"].as_array()?.iter().find(|step| step["text"] == access)?;
    let nothing = ["not_reached", "no_map"].contains(&step["result"].as_str()?)
        || step["si_code_name"] == "SEGV_MAPERR";
    (!nothing).then(|| step.to_string())
}

/// Runs cases without the guard until every kind of harm was done. Fails if a thousand cases are not enough.
/// A plan of fewer cases has time for one kind only.
pub fn without_guard(world: World, plan: &Plan) -> ExitCode {
    let mut runner = match world.enter() {
        Ok(entered) => Runner::new(entered, Guard::Off),
        Err(reason) => return refused(&reason),
    };
    let mut done: [Option<String>; HARMS.len()] = Default::default();
    let enough = |done: &[Option<String>]| match plan.cases < CASES {
        true => done.iter().any(Option::is_some),
        false => done.iter().all(Option::is_some),
    };
    let mut cases = 0;
    for batch in (0..CASES).collect::<Vec<_>>().chunks(BATCH) {
        let mut without = run(&mut runner, Guard::Off, plan.seed, batch);
        without.retain(|ran| matches!(ran.verdict, Verdict::Finding { .. }) || has_hint(&ran.case));
        let numbers: Vec<u64> = without.iter().map(|ran| ran.number).collect();
        let with = run(&mut runner, Guard::Counted, plan.seed, &numbers);
        for (without, with) in without.iter().zip(&with) {
            for (harm, done) in HARMS.iter().zip(&mut done) {
                let found = || Some(format!("case {}: {}", with.number, harm.done(without, with)?));
                *done = done.take().or_else(found);
            }
        }
        cases += batch.len();
        if enough(&done) {
            break;
        }
    }
    runner.stop();
    println!("without the guard: {cases} cases of seed {}", plan.seed);
    for (harm, done) in HARMS.iter().zip(&done) {
        println!("  {}: {}", harm.name, done.as_deref().unwrap_or("not found"));
    }
    exit(enough(&done))
}

/// Runs cases without the budget until they take more disk or memory than their budget. Fails if a thousand
/// cases are not enough.
pub fn without_budget(world: World, plan: &Plan) -> ExitCode {
    let mut runner = match world.enter() {
        Ok(entered) => Runner::new(entered, Guard::WithoutBudget),
        Err(reason) => return refused(&reason),
    };
    let mut cases = 0;
    for batch in (0..CASES).collect::<Vec<_>>().chunks(BATCH) {
        run(&mut runner, Guard::WithoutBudget, plan.seed, batch);
        cases += batch.len();
        if runner.took_too_much().is_some() {
            break;
        }
    }
    let took = runner.took_too_much();
    runner.stop();
    println!("without the budget: {cases} cases {}", took.as_deref().unwrap_or("took no more"));
    exit(took.is_some())
}

/// Removes the sweeps: steps do the harm, and one child performs them as well as the thousand of a sweep.
fn without_sweeps(steps: &[Step]) -> Vec<Step> {
    let kept = steps.iter().filter(|step| !matches!(step, Step::Sweep { .. }));
    let inner = |step: &Step| match step {
        Step::Block { kind, steps } => Step::Block { kind: *kind, steps: without_sweeps(steps) },
        other => other.clone(),
    };
    kept.map(inner).collect()
}

/// Runs the cases of these numbers, and returns the verdict on each.
fn run(runner: &mut Runner, guard: Guard, seed: u64, numbers: &[u64]) -> Vec<Ran> {
    runner.guard = guard;
    let make = |number: &u64| {
        let case = accepted(seed, *number).1;
        let case = Case { steps: without_sweeps(&case.steps), ..case };
        (Named { name: format!("case_{number:06}"), text: case.to_string() }, case)
    };
    let (named, cases): (Vec<Named>, Vec<Case>) = numbers.iter().map(make).unzip();
    let came = runner.run(&named);
    let ran = |((case, came), number): ((Case, Came), &u64)| {
        let verdict = judge(&case, &came);
        Ran { number: *number, case, came, verdict }
    };
    cases.into_iter().zip(came).zip(numbers).map(ran).collect()
}

fn refused(reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}

fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
