//! What the files hold.
//!
//! For loads and stores: the pattern. For `exec`: return instructions, so that what runs comes straight
//! back.

use crate::case::{Access, pattern};
use crate::sys::returns_at;

/// How the files of a probe are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The pattern.
    Pattern,
    /// Return instructions.
    Code,
}

impl Fill {
    /// What files hold while this access is probed.
    pub fn of(access: Access) -> Fill {
        match access {
            Access::Exec => Fill::Code,
            _ => Fill::Pattern,
        }
    }

    /// The byte of file number `file` at this offset.
    pub fn byte(self, file: usize, offset: u64) -> u8 {
        match self {
            Fill::Pattern => pattern(file, offset),
            Fill::Code => returns_at(offset),
        }
    }

    /// The whole content of a file of this size.
    pub fn content(self, file: usize, size: u64) -> Vec<u8> {
        (0..size).map(|offset| self.byte(file, offset)).collect()
    }
}
