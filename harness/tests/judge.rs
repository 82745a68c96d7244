//! Tests the judgement of the model with measurements that are made by hand. Nothing is measured.

use faultmap::internals::case::{
    Case, Clean, Errno, Fault, FaultAddress, Measurement, Outcome, Signal, StepResult, SweepResult,
};
use faultmap::internals::model::{Environment, Judgement, Place, Rule, judge, predict};
use nix::libc::{EAGAIN, EDQUOT, EIO, ENOMEM, ENOSPC, EPERM, SIGBUS};
use rstest::rstest;

fn environment() -> Environment {
    Environment::with_pages_of(4096)
}

fn case(steps: &str) -> Case {
    let text = format!(
        "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); {steps}"
    );
    faultmap::internals::parse::case(&text).expect("a case")
}

/// The measurement in which the open rules hold or not, in the order of the steps.
fn measured(case: &Case, held: &[bool]) -> Measurement {
    let all = predict(case, &environment());
    let did = |own: &&faultmap::internals::model::Prediction| {
        own.open.iter().map(|open| open.held).eq(held.iter().copied())
    };
    all.iter().find(did).unwrap_or_else(|| panic!("{all:#?}")).measurement.clone()
}

fn judged(case: &Case, measured: &Measurement) -> Judgement {
    judge(case, &environment(), measured)
}

fn open(judgement: &Judgement) -> Vec<(usize, Rule, bool)> {
    judgement.open.iter().map(|open| (open.step, open.rule, open.held)).collect()
}

const TWICE: &str = "map[3500] = 'c'; pwrite(fd, \"x\", 3000); map[3500]; ftruncate(fd, 3200);
                     map[3500]; sweep(map, read);";

#[test]
fn an_open_rule_may_hold_at_one_step_and_not_at_the_next() {
    let case = case(TWICE);
    let (write, size) = (Rule::WritesPastEofClearThePage, Rule::GrowthClearsThePage);
    for (held, told) in [
        (vec![true], vec![(3, write, true)]),
        (vec![false, true], vec![(3, write, false), (5, size, true)]),
        (vec![false, false], vec![(3, write, false), (5, size, false)]),
    ] {
        let judgement = judged(&case, &measured(&case, &held));
        assert_eq!(judgement.split, None);
        assert_eq!(open(&judgement), told);
    }
}

#[test]
fn an_open_rule_without_effect_is_not_told() {
    // No step reads the tail, or it is stored to again before a step reads it.
    for steps in [
        "map[3500] = 'c'; ftruncate(fd, 3000);",
        "map[200] = 'c'; fsync(fd); map[200] = 'd'; map[200];",
    ] {
        let case = case(steps);
        let all = predict(&case, &environment());
        assert_eq!(all.len(), 1, "{steps}");
        assert_eq!(judged(&case, &all[0].measurement), Judgement::default(), "{steps}");
    }
}

#[test]
fn a_contradiction_is_a_split_at_its_first_place() {
    let case = case(TWICE);
    let mut measured = measured(&case, &[true]);
    measured.steps[5] = StepResult::Errno(Errno(EPERM));
    let judgement = judged(&case, &measured);
    let split = judgement.split.as_ref().expect("a split");
    assert_eq!((split.place, split.rule), (Place::Step(5), None));
    assert_eq!(open(&judgement), [(3, Rule::WritesPastEofClearThePage, true)]);
}

#[test]
fn a_split_stays_one_where_the_model_says_nothing_of_what_follows() {
    let case = case("map[50]; madvise(map, PAGE, MADV_COLLAPSE); map[50];");
    let right = predict(&case, &environment()).remove(0);
    let unmodelled = right.unmodelled.clone().expect("a step that is not modelled");
    assert_eq!((unmodelled.step, right.measurement.steps.len()), (3, 3));
    let mut measured = right.measurement;
    measured.steps.extend([StepResult::Errno(Errno(EAGAIN)), StepResult::NotReached]);
    let judgement = judged(&case, &measured);
    assert_eq!(judgement.split, None);
    assert_eq!(judgement.unmodelled, Some(unmodelled.clone()));
    measured.steps[2] = StepResult::Done;
    let judgement = judged(&case, &measured);
    assert_eq!(judgement.split.map(|split| split.place), Some(Place::Step(2)));
    assert_eq!(judgement.unmodelled, Some(unmodelled));
}

#[test]
fn more_ways_than_are_followed_are_not_modelled_from_there_on() {
    let file = |number: usize| {
        let map = format!("mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f{number}, 0)");
        format!("f{number} = file(100); m{number} = {map}; m{number}[200] = 'x'; fsync(f{number});")
    };
    let ways = |count: usize| {
        let looks = |number: usize| format!("m{number}[200];");
        let all = (0..count).map(file).chain((0..count).map(looks));
        faultmap::internals::parse::case(&all.collect::<String>()).expect("a case")
    };
    let all = predict(&ways(6), &environment());
    assert_eq!(all.len(), 64);
    assert!(all.iter().all(|own| own.unmodelled.is_none()));
    let case = ways(7);
    let all = predict(&case, &environment());
    let unmodelled = all[0].unmodelled.as_ref().expect("too many");
    assert_eq!(unmodelled.step, 28, "{unmodelled:?}");
    // The measurement must rule the other ways out before there are too many.
    let mut measured = all[0].measurement.clone();
    measured.steps.resize(35, StepResult::Done);
    assert_eq!(judged(&case, &measured).unmodelled.map(|own| own.step), Some(28));
}

