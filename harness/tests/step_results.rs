//! The results of all steps, judged over wait status and record, with values made by hand: no child is forked
//! here. Each test changes one thing in a record that makes sense.

use faultmap::internals::case::{
    Clean, Errno, Fault, FaultAddress, HarnessError, Run, Seen, Signal, StepResult,
};
use faultmap::internals::supervise::{Ending, Judge, Recorded, RecordedSlot};
use faultmap::internals::sys::SlotState::{self, Begun, Done, NoMap, NotReached};
use faultmap::internals::sys::{Arena, SENT_STATUS};
use faultmap::internals::victim::Program;
use nix::libc::{SIGBUS, SIGKILL, SIGSEGV, SIGTERM, SIGUSR1, SIGXFSZ};
use rstest::rstest;

const BASE: u64 = 0x7000_0000_0000;
const MAP: &str = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";

/// Judges a child that performed this text.
fn judged(
    text: &str,
    ending: Ending,
    finished: bool,
    slots: &[RecordedSlot],
) -> Result<Vec<StepResult>, HarnessError> {
    judged_as(text, ending, &Recorded { finished, slots: slots.to_vec(), ..Recorded::default() })
}

fn judged_as(
    text: &str,
    ending: Ending,
    recorded: &Recorded,
) -> Result<Vec<StepResult>, HarnessError> {
    let case = faultmap::internals::parse::case(text).expect("a case");
    let memory = Arena::new().expect("memory");
    let program = &Program::of(&case, 4096, &memory);
    let timeout_is_an_answer = case.timeout.is_some();
    Judge { program, ending, recorded, deadline_ms: 100, timeout_is_an_answer }.step_results()
}

fn slot(state: SlotState) -> RecordedSlot {
    RecordedSlot { state: Some(state), base: BASE, ..RecordedSlot::default() }
}

fn failed(errno: i64) -> RecordedSlot {
    RecordedSlot { value: -errno, ..slot(Done) }
}

/// A block that is over, whose process ended so.
fn over(wait_status: i32) -> RecordedSlot {
    RecordedSlot { wait_status, ..slot(Done) }
}

fn exited(code: i32) -> RecordedSlot {
    over(code << 8)
}

fn fault(signal: i32, address: u64) -> RecordedSlot {
    RecordedSlot { fault: Some((signal, 2, address)), ..slot(Begun) }
}

fn in_step(step: usize, error: HarnessError) -> Result<Vec<StepResult>, HarnessError> {
    Err(HarnessError::InStep { step, error: Box::new(error) })
}

#[rstest]
#[case::finished_early(Ending::Exited(0), false, HarnessError::ExitedEarly)]
#[case::finished_with_another_status(Ending::Exited(3), true, HarnessError::ExitedNonZero(3))]
#[case::killed_at_the_end(
    Ending::Killed(SIGKILL),
    true,
    HarnessError::KilledFromOutside(Signal(SIGKILL))
)]
fn all_steps_done_are_an_answer_only_with_finished_and_exit_0(
    #[case] ending: Ending,
    #[case] finished: bool,
    #[case] error: HarnessError,
) {
    // An errno is no success, and explains no early end either.
    for (last, result) in
        [(slot(Done), StepResult::Done), (failed(22), StepResult::Errno(Errno(22)))]
    {
        let slots = [slot(Done), last];
        let text = format!("{MAP} msync(map, 1, MS_SYNC);");
        let whole = judged(&text, Ending::Exited(0), true, &slots);
        assert_eq!(whole, Ok(vec![StepResult::Done, result]));
        assert_eq!(judged(&text, ending, finished, &slots), Err(error.clone()));
    }
}

#[test]
fn a_fault_of_a_step_is_the_answer_and_the_steps_after_it_are_not_reached() {
    let text = format!("{MAP} map[5]; map[6];");
    let judge = |signal, last| {
        judged(&text, Ending::Killed(signal), false, &[slot(Done), fault(SIGBUS, BASE + 5), last])
    };
    let address = FaultAddress::Accessed;
    let own = StepResult::Fault(Fault { signal: Signal(SIGBUS), code: Some(2), address });
    let results = vec![StepResult::Done, own, StepResult::NotReached];
    assert_eq!(judge(SIGBUS, slot(NotReached)), Ok(results));
    let outside = HarnessError::KilledFromOutside;
    assert_eq!(judge(SIGSEGV, slot(NotReached)), in_step(1, outside(Signal(SIGSEGV))));
    let senseless = RecordedSlot { state: None, ..slot(Done) };
    let raised = in_step(2, outside(Signal(SIGBUS)));
    assert_eq!(judge(SIGBUS, senseless), raised, "no sense in the record");
}

