//! What a sweep must find, and how many probes it may take: the outcome of each byte is given here, and no child runs.

use super::*;
use crate::case::{Clean, Fault, FaultAddress, Note, Signal};
use crate::journal::{self, Journal};
use crate::named::Named;
use crate::victim::{Fill, Probe};

const ZERO: Outcome = Outcome::Clean(Clean::Zero);
const DATA: Outcome = Outcome::Clean(Clean::Data);
const FAULT: Outcome =
    Outcome::Fault(Fault { signal: Signal(7), code: Some(2), address: FaultAddress::Accessed });

fn plan(text: &str) -> Plan {
    let case = crate::parse::case(text).unwrap();
    Plan::of(&case, "map", &Named::of(&case, &[], 4096), 1)
}

/// Returns the boundaries and the surprises that a plan finds where outcomes begin as in `truth`, and the
/// number of probes.
fn found(plan: &Plan, truth: &[(i64, Outcome)]) -> (Vec<i64>, Vec<i64>, usize) {
    let mut probes = 0;
    let found = plan.row(Access::Read, &BTreeSet::new(), |at, _| {
        assert!((plan.from..plan.to).contains(&at), "{at} is not to be swept");
        probes += 1;
        Ok::<_, HarnessError>(
            truth.iter().rev().find(|(from, _)| *from <= at).map_or(truth[0].1, |(_, o)| *o),
        )
    });
    let found = found.unwrap();
    (found.row.boundaries().collect(), found.surprises, probes)
}

#[test]
fn a_boundary_that_no_step_speaks_of_is_found_by_bisection() {
    let plan = plan("map = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    for boundary in -4095..16384 {
        let (boundaries, surprises, probes) = found(&plan, &[(i64::MIN, DATA), (boundary, ZERO)]);
        assert_eq!((boundaries, surprises), (vec![boundary], vec![]));
        assert!(probes < 40, "{probes} probes for one boundary");
    }
}

#[test]
fn a_single_byte_is_found_in_every_page_at_the_offset_that_a_step_names() {
    let plan = plan(
        "map = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         map[PAGE + 1234] = 'x';",
    );
    for page in 0..3 {
        let at = page * 4096 + 1234;
        let byte = Outcome::Clean(Clean::Byte(b'x'));
        let (boundaries, ..) = found(&plan, &[(i64::MIN, ZERO), (at, byte), (at + 1, ZERO)]);
        assert_eq!(boundaries, [at, at + 1]);
    }
}

#[test]
fn a_page_that_faults_takes_one_probe_beside_its_boundaries_and_the_random_one() {
    let plan = plan(
        "map = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         map[10]; map[20]; map[30];",
    );
    let (boundaries, surprises, probes) = found(&plan, &[(i64::MIN, FAULT)]);
    assert_eq!((boundaries, surprises, probes), (vec![], vec![], 6 + 1 + 1));
}

#[test]
fn what_no_sample_shows_is_found_by_a_random_byte_and_then_bisected() {
    let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let truth = [(i64::MIN, FAULT), (0, DATA), (10, ZERO), (4000, DATA), (4096, FAULT)];
    let (boundaries, surprises, _) = found(&plan, &truth);
    assert_eq!(boundaries, [0, 10, 4000, 4096]);
    assert_eq!(surprises.len(), 1, "{surprises:?}");
    assert!((10..4000).contains(&surprises[0]));
    // The same seed looks at the same bytes.
    assert_eq!(found(&plan, &truth).1, surprises);
}

#[test]
fn a_map_of_a_gigabyte_takes_few_probes_and_says_so() {
    let plan = plan(
        "map = mmap(0, 1073741824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         map[1 << 29]; map[123456789];"
            .replace("1 << 29", "536870912")
            .as_str(),
    );
    assert_eq!((plan.from, plan.to), (-4096, (1 << 30) + 4096));
    let note = plan.note(0);
    assert!(matches!(note, Some(Note::Capped { pages: 262_146, .. })), "{note:?}");
    let at = 123_456_789;
    let byte = Outcome::Clean(Clean::Byte(b'x'));
    let truth = [(i64::MIN, FAULT), (0, DATA), (at, byte), (at + 1, DATA), (777_777_777, ZERO)];
    let (boundaries, _, probes) = found(&plan, &truth);
    assert_eq!(boundaries, [0, at, at + 1, 777_777_777]);
    assert!(probes < 1000, "{probes} probes");
}

#[test]
fn a_case_that_fills_much_has_fewer_samples() {
    let probes = |flags: &str| {
        let plan = plan(&format!(
            "map = mmap(0, 33554432, PROT_READ, MAP_SHARED | MAP_ANONYMOUS{flags}, -1, 0);
             {}",
            (0..50)
                .map(|index| format!("map[{} * PAGE + {index}];", 100 * index))
                .collect::<String>()
        ));
        found(&plan, &[(i64::MIN, FAULT), (0, DATA), (1 << 25, FAULT)]).2
    };
    let (few, many) = (probes(" | MAP_POPULATE"), probes(""));
    assert!(few < 700 && few * 3 < many, "{few}, {many}");
}

