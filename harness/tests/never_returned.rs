//! An implementation of Linux may never let an access return. This must cost seconds, be an answer, and not be
//! mistaken for a child that waits.
//!
//! Linux itself does no such thing. A tracer that keeps each SIGBUS from a child stands in for one that does. On x86-64 it
//! puts an endless loop in place of the instruction; elsewhere the child repeats its access. QEMU's emulation of processes
//! is such an implementation, where it is installed.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork.

mod command;
mod own_process;
mod stage;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use command::{BIN, case_file, root};
use faultmap::internals::supervise::{Ending, Patience};
use faultmap::internals::sys::tracing::{self, Why};
use faultmap::internals::sys::{Child, Record, SlotState};
use nix::libc;
use own_process::children::pause;
use own_process::{Test, test};
use serde_json::Value;
use stage::{ENDS, SLOTS, Stage};

/// The CPU time that a child may use in one step.
const LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let mut tests: Vec<Test> = vec![
        test("a_child_that_computes_and_gets_no_further", computes),
        test("a_child_that_waits_for_one_that_computes", waits_for_one_that_computes),
        test("a_child_that_gets_further", gets_further),
        test("a_child_that_waits", waits),
        test("a_child_that_others_keep_from_a_cpu", kept_waiting),
        test("a_child_that_may_use_more_cpu_time_than_it_has_time", has_one_deadline),
        test("a_child_that_always_runs_and_gets_further", has_no_deadlines_left),
        test("a_child_whose_deadline_is_all_that_counts", has_a_deadline_alone),
    ];
    let traced = test("faults_that_are_never_delivered", never_delivered);
    tests.push(traced.unless_tried(refuses_tracers));
    tests.push(test("qemu_user_and_a_blocked_fault", blocked_in_qemu).unless(no_qemu));
    tests.push(test("qemu_user_writes_no_core", no_core_of_qemu).unless(no_qemu));
    own_process::run(tests)
}

fn ending(patience: Duration, body: impl Fn(Child) -> i32) -> Ending {
    let patience = Patience { deadline: patience, cpu_time: Some(LIMIT) };
    let ran = Stage::new().run(patience, body);
    assert!(ran.ending == Ending::Running || ran.elapsed >= patience.deadline, "{:?}", ran.elapsed);
    ran.ending
}

fn compute() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn computes() {
    let began = Instant::now();
    assert_eq!(ending(ENDS, |_| compute()), Ending::Running);
    assert!(began.elapsed() >= LIMIT);
}

fn waits_for_one_that_computes() {
    let ending = ending(ENDS, |child| {
        if child.fork() == Ok(0) {
            compute()
        }
        pause(&child)
    });
    assert_eq!(ending, Ending::Running);
}

/// Performs all steps, each of which takes half of the CPU time that one may take.
fn perform(child: &Child, record: &Record) {
    let used = || {
        let mut time = [0u64; 2];
        let at = (&raw mut time) as usize;
        let clock = libc::CLOCK_PROCESS_CPUTIME_ID as usize;
        let _ = child.call(libc::SYS_clock_gettime, [clock, at, 0, 0, 0, 0]);
        Duration::new(time[0], time[1] as u32)
    };
    for slot in &record.slots[..SLOTS] {
        for state in [SlotState::Begun, SlotState::Done] {
            slot.state.store(state as u32, Relaxed);
            let until = used() + LIMIT / 2;
            while used() < until {}
        }
    }
}

fn gets_further() {
    let stage = Stage::new();
    let record = stage.record;
    let patience = Patience { deadline: ENDS, cpu_time: Some(LIMIT) };
    let ran = stage.run(patience, |child| {
        perform(&child, record);
        0
    });
    assert_eq!(ran.ending, Ending::Exited(0));
}

fn waits() {
    let late = Ending::TimedOut { stopped: false };
    assert_eq!(ending(LIMIT * 5, |child| pause(&child)), late);
}

