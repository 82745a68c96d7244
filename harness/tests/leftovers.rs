//! Runs that somebody stops and kills: what is left of them while anybody of the run lives, and what is after
//! the next start where nobody does. What a kill does to a run that goes on is in killed.rs.
//!
//! Each test has a process of its own: it adopts what a killed run leaves behind.

#![expect(clippy::zombie_processes, reason = "`await_end` reaps all there are")]

mod command;
mod own_process;
mod watched_run;

use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use own_process::children::own_children;
use own_process::{Test, refusal, table, test};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use watched_run::{MAP, WatchedRun, segment_bytes, segments};

/// A child that hangs, beside a file with a name.
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
        refuse_namespaces();
        body();
    }));
    own_process::run(tests)
}

fn start(marked: &WatchedRun, level: &str) -> Child {
    // As with process 1 of a container: orphans go to a process of the same session, so that the kernel wakes
    // none that is stopped (setpgid(2): orphaned process groups).
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("any kernel");
    let mut command = marked.command(&["--timeout", "60000", "--isolation", level]);
    command.stdout(Stdio::null()).spawn().expect("it can be started")
}

/// A process and all that it and its children have forked.
fn family(pid: i32) -> Vec<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok()).flat_map(family);
    [pid].into_iter().chain(children).collect()
}

fn signal(pid: i32, signal: Signal) {
    // One may be gone already.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Reaps until nobody is left: all orphans are this process's.
fn await_end() {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !own_children().is_empty() {
        if waitpid(None, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
            assert!(Instant::now() < deadline, "still there: {:?}", family(own_pid()));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// All but the controller, fork servers and victims included.
fn stopped_workers(level: &str) {
    // Enough children for a fork server, and then one that hangs.
    let marked = WatchedRun::new(&format!("{HANGS}{MAP}sweep(map, read);"));
    let child = start(&marked, level);
    marked.worker_and_victim(&child);
    let controller = child.id() as i32;
    let all = family(controller);
    assert!(all.len() >= 3, "controller, worker and victim: {all:?}");
    all.into_iter().filter(|pid| *pid != controller).for_each(|pid| signal(pid, Signal::SIGSTOP));
    signal(controller, Signal::SIGKILL);
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

/// The whole run. All are stopped first, so that none sees another one's end.
fn kill_at_once(child: &Child) {
    let all = family(child.id() as i32);
    for sent in [Signal::SIGSTOP, Signal::SIGKILL] {
        all.iter().for_each(|pid| signal(*pid, sent));
    }
    await_end();
}

/// From here on, unshare(2) fails as in a container. This process must be able to install a filter.
fn refuse_namespaces() {
    rustix::thread::set_no_new_privs(true).expect("any kernel has that");
    let (refused, allowed) = (SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow);
    let here = std::env::consts::ARCH.try_into().expect("a filter can be made here");
    let rules = [(libc::SYS_unshare, Vec::new())].into_iter().collect();
    let filter = SeccompFilter::new(rules, allowed, refused, here).expect("a filter");
    let filter = BpfProgram::try_from(filter).expect("a program");
    seccompiler::apply_filter(&filter).expect("it is taken");
}

fn hangs_beside_a_segment() -> String {
    let bytes = segment_bytes();
    format!("id = shmget(IPC_PRIVATE, {bytes}, IPC_CREAT | 0600);\nfork {{ pause(); }}\n")
}

/// The child dies with its worker, and another worker goes on.
fn segment_of_a_killed_worker() {
    let marked = WatchedRun::new(&hangs_beside_a_segment());
    let child = start(&marked, "default");
    let (worker, _) = marked.worker_and_victim(&child);
    assert_eq!(segments().len(), 1, "the case makes one");
    let first = segments();
    rustix::process::kill_process(worker, rustix::process::Signal::KILL).expect("it is there");
    let deadline = Instant::now() + Duration::from_secs(30);
    while segments() == first {
        assert!(Instant::now() < deadline, "it is still there: {first:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(child.id() as i32, Signal::SIGTERM);
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
