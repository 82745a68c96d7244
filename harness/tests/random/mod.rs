//! Random numbers that can be repeated.

/// Random numbers from a seed.
pub struct Random(fastrand::Rng);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    /// Returns a number of at least `from` and below `to`.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..to)
    }

    /// Returns one of these values.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.usize(..all.len())]
    }
}