/// The child sleeps until shortly before its deadline, so that it can run then, and has used little CPU time.
fn kept_waiting() {
    let stage = Stage::new();
    let (deadline, asleep) = (LIMIT * 10, LIMIT * 10 - LIMIT / 2);
    let patience = Patience { deadline, cpu_time: Some(LIMIT) };
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let until = Duration::new(now.tv_sec as u64, now.tv_nsec as u32) + asleep;
    let ran = stage.run(patience, |child| {
        let time = [until.as_secs(), u64::from(until.subsec_nanos())];
        let (clock, at) = (libc::CLOCK_MONOTONIC as usize, (&raw const time) as usize);
        let flags = libc::TIMER_ABSTIME as usize;
        let _ = child.call(libc::SYS_clock_nanosleep, [clock, flags, at, 0, 0, 0]);
        compute()
    });
    assert_eq!(ran.ending, Ending::Running);
}

/// It cannot be told that others keep a child from a CPU where it may use more CPU time than it has time.
fn has_one_deadline() {
    let patience = Patience { deadline: LIMIT, cpu_time: Some(LIMIT * 2) };
    let ran = Stage::new().run(patience, |_| compute());
    assert_eq!(ran.ending, Ending::TimedOut { stopped: false });
}

/// A child that gets further for ever, and could run at each deadline.
fn has_no_deadlines_left() {
    let stage = Stage::new();
    let record = stage.record;
    let patience = Patience { deadline: LIMIT + LIMIT / 10, cpu_time: Some(LIMIT) };
    let ran = stage.run(patience, |child| {
        loop {
            perform(&child, record);
        }
    });
    assert_eq!(ran.ending, Ending::TimedOut { stopped: false });
    assert!(ran.elapsed >= patience.deadline * 2, "{:?}", ran.elapsed);
}

fn has_a_deadline_alone() {
    let ran = Stage::new().run(LIMIT * 25, |_| compute());
    assert_eq!(ran.ending, Ending::TimedOut { stopped: false });
}

/// What returns lies before and behind the pages that never do, of which there are four.
const CASE: &str = "fd = file(PAGE);\n\
                    map = mmap(0, 5 * PAGE, PROT_READ, MAP_SHARED, fd, 0);\n\
                    sweep(map, read, copy_from_user);\n\
                    fork { map[2 * PAGE]; }\n\
                    sweep(map, read);\n";

#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
fn never_delivered() {
    let (_dir, case) = case_file(CASE);
    let began = Instant::now();
    let mut run = Command::new("sh");
    run.args(["-c", "read go; exec \"$@\"", "sh", BIN, "run", "--json", "--jobs", "1"]).arg(&case);
    run.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut run = run.spawn().expect("it can be started");
    tracing::seize(run.id() as i32, false).expect("it can be traced");
    writeln!(run.stdin.take().expect("a pipe")).expect("it is read");
    let stdout = run.stdout.take().expect("a pipe");
    let stdout = std::thread::spawn(move || std::io::read_to_string(stdout).expect("text"));
    let withheld = trace();
    let line: Value = serde_json::from_str(&stdout.join().expect("it ended")).expect("a line");
    println!("{withheld} signals were withheld in {:?}", began.elapsed());
    assert_eq!(line["counts"]["split"], true, "{line}");
    let regions = |row: usize| {
        let regions = line["sweeps"][0]["rows"][row]["regions"].as_array().expect("a list");
        regions.iter().map(|own| own["result"].as_str().expect("a word")).collect::<Vec<_>>()
    };
    assert_eq!(regions(0), ["fault", "clean", "never returned", "fault"], "{line}");
    assert_eq!(regions(1), ["errno", "clean", "errno"], "{line}");
    let picture = line["picture"].as_str().expect("a picture");
    assert!(picture.contains("| never returned"), "{picture}");
    assert!(picture.contains("map[2 * PAGE];  // never returned"), "{picture}");
    // Not each of the pages is asked about.
    let notes = line["notes"].as_array().expect("a list");
    let left_out = notes.iter().find(|note| note["kind"] == "never_returns");
    assert!(left_out.is_some_and(|note| note["left_out"] == 2), "{line}");
}

