//! A measurement must not move between cores: it is pinned to some.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use.
pub fn own() -> Vec<usize> {
    let set = sched_getaffinity(None).expect("an affinity");
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Keeps this process, and what it starts, on these.
pub fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).expect("cores of this process's own");
}

/// Returns the microseconds that all cores together take for one child, where each takes so many. They do not
/// wait for each other.
pub fn together(each: &[f64]) -> f64 {
    1.0 / each.iter().map(|each| 1.0 / each).sum::<f64>()
}
