//! The cost of an observation, against a fork of the same process that exits at once, in the same run.
//!
//! A fork copies the page tables, so the cost grows with the memory that the process has touched. Rows are measured in
//! turn; a ratio is the median of the ratios within each round.

#![expect(unsafe_code, reason = "fork(2)")]

use std::hint::black_box;
use std::time::Instant;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

const ROUNDS: usize = 21;

fn main() {
    println!("{:>10} {:>14} {:>14} {:>8}", "touched", "fork and exit", "observe", "ratio");
    for mebibytes in [0, 10, 100, 1000] {
        let mut memory = vec![0u8; mebibytes << 20];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        let times = if mebibytes > 100 { 3 } else { 20 };
        let rounds = (0..ROUNDS).map(|_| (time(times, fork_and_exit), time(times, observe)));
        let rounds: Vec<(f64, f64)> = rounds.collect();
        let median_of = |of: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "{:>6} MiB {:>11.0} us {:>11.0} us {:>8.2}",
            mebibytes,
            median_of(|(base, _)| *base),
            median_of(|(_, ours)| *ours),
            median_of(|(base, ours)| ours / base)
        );
        black_box(&memory);
    }
}

/// Returns the microseconds of one call.
fn time(times: u32, body: fn()) -> f64 {
    let started = Instant::now();
    (0..times).for_each(|_| body());
    started.elapsed().as_secs_f64() * 1e6 / f64::from(times)
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
