//! A worker, as the controller sees it.

use std::fs::File;

use nix::unistd::Pid;

use crate::cli::lines::Lines;

pub struct Worker {
    pub pid: Pid,
    /// The number of the worker, counted from 0, which selects its core.
    pub number: usize,
    /// The pipe for the numbers of its cases; `None` when no case is left.
    pub orders: Option<File>,
    pub results: Lines,
    /// The answers so far to its current case, see [`crate::journal`].
    pub journal: File,
    /// The number of its current case.
    pub at: Option<usize>,
}
