//! Tests the judgement of wait status and record with values made by hand. No child is forked.

use faultmap::internals::case::{
    Access, Clean, Errno, Fault, FaultAddress, HarnessError, Outcome, Run, Seen, Signal,
    StepResult, limits,
};
use faultmap::internals::supervise::{Ending, Judge, Recorded, RecordedSlot};
use faultmap::internals::sys::Arena;
use faultmap::internals::sys::SlotState::{self, Begun, Done, NoMap, NotReached};
use faultmap::internals::victim::{Probe, Program};
use nix::libc::{SIGBUS, SIGKILL, SIGSEGV, SIGSYS, SIGXFSZ};
use rstest::rstest;

const BASE: u64 = 0x7000_0000_0000;
const AT: i64 = 4096;
/// The distance from its map up to which an address is told.
const FAR: u64 = 2 * limits::MAP_BYTES;

fn program(text: &str) -> Program<'static> {
    let memory = Box::leak(Box::new(Arena::new().expect("memory")));
    Program::of(&faultmap::internals::parse::case(text).expect("a case"), 4096, memory)
}

/// A program of one step and a sweep.
fn swept() -> Program<'static> {
    program("map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);")
}

fn slot(state: SlotState) -> RecordedSlot {
    RecordedSlot { state: Some(state), base: BASE, ..RecordedSlot::default() }
}

fn saw(byte: Clean) -> Option<Seen> {
    Some(Seen { runs: vec![Run { byte, count: 1 }], rest: None })
}

fn fault(signal: i32, code: i32, address: u64) -> RecordedSlot {
    RecordedSlot { fault: Some((signal, code, address)), ..slot(Begun) }
}

fn judge_of<'a>(program: &'a Program<'a>, ending: Ending, recorded: &'a Recorded) -> Judge<'a> {
    Judge { program, ending, recorded, deadline_ms: 100, timeout_is_an_answer: false }
}

/// The record of a child that has not said that it finished, with one step and the sweep.
fn unfinished(last: RecordedSlot) -> Recorded {
    Recorded { slots: vec![slot(Done), last], ..Recorded::default() }
}

fn finished(last: RecordedSlot) -> Recorded {
    Recorded { finished: true, ..unfinished(last) }
}

fn judge(access: Access, ending: Ending, recorded: Recorded) -> Result<Outcome, HarnessError> {
    let probe = Probe { sweep: 1, access, at: AT };
    judge_of(&swept(), ending, &recorded).probe_outcome(&probe)
}

#[rstest]
#[case(Access::Read, RecordedSlot { seen: saw(Clean::Data), ..slot(Done) }, Clean::Data)]
#[case(Access::Read, RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) }, Clean::Zero)]
#[case(Access::CopyFromUser, RecordedSlot { seen: saw(Clean::Byte(7)), ..slot(Done) }, Clean::Byte(7))]
#[case(Access::Write, RecordedSlot { value: 0, ..slot(Done) }, Clean::Ok)]
#[case(Access::Write, RecordedSlot { value: 1, ..slot(Done) }, Clean::MemoryOnly)]
#[case(Access::CopyToUser, RecordedSlot { value: 2, ..slot(Done) }, Clean::ToFile)]
#[case(Access::Exec, slot(Done), Clean::Ok)]
#[case(Access::Exec, RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) }, Clean::NoCode)]
fn clean_needs_done_exit_0_and_no_signal(
    #[case] access: Access,
    #[case] last: RecordedSlot,
    #[case] seen: Clean,
) {
    let judge = |ending, recorded| judge(access, ending, recorded);
    assert_eq!(judge(Ending::Exited(0), finished(last.clone())), Ok(Outcome::Clean(seen)));
    assert!(judge(Ending::Exited(0), unfinished(last.clone())).is_err(), "not finished");
    assert!(judge(Ending::Exited(1), finished(last.clone())).is_err(), "another exit status");
    assert!(judge(Ending::Killed(SIGSEGV), finished(last.clone())).is_err(), "killed");
    assert!(judge(Ending::TimedOut { stopped: false }, finished(last.clone())).is_err(), "late");
    assert!(judge(Ending::Stuck, finished(last.clone())).is_err(), "stuck");
    let begun = RecordedSlot { state: Some(Begun), ..last.clone() };
    assert!(judge(Ending::Exited(0), finished(begun)).is_err(), "the access not over");
    let scribbled = RecordedSlot { state: None, ..last };
    assert!(judge(Ending::Exited(0), finished(scribbled)).is_err(), "no sense in the record");
}