/// Traces all that this process traces until it ends, and keeps each SIGBUS from it that the kernel has raised. Returns the
/// number of them.
fn trace() -> u64 {
    let mut withheld = 0;
    while let Some(stop) = tracing::next_stop() {
        let resumed = match stop.why {
            Why::Ended => continue,
            Why::StoppedByJobControl => tracing::listen(stop.thread),
            Why::Signal(libc::SIGBUS) => {
                withheld += 1;
                let _ = repeat_for_ever(stop.thread);
                tracing::resume(stop.thread, 0)
            }
            Why::Signal(signal) => tracing::resume(stop.thread, signal),
            _ => tracing::resume(stop.thread, 0),
        };
        // It may have been killed.
        let _ = resumed;
    }
    withheld
}

/// Makes a stopped thread loop at its instruction for ever, and overwrites eight bytes of the child's code. If it repeated
/// its access, it would wait for the tracer each time, and on a busy machine it would hardly use CPU time.
#[cfg(target_arch = "x86_64")]
fn repeat_for_ever(thread: i32) -> Result<(), nix::errno::Errno> {
    const JUMP_TO_ITSELF: libc::c_long = 0xfeeb;
    let at = std::ptr::without_provenance_mut(tracing::registers(thread)?.rip as usize);
    nix::sys::ptrace::write(nix::unistd::Pid::from_raw(thread), at, JUMP_TO_ITSELF)
}

#[cfg(not(target_arch = "x86_64"))]
fn repeat_for_ever(_: i32) -> Result<(), nix::errno::Errno> {
    Ok(())
}

#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
fn refuses_tracers() -> Option<String> {
    let mut child = Command::new("sleep").arg("60").spawn().expect("sleep(1)");
    let seized = tracing::seize(child.id() as i32, false);
    let _ = child.kill();
    trace();
    seized.err().map(|errno| format!("no process may be traced: {errno}"))
}

const QEMU: &str = "qemu-x86_64";

fn no_qemu() -> Option<String> {
    let version = Command::new(QEMU).arg("--version").output();
    let is_there = cfg!(target_arch = "x86_64") && version.is_ok_and(|own| own.status.success());
    (!is_there).then(|| format!("{QEMU} is not here (Debian: apt-get install qemu-user)"))
}

fn blocked_in_qemu() {
    let (_dir, case) = case_file(
        "fd = file(0); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);\n\
         sigprocmask(SIG_BLOCK, SIGBUS); sweep(map, read);",
    );
    let mut run = Command::new(QEMU);
    run.args([BIN, "run", "--json", "--jobs", "1", "--access", "read", "--at", "0"]).arg(&case);
    let output = run.current_dir(root()).output().expect("it can be started");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let line: Value = serde_json::from_str(&stdout).expect("a line");
    let result = line["probe"]["result"].as_str().expect("a word");
    println!("{result}");
    // A release that has mended it gives Linux's own answer.
    assert!(matches!(result, "never returned" | "fault"), "{line}");
}

/// It writes cores of its own to the folder in which it was started.
fn no_core_of_qemu() {
    let (_dir, case) =
        case_file("map = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); map[0];");
    let here = tempfile::tempdir().expect("a folder");
    // What the starter allows counts no more.
    let mut run = Command::new("sh");
    run.args([
        "-c",
        "ulimit -S -c unlimited && exec \"$@\"",
        "sh",
        QEMU,
        BIN,
        "run",
        "--jobs",
        "1",
    ])
    .arg(&case);
    let output = run.current_dir(here.path()).output().expect("it can be started");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("SIGSEGV"), "{output:?}");
    let left = std::fs::read_dir(here.path()).expect("a folder").count();
    assert_eq!(left, 0, "{output:?}");
}
