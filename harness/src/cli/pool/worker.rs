//! A worker, as the controller sees it.
//!
//! Its messages are lines of JSON, put together from any pieces that the pipe delivers.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::process::Pid;

pub struct Worker {
    pub pid: Pid,
    /// The number of the worker, counted from 0, which selects its core.
    pub number: usize,
    /// The pipe for the numbers of its items; `None` when no item is left.
    pub orders: Option<File>,
    pub results: Lines,
    /// The answers so far to its current item, see [`crate::journal`].
    pub journal: File,
    /// The number of its current item.
    pub at: Option<u64>,
}

/// The controller's end of the pipe, with the bytes of a line that is not complete.
#[derive(Debug)]
pub struct Lines {
    pipe: File,
    unread: Vec<u8>,
}

impl Lines {
    pub fn of(pipe: File) -> Lines {
        Lines { pipe, unread: Vec::new() }
    }

    /// Reads once from the pipe. False at its end, where no process has the other end open.
    pub fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = match self.pipe.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return true,
            count => count.unwrap_or(0),
        };
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Takes the next complete line; `None` where there is none yet.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|byte| *byte == b'\n')?;
        Some(self.unread.drain(..=end).collect())
    }
}

impl AsFd for Lines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