#[test]
fn the_fault_of_a_later_step_does_not_explain_an_earlier_one() {
    let text = format!("{MAP} map[5]; map[6];");
    let slots = [slot(Done), slot(Begun), fault(SIGBUS, BASE + 6)];
    let outside = HarnessError::KilledFromOutside(Signal(SIGBUS));
    assert_eq!(judged(&text, Ending::Killed(SIGBUS), false, &slots), in_step(1, outside));
}

#[test]
fn a_victim_that_is_killed_in_a_call_has_no_answer() {
    let text = format!("{MAP} munmap(map, 1);");
    let judge = |ending| judged(&text, ending, false, &[slot(Done), slot(Begun)]);
    let outside = HarnessError::KilledFromOutside(Signal(SIGKILL));
    assert_eq!(judge(Ending::Killed(SIGKILL)), in_step(1, outside));
    assert_eq!(judge(Ending::Exited(0)), in_step(1, HarnessError::ExitedEarly));
    assert_eq!(judge(Ending::Exited(9)), in_step(1, HarnessError::ExitedNonZero(9)));
    let killed = StepResult::Killed(Signal(SIGXFSZ));
    let limit = judge(Ending::Killed(SIGXFSZ));
    assert_eq!(limit, Ok(vec![StepResult::Done, killed]), "setrlimit(2): RLIMIT_FSIZE");
}

#[test]
fn an_exit_is_an_answer_in_a_block_alone() {
    let text = "fork { _exit(7); }";
    let judge = |block, exit| judged(text, Ending::Exited(0), true, &[block, exit]);
    let done = Ok(vec![StepResult::Done, StepResult::Done]);
    assert_eq!(judge(exited(7), slot(Begun)), done);
    let other = in_step(1, HarnessError::ExitedNonZero(8));
    assert_eq!(judge(exited(8), slot(Begun)), other, "another status");
    let early = judge(exited(0), slot(Begun));
    assert_eq!(early, in_step(1, HarnessError::ExitedEarly), "another status");
    let victim = judged("_exit(7);", Ending::Exited(7), false, &[slot(Begun)]);
    assert_eq!(victim, in_step(0, HarnessError::ExitedNonZero(7)), "the victim itself");
    let call = judged("fork { close(-1); }", Ending::Exited(0), true, &[exited(7), slot(Begun)]);
    assert_eq!(call, in_step(1, HarnessError::ExitedNonZero(7)), "no step asked for it");
}

#[test]
fn a_block_that_goes_on_ends_as_the_process_around_it() {
    let text = format!("{MAP} fork {{ map[0]; }} map[0];");
    let late = Ending::TimedOut { stopped: false };
    let slots = [slot(Done), slot(Begun), slot(Begun), slot(NotReached)];
    let timed = format!("timeout(100ms); {text}");
    let results =
        [StepResult::Done, StepResult::Done, StepResult::TimedOut, StepResult::NotReached];
    assert_eq!(judged(&timed, late, false, &slots), Ok(results.to_vec()));
    assert_eq!(judged(&text, Ending::Running, false, &slots), Ok(results.to_vec()), "it ran");
    let error = |stopped| HarnessError::TimedOut { stopped, after_ms: 100 };
    assert_eq!(judged(&text, late, false, &slots), in_step(2, error(false)), "without timeout()");
    let stopped = judged(&timed, Ending::TimedOut { stopped: true }, false, &slots);
    assert_eq!(stopped, in_step(2, error(true)), "it may yet go on");
    // The block itself explains no end.
    let waiting = [slot(Done), slot(Begun), slot(NotReached), slot(NotReached)];
    let outside = HarnessError::KilledFromOutside(Signal(SIGTERM));
    assert_eq!(judged(&text, Ending::Killed(SIGTERM), false, &waiting), Err(outside));
}

#[test]
fn a_block_in_a_block_has_a_wait_status_of_its_own() {
    let text = format!("{MAP} fork {{ fork {{ map[0]; }} map[1]; }}");
    let zero = || {
        let runs = vec![Run { byte: Clean::Zero, count: 1 }];
        RecordedSlot { seen: Some(Seen { runs, rest: None }), ..slot(Done) }
    };
    let judge = |outer, inner, first, second| {
        judged(&text, Ending::Exited(0), true, &[slot(Done), outer, inner, first, second])
    };
    let results = judge(exited(0), over(SIGBUS), fault(SIGBUS, BASE), zero()).expect("an answer");
    assert_eq!(results[3].to_string(), "SIGBUS ADRERR");
    assert!(matches!(results[4], StepResult::Saw(_)), "{results:?}");
    // A fault of the inner process does not explain how the outer one ended.
    let outside = |signal| Err(HarnessError::KilledFromOutside(Signal(signal)));
    let other = judge(over(SIGBUS), over(SIGBUS), fault(SIGBUS, BASE), slot(NotReached));
    assert_eq!(other, outside(SIGBUS));
    let outer = judge(over(SIGSEGV), over(SIGBUS), fault(SIGBUS, BASE), slot(NotReached));
    assert_eq!(outer, outside(SIGSEGV));
    let swallowed = judge(exited(0), exited(4), zero(), zero());
    assert_eq!(swallowed, Err(HarnessError::ExitedNonZero(4)));
}