#[rstest]
#[case(BASE + AT as u64, FaultAddress::Accessed)]
#[case(BASE + 8192, FaultAddress::At(8192))]
#[case(0, FaultAddress::Null)]
#[case(0x1234, FaultAddress::Elsewhere)]
#[case(BASE + FAR, FaultAddress::At(FAR as i64))]
#[case(BASE - FAR, FaultAddress::At(-(FAR as i64)))]
#[case(BASE + FAR + 1, FaultAddress::Elsewhere)]
fn a_fault_needs_a_record_that_agrees(#[case] address: u64, #[case] told: FaultAddress) {
    let expected = Fault { signal: Signal(SIGBUS), code: Some(2), address: told };
    let judge = |ending, last| judge(Access::Read, ending, unfinished(last));
    let recorded = fault(SIGBUS, 2, address);
    assert_eq!(judge(Ending::Killed(SIGBUS), recorded.clone()), Ok(Outcome::Fault(expected)));
    let disagrees = |result| matches!(result, Err(HarnessError::Disagree(_)));
    assert!(disagrees(judge(Ending::Killed(SIGSEGV), recorded.clone())), "another signal");
    assert!(disagrees(judge(Ending::Exited(0), recorded)), "lived on");
    let none = judge(Ending::Killed(SIGBUS), slot(Begun));
    assert_eq!(none, Err(HarnessError::KilledFromOutside(Signal(SIGBUS))));
    let too_soon = judge(Ending::Killed(SIGBUS), slot(NotReached));
    assert_eq!(too_soon, Err(HarnessError::KilledFromOutside(Signal(SIGBUS))));
}

#[test]
fn a_step_that_kills_the_child_before_its_access_is_named() {
    let text = "map = mmap(0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                fork { map[0]; } map[5] = 'a'; sweep(map, read);";
    let probe = Probe { sweep: 4, access: Access::Read, at: AT };
    let ended = RecordedSlot { wait_status: SIGBUS, ..slot(Done) };
    let of_block = fault(SIGBUS, 2, BASE);
    let beside = |block: &RecordedSlot, last: RecordedSlot| {
        let slots = vec![slot(Done), block.clone(), of_block.clone(), last, slot(NotReached)];
        let recorded = Recorded { slots, ..Recorded::default() };
        judge_of(&program(text), Ending::Killed(SIGBUS), &recorded).probe_outcome(&probe)
    };
    let own = |last: RecordedSlot| beside(&ended, last);
    let fault_at = FaultAddress::Accessed;
    let raised = Fault { signal: Signal(SIGBUS), code: Some(2), address: fault_at };
    let error = Box::new(HarnessError::Raised(raised));
    let told = |step| Err(HarnessError::InStep { step, error: error.clone() });
    assert_eq!(own(fault(SIGBUS, 2, BASE + 5)), told(3));
    // A block that is not over is the process that was killed.
    assert_eq!(beside(&slot(Begun), slot(NotReached)), told(2));
    // The fault killed the process of the block, and not this process.
    let outside = Err(HarnessError::KilledFromOutside(Signal(SIGBUS)));
    assert_eq!(own(slot(Begun)), outside);
    assert_eq!(own(fault(SIGSEGV, 1, BASE + 5)), outside, "another signal");
}

#[test]
fn a_map_that_is_not_there_has_no_outcome() {
    let none = judge(Access::Read, Ending::Exited(0), finished(slot(NoMap)));
    assert_eq!(none, Err(HarnessError::NoMap));
    let early = judge(Access::Read, Ending::Exited(0), unfinished(slot(NoMap)));
    assert_eq!(early, Err(HarnessError::ExitedEarly));
}

#[test]
fn an_errno_of_the_access_is_an_answer() {
    let last = RecordedSlot { value: -14, ..slot(Done) };
    let outcome = judge(Access::CopyFromUser, Ending::Exited(0), finished(last));
    assert_eq!(outcome, Ok(Outcome::Errno(Errno(14))));
}

