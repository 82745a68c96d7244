//! The programs that `explore` makes say everything that a case can say.

use std::collections::BTreeSet;

use faultmap::case::{Access, Arg, BlockKind, Case, FlagWord, Size, Step, limits};
use faultmap::explore::Search;
use faultmap::model::Environment;
use faultmap::vocabulary::{self, flags};

/// Everything that a case can say, by its name.
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

/// What a case says of it.
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

/// Programs to make; as the variable PROGRAMS says, where it is set.
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
        match faultmap::parse::case(&text) {
            Ok(case) => said(&case).iter().for_each(|item| {
                missing.remove(item);
            }),
            Err(_) => refused += 1,
        }
    }
    assert!(missing.is_empty(), "never made: {missing:?}");
    assert!(refused * 10 < programs(), "{refused} programs are no cases");
}
