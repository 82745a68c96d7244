//! Tests the programs of `explore`: they use the whole vocabulary, they are the same for a seed, and the
//! kernel agrees with the model on them.

mod command;
mod modelled;

use std::collections::BTreeSet;

use faultmap::internals::case::{Access, Arg, BlockKind, Case, FlagWord, Size, Step, limits};
use faultmap::internals::explore::{Search, Tried};
use faultmap::internals::model::{Environment, Rule};
use faultmap::internals::vocabulary::{self, flags};
use modelled::Modelled;
use rstest::rstest;

/// The names of all calls, flags, signals and widths that a case can use.
fn all_there_is() -> BTreeSet<String> {
    let calls = vocabulary::all().map(|call| call.name.to_owned());
    let families = vocabulary::all()
        .flat_map(|call| call.all_parameters())
        .filter_map(|parameter| parameter.family());
    let words = families.flat_map(flags).map(|flag| flag.name.to_owned());
    let widths = limits::WIDTHS
        .iter()
        .flat_map(|width| ["load", "store"].map(|how| format!("{how} {width}")));
    let accesses = Access::ALL.iter().map(|access| format!("sweep {access}"));
    let rest = ["fork", "process", "timeout", "around 65536", "around 2097152"].map(str::to_owned);
    calls.chain(words).chain(widths).chain(accesses).chain(rest).collect()
}

/// Returns the parts of the vocabulary that a case uses.
fn said(case: &Case) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(case.timeout.map(|_| "timeout".to_owned()));
    for size in case.sizes() {
        let value = size.eval(limits::SMALLEST_PAGE).unwrap_or(0);
        for unit in [64 << 10, 2 << 20] {
            let near = (value - unit).abs() < i128::from(limits::SMALLEST_PAGE);
            said.extend(near.then(|| format!("around {unit}")));
        }
    }
    for (_, _, step) in case.walk() {
        match step {
            Step::Call { call, args, .. } => {
                said.push(call.name.to_owned());
                let words = args.iter().filter_map(|arg| match arg {
                    Arg::Flags(words) => Some(words),
                    _ => None,
                });
                said.extend(words.flatten().filter_map(|word| match word {
                    FlagWord::Name(flag) => Some(flag.name.to_owned()),
                    FlagWord::Number(..) => None,
                }));
            }
            Step::Touch { at, to, store, .. } => {
                let value = |size: &Size| size.eval(limits::SMALLEST_PAGE).unwrap_or(0);
                let width = to.as_ref().map_or(1, |to| value(to) - value(at));
                let how = if store.is_some() { "store" } else { "load" };
                said.push(format!("{how} {width}"));
            }
            Step::Block { kind: BlockKind::Fork, .. } => said.push("fork".to_owned()),
            Step::Block { kind: BlockKind::Process, .. } => said.push("process".to_owned()),
            Step::Sweep { accesses, .. } => {
                said.extend(accesses.iter().map(|access| format!("sweep {access}")));
            }
        }
    }
    said
}

/// The number of programs to make: the value of the variable PROGRAMS, if it is set.
fn programs() -> u64 {
    std::env::var("PROGRAMS").map_or(5000, |count| count.parse().expect("PROGRAMS is a number"))
}

#[test]
fn programs_leave_nothing_out() {
    let search = Search { seed: 1, environment: Environment::with_pages_of(4096) };
    let mut missing = all_there_is();
    let mut refused = 0;
    for number in 0..programs() {
        let text = search.program(number);
        match faultmap::internals::parse::case(&text) {
            Ok(case) => said(&case).iter().for_each(|item| {
                missing.remove(item);
            }),
            Err(_) => refused += 1,
        }
    }
    assert!(missing.is_empty(), "never made: {missing:?}");
    assert!(refused * 10 < programs(), "{refused} programs are no cases");
}

#[test]
fn a_call_that_an_older_kernel_lacks_is_left_out_and_the_rest_goes_on() {
    let environment = Environment::with_pages_of(4096);
    let search = Search { seed: 1, environment: environment.clone() };
    let mut older = Modelled::new(environment).lacking("mseal");
    let mut agreed = 0;
    for number in (0..800).filter(|number| search.program(*number).contains("mseal(")) {
        match search.try_program(number, &mut older) {
            Ok(Tried::Agree(_) | Tried::Open(..)) => agreed += 1,
            Ok(Tried::Split(split)) => panic!("{}// {}", split.text, split.difference),
            _ => {}
        }
    }
    assert!(agreed > 20, "only {agreed} programs went on");
}

#[test]
fn a_refusal_that_the_model_allows_is_compared_and_told_as_open() {
    let environment = Environment::with_pages_of(4096);
    let search = Search { seed: 1, environment: environment.clone() };
    let mut refusing = Modelled::new(environment.without(&[Rule::RangesCanBeChanged]));
    let told = (0..1000).any(|number| {
        let tried = search.try_program(number, &mut refusing);
        matches!(tried, Ok(Tried::Open(Rule::RangesCanBeChanged, _)))
    });
    assert!(told, "no program shows that ranges cannot be changed");
}

#[test]
fn the_same_seed_gives_the_same_programs() {
    let programs = |seed| {
        let search = Search { seed, environment: Environment::with_pages_of(4096) };
        (0..50).map(|number| search.program(number)).collect::<Vec<_>>()
    };
    assert_eq!(programs(3), programs(3));
    assert_ne!(programs(3), programs(4));
}

#[rstest]
#[case(&["--dir", env!("CARGO_TARGET_TMPDIR")])]
#[case(&["--dir", "/dev/shm"])]
#[case(&["--memfd"])]
fn no_program_splits_kernel_and_model(#[case] place: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let mut command = command::faultmap(&["explore", "--count", "400", "--seed", "7"]);
    command.args(place).arg("--out").arg(out.path());
    let (code, stdout, stderr) = command::run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("400 programs"), "{stdout}");
}
