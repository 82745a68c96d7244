//! Cases are measured from ordinary tests, in threads beside each other.

use faultmap::{Case, HarnessError, NotMeasured, Runner, StepResult, draw, judge};
use rstest::rstest;

fn case(text: &str) -> Case {
    text.parse().expect("a case")
}

fn page() -> u64 {
    rustix::param::page_size() as u64
}

const USE_CASE_2: &str = "fd = file(2200);
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sweep(map, read, write);";

#[rstest]
#[case::in_memfds(Runner::new())]
#[case::in_a_folder(Runner::new().directory(env!("CARGO_TARGET_TMPDIR")))]
#[case::on_tmpfs(Runner::new().directory("/dev/shm"))]
#[case::with_another_seed(Runner::new().seed(7))]
fn use_case_2(#[case] runner: Runner) {
    let case = case(USE_CASE_2);
    let measured = runner.run(&case).unwrap_or_else(|error| panic!("{error}"));
    let environment = runner.environment();
    assert_eq!(environment.page, page());
    let judgement = judge(&case, &environment, &measured);
    assert_eq!(judgement.split.map(|split| split.explain(&case, &measured)), None);
    let picture = draw(&case, &measured, page());
    assert!(picture.contains("SIGBUS ADRERR"), "{picture}");
}

#[test]
fn every_byte() {
    let case =
        case("fd = file(9); map = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);");
    let all = Runner::new().exhaustive().run(&case);
    assert_eq!(all.map(|all| all.sweeps), Runner::new().run(&case).map(|some| some.sweeps));
}

#[test]
fn in_many_threads() {
    let case = case(USE_CASE_2);
    let run = || Runner::new().run(&case).map(|measured| draw(&case, &measured, page()));
    let first = run().unwrap_or_else(|error| panic!("{error}"));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("it returns").as_ref(), Ok(&first));
        }
    });
}

/// A worker needs some numbers of its own, whatever the program has open.
#[test]
fn beside_many_open_files() {
    let open: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null")).collect();
    assert!(open.iter().all(Result::is_ok));
    let measured = Runner::new().run(&case(USE_CASE_2));
    assert!(measured.is_ok(), "{measured:?}");
}

#[test]
fn a_case_without_an_answer() {
    let skipped = Runner::new().run(&case("requires(page == 65536); fd = file(1);"));
    if page() != 65536 {
        assert!(matches!(&skipped, Err(NotMeasured::Skipped(why)) if why.contains("page ==")));
    }
    let hangs =
        Runner::new().deadline(std::time::Duration::from_millis(300)).run(&case("pause();"));
    let expected = HarnessError::TimedOut { stopped: false, after_ms: 300 };
    let inner = match &hangs {
        Err(NotMeasured::Failed(HarnessError::InStep { error, .. })) => (**error).clone(),
        Err(NotMeasured::Failed(error)) => error.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(inner, expected);
    let said = Runner::new().run(&case("timeout(300ms); pause();"));
    assert_eq!(said.map(|measured| measured.steps), Ok(vec![StepResult::TimedOut]));
    let place = Runner::new().directory("/nowhere").run(&case("fd = file(1);"));
    assert!(matches!(&place, Err(NotMeasured::Failed(_))), "{place:?}");
}
