//! The words of the case language, as a table of values: one value for each system call, one for each flag.
//!
//! Every stage reads this table: the parser, the child that performs a call, the guard and the budget in
//! front of it, the seccomp filters, the sweep, the classification of results, `explore`, the fuzz and the
//! table of calls in the documentation. So a new call is one [`Syscall`] in a file of [`calls`], and a new
//! flag is one [`Flag`] in `flags.rs`. The predicted behaviour is the second witness, and stands apart, in
//! `model/calls/` under the same file names.

pub mod calls;
mod effect;
mod flags;
mod syscall;

pub use effect::{Action, Argument, Cost, Effect, Lack, Reach};
pub use flags::{Facet, Family, Flag, flag, flags, usual};
pub use syscall::{PLAIN, Parameter, Returns, Syscall};

use std::sync::OnceLock;

/// Calls that a test has added.
static ADDED: OnceLock<&'static [Syscall]> = OnceLock::new();

/// Every call, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Syscall> {
    let added = ADDED.get().copied().unwrap_or_default();
    calls::FAMILIES.iter().copied().flatten().chain(added)
}

/// The call of that name.
pub fn call(name: &str) -> Option<&'static Syscall> {
    all().find(|call| call.name == name)
}

/// Adds calls to the table of this process, once, before anything reads it. A test shows by this that one
/// value is enough for a new call.
#[doc(hidden)]
pub fn add(calls: &'static [Syscall]) {
    let _ = ADDED.set(calls);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_found_by_its_name_alone_and_has_all_that_a_reader_needs() {
        for row in all() {
            let same = all().filter(|other| other.name == row.name).count();
            assert_eq!(same, 1, "{}", row.name);
            assert!(row.manual.ends_with(')'), "{}: {}", row.name, row.manual);
            assert_ne!(row.number(), Some(-1), "{}", row.name);
        }
    }
}
