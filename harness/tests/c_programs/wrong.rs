//! A program that expects something wrong says what came instead, and exits with 1: each kind of expectation is changed
//! once.

use faultmap::internals::c_program::{Expected, Source, c_program};
use faultmap::internals::case::{
    Access, Arg, Case, Clean, FlagWord, Outcome, Run, Seen, Step, StepResult, SweepResult,
};
use faultmap::internals::model::{Environment, predict};
use faultmap::internals::parse;
use faultmap::internals::victim::Probe;
use faultmap::internals::vocabulary::{Facet, Flag};
use faultmap::{Errno, FaultAddress, Runner};

use crate::compile::{CC, agrees, ran};

/// What the model expects of a case.
pub fn expected(text: &str) -> (Case, Expected) {
    let case = parse::case(text).expect("a case");
    let page = rustix::param::page_size() as u64;
    let measurement = predict(&case, &Environment::with_pages_of(page)).remove(0).measurement;
    let title = "it".to_owned();
    (case, Expected { title, page, measurement, source: Source::Model, probe: None })
}

pub const CASE: &str = "fd = file(2200);
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map[10];
    ftruncate(fd, -1);
    pread(fd, 2190, 100);
    sweep(map, read, write);";

/// The program of [`CASE`], after a change to what is expected of it.
fn changed(change: impl FnOnce(&mut Expected)) -> (Option<i32>, String) {
    let (case, mut expected) = expected(CASE);
    let plain = c_program(&case, &expected).expect("a program");
    assert_eq!(agrees(&plain), Ok(()));
    change(&mut expected);
    ran(CC, &c_program(&case, &expected).expect("a program"))
}

/// Changes the outcome of the region of the sweep that begins here.
fn region(expected: &mut Expected, from: i64) -> &mut Outcome {
    let SweepResult::Map(map) = &mut expected.measurement.sweeps[0] else { panic!("a map") };
    let mut regions = map.rows[0].regions.iter_mut();
    let region = regions.find(|region| region.from == Some(from)).expect("there is one");
    &mut region.outcome
}

pub fn a_wrong_byte_is_told() {
    let (code, said) = changed(|own| *region(own, 2200) = Outcome::Clean(Clean::Data));
    assert_eq!(code, Some(1));
    assert!(said.contains("read at 2200: expected DATA(0, 0), came 0 "), "{said}");
    let (code, said) = changed(|own| *region(own, 0) = Outcome::Clean(Clean::Zero));
    assert_eq!(code, Some(1));
    assert!(said.contains("read at 0: expected 0, came 128 "), "{said}");
}

pub fn a_wrong_fault_is_told() {
    let page = rustix::param::page_size() as i64;
    let (code, said) = changed(|own| {
        let Outcome::Fault(fault) = region(own, page) else { panic!("a fault") };
        fault.code = Some(1);
    });
    assert_eq!(code, Some(1));
    let wanted = format!(
        "read at {page}: expected FAULT(SIGBUS, BUS_ADRALN), came Bus error with si_code 2, si_addr is +0 bytes from the access\n"
    );
    assert!(said.contains(&wanted), "{said}");
    let (code, said) = changed(|own| {
        let Outcome::Fault(fault) = region(own, page) else { panic!("a fault") };
        fault.address = FaultAddress::Null;
    });
    assert!(code == Some(1) && said.contains("expected ELSEWHERE | FAULT(SIGBUS"), "{said}");
}

pub fn a_wrong_result_is_told() {
    let steps: [(usize, StepResult, &str); 4] = [
        (2, StepResult::Saw(Seen::of([(1, Clean::Zero)])), "map + 10): expected 0, came 138 "),
        (3, StepResult::Done, "ftruncate(fd, -1): expected 0, came -22 (Invalid argument)"),
        (3, StepResult::Errno(Errno(13)), "ftruncate(fd, -1): expected -EACCES, came -22 "),
        (
            4,
            StepResult::Saw(Seen {
                runs: vec![Run { byte: Clean::OtherData, count: 9 }],
                rest: None,
            }),
            ", buffer, 100, 2190): expected 9, came 10 ",
        ),
    ];
    for (step, result, wanted) in steps {
        let (code, said) = changed(|own| own.measurement.steps[step] = result);
        assert!(code == Some(1) && said.contains(wanted), "{wanted}: {said}");
    }
}

/// The harness and the model would agree on a flag whose number in the table is another one's. The program has its
/// name, and so the number of the header.
pub fn a_wrong_number_of_the_vocabulary_is_told() {
    static WRONG: Flag = Flag { name: "MADV_DONTNEED", value: 0, facet: Facet::None }; // MADV_NORMAL
    let (mut case, mut expected) = expected(
        "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        map[0] = 'p';
        madvise(map, PAGE, MADV_DONTNEED);
        map[0];",
    );
    expected.measurement = Runner::new().run(&case).expect("measured");
    assert_eq!(agrees(&c_program(&case, &expected).expect("a program")), Ok(()));
    let Step::Call { args, .. } = &mut case.steps[2] else { panic!("madvise") };
    args[2] = Arg::Flags(vec![FlagWord::Name(&WRONG)]);
    expected.measurement = Runner::new().run(&case).expect("measured");
    let (code, said) = ran(CC, &c_program(&case, &expected).expect("a program"));
    assert!(code == Some(1) && said.contains("AT(uint8_t, map): expected 'p', came 0 "), "{said}");
}

/// A program of one access has no child that could tell what it expects: its handler does.
pub fn one_access_that_is_wrong() {
    let page = rustix::param::page_size() as i64;
    for (at, outcome, wanted) in [
        (0, Outcome::Clean(Clean::Zero), "AT(uint8_t, map): expected 0, came 128 "),
        (
            page,
            Outcome::Clean(Clean::Zero),
            "expected 0, came Bus error with si_code 2, si_addr is +0 bytes",
        ),
    ] {
        let (code, said) = changed(|own| {
            own.probe = Some(Probe { sweep: 0, access: Access::Read, at });
            *region(own, at) = outcome;
        });
        assert!(code == Some(1) && said.contains(wanted), "{said}");
    }
    let (code, said) = changed(|own| {
        own.probe = Some(Probe { sweep: 0, access: Access::Read, at: page });
        let Outcome::Fault(fault) = region(own, page) else { panic!("a fault") };
        fault.code = Some(1);
    });
    assert!(
        code == Some(1) && said.contains("BUS_ADRALN), came Bus error with si_code 2"),
        "{said}"
    );
}
