//! A victim may write anything into its record. The judgement answers for any content, and trusts it only as
//! far as the wait status confirms it.
//!
//! `make fuzz` tries a million records.

use std::sync::atomic::Ordering::Relaxed;

use faultmap::internals::case::{Access, Errno, Outcome, StepResult};
use faultmap::internals::supervise::{Ending, Judge, Recorded};
use faultmap::internals::sys::{Arena, Record, SharedRecord};
use faultmap::internals::victim::{Probe, Program};
use proptest::prelude::*;

const STEPS: &str = "fd = file(100);
map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
map[0];
fork { map[1] = 'x'; _exit(3); }
pread(fd, 0, 10);
sigaction(SIGUSR1, SIG_IGN);
sweep(map, read);";
const SWEEP: usize = 7;

/// Numbers that a victim writes, their neighbours, and any other.
fn number() -> impl Strategy<Value = u64> {
    let packed = (0u64..6, any::<u8>(), 0u64..5)
        .prop_map(|(kind, byte, count)| kind << 56 | u64::from(byte) << 48 | count);
    prop_oneof![
        4 => 0u64..12,
        2 => packed,
        1 => (-200i64..0).prop_map(|errno| errno as u64),
        1 => any::<u64>(),
    ]
}

fn fill(record: &Record, numbers: &[u64]) {
    let mut all = numbers.iter().copied().cycle();
    let mut next = || all.next().unwrap_or(0);
    record.finished.store(next() as u32, Relaxed);
    record.setup.store(next() as u32, Relaxed);
    record.setup_errno.store(next() as i32, Relaxed);
    record.sent_signal.store(next() as i32, Relaxed);
    record.sent_by.store(next() as i32, Relaxed);
    record.values.iter().for_each(|value| value.store(next(), Relaxed));
    for slot in record.slots.iter().take(SWEEP + 2) {
        slot.state.store(next() as u32, Relaxed);
        slot.signal.store(next() as i32, Relaxed);
        slot.code.store(next() as i32, Relaxed);
        slot.run_count.store(next() as u32, Relaxed);
        slot.address.store(next(), Relaxed);
        slot.value.store(next(), Relaxed);
        slot.base.store(next(), Relaxed);
        slot.wait_status.store(next() as u32, Relaxed);
        slot.seen.store(next() as u32, Relaxed);
        slot.data.store(next() as u32, Relaxed);
        slot.digest.store(next(), Relaxed);
        slot.shape.store(next(), Relaxed);
        slot.runs.iter().for_each(|run| run.store(next(), Relaxed));
    }
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => Just(Ending::Exited(0)),
        1 => any::<u8>().prop_map(|code| Ending::Exited(i32::from(code))),
        2 => prop_oneof![Just(7), Just(9), Just(11), 1..65i32].prop_map(Ending::Killed),
        1 => any::<bool>().prop_map(|stopped| Ending::TimedOut { stopped }),
        1 => Just(Ending::Running),
        1 => Just(Ending::Stuck),
    ]
}

thread_local! {
    static PROGRAM: Program<'static> = {
        let memory = Box::leak(Box::new(Arena::new().expect("memory")));
        Program::of(&faultmap::internals::parse::case(STEPS).expect("a case"), 4096, memory)
    };
    static RECORD: SharedRecord = SharedRecord::new().expect("memory");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_judged(
        numbers in prop::collection::vec(number(), 1..160),
        ending in ending(),
        (access, at, timeout_is_an_answer) in (0..5usize, -5000i64..9000, any::<bool>()),
    ) {
        let recorded = RECORD.with(|record| {
            fill(record, &numbers);
            Recorded::read(record, SWEEP + 1)
        });
        PROGRAM.with(|program| {
            let probe = Probe { sweep: SWEEP, access: Access::ALL[access], at };
            let (recorded, deadline_ms) = (&recorded, 100);
            let judge = Judge { program, ending, recorded, deadline_ms, timeout_is_an_answer };
            match judge.probe_outcome(&probe) {
                Ok(Outcome::Clean(_) | Outcome::Errno(_)) => {
                    prop_assert_eq!(ending, Ending::Exited(0));
                    prop_assert!(recorded.finished);
                }
                Ok(Outcome::Fault(fault)) => {
                    prop_assert_eq!(ending, Ending::Killed(fault.signal.0));
                }
                Ok(Outcome::TimedOut) => {
                    let late = timeout_is_an_answer && ending == Ending::TimedOut { stopped: false };
                    prop_assert!(late || ending == Ending::Running, "{ending}");
                }
                Ok(other) => prop_assert!(false, "unknown: {other}"),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
            let steps = judge.step_results();
            if let Ok(steps) = &steps {
                prop_assert_eq!(steps.len(), SWEEP + 1);
                let told: String = steps.iter().map(ToString::to_string).collect();
                prop_assert!(!told.is_empty());
                let errno = |step: &StepResult| matches!(step, StepResult::Errno(Errno(n)) if *n <= 0);
                prop_assert!(!steps.iter().any(errno));
            }
            let earlier = vec![StepResult::Done; SWEEP + 1];
            let _ = judge.unsteady(&probe, &earlier);
            Ok(())
        })?;
    }
}