#[test]
fn a_rule_is_named_only_where_it_alone_explains_all_of_it() {
    let case = case("map[200] = 'x'; map[50]; sweep(map, read, write);");
    let right = predict(&case, &environment()).remove(0).measurement;
    let without = |rule| predict(&case, &environment().without(&[rule])).remove(0).measurement;
    let named = |measured: &Measurement| judged(&case, measured).split.expect("a split").rule;
    let broken = without(Rule::TailStaysInMemory);
    assert_eq!(named(&broken), Some(Rule::TailStaysInMemory));
    // The rule does not explain the second difference.
    let mut more = broken;
    more.steps[3] = StepResult::Done;
    assert_eq!(named(&more), None);
    // The measurement shows only a part of the effect of the rule.
    let mut part = without(Rule::OutsideIsMaperr);
    let (SweepResult::Map(part_of), SweepResult::Map(right)) =
        (&mut part.sweeps[0], &right.sweeps[0])
    else {
        panic!("no sweep")
    };
    assert_ne!(part_of.rows, right.rows);
    part_of.rows[0] = right.rows[0].clone();
    assert_eq!(named(&part), None);
    assert!(right.rows[1].at(50) == Some(Outcome::Clean(Clean::ToFile)));
}

#[test]
fn no_rule_is_named_where_two_would_each_explain_it() {
    // A page that shows the old byte may have been copied together with its neighbour, or with all pages.
    let case = case(
        "two = file(2 * PAGE); p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, two, 0);
         p[0] = 'x'; pwrite(two, \"a\", PAGE); p[PAGE]; sweep(p, write);",
    );
    let right = predict(&case, &environment()).remove(0).measurement;
    let without = |rule| predict(&case, &environment().without(&[rule])).remove(0).measurement;
    let all: Vec<(Rule, Measurement)> =
        Rule::ALL.iter().map(|rule| (*rule, without(*rule))).collect();
    let mut ambiguous = 0;
    for (rule, measured) in all.iter().filter(|(_, measured)| *measured != right) {
        let same = all.iter().filter(|(_, other)| other == measured).count();
        ambiguous += usize::from(same > 1);
        let named = judged(&case, measured).split.expect("a split").rule;
        assert_eq!(named, (same == 1).then_some(*rule));
    }
    assert!(ambiguous >= 2);
}

const TRUNCATE: &str = "ftruncate(fd, 2 * PAGE);";
const WRITE: &str = "pwrite(fd, \"ab\", 0);";
const PROTECT: &str = "mprotect(map, 1, PROT_READ);";

/// The state of disk and memory, and the error of a step that succeeds in the model.
#[rstest]
#[case::full(TRUNCATE, (false, false), errno(ENOSPC), true)]
#[case::quota(WRITE, (false, false), errno(EDQUOT), true)]
#[case::failing("fsync(fd);", (false, false), errno(EIO), true)]
#[case::short(WRITE, (true, false), StepResult::Count(1), true)]
#[case::short_for_no_reason(WRITE, (false, false), StepResult::Count(1), false)]
#[case::no_page("map[0] = 'a';", (true, false), sigbus(), true)]
#[case::no_page_for_no_reason("map[0] = 'a';", (false, false), sigbus(), false)]
#[case::memory(PROTECT, (false, true), errno(ENOMEM), true)]
#[case::no_memory_for_no_reason(PROTECT, (true, false), errno(ENOMEM), false)]
#[case::no_disk_in_it(PROTECT, (true, false), errno(ENOSPC), false)]
#[case::another_errno(TRUNCATE, (true, true), errno(EPERM), false)]
fn a_result_that_the_environment_explains_is_not_modelled(
    #[case] step: &str,
    #[case] (little_disk, little_memory): (bool, bool),
    #[case] kernel: StepResult,
    #[case] explained: bool,
) {
    let case = case(step);
    let mut environment = environment();
    environment.little_disk = little_disk;
    environment.limits.little_memory = little_memory;
    let mut measured = predict(&case, &environment).remove(0).measurement;
    measured.steps[2] = kernel;
    let judgement = judge(&case, &environment, &measured);
    assert_eq!(judgement.unmodelled.as_ref().map(|own| own.step), explained.then_some(2));
    assert_eq!(judgement.split.is_some(), !explained);
}

fn errno(number: i32) -> StepResult {
    StepResult::Errno(Errno(number))
}

fn sigbus() -> StepResult {
    let (signal, address) = (Signal(SIGBUS), FaultAddress::Accessed);
    StepResult::Fault(Fault { signal, code: Some(2), address })
}

#[test]
fn a_full_disk_and_large_pages_explain_rows_and_nothing_else_in_them() {
    let case = case("sweep(map, read, write);");
    let right = predict(&case, &environment()).remove(0).measurement;
    let past = faultmap::internals::parse::case(
        "fd = file(0); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         sweep(map, read, write);",
    );
    let past = predict(&past.expect("a case"), &environment()).remove(0).measurement;
    let rows = |from: &Measurement| from.sweeps.clone();
    let judged = |environment: &Environment, kernel: &Measurement, model: &Case| {
        judge(model, environment, kernel).split.is_some()
    };
    let mut little = environment();
    little.little_disk = true;
    let full = Measurement { sweeps: rows(&past), ..right.clone() };
    assert!(judged(&environment(), &full, &case));
    assert!(!judged(&little, &full, &case));
    let mut more = full.clone();
    let SweepResult::Map(map) = &mut more.sweeps[0] else { panic!("no map") };
    map.rows[1] = predict(&case, &environment().without(&[Rule::OutsideIsMaperr]))
        .remove(0)
        .measurement
        .sweeps
        .into_iter()
        .find_map(|sweep| match sweep {
            SweepResult::Map(map) => map.rows.into_iter().nth(1),
            _ => None,
        })
        .expect("a row");
    assert!(judged(&little, &more, &case));
}
