//! One worker, as the controller has it.

use std::fs::File;

use nix::unistd::Pid;

use crate::cli::lines::Lines;

pub struct Worker {
    pub pid: Pid,
    /// Counted from 0: which core is its own.
    pub number: usize,
    /// Tells it the next case; closed when there is none.
    pub orders: Option<File>,
    pub results: Lines,
    /// The answers to the case that it is at, see [`crate::journal`].
    pub journal: File,
    /// The number of that case.
    pub at: Option<usize>,
}
