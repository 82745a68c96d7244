//! Letting others onto the core.
//!
//! Where two processes do nothing but fork, each kept on a core of its own, Linux 6.18 lets hardly anybody
//! outside of their autogroup or control group (sched(7)) onto those cores, for half a minute and more:
//! at each fork and exit the group's share is shifted from core to core, and the group comes out ahead.
//! It is the same with two loops in plain C. Who sleeps for a moment is put back into its place; a moment
//! of some ten microseconds is too short for that.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a worker works without a rest, and how long it rests.
const WORK: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_micros(100);

/// The rests of one of several workers.
#[derive(Debug)]
pub struct Throttle(Cell<Instant>);

impl Throttle {
    /// The first is not due yet.
    pub fn new() -> Throttle {
        Throttle(Cell::new(Instant::now()))
    }

    /// Sleeps where it is time to.
    pub fn rest(&self) {
        if self.0.get().elapsed() > WORK {
            std::thread::sleep(REST);
            self.0.set(Instant::now());
        }
    }
}
