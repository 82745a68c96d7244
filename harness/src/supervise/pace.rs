//! A deadline that suits an ordinary machine is too short for one that is emulated, which may be slower by a factor of a
//! hundred. A worker measures a fork, and its deadlines grow with that. The main type is [`Pace`].
//!
//! What is measured is CPU time: a busy machine lets a fork wait, and makes it hardly dearer. Under load a fork of
//! 0.3 ms may take 400 ms, and a deadline that grew with those would be half an hour.

use std::time::Duration;

/// The CPU time of a fork that is no reason yet for longer deadlines: that of an ordinary machine ten times and more.
const ORDINARY: Duration = Duration::from_millis(5);

/// The speed of a machine, by the CPU time that a fork takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(Duration);

impl Pace {
    /// Returns the pace of a machine on which to fork a process and to reap it takes so much CPU time.
    pub fn of_fork(cpu_time: Duration) -> Pace {
        Pace(cpu_time.max(ORDINARY))
    }

    /// Returns the time for this machine in place of one for an ordinary machine: the same, or longer in proportion.
    pub fn stretched(self, time: Duration) -> Duration {
        time.mul_f64(self.0.as_secs_f64() / ORDINARY.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_gets_longer_deadlines_and_a_fast_one_no_shorter_ones() {
        let deadline = Duration::from_secs(20);
        let of = |fork: Duration| Pace::of_fork(fork).stretched(deadline);
        assert_eq!(of(Duration::ZERO), deadline);
        assert_eq!(of(ORDINARY), deadline);
        assert_eq!(of(ORDINARY * 10), deadline * 10);
    }
}
