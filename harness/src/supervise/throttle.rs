//! Workers that only fork can keep other processes off their cores: a throttle lets others run now and then.
//!
//! If two processes do nothing but fork, each kept on a core of its own, Linux 6.18 lets hardly any
//! process outside of their autogroup or control group (sched(7)) run on those cores, for half a minute and
//! more: each fork and exit moves the group's share from core to core, and the group gains by that. Two loops
//! in plain C do the same. A process that sleeps for a moment loses that gain; a moment of some ten
//! microseconds is too short for that.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time that a worker works without a rest, and the time of a rest.
const WORK: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_micros(100);

/// The rests of one of several workers.
#[derive(Debug)]
pub struct Throttle(Cell<Instant>);

impl Throttle {
    /// Returns a throttle whose first rest is not due yet.
    pub fn new() -> Throttle {
        Throttle(Cell::new(Instant::now()))
    }

    /// Sleeps where a rest is due.
    pub fn rest(&self) {
        if self.0.get().elapsed() > WORK {
            std::thread::sleep(REST);
            self.0.set(Instant::now());
        }
    }
}