#[test]
fn a_signal_without_siginfo_counts_only_where_the_case_alters_it() {
    let text = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                sigprocmask(SIG_BLOCK, SIGBUS); sweep(map, read);";
    let probe = Probe { sweep: 2, access: Access::Read, at: AT };
    let recorded =
        Recorded { slots: vec![slot(Done), slot(Done), slot(Begun)], ..Recorded::default() };
    let judge = |ending, recorded| judge_of(&program(text), ending, recorded).probe_outcome(&probe);
    let outcome = judge(Ending::Killed(SIGBUS), &recorded).expect("an answer");
    assert_eq!(outcome.to_string(), "SIGBUS (no siginfo)");
    assert!(judge(Ending::Killed(SIGKILL), &recorded).is_err(), "no access raises SIGKILL");
    assert!(judge(Ending::Killed(SIGSEGV), &recorded).is_err(), "it is handled as ever");
    let sent = Recorded { sent: Some((SIGBUS, 1)), ..recorded.clone() };
    assert!(judge(Ending::Killed(SIGBUS), &sent).is_err(), "somebody sent it");
}

#[test]
fn a_timeout_is_an_answer_only_where_the_case_says_so() {
    let probe = Probe { sweep: 1, access: Access::Read, at: AT };
    let late = Ending::TimedOut { stopped: false };
    let program = swept();
    let judge = |last, timeout_is_an_answer| {
        let recorded = unfinished(last);
        let judge = Judge { timeout_is_an_answer, ..judge_of(&program, late, &recorded) };
        judge.probe_outcome(&probe)
    };
    assert_eq!(judge(slot(Begun), true), Ok(Outcome::TimedOut));
    let error = HarnessError::TimedOut { stopped: false, after_ms: 100 };
    assert_eq!(judge(slot(Begun), false), Err(error.clone()));
    assert_eq!(judge(slot(NotReached), true), Err(error), "it hung before the access");
    let stopped = Ending::TimedOut { stopped: true };
    let recorded = unfinished(slot(Begun));
    let judge = Judge { timeout_is_an_answer: true, ..judge_of(&program, stopped, &recorded) };
    assert!(judge.probe_outcome(&probe).is_err(), "what is stopped may yet return");
}

#[test]
fn a_child_that_was_running_all_the_time_is_an_answer() {
    let probe = Probe { sweep: 1, access: Access::Read, at: AT };
    let program = swept();
    let judge = |last| judge_of(&program, Ending::Running, &unfinished(last)).probe_outcome(&probe);
    assert_eq!(judge(slot(Begun)), Ok(Outcome::TimedOut));
    let faulted = RecordedSlot { fault: Some((SIGBUS, 2, 0)), ..slot(Begun) };
    assert_eq!(judge(faulted), Ok(Outcome::TimedOut), "the fault did not end it");
    assert_eq!(judge(slot(NotReached)), Err(HarnessError::Running), "before the access");
    assert_eq!(judge(slot(Done)), Err(HarnessError::Running), "after it");
}

#[test]
fn a_probe_whose_steps_came_out_differently_does_not_count() {
    let probe = Probe { sweep: 1, access: Access::Read, at: AT };
    let recorded = unfinished(slot(Done));
    let program = swept();
    let judge = judge_of(&program, Ending::Exited(0), &recorded);
    let differs = |earlier| judge.unsteady(&probe, &[earlier, StepResult::Done]);
    assert_eq!(differs(StepResult::Done), None);
    assert_eq!(judge.recorded_results(), [Some(StepResult::Done), Some(StepResult::Done)]);
    let (first, then) = ("= -1 EAGAIN".to_owned(), "done".to_owned());
    let expected = HarnessError::Unsteady { step: 0, first, then };
    assert_eq!(differs(StepResult::Errno(Errno(11))), Some(expected));
}