#[rstest]
#[case::blocked_fault("sigprocmask(SIG_BLOCK, SIGBUS);", "map[0];", SIGBUS, true)]
#[case::another_fault("sigprocmask(SIG_BLOCK, SIGBUS);", "map[0];", SIGSEGV, false)]
#[case::fault_in_a_call("sigprocmask(SIG_BLOCK, SIGBUS);", "munmap(map, 1);", SIGBUS, false)]
#[case::own_signal("close(-1);", "raise(SIGUSR1);", SIGUSR1, true)]
#[case::another_signal("close(-1);", "raise(SIGUSR1);", SIGTERM, false)]
#[case::unblocked("raise(SIGUSR1);", "sigprocmask(SIG_UNBLOCK, SIGUSR1);", SIGUSR1, true)]
#[case::never_raised("raise(SIGUSR1);", "sigprocmask(SIG_UNBLOCK, SIGUSR1);", SIGTERM, false)]
#[case::nothing_raised("close(-1);", "sigprocmask(SIG_UNBLOCK, SIGUSR1);", SIGUSR1, false)]
fn a_signal_without_siginfo_needs_a_step_that_brings_it_about(
    #[case] before: &str,
    #[case] step: &str,
    #[case] signal: i32,
    #[case] is_an_answer: bool,
) {
    let text = format!("{MAP} {before} {step}");
    let recorded =
        Recorded { slots: vec![slot(Done), slot(Done), slot(Begun)], ..Recorded::default() };
    let own = judged_as(&text, Ending::Killed(signal), &recorded);
    match is_an_answer {
        true => {
            let last = match step {
                "map[0];" => {
                    let address = FaultAddress::Unknown;
                    StepResult::Fault(Fault { signal: Signal(signal), code: None, address })
                }
                _ => StepResult::Killed(Signal(signal)),
            };
            assert_eq!(own.expect("an answer").pop(), Some(last));
        }
        false => {
            let outside = HarnessError::KilledFromOutside(Signal(signal));
            assert_eq!(own, in_step(2, outside));
        }
    }
}

#[test]
fn a_step_on_a_map_that_was_never_made_is_told_as_such() {
    let text = "map = mmap(0, 0, PROT_READ, MAP_SHARED, -1, 0); map[0];";
    let results = judged(text, Ending::Exited(0), true, &[failed(22), slot(NoMap)]);
    assert_eq!(results, Ok(vec![StepResult::Errno(Errno(22)), StepResult::NoMap]));
}

#[test]
fn a_fault_in_a_step_that_makes_no_access_is_the_harness_s_own() {
    let text = "mmap(0, 1, PROT_READ, MAP_SHARED, -1, 0);";
    let error = judged(text, Ending::Killed(SIGSEGV), false, &[fault(SIGSEGV, 0x10)]);
    assert!(matches!(error, Err(HarnessError::InStep { step: 0, .. })), "{error:?}");
}

#[test]
fn a_child_that_could_not_begin_says_why() {
    let told = |ending, setup, sent| {
        let recorded =
            Recorded { setup, sent, slots: vec![slot(NotReached)], ..Recorded::default() };
        judged_as("close(-1);", ending, &recorded).expect_err("no answer")
    };
    let (error, refusal) = (Ending::Exited(1), told(Ending::Exited(1), Some((1, 12)), None));
    assert!(matches!(&refusal, HarnessError::Setup(why) if why.ends_with(": ENOMEM")), "{refusal}");
    let without = told(error, Some((1, 0)), None);
    assert!(refusal.to_string().starts_with(&without.to_string()), "{without}");
    let early = told(Ending::Exited(0), Some((1, 12)), None);
    assert_eq!(early, HarnessError::ExitedEarly, "exit status 0 contradicts the record");
    let sent = told(Ending::Exited(SENT_STATUS + SIGTERM), None, Some((SIGTERM, 1)));
    assert_eq!(sent, HarnessError::KilledFromOutside(Signal(SIGTERM)));
    let other = told(Ending::Exited(SENT_STATUS + SIGBUS), None, Some((SIGTERM, 1)));
    assert_eq!(other, HarnessError::ExitedNonZero(SENT_STATUS + SIGBUS));
    assert!(told(Ending::Stuck, None, None).to_string().contains("blocked in the kernel"));
}
