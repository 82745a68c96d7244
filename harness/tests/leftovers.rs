//! Runs that somebody stops and kills: what is left of them while anybody of the run lives, and what is after
//! the next start where nobody does. What a kill does to a run that goes on is in killed.rs.
//!
//! Each test has a process of its own: it adopts what a killed run leaves behind.

mod command;
mod own_process;
mod watched_run;

use std::process::{Child, ExitCode, Stdio};

use own_process::children::offspring;
use own_process::{refusal, table, test};
use rustix::process::{Pid, Signal, kill_process};
use watched_run::{MAP, WatchedRun};

/// A child that hangs, beside a file with a name.
const HANGS: &str = "fd = file(PAGE);\nfork { pause(); }\nunlink(fd);\n";

fn main() -> ExitCode {
    let mut tests = vec![test("a_named_file_is_gone_at_the_next_start", a_named_file)];
    let levels = [("default", "default"), ("strict", "strict")];
    let stopped = table("stopped_workers_of_a_killed_controller", &levels, stopped_workers);
    tests.extend(stopped.map(|test| match test.name().ends_with("strict") {
        true => test.unless(refusal::strict_isolation),
        false => test,
    }));
    own_process::run(tests)
}

/// As with process 1 of a container, orphans go to a process of the same session, which is this one: the
/// kernel then wakes none that is stopped (setpgid(2): orphaned process groups).
fn start(watched: &WatchedRun, level: &str) -> Child {
    let mut command = watched.command(&["--timeout", "60000", "--isolation", level]);
    command.stdout(Stdio::null()).spawn().expect("it can be started")
}

fn signal(pid: Pid, signal: Signal) {
    // One may be gone already.
    let _ = kill_process(pid, signal);
}

/// All but the controller, fork servers and victims included.
fn stopped_workers(level: &str) {
    // Enough children for a fork server, and then one that hangs.
    let watched = WatchedRun::new(&format!("{HANGS}{MAP}sweep(map, read);"));
    let mut child = start(&watched, level);
    watched.worker_and_victim(&child);
    let controller = Pid::from_child(&child);
    let all = offspring(controller);
    assert!(all.len() >= 2, "worker and victim: {all:?}");
    all.into_iter().for_each(|pid| signal(pid, Signal::STOP));
    signal(controller, Signal::KILL);
    child.wait().expect("it was killed");
    watched.nothing_is_left();
}

fn count(watched: &WatchedRun) -> usize {
    std::fs::read_dir(watched.files()).expect("it is there").count()
}

fn a_named_file() {
    let watched = WatchedRun::new(HANGS);
    let mut child = start(&watched, "default");
    watched.worker_and_victim(&child);
    kill_at_once(&child);
    child.wait().expect("it was killed");
    watched.no_process_is_left();
    assert_eq!(count(&watched), 1, "the file");
    let next = "fd = file(1);\nunlink(fd);\n";
    let (code, stdout, _) =
        command::show(next, &["--dir", watched.files().to_str().expect("text")]);
    assert_eq!(code, Some(0), "{stdout}");
    watched.nothing_is_left();
}

/// The whole run. All are stopped first, so that none sees another one's end.
fn kill_at_once(child: &Child) {
    let controller = Pid::from_child(child);
    signal(controller, Signal::STOP);
    let all = offspring(controller);
    for sent in [Signal::STOP, Signal::KILL] {
        all.iter().chain([&controller]).for_each(|pid| signal(*pid, sent));
    }
}