/// The process of a block may be killed from outside in the child of one probe only.
#[test]
fn a_probe_after_a_block_that_somebody_has_ended_does_not_count() {
    let text = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                fork { map[0]; _exit(5); }
                sweep(map, read);";
    let program = program(text);
    let probe = Probe { sweep: 4, access: Access::Read, at: AT };
    let zero = StepResult::Saw(saw(Clean::Zero).expect("some"));
    let earlier = [StepResult::Done, StepResult::Done, zero, StepResult::Done, StepResult::Done];
    let judge = |wait_status, touch: RecordedSlot, exit: RecordedSlot| {
        let block = RecordedSlot { wait_status, ..slot(Done) };
        let slots = vec![slot(Done), block, touch, exit, slot(Done)];
        let recorded = Recorded { finished: true, slots, ..Recorded::default() };
        judge_of(&program, Ending::Exited(0), &recorded).unsteady(&probe, &earlier)
    };
    let zero = || RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) };
    assert_eq!(judge(5 << 8, zero(), slot(Begun)), None);
    let killed = Box::new(HarnessError::KilledFromOutside(Signal(SIGKILL)));
    let killed = HarnessError::InStep { step: 1, error: killed };
    assert_eq!(judge(SIGKILL, zero(), slot(Begun)), Some(killed.clone()), "in its last step");
    assert_eq!(judge(SIGKILL, slot(NotReached), slot(NotReached)), Some(killed), "at once");
    let differs = |touch, exit| {
        matches!(judge(5 << 8, touch, exit), Some(HarnessError::Unsteady { step: 2, .. }))
    };
    assert!(differs(slot(NotReached), slot(Begun)), "a step was not performed");
    assert!(differs(slot(Begun), slot(Begun)), "a step was not finished");
    assert!(differs(fault(SIGSEGV, 1, BASE), slot(Begun)), "a step has raised a signal");
    let slots = [slot(Done), slot(NotReached), slot(NotReached), slot(NotReached), slot(Done)];
    let recorded = Recorded { finished: true, slots: slots.into(), ..Recorded::default() };
    let begun = judge_of(&program, Ending::Exited(0), &recorded).unsteady(&probe, &earlier);
    assert!(matches!(begun, Some(HarnessError::Unsteady { step: 1, .. })), "{begun:?}");
    let raised = judge(SIGSEGV, fault(SIGSEGV, 1, BASE), slot(NotReached));
    let own = Fault { signal: Signal(SIGSEGV), code: Some(1), address: FaultAddress::Accessed };
    let error = Box::new(HarnessError::Raised(own));
    assert_eq!(raised, Some(HarnessError::InStep { step: 2, error }), "and the process died of it");
}

/// A signal that no handler records leaves no trace in the slot of its step, neither earlier nor now.
#[rstest]
#[case::a_limit("fsync(-1);", StepResult::Killed(Signal(SIGXFSZ)), slot(Begun), true)]
#[case::not_reached("fsync(-1);", StepResult::Killed(Signal(SIGXFSZ)), slot(NotReached), false)]
#[case::raised("fsync(-1);", StepResult::Killed(Signal(SIGXFSZ)), fault(SIGXFSZ, 1, BASE), false)]
#[case::unseen("map[0];", StepResult::Killed(Signal(SIGXFSZ)), slot(Done), false)]
#[case::never_reached("map[0];", StepResult::NotReached, slot(NotReached), true)]
#[case::no_map("map[0];", StepResult::NoMap, slot(NoMap), true)]
#[case::blocked("map[0];", of_step(None), slot(Begun), true)]
#[case::handled("map[0];", of_step(Some(2)), slot(Begun), false)]
#[case::another_result("map[0];", StepResult::Done, slot(Begun), false)]
fn a_step_that_records_nothing_is_as_before_where_it_recorded_nothing(
    #[case] step: &str,
    #[case] first: StepResult,
    #[case] now: RecordedSlot,
    #[case] is_as_before: bool,
) {
    let map = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";
    let program = program(&format!("{map} fork {{ {step} }} sweep(map, read);"));
    let wait_status = match first {
        StepResult::Killed(signal) | StepResult::Fault(Fault { signal, .. }) => signal.0,
        _ => 0,
    };
    let slots = vec![slot(Done), RecordedSlot { wait_status, ..slot(Done) }, now, slot(Done)];
    let recorded = Recorded { finished: true, slots, ..Recorded::default() };
    let probe = Probe { sweep: 3, access: Access::Read, at: AT };
    let earlier = [StepResult::Done, StepResult::Done, first, StepResult::Done];
    let unsteady = judge_of(&program, Ending::Exited(0), &recorded).unsteady(&probe, &earlier);
    let differs = matches!(unsteady, Some(HarnessError::Unsteady { step: 2, .. }));
    assert_eq!((unsteady.is_none(), differs), (is_as_before, !is_as_before), "{unsteady:?}");
}

