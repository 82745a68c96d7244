//! A victim, a worker or the runner may be killed, stopped or interrupted from outside. The run must report
//! it, and leave nothing behind.

mod command;
mod own_process;
mod watched_run;

use std::process::{Command, ExitCode, Stdio};

use faultmap::internals::cli::judged;
use faultmap::internals::model::{Environment, predict};
use own_process::children::children_of;
use own_process::{Test, refusal, table, test};
use rustix::process::{Pid, Signal, getpid, kill_process};
use watched_run::{MAP, WatchedRun, segment_bytes};

const KILLED: &[(&str, Signal)] =
    &[("segv", Signal::SEGV), ("kill", Signal::KILL), ("term", Signal::TERM)];
/// The signal that ends the runner, its exit code and its text.
type End = (Signal, Option<i32>, &'static str);
const ENDED: &[(&str, End)] = &[
    ("kill", (Signal::KILL, None, "")),
    ("term", (Signal::TERM, Some(143), "1 case: 1 not measured because of SIGTERM, ")),
    ("int", (Signal::INT, Some(130), "1 case: 1 not measured because of SIGINT, ")),
];
const LEVELS: &[(&str, &str)] = &[("default", "default"), ("strict", "strict")];

fn main() -> ExitCode {
    let mut tests = vec![
        test("a_victim_has_only_the_descriptors_of_its_case", descriptors_of_a_victim),
        test("an_ignored_interrupt_stays_ignored", an_ignored_interrupt_stays_ignored),
        test("who_judges_a_case_is_asked_again_once_killed", who_judges),
        test("one_probe_killed_in_the_middle_leaves_nothing", one_probe_killed),
        test("a_search_whose_workers_are_killed_tries_each_program_once", search_goes_on),
    ];
    let name = "a_child_that_is_killed_from_outside_gives_no_answer";
    tests.extend(table(name, KILLED, killed_from_outside));
    let name = "the_runner_ended_in_the_middle_leaves_nothing";
    tests.extend(table(name, ENDED, |how| runner_ended(how, "default")).map(interruptible));
    let name = "the_strict_runner_ended_in_the_middle_leaves_nothing";
    let strict = table(name, ENDED, |how| runner_ended(how, "strict")).map(interruptible);
    tests.extend(strict.map(|test| test.unless(refusal::strict_isolation)));
    tests.extend(table("a_worker_that_is_stopped_is_replaced", LEVELS, stopped).map(permitted));
    let name = "a_worker_killed_once_is_replaced_and_killed_twice_is_a_harness_error";
    tests.extend(table(name, LEVELS, killed_twice).map(permitted));
    own_process::run_waiting(tests)
}

/// Returns the test, which is skipped if this machine refuses its level of isolation.
fn permitted(test: Test) -> Test {
    if test.name().ends_with("::strict") { test.unless(refusal::strict_isolation) } else { test }
}

/// Returns the test, which is skipped if its starter ignores the signal.
fn interruptible(test: Test) -> Test {
    if test.name().ends_with("::int") { test.unless(refusal::interrupts) } else { test }
}

/// A case whose children hang, with a named file and a descriptor of each kind.
fn hanging() -> String {
    format!(
        "fd = file(PAGE);\nid = shmget(IPC_PRIVATE, {}, IPC_CREAT | 0600);\n\
         fork {{ process_is_not_needed = pipe(); pause(); }}\nunlink(fd);\n",
        segment_bytes()
    )
}

fn killed_from_outside(signal: Signal) {
    let watched = WatchedRun::new(&format!("{MAP}pause();\nsweep(map, read);"));
    let child = watched.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let (_, victim) = watched.worker_and_victim(&child);
    kill_process(victim, signal).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(
        stdout.contains(&format!("{} killed the child, but none of its accesses", name(signal))),
        "{stdout}"
    );
    watched.nothing_is_left();
}

/// A victim must have neither the pipe to the controller, with which it could answer for others, nor the
/// answers so far.
fn descriptors_of_a_victim() {
    let watched = WatchedRun::new(&format!("fd = file(PAGE);\n{MAP}pause();\nsweep(map, read);"));
    let child = watched.command(&["--timeout", "60000"]).stdout(Stdio::piped()).spawn().unwrap();
    let (_, victim) = watched.worker_and_victim(&child);
    let mut open: Vec<String> = std::fs::read_dir(format!("/proc/{victim}/fd"))
        .unwrap()
        .flatten()
        .filter(|entry| !["0", "1", "2"].contains(&entry.file_name().to_str().unwrap()))
        .map(|entry| std::fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned())
        .collect();
    let files = watched.files().to_string_lossy().into_owned();
    open.retain(|path| !path.starts_with(&files));
    assert_eq!(open, [""; 0]);
    kill_process(victim, Signal::KILL).unwrap();
    child.wait_with_output().unwrap();
    watched.nothing_is_left();
}

fn runner_ended((signal, code, told): End, level: &str) {
    let watched = WatchedRun::new(&hanging());
    let child = watched
        .command(&["--timeout", "60000", "--isolation", level])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    watched.worker_and_victim(&child);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), code);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains(told), "{stdout}");
    watched.nothing_is_left();
}

