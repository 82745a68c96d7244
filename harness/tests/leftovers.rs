//! A run that is stopped and killed leaves nothing behind while one of its processes lives. If all are
//! killed, the next run removes the rest. Runs that continue after a kill are in killed.rs.
//!
//! Each test has a process of its own, which adopts the orphans of a killed run.

#![expect(clippy::zombie_processes, reason = "`await_end` reaps all there are")]

mod command;
mod own_process;
mod watched_run;

use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use own_process::children::{offspring, own_children};
use own_process::refused_call::refuse_call;
use own_process::{Test, refusal, table, test};
use rustix::process::{Pid, Signal, getpid, kill_process};
use watched_run::{MAP, WatchedRun, segment_bytes, segments};

/// A case with a named file, whose child hangs.
const HANGS: &str = "fd = file(PAGE);\nfork { pause(); }\nunlink(fd);\n";

fn main() -> ExitCode {
    let levels = [("default", "default"), ("strict", "strict")];
    let strict = |test: Test, level| match level {
        "strict" => test.unless(refusal::strict_isolation),
        _ => test,
    };
    let stopped = table("stopped_workers_of_a_killed_controller", &levels, stopped_workers);
    let tests = stopped.zip(levels).map(|(test, (_, level))| strict(test, level));
    let mut tests: Vec<Test> = tests.collect();
    tests.push(test("a_named_file_is_gone_at_the_next_start", a_named_file));
    let name = "a_segment_is_gone_where_there_is_no_ipc_namespace";
    let killed = [("worker", segment_of_a_killed_worker as fn()), ("all", segment_of_a_killed_run)];
    tests.extend(table(name, &killed, |body: fn()| {
        // Another run on this machine would remove the segment of a killed one.
        let _ = faultmap::internals::sys::own_ipc_namespace();
        // A container may refuse new namespaces.
        refuse_call(libc::SYS_unshare, libc::EPERM);
        body();
    }));
    tests.push(test("all_segments_of_a_long_case_are_made", all_segments_of_a_long_case));
    own_process::run(tests)
}

/// The case makes as many segments as a case can have steps, and none has the key of another one.
fn all_segments_of_a_long_case() {
    let text =
        "shmget(IPC_PRIVATE, PAGE, 0600);\n".repeat(faultmap::internals::case::limits::STEPS);
    let (_, stdout, stderr) = command::show(&text, &[]);
    assert!(stdout.contains("\n1 case: 1 measured, "), "{stdout}{stderr}");
    assert!(!stdout.contains("EEXIST"), "{stdout}{stderr}");
}

fn start(marked: &WatchedRun, level: &str) -> Child {
    // Orphans go to a process of the same session, as to process 1 of a container, so that the kernel does
    // not wake stopped ones (setpgid(2): orphaned process groups).
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("any kernel");
    let mut command = marked.command(&["--timeout", "60000", "--isolation", level]);
    command.stdout(Stdio::null()).spawn().expect("it can be started")
}

fn signal(pid: Pid, signal: Signal) {
    // The process may have ended already.
    let _ = kill_process(pid, signal);
}

/// Reaps until no process is left: this process adopts all orphans.
fn await_end() {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !own_children().is_empty() {
        if waitpid(None, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
            assert!(Instant::now() < deadline, "still there: {:?}", offspring(getpid()));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns all processes but the controller, including fork servers and victims.
fn stopped_workers(level: &str) {
    // The case has enough children to get a fork server, and then one that hangs.
    let marked = WatchedRun::new(&format!("{HANGS}{MAP}sweep(map, read);"));
    let child = start(&marked, level);
    marked.worker_and_victim(&child);
    let controller = Pid::from_child(&child);
    let all = offspring(controller);
    assert!(all.len() >= 2, "worker and victim: {all:?}");
    all.into_iter().for_each(|pid| signal(pid, Signal::STOP));
    signal(controller, Signal::KILL);
    await_end();
    assert_eq!(count(&marked), 0, "files are left");
}

fn count(marked: &WatchedRun) -> usize {
    std::fs::read_dir(marked.files()).expect("it is there").count()
}

fn a_named_file() {
    let marked = WatchedRun::new(HANGS);
    let child = start(&marked, "default");
    marked.worker_and_victim(&child);
    kill_at_once(&child);
    assert_eq!(count(&marked), 1, "the file");
    let next = "fd = file(1);\nunlink(fd);\n";
    let (code, stdout, _) = command::show(next, &["--dir", marked.files().to_str().expect("text")]);
    assert_eq!(code, Some(0), "{stdout}");
    assert_eq!(count(&marked), 0);
}

/// Kills the whole run. It stops all processes first, so that none sees the end of another one.
fn kill_at_once(child: &Child) {
    let controller = Pid::from_child(child);
    let all = offspring(controller);
    for sent in [Signal::STOP, Signal::KILL] {
        [controller].iter().chain(&all).for_each(|pid| signal(*pid, sent));
    }
    await_end();
}

fn hangs_beside_a_segment() -> String {
    let bytes = segment_bytes();
    format!("id = shmget(IPC_PRIVATE, {bytes}, IPC_CREAT | 0600);\nfork {{ pause(); }}\n")
}

/// The child dies with its worker, and another worker continues.
fn segment_of_a_killed_worker() {
    let marked = WatchedRun::new(&hangs_beside_a_segment());
    let child = start(&marked, "default");
    let (worker, _) = marked.worker_and_victim(&child);
    assert_eq!(segments().len(), 1, "the case makes one");
    let first = segments();
    kill_process(worker, Signal::KILL).expect("it is there");
    let deadline = Instant::now() + Duration::from_secs(30);
    while segments() == first {
        assert!(Instant::now() < deadline, "it is still there: {first:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(Pid::from_child(&child), Signal::TERM);
    await_end();
    assert_eq!(segments(), [""; 0]);
}

fn segment_of_a_killed_run() {
    let marked = WatchedRun::new(&hangs_beside_a_segment());
    let child = start(&marked, "default");
    marked.worker_and_victim(&child);
    kill_at_once(&child);
    assert_eq!(segments().len(), 1, "the case has made one");
    let (code, stdout, _) = command::show("fd = pipe();", &[]);
    assert_eq!(code, Some(0), "{stdout}");
    assert_eq!(segments(), [""; 0]);
}
