//! A probe can recognise a byte of a file only if the content of the file is known: a [`Fill`] is that
//! content.
//!
//! For loads and stores it is one of two patterns. For `exec` it is return instructions, so that a jump to
//! them comes straight back.

use serde::{Deserialize, Serialize};

use crate::case::{Access, Pattern};
use crate::sys::returns_at;

/// The content of the files of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fill {
    /// A pattern.
    Pattern(Pattern),
    /// Return instructions.
    Code,
}

impl Fill {
    /// Every fill, in the order of their numbers.
    pub const ALL: &[Fill] =
        &[Fill::Pattern(Pattern::First), Fill::Code, Fill::Pattern(Pattern::Second)];

    /// Returns the fill of the files while this access is probed with this pattern.
    pub fn of(access: Access, pattern: Pattern) -> Fill {
        match access {
            Access::Exec => Fill::Code,
            _ => Fill::Pattern(pattern),
        }
    }

    /// Returns its place in [`Fill::ALL`].
    pub fn number(self) -> usize {
        match self {
            Fill::Pattern(Pattern::First) => 0,
            Fill::Code => 1,
            Fill::Pattern(Pattern::Second) => 2,
        }
    }

    /// Returns the byte of file number `file` at this offset.
    pub fn byte(self, file: usize, offset: u64) -> u8 {
        match self {
            Fill::Pattern(pattern) => pattern.byte(file, offset),
            Fill::Code => returns_at(offset),
        }
    }

    /// Returns the whole content of a file of this size.
    pub fn content(self, file: usize, size: u64) -> Vec<u8> {
        (0..size).map(|offset| self.byte(file, offset)).collect()
    }
}
