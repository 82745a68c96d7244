//! The supervisor of every run must withstand children that are more hostile than any case can be: it ends
//! each of them within its deadline, trusts none of them, and keeps no process, zombie or descriptor of them.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork. A child forks and
//! calls the kernel through the same [`Child`] that a victim has.

mod own_process;
mod stage;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

use faultmap::internals::case::{Access, HarnessError, Outcome, Pattern};
use faultmap::internals::supervise::{Asked, ChildReport, Ending, Judge};
use faultmap::internals::sys::{Arena, Child, SlotState, SoleThread};
use faultmap::internals::victim::{Fill, Probe, Program, Request};
use nix::libc;
use own_process::children::{none_left_by, pause};
use own_process::{Test, test};
use stage::{ENDS, HANGS, SLOTS, Stage, laid_out};

/// The op of the sweep in [`program`].
const SWEEP: usize = SLOTS - 1;

type Row = (&'static str, fn(&Stage));

fn main() -> ExitCode {
    let tests: &[Row] = &[
        ("leaves_a_child_behind", leaves_a_child_behind),
        ("leaves_a_daemon_behind", leaves_a_daemon_behind),
        ("forks_in_a_loop", forks_in_a_loop),
        ("forks_from_session_to_session", forks_from_session_to_session),
        ("maps_all_it_can", maps_all_it_can),
        ("exits_before_its_access", exits_before_its_access),
        ("scribbles_over_the_record", scribbles_over_the_record),
        ("claims_to_have_lived_on", claims_to_have_lived_on),
        ("claims_another_signal", claims_another_signal),
        ("claims_to_be_done_and_is_killed", claims_to_be_done_and_is_killed),
        ("closes_everything_and_hangs", closes_everything_and_hangs),
        ("kills_its_own_group", kills_its_own_group),
        ("joins_the_group_of_its_supervisor", joins_the_group_of_its_supervisor),
        ("reads_the_memory_of_its_worker", reads_the_memory_of_its_worker),
        ("reads_a_table_of_pointers", reads_a_table_of_pointers),
        ("has_the_descriptors_of_its_worker", has_the_descriptors_of_its_worker),
    ];
    let on_stage = |(name, body): Row| test(name, move || none_is_left_by(body));
    let mut tests: Vec<Test> = tests.iter().copied().map(on_stage).collect();
    // Segments and process ids belong to the whole machine, unless the test has its own namespace.
    let own_segments = &["--user", "--map-root-user", "--ipc"];
    let own_ids = &["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let row: Row = ("leaves_shared_memory_behind", leaves_shared_memory_behind);
    tests.push(on_stage(row).inside(own_segments));
    let row: Row = ("has_the_process_id_of_a_reaped_child", has_the_process_id_of_a_reaped_child);
    tests.push(on_stage(row).inside(own_ids));
    own_process::run(tests)
}

/// A program with one access, by which the report is judged.
fn program() -> Program<'static> {
    laid_out(
        "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);",
    )
}

fn none_is_left_by(body: impl FnOnce(&Stage)) {
    faultmap::internals::sys::close_inherited(SoleThread::claim().expect("this thread alone")); // as the command does
    let stage = Stage::new().keeps_memory_back();
    none_left_by(|| body(&stage));
}

/// Returns the outcome of the report, as if the child had been asked to read a byte.
fn judge(report: &ChildReport) -> Result<Outcome, HarnessError> {
    let probe = Probe { sweep: SWEEP, access: Access::Read, at: 0 };
    let judge = Judge {
        program: &program(),
        ending: report.ending,
        recorded: &report.recorded,
        deadline_ms: ENDS.as_millis() as u64,
        timeout_is_an_answer: false,
    };
    judge.probe_outcome(&probe)
}

fn raise(child: &Child, signal: i32) {
    let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
    let _ = child.call(libc::SYS_kill, [own, signal as usize, 0, 0, 0, 0]);
}

fn leaves_a_child_behind(stage: &Stage) {
    let report = stage.run(ENDS, |child| match child.fork() {
        Ok(0) => pause(&child),
        _ => 0,
    });
    assert_eq!(report.ending, Ending::Exited(0));
}

fn leaves_a_daemon_behind(stage: &Stage) {
    // It is in a new session, which a signal to the child's group does not reach.
    let report = stage.run(ENDS, |child| {
        for _ in 0..3 {
            if child.fork() == Ok(0) {
                let _ = child.call(libc::SYS_setsid, [0; 6]);
                let _ = child.fork();
                pause(&child)
            }
        }
        0
    });
    assert_eq!(report.ending, Ending::Exited(0));
}

fn forks_in_a_loop(stage: &Stage) {
    // The loop is bounded, because RLIMIT_NPROC does not bind root, and the machine must survive the test.
    let report = stage.run(HANGS, |child| {
        for _ in 0..500 {
            if child.fork() == Ok(0) {
                let _ = child.fork();
                pause(&child)
            }
        }
        pause(&child)
    });
    assert_eq!(report.ending, Ending::TimedOut { stopped: false });
}

fn forks_from_session_to_session(stage: &Stage) {
    // One process is alive at any time, in a new session each, and ends soon: it is hard to kill.
    let report = stage.run(ENDS, |child| {
        for _ in 0..100_000 {
            match child.fork() {
                Ok(0) => {
                    let _ = child.call(libc::SYS_setsid, [0; 6]);
                }
                _ => return 0,
            }
        }
        0
    });
    assert_eq!(report.ending, Ending::Exited(0));
}

fn maps_all_it_can(stage: &Stage) {
    const CHUNK: usize = 256 << 20;
    let report = stage.run(ENDS, |child| {
        let (protection, flags) =
            (libc::PROT_READ as usize, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        for count in 0..100 {
            let args = [0, CHUNK, protection, flags as usize, usize::MAX, 0];
            if child.call(libc::SYS_mmap, args).is_err() {
                return count;
            }
        }
        100
    });
    match report.ending {
        Ending::Exited(chunks) => assert!((4..=8).contains(&chunks), "{chunks} of 256 MiB"),
        other => panic!("{other:?}"),
    }
}

fn exits_before_its_access(stage: &Stage) {
    let report = stage.run(ENDS, |_| 0);
    assert_eq!(judge(&report), Err(HarnessError::ExitedEarly));
}

fn scribbles_over_the_record(stage: &Stage) {
    for garbage in [u32::MAX, 0x5555_5555, 1 << 31, 0x0101_0101] {
        let record = stage.record;
        for signal in [0, libc::SIGSEGV, libc::SIGKILL] {
            let report = stage.run(ENDS, |child| {
                record.finished.store(garbage, Relaxed);
                record.setup.store(garbage, Relaxed);
                record.sent_signal.store(garbage as i32, Relaxed);
                for slot in &record.slots {
                    slot.state.store(garbage, Relaxed);
                    slot.signal.store(garbage as i32, Relaxed);
                    slot.code.store(garbage as i32, Relaxed);
                    slot.run_count.store(garbage, Relaxed);
                    slot.value.store(u64::from(garbage) << 17, Relaxed);
                    slot.base.store(u64::from(garbage) << 31, Relaxed);
                    slot.wait_status.store(garbage, Relaxed);
                    slot.runs.iter().for_each(|run| run.store(u64::MAX, Relaxed));
                }
                raise(&child, signal);
                0
            });
            let judged = judge(&report);
            assert!(judged.is_err(), "{garbage:#x}, signal {signal}: {judged:?}");
        }
    }
}

fn claims_to_have_lived_on(stage: &Stage) {
    // A fault that did not kill the child does not count.
    let record = stage.record;
    let report = stage.run(ENDS, |_| {
        record.slots[SWEEP].state.store(SlotState::Begun as u32, Relaxed);
        record.slots[SWEEP].signal.store(libc::SIGBUS, Relaxed);
        record.finished.store(1, Relaxed);
        0
    });
    assert!(matches!(judge(&report), Err(HarnessError::Disagree(_))));
}

fn claims_another_signal(stage: &Stage) {
    let record = stage.record;
    let report = stage.run(ENDS, |child| {
        record.slots[SWEEP].state.store(SlotState::Begun as u32, Relaxed);
        record.slots[SWEEP].signal.store(libc::SIGBUS, Relaxed);
        raise(&child, libc::SIGKILL);
        0
    });
    assert_eq!(report.ending, Ending::Killed(libc::SIGKILL));
    assert!(matches!(judge(&report), Err(HarnessError::Disagree(_))));
}

fn claims_to_be_done_and_is_killed(stage: &Stage) {
    let record = stage.record;
    let report = stage.run(ENDS, |child| {
        record.slots[SWEEP].state.store(SlotState::Done as u32, Relaxed);
        record.finished.store(1, Relaxed);
        raise(&child, libc::SIGKILL);
        0
    });
    assert!(judge(&report).is_err());
}

fn closes_everything_and_hangs(stage: &Stage) {
    let report = stage.run(HANGS, |child| {
        let _ = child.call(libc::SYS_close_range, [0, u32::MAX as usize, 0, 0, 0, 0]);
        let all = u64::MAX;
        let mask = child.address_of(&all);
        let block = libc::SIG_BLOCK as usize;
        let _ = child.call(libc::SYS_rt_sigprocmask, [block, mask, 0, 8, 0, 0]);
        pause(&child)
    });
    assert_eq!(report.ending, Ending::TimedOut { stopped: false });
}

fn kills_its_own_group(stage: &Stage) {
    let report = stage.run(ENDS, |child| {
        let _ = child.call(libc::SYS_kill, [0, libc::SIGKILL as usize, 0, 0, 0, 0]);
        pause(&child)
    });
    assert_eq!(report.ending, Ending::Killed(libc::SIGKILL));
}

fn leaves_shared_memory_behind(stage: &Stage) {
    // The worker has no namespace of its own, as on a kernel that allows none.
    let segments = || std::fs::read_to_string("/proc/sysvipc/shm").expect("SysV segments");
    let before = segments();
    let get = "shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);";
    let text = format!("id = {get} {get} id = {get} map = shmat(id, 0, 0); raise(SIGKILL);");
    let program = laid_out(&text);
    let orders = Request { program, probe: None, fill: Fill::Pattern(Pattern::First), files: &[] };
    let fork = stage.supervisor.fork_of(program);
    let report = stage.supervisor.run(fork, Asked::Case(&orders), ENDS).expect("it was forked");
    assert_eq!(report.ending, Ending::Killed(libc::SIGKILL));
    assert_eq!(segments(), before);
}

fn reads_the_memory_of_its_worker(stage: &Stage) {
    // A block of one byte is in the existing heap; each of the others is a new map.
    for bytes in [1, 1 << 16, 1 << 24] {
        let own = vec![1u8; bytes];
        stage.supervisor.exclude_from_fork(&Arena::new().expect("memory"));
        let address = own.as_ptr() as usize;
        let report = stage.run(ENDS, |child| i32::from(child.load(address, 1)[0]));
        assert_eq!(report.ending, Ending::Killed(libc::SIGSEGV), "of {bytes} bytes");
        assert_eq!(own[0], 1);
    }
}

/// The dynamic linker writes to tables of pointers, and a fork would copy what it has written.
fn reads_a_table_of_pointers(stage: &Stage) {
    static TABLE: [&str; 8192] = ["text"; 8192];
    let middle = TABLE[TABLE.len() / 2..].as_ptr() as usize;
    let report = stage.run(ENDS, |child| i32::from(child.load(middle, 1)[0]));
    assert_eq!(report.ending, Ending::Killed(libc::SIGSEGV));
}

fn joins_the_group_of_its_supervisor(stage: &Stage) {
    let own = rustix::process::getpgrp().as_raw_nonzero().get() as usize;
    let report = stage.run(HANGS, |child| {
        let _ = child.call(libc::SYS_setpgid, [0, own, 0, 0, 0, 0]);
        pause(&child)
    });
    assert_eq!(report.ending, Ending::TimedOut { stopped: false });
}

fn has_the_descriptors_of_its_worker(stage: &Stage) {
    let report = stage.run(ENDS, |child| {
        let is_open = |number: &usize| {
            child.call(libc::SYS_fcntl, [*number, libc::F_GETFD as usize, 0, 0, 0, 0]).is_ok()
        };
        (3..1000).filter(is_open).count() as i32
    });
    assert_eq!(report.ending, Ending::Exited(0), "so many");
}

/// A signal that reports the end of a child may arrive late, when a new child has the same process id. No
/// other process forks in this pid namespace.
fn has_the_process_id_of_a_reaped_child(stage: &Stage) {
    let record = stage.record;
    let _ = stage.run(ENDS, |child| {
        match child.fork() {
            Ok(0) => {
                let _ = child.call(libc::SYS_setsid, [0; 6]);
                pause(&child)
            }
            forked => record.slots[SWEEP].value.store(forked.unwrap_or(0) as u64, Relaxed),
        }
        0
    });
    let gone = record.slots[SWEEP].value.load(Relaxed);
    // A child that has not reported in time had no time on a core yet.
    let report = [HANGS, HANGS * 10, ENDS].into_iter().find_map(|deadline| {
        let last = "/proc/sys/kernel/ns_last_pid";
        std::fs::write(last, (gone - 1).to_string()).expect("root of the namespace may");
        let report = stage.run(deadline, |child| {
            let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
            record.slots[SWEEP].value.store(own as u64, Relaxed);
            pause(&child)
        });
        (report.recorded.slots[SWEEP].value != 0).then_some(report)
    });
    let report = report.expect("it was there");
    assert_eq!(report.recorded.slots[SWEEP].value as u64, gone, "it has another number");
    assert_eq!(report.ending, Ending::TimedOut { stopped: false });
}