#[test]
fn a_case_that_names_hundreds_of_offsets_has_no_more_samples_than_there_is_time_for() {
    let mut text =
        "map = mmap(0, 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
    (0..90).for_each(|index| text += &format!("map[{}];", 40 * index + 7));
    let plan = plan(&text);
    assert!(plan.note(0).is_some());
    let (.., probes) = found(&plan, &[(i64::MIN, FAULT), (0, DATA), (64 * 4096, FAULT)]);
    assert!(probes < 2 * plan.effort.samples as usize, "{probes} probes");
}

#[test]
fn many_boundaries_in_a_large_map_take_no_more_probes_than_there_is_time_for() {
    let mut text =
        "map = mmap(0, 200 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
    (0..80).for_each(|index| {
        text += &format!("map[{} * PAGE + {}] = 'x';", 2 * index, 41 * index + 5)
    });
    let places: Vec<i64> = (0..80).map(|index| 2 * index * 4096 + 41 * index + 5).collect();
    let byte = Outcome::Clean(Clean::Byte(b'x'));
    let truth: Vec<(i64, Outcome)> = [(i64::MIN, ZERO)]
        .into_iter()
        .chain(places.iter().flat_map(|at| [(*at, byte), (at + 1, ZERO)]))
        .collect();
    let (boundaries, _, probes) = found(&plan(&text), &truth);
    assert_eq!(boundaries.len(), 160);
    assert!(probes < 5000, "{probes} probes");
}

#[test]
fn data_is_what_both_patterns_call_so() {
    let mut plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let other = Outcome::Clean(Clean::OtherData);
    for exhaustive in [false, true] {
        plan.exhaustive = exhaustive;
        let found = plan.row(Access::Read, &BTreeSet::new(), |at, pattern| {
            Ok::<_, HarnessError>(match (at, pattern) {
                (300..4000, Pattern::Second) => other,
                (0..4096, _) => DATA,
                _ => FAULT,
            })
        });
        let found = found.unwrap();
        assert_eq!(found.row.boundaries().collect::<Vec<_>>(), [0, 300, 4000, 4096]);
        assert_eq!(found.row.at(300), Some(other));
        assert_eq!(found.surprises.len(), 1);
    }
}