fn name(signal: Signal) -> &'static str {
    nix::sys::signal::Signal::try_from(signal.as_raw()).expect("it has a name").as_str()
}

fn an_ignored_interrupt_stays_ignored() {
    let watched = WatchedRun::new(&format!("timeout(3s);\n{MAP}pause();"));
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]);
    let command = watched.command(&[]);
    ignoring.arg(command.get_program()).args(command.get_args()).current_dir(command::root());
    ignoring.env("NO_COLOR", "1").stdout(Stdio::piped());
    let child = ignoring.spawn().unwrap();
    watched.worker_and_victim(&child);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("never returned"));
}

fn stopped(level: &str) {
    let watched = WatchedRun::new(&format!("timeout(3s);\n{MAP}pause();"));
    let child = watched.command(&["--isolation", level]).stdout(Stdio::piped()).spawn().unwrap();
    let (worker, _) = watched.worker_and_victim(&child);
    kill_process(worker, Signal::STOP).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("never returned"), "{stdout}");
    watched.nothing_is_left();
}

fn one_probe_killed() {
    let watched = WatchedRun::new(&format!("{}{MAP}sweep(map, read);", hanging()));
    let arguments = ["--timeout", "60000", "--access", "read", "--at", "0"];
    let mut child = watched.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    watched.worker_and_victim(&child);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    watched.nothing_is_left();
}

/// Two kills may hit the same program: it is then a harness error, which is counted as any other.
fn search_goes_on() {
    let watched = WatchedRun::new("");
    let out = tempfile::tempdir().unwrap();
    let mut command =
        command::faultmap(&["explore", "--count", "300", "--seed", "7", "--jobs", "2"]);
    command.arg("--dir").arg(watched.files()).arg("--out").arg(out.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let controller = Pid::from_child(&child);
    let mut killed = Vec::new();
    for _ in 0..4 {
        // A worker has a child of its own. A process that tries what the kernel allows may have one as well, but
        // of those there is one at a time.
        let worker = loop {
            let is_worker = |own: &Pid| !killed.contains(own) && !children_of(*own).is_empty();
            let workers: Vec<Pid> = children_of(controller).into_iter().filter(is_worker).collect();
            if let [worker, _] = workers.as_slice() {
                break *worker;
            }
            assert!(child.try_wait().unwrap().is_none(), "the search has ended too early");
        };
        kill_process(worker, Signal::KILL).unwrap();
        killed.push(worker);
    }
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let errors: Vec<_> = stdout.lines().filter(|line| line.starts_with("program ")).collect();
    assert!(stdout.contains(": 300 programs ("), "{stdout}{stderr}");
    assert!(stdout.contains(&format!(", 0 splits, {} harness error", errors.len())), "{stdout}");
    assert_eq!(output.status.code(), Some(if errors.is_empty() { 0 } else { 3 }), "{stdout}");
    assert!(stderr.contains("4 workers lost, and replaced"), "{stderr}");
    watched.nothing_is_left();
}

fn killed_twice(level: &str) {
    let watched = WatchedRun::new(&format!("{MAP}pause();"));
    let mut child = watched
        .command(&["--timeout", "60000", "--isolation", level])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (first, _) = watched.worker_and_victim(&child);
    kill_process(first, Signal::KILL).unwrap();
    let second = loop {
        let (worker, _) = watched.worker_and_victim(&child);
        if worker != first {
            break worker;
        }
        assert!(child.try_wait().unwrap().is_none(), "the command ended with its first worker");
    };
    kill_process(second, Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("the worker is gone: killed by SIGKILL"), "{stdout}");
    watched.nothing_is_left();
}

/// The process that judges a case may be killed or stopped, too, and its panic is told.
fn who_judges() {
    let case = faultmap::internals::parse::case(
        "fd = file(1); m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(m, read);",
    );
    let case = case.expect("a case");
    let pages_of = |page| judged(|| predict(&case, &Environment::with_pages_of(page)).len());
    assert_eq!(pages_of(4096), Ok(1));
    // There are no such pages: the model divides by their size.
    let why = pages_of(0).expect_err("a panic");
    assert!(why.contains("a bug of faultmap") && why.contains("src/model/"), "{why}");
    assert_eq!(pages_of(4096), Ok(1));
    let folder = tempfile::tempdir().expect("a folder");
    for signal in [Signal::KILL, Signal::TERM, Signal::STOP] {
        // As somebody might send it to the first process that is asked.
        let first = folder.path().join(format!("{signal:?}"));
        let is_second = judged(|| {
            let is_first = std::fs::create_dir(&first).is_ok();
            !(is_first && kill_process(getpid(), signal).is_ok())
        });
        assert_eq!(is_second, Ok(true), "{signal:?}");
    }
}
