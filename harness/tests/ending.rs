//! The kernel tells how a process ends, and which signals end one.

mod own_process;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use faultmap::internals::supervise::{Ending, await_end};
use faultmap::internals::sys::{Child, SoleThread, fork_worker};
use faultmap::internals::vocabulary::{Facet, Family, flags};
use nix::libc;
use own_process::test;
use rustix::process::{Pid, Signal, getpid, kill_process};
use stage::{ENDS, HANGS, Stage};

fn main() -> ExitCode {
    own_process::run(vec![
        test("each_signal_of_the_vocabulary_does_what_its_row_says", each_signal),
        test("a_worker_that_is_stopped_on_its_way_out_is_killed", stops_on_its_way_out),
        test("a_worker_that_does_not_end_is_killed", does_not_end),
    ])
}

/// What the row of a signal says of its default action, which signal(7) lists, is what the kernel does.
fn each_signal() {
    let stage = Stage::new();
    for flag in flags(Family::Signal) {
        let ending = |deadline| {
            let send = |child: &Child| {
                let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
                let _ = child.call(libc::SYS_kill, [own, flag.value as usize, 0, 0, 0, 0]);
                0
            };
            stage.run(deadline, |child| send(&child)).ending
        };
        let stops = |deadline| ending(deadline) == Ending::TimedOut { stopped: true };
        match flag.facet {
            // On a busy machine, it may not have come so far at the first deadline.
            Facet::Stops => assert!([HANGS, ENDS].into_iter().any(stops), "{}", flag.name),
            Facet::Harmless => assert_eq!(ending(ENDS), Ending::Exited(0), "{}", flag.name),
            _ => assert_eq!(ending(ENDS), Ending::Killed(flag.value as i32), "{}", flag.name),
        }
    }
}

/// Forks a worker that runs this. It has not been restricted, and has forked nothing.
fn worker(body: fn() -> i32) -> Pid {
    let thread = SoleThread::claim().expect("this thread alone");
    fork_worker(thread, body).expect("it can be forked")
}

fn stops_on_its_way_out() {
    let worker = worker(|| i32::from(kill_process(getpid(), Signal::STOP).is_err()));
    assert_eq!(await_end(worker, ENDS * 60), Ending::Killed(libc::SIGKILL));
}

fn does_not_end() {
    let worker = worker(|| {
        loop {
            std::thread::sleep(ENDS);
        }
    });
    assert_eq!(await_end(worker, Duration::ZERO), Ending::TimedOut { stopped: false });
}