#[test]
fn an_exec_row_is_bisected_around_what_is_not_as_drawn() {
    let plan = plan("map = mmap(0, PAGE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let mut surprises = 0;
    for seed in 0..20 {
        let plan = Plan { seed, ..plan.clone() };
        let found = plan.row(Access::Exec, &BTreeSet::new(), |at, _| {
            Ok::<_, HarnessError>(if (1000..3000).contains(&at) { DATA } else { ZERO })
        });
        let found = found.unwrap();
        if !found.surprises.is_empty() {
            assert_eq!(found.row.boundaries().collect::<Vec<_>>(), [1000, 3000]);
            surprises += 1;
        }
    }
    assert_ne!(surprises, 0);
}

#[test]
fn pages_of_what_is_expected_or_surprising_are_looked_at_closely() {
    let mut text =
        "map = mmap(0, 200 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
    (0..60).for_each(|index| text += &format!("map[{}];", 40 * index));
    let plan = plan(&text);
    // A page that no step names, nor is among those at random, with a byte at an offset that is named.
    let closely = plan.closely.clone().unwrap();
    let far = |start: &i64| (-1..=1).all(|near| !closely.contains(&(start + near * 4096)));
    let start = (0..200).map(|page| page * 4096).find(far).unwrap();
    let byte = Outcome::Clean(Clean::Byte(b'x'));
    let drawn = |seed: u64, expected: &[i64], truth: &dyn Fn(i64) -> Outcome| {
        let plan = Plan { seed, ..plan.clone() };
        let expected = expected.iter().copied().collect();
        let probe = |at, _| Ok::<_, HarnessError>(truth(at));
        let found = plan.row(Access::Read, &expected, probe).unwrap();
        (found.row.boundaries().collect::<Vec<i64>>(), found.surprises)
    };
    let one = |at: i64| if at == start + 400 { byte } else { ZERO };
    assert!(drawn(0, &[], &one).0.is_empty());
    // The model expects something in the page, and errs on where.
    assert_eq!(drawn(0, &[start + 77], &one).0, [start + 400, start + 401]);
    // Where a random byte is not as drawn, the page around it is looked at closely.
    let more = |at: i64| match at.rem_euclid(4096) {
        2400..4090 if at.div_euclid(4096) % 20 == 7 => DATA,
        400 if !closely.contains(&(at - 400)) => byte,
        _ => ZERO,
    };
    let mut named = Vec::new();
    for seed in 0..60 {
        let (boundaries, surprises) = drawn(seed, &[], &more);
        let at = surprises.iter().map(|at| at.div_euclid(4096) * 4096 + 400);
        named.extend(at.filter(|at| more(*at) == byte).map(|at| boundaries.contains(&at)));
    }
    assert!(!named.is_empty() && named.iter().all(|found| *found), "{named:?}");
}

#[test]
fn an_exhaustive_row_that_both_patterns_are_asked_about_shares_lines_of_the_journal() {
    let mut plan = plan(
        "fd = file(PAGE); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         read(fd, map, 0);",
    );
    plan.exhaustive = true;
    let file = journal::file().unwrap();
    let mut journal = Journal::resume(&file).unwrap();
    let row = plan.row(Access::Read, &BTreeSet::new(), |at, pattern| {
        let probe = Probe { sweep: 0, access: Access::Read, at };
        let outcome = if (0..4096).contains(&at) { DATA } else { FAULT };
        journal.keep_outcome(&probe, Fill::Pattern(pattern), outcome);
        Ok::<_, HarnessError>(outcome)
    });
    assert_eq!(row.unwrap().row.boundaries().collect::<Vec<_>>(), [0, 4096]);
    let answers = Journal::resume(&file).unwrap().answers();
    assert!(answers >= 4 * 4096, "{answers}");
    // A line for each region, one for the data with the second pattern, and those looked at once more.
    let lines = journal::bytes(&file).unwrap().iter().filter(|byte| **byte == b'\n').count();
    assert!(lines < 8, "{lines} lines");
}

#[test]
fn a_single_byte_is_found_where_the_model_expects_it() {
    let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let byte = |at, _| Ok::<_, HarnessError>(if at == 1717 { DATA } else { ZERO });
    for expected in [BTreeSet::new(), BTreeSet::from([1717])] {
        let found = plan.row(Access::Read, &expected, byte).unwrap();
        let boundaries: Vec<i64> = found.row.boundaries().collect();
        assert_eq!(boundaries.is_empty(), expected.is_empty(), "{boundaries:?}");
    }
}

#[test]
fn a_byte_that_a_step_names_is_looked_at_however_many_are_named() {
    let mut text =
        "map = mmap(0, 200 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
    (0..60).for_each(|index| text += &format!("map[{} * PAGE + {index}];", 3 * index));
    let plan = plan(&text);
    for at in (0..60).map(|index| 3 * index * 4096 + index) {
        let byte = Outcome::Clean(Clean::Byte(b'x'));
        let (boundaries, ..) = found(&plan, &[(i64::MIN, ZERO), (at, byte), (at + 1, ZERO)]);
        assert_eq!(boundaries, [at, at + 1]);
    }
}

#[test]
fn a_region_that_never_returns_takes_few_probes_and_says_so() {
    let mut plan =
        plan("map = mmap(0, 200 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); map[10];");
    let end = 150 * 4096 + 77;
    let truth = |at| match at {
        0..4096 => ZERO,
        at if (4096..end).contains(&at) => Outcome::TimedOut,
        _ => FAULT,
    };
    for exhaustive in [false, true] {
        plan.exhaustive = exhaustive;
        let mut endless = 0;
        let found = plan.row(Access::Read, &BTreeSet::from([5000, end]), |at, _| {
            endless += u32::from(truth(at) == Outcome::TimedOut);
            Ok::<_, HarnessError>(truth(at))
        });
        let found = found.unwrap();
        assert_eq!(found.row.boundaries().collect::<Vec<_>>(), [0, 4096, end]);
        assert!(endless < 20, "{endless} probes that never return");
        let left_out = if exhaustive { end as u64 - 4096 - 1 } else { 150 - 1 };
        assert!((left_out - 10..=left_out).contains(&found.left_out), "{}", found.left_out);
    }
}

#[test]
fn both_ends_of_a_page_all_that_is_named_and_the_sides_of_what_is_expected_are_looked_at() {
    let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); map[70];");
    let mut asked = BTreeSet::new();
    // A boundary that the model expects outside is nobody's.
    let expected = BTreeSet::from([500, 100_000]);
    let found = plan.row(Access::Read, &expected, |at, _| {
        asked.insert(at);
        Ok::<_, HarnessError>(ZERO)
    });
    assert!(found.unwrap().surprises.is_empty());
    let within = [0, 69, 70, 71, 4095];
    let pages = [-4096, 0, 4096].into_iter().flat_map(|start| within.map(|at| start + at));
    let named: BTreeSet<i64> = pages.chain([499, 500]).collect();
    assert!(named.is_subset(&asked), "{asked:?}");
    assert!(asked.len() <= named.len() + 1, "and one at random: {asked:?}");
}

#[test]
fn an_unanswered_probe_ends_the_row() {
    let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let row = plan.row(Access::Read, &BTreeSet::new(), |at, _| match at {
        0 => Err(HarnessError::ExitedEarly),
        _ => Ok(ZERO),
    });
    assert_eq!(row, Err(Unanswered { at: 0, error: HarnessError::ExitedEarly }));
}
