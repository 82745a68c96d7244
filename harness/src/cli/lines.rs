//! What a worker sends: a line of JSON at a time, however it comes out of the pipe.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

/// The controller's end of the pipe.
#[derive(Debug)]
pub struct Lines {
    pipe: File,
    unread: Vec<u8>,
}

impl Lines {
    pub fn of(pipe: File) -> Lines {
        Lines { pipe, unread: Vec::new() }
    }

    /// Reads what there is, once. False at the end, where nobody has the other end open any more.
    pub fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = match self.pipe.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return true,
            count => count.unwrap_or(0),
        };
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Takes the next whole line. One that a kill has cut off is none.
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
