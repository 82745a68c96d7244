//! One term of an argument of flags.

use std::fmt;

use super::{Radix, Size};
use crate::vocabulary::{Facet, Flag};

/// One term of an argument of flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagWord {
    /// A flag by its name.
    Name(&'static Flag),
    /// A bare number, such as `0` or `0600`.
    Number(u64, Radix),
}

impl FlagWord {
    /// The value of the term.
    pub fn value(&self) -> i64 {
        match *self {
            FlagWord::Name(flag) => flag.value,
            FlagWord::Number(value, _) => value as i64,
        }
    }

    /// The value of terms that are joined by `|`.
    pub fn all(words: &[FlagWord]) -> i64 {
        words.iter().fold(0, |all, word| all | word.value())
    }

    /// True where the term is this flag.
    pub fn is(&self, name: &str) -> bool {
        matches!(self, FlagWord::Name(flag) if flag.name == name)
    }

    /// True where the term makes this of its call.
    pub fn has(&self, facet: Facet) -> bool {
        matches!(self, FlagWord::Name(flag) if flag.facet == facet)
    }
}

impl fmt::Display for FlagWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FlagWord::Name(flag) => f.write_str(flag.name),
            FlagWord::Number(value, radix) => Size::Bytes(value, radix).fmt(f),
        }
    }
}
