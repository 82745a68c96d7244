//! Shrinks a case as far as it still shows its finding.
//!
//! Each round tries every case that is one cut simpler, all in one call of the command. The next round begins
//! with the shortest case that shows the same kind of finding.

use std::time::{Duration, Instant};

use faultmap::internals::case::{Arg, Case, FlagWord, Size, Step};

use crate::arguments::near;
use crate::judge::{Verdict, judge};
use crate::run::{Named, Runner};

/// The time limit of shrinking, after which the smallest case so far is the result.
const PATIENCE: Duration = Duration::from_secs(30);
/// The number of cases in one call.
const BATCH: usize = 24;

/// Returns the smallest case of this kind that can be reached from `case`, and its text.
pub fn shrink(runner: &mut Runner, case: &Case, kind: &str, told: String) -> (Case, String) {
    let (mut case, mut told) = (case.clone(), told);
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let mut simpler: Vec<Case> = candidates(&case)
            .into_iter()
            .filter_map(|case| faultmap::internals::parse::case(&case.to_string()).ok())
            .collect();
        simpler.sort_by_key(weight);
        simpler.dedup();
        simpler.retain(|simpler| weight(simpler) < weight(&case));
        let Some(found) = simpler.chunks(BATCH).find_map(|chunk| first(runner, chunk, kind)) else {
            break;
        };
        (case, told) = found;
    }
    (case, told)
}

fn first(runner: &mut Runner, cases: &[Case], kind: &str) -> Option<(Case, String)> {
    let named = |(index, case): (usize, &Case)| Named {
        name: format!("smaller_{index:03}"),
        text: case.to_string(),
    };
    let named: Vec<Named> = cases.iter().enumerate().map(named).collect();
    let came = runner.run(&named);
    cases.iter().zip(&came).find_map(|(case, came)| match judge(case, came) {
        Verdict::Finding { kind: own, told } if own == kind => Some((case.clone(), told)),
        _ => None,
    })
}

fn weight(case: &Case) -> (usize, usize) {
    (case.walk().count(), case.to_string().len())
}

/// Returns every case that is one cut simpler.
fn candidates(case: &Case) -> Vec<Case> {
    let mut all: Vec<Case> =
        lists(&case.steps).into_iter().map(|steps| Case { steps, ..case.clone() }).collect();
    if case.timeout.is_some() {
        all.push(Case { timeout: None, ..case.clone() });
    }
    all
}

/// Returns every list of steps that is one cut simpler.
fn lists(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    let mut length = steps.len();
    while length > 0 {
        for start in (0..=steps.len() - length).step_by(length.div_ceil(2)) {
            let mut fewer = steps.to_vec();
            fewer.drain(start..start + length);
            all.push(fewer);
        }
        length /= 2;
    }
    for (index, step) in steps.iter().enumerate() {
        let with = |instead: Vec<Step>| {
            let mut other = steps.to_vec();
            other.splice(index..=index, instead);
            other
        };
        if let Step::Block { steps: inner, .. } = step {
            all.push(with(inner.clone()));
        }
        all.extend(simpler(step).into_iter().map(|step| with(vec![step])));
    }
    all
}

fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::Block { kind, steps } => {
            lists(steps).into_iter().map(|steps| Step::Block { kind: *kind, steps }).collect()
        }
        Step::Sweep { map, accesses } => {
            let one = |access| Step::Sweep { map: map.clone(), accesses: vec![access] };
            accesses.iter().copied().filter(|_| accesses.len() > 1).map(one).collect()
        }
        Step::Touch { map, at, to, store } => {
            let with =
                |at: Size, to: Option<Size>, store| Step::Touch { map: map.clone(), at, to, store };
            let mut all = vec![with(at.clone(), None, *store), with(at.clone(), to.clone(), None)];
            if to.is_none() {
                all.extend(sizes(at).into_iter().map(|at| with(at, None, *store)));
            }
            all
        }
        Step::Call { assign, call, args } => {
            let with = |args: Vec<Arg>, assign: &Option<String>| Step::Call {
                assign: assign.clone(),
                call,
                args,
            };
            let mut all = vec![with(args.clone(), &None)];
            all.push(with(args[..call.parameters.len().min(args.len())].to_vec(), assign));
            for (index, argument) in args.iter().enumerate() {
                all.extend(arguments(argument).into_iter().map(|argument| {
                    let mut other = args.clone();
                    other[index] = argument;
                    with(other, assign)
                }));
            }
            all
        }
    }
}

fn arguments(argument: &Arg) -> Vec<Arg> {
    match argument {
        Arg::Size(size) => sizes(size).into_iter().map(Arg::Size).collect(),
        Arg::Address { map, offset } => {
            let at = |offset| Arg::Address { map: map.clone(), offset };
            let mut all: Vec<Arg> = sizes(offset).into_iter().map(at).collect();
            all.push(Arg::Address { map: None, offset: Size::bytes(0) });
            all
        }
        Arg::Flags(words) => {
            let without = |index: usize| {
                let mut fewer: Vec<FlagWord> = words.clone();
                fewer.remove(index);
                Arg::Flags(fewer)
            };
            (0..words.len()).filter(|_| words.len() > 1).map(without).collect()
        }
        Arg::Text(text) if text.len() > 1 => vec![Arg::Text(b"a".to_vec())],
        _ => Vec::new(),
    }
}

/// Returns simpler numbers, the simplest first.
fn sizes(size: &Size) -> Vec<Size> {
    let simple = [near(0, 0), near(0, 1), near(1, 0), near(2, 0), near(3, 0), near(-1, 0)];
    let value = |size: &Size| size.eval(faultmap::internals::case::limits::SMALLEST_PAGE);
    simple.into_iter().filter(|simple| value(simple) != value(size)).collect()
}