/// A process that the probe is made in, or that goes on at the end, has no finished block.
#[rstest]
#[case::the_process_of_a_probe(Ending::Exited(0), true, Begun, true)]
#[case::the_victim_did_not_finish(Ending::Exited(0), false, Begun, false)]
#[case::the_victim_failed(Ending::Exited(3), true, Begun, false)]
#[case::a_block_that_is_over(Ending::Exited(3), false, Done, true)]
fn a_probe_in_a_block_is_judged_by_the_wait_status_of_the_block(
    #[case] victim: Ending,
    #[case] finished: bool,
    #[case] block: SlotState,
    #[case] is_of_the_block: bool,
) {
    let program = program(
        "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         fork { sweep(map, read); }",
    );
    let block = RecordedSlot { wait_status: SIGBUS, ..slot(block) };
    let slots = vec![slot(Done), block, fault(SIGBUS, 2, BASE)];
    let recorded = Recorded { finished, slots, ..Recorded::default() };
    let probe = Probe { sweep: 2, access: Access::Read, at: 0 };
    let outcome = judge_of(&program, victim, &recorded).probe_outcome(&probe);
    assert_eq!(matches!(outcome, Ok(Outcome::Fault(_))), is_of_the_block, "{outcome:?}");
}

fn of_step(code: Option<i32>) -> StepResult {
    let address = if code.is_some() { FaultAddress::Accessed } else { FaultAddress::Unknown };
    StepResult::Fault(Fault { signal: Signal(SIGBUS), code, address })
}

#[test]
fn the_process_of_a_block_is_judged_by_its_own_wait_status() {
    let text = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                fork { map[0]; } map[0];";
    let program = program(text);
    let judge = |wait_status, touch: RecordedSlot| {
        let block = RecordedSlot { wait_status, ..slot(Done) };
        let after = RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) };
        let slots = vec![slot(Done), block, touch, after];
        let recorded = Recorded { finished: true, slots, ..Recorded::default() };
        judge_of(&program, Ending::Exited(0), &recorded).step_results()
    };
    let results = judge(SIGSEGV, fault(SIGSEGV, 1, BASE)).expect("an answer");
    assert_eq!(results[2].to_string(), "SIGSEGV MAPERR");
    assert_eq!(results[3], StepResult::Saw(saw(Clean::Zero).expect("some")));
    assert!(judge(SIGBUS, fault(SIGSEGV, 1, BASE)).is_err(), "another signal killed it");
    assert!(judge(SIGKILL, RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) }).is_err());
    assert!(judge(7 << 8, RecordedSlot { seen: saw(Clean::Zero), ..slot(Done) }).is_err());
}

/// SIGSYS comes from a seccomp filter, and never from the kernel itself. SIGXFSZ is the answer of a limit.
#[rstest]
#[case::of_the_victim("fsync(-1);", 0, |ending| (ending, vec![slot(Begun)]))]
#[case::of_a_block("fork { fsync(-1); }", 1, |ending| {
    let Ending::Killed(wait_status) = ending else { return (ending, Vec::new()) };
    (Ending::Exited(0), vec![RecordedSlot { wait_status, ..slot(Done) }, slot(Begun)])
})]
fn a_kill_by_a_filter_is_no_answer(
    #[case] text: &str,
    #[case] step: usize,
    #[case] recorded: fn(Ending) -> (Ending, Vec<RecordedSlot>),
) {
    let program = program(text);
    let judged = |signal| {
        let (ending, slots) = recorded(Ending::Killed(signal));
        let finished = ending == Ending::Exited(0);
        let recorded = Recorded { finished, slots, ..Recorded::default() };
        judge_of(&program, ending, &recorded).step_results()
    };
    let error = Box::new(HarnessError::KilledFromOutside(Signal(SIGSYS)));
    assert_eq!(judged(SIGSYS), Err(HarnessError::InStep { step, error }));
    assert_eq!(judged(SIGXFSZ).expect("an answer")[step], StepResult::Killed(Signal(SIGXFSZ)));
}

#[test]
fn a_probe_that_a_filter_has_killed_has_no_answer() {
    for state in [NotReached, Begun, Done] {
        let judged = judge(Access::CopyToUser, Ending::Killed(SIGSYS), unfinished(slot(state)));
        assert_eq!(judged, Err(HarnessError::KilledFromOutside(Signal(SIGSYS))), "{state:?}");
    }
}
