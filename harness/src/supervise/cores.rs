//! A probe is slow where a worker and its child run on different cores: each worker gets a core of its own.
//!
//! A worker and its child take turns: one waits while the other runs. Left to itself, the scheduler starts
//! each child on another core that happens to be idle, with cold caches and an interrupt to wake the worker
//! again; on the same core a probe takes two thirds of the time. Children inherit the core.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use, the one that it runs on first: whoever started it beside other
/// programs has been given a core that is free.
#[derive(Debug)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// Returns the cores of this process; none where the kernel does not tell.
    pub fn own() -> Cores {
        let Ok(set) = sched_getaffinity(None) else { return Cores(Vec::new()) };
        let mut cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
        // Not rustix's: it panics where the vDSO does not tell, as in a user-mode Linux.
        let own = nix::sched::sched_getcpu().ok();
        let here = cores.iter().position(|core| Some(*core) == own).unwrap_or(0);
        cores.rotate_left(here);
        Cores(cores)
    }

    /// Returns the number of cores.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Keeps this process, worker number `worker`, and those forked from it on one of them. That is for speed
    /// alone: where it fails they run wherever they are put.
    pub fn pin(&self, worker: usize) {
        if self.0.is_empty() {
            return;
        }
        let mut set = CpuSet::new();
        set.set(self.0[worker % self.0.len()]);
        let _ = sched_setaffinity(None, &set);
    }
}
