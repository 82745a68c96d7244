//! The cost of an observation, against a fork of the same process that exits at once, in the same run.
//!
//! A fork copies the page tables, so the cost grows with the memory that the process has touched. The two take turns, call
//! by call, and each figure is a median: what other programs do beside them spoils few of the calls.

#![expect(unsafe_code, reason = "fork(2)")]

use std::hint::black_box;
use std::time::Instant;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

fn main() {
    println!("{:>10} {:>14} {:>14} {:>8}", "touched", "fork and exit", "observe", "ratio");
    for mebibytes in [0, 10, 100, 1000] {
        let mut memory = vec![0u8; mebibytes << 20];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        let calls = if mebibytes > 100 { 40 } else { 400 };
        let (base, ours): (Vec<f64>, Vec<f64>) =
            (0..calls).map(|_| (time(fork_and_exit), time(observe))).unzip();
        let (base, ours) = (median(base), median(ours));
        println!("{mebibytes:>6} MiB {base:>11.0} us {ours:>11.0} us {:>8.2}", ours / base);
        black_box(&memory);
    }
}

/// Returns the microseconds of one call.
fn time(body: fn()) -> f64 {
    let started = Instant::now();
    body();
    started.elapsed().as_secs_f64() * 1e6
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn fork_and_exit() {
    // SAFETY: the child does no more than exit.
    match unsafe { fork() }.expect("a child") {
        // SAFETY: it has no preconditions.
        ForkResult::Child => unsafe { nix::libc::_exit(0) },
        ForkResult::Parent { child } => drop(waitpid(child, None)),
    }
}

fn observe() {
    let seen = faultmap::observe(|| black_box(17));
    assert_eq!(seen.to_string(), "returned 17");
}
