//! What the files hold.
//!
//! For loads and stores: one of two patterns. For `exec`: return instructions, so that what runs comes straight
//! back.

use serde::{Deserialize, Serialize};

use crate::case::{Access, Pattern};
use crate::sys::returns_at;

/// How the files of a probe are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fill {
    /// A pattern.
    Pattern(Pattern),
    /// Return instructions.
    Code,
}

impl Fill {
    /// Every way, in the order of their numbers.
    pub const ALL: [Fill; 3] =
        [Fill::Pattern(Pattern::First), Fill::Code, Fill::Pattern(Pattern::Second)];

    /// What files hold while this access is probed with this pattern.
    pub fn of(access: Access, pattern: Pattern) -> Fill {
        match access {
            Access::Exec => Fill::Code,
            _ => Fill::Pattern(pattern),
        }
    }

    /// Its place in [`Fill::ALL`].
    pub fn number(self) -> usize {
        match self {
            Fill::Pattern(Pattern::First) => 0,
            Fill::Code => 1,
            Fill::Pattern(Pattern::Second) => 2,
        }
    }

    /// The byte of file number `file` at this offset.
    pub fn byte(self, file: usize, offset: u64) -> u8 {
        match self {
            Fill::Pattern(pattern) => pattern.byte(file, offset),
            Fill::Code => returns_at(offset),
        }
    }

    /// The whole content of a file of this size.
    pub fn content(self, file: usize, size: u64) -> Vec<u8> {
        (0..size).map(|offset| self.byte(file, offset)).collect()
    }
}
