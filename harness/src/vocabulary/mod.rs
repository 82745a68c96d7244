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
#[expect(missing_docs, reason = "the names are those of the headers of the kernel")]
pub mod linux;
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
            assert_ne!(row.number(), Some(u32::MAX), "{}", row.name);
        }
    }

    /// A child knows what a descriptor shows only of files that it opens itself.
    #[test]
    fn a_call_that_gives_a_descriptor_says_what_it_shows() {
        for row in all() {
            let is_other =
                matches!(row.returns, Returns::Map | Returns::Id) || !row.returns.is_kept();
            let is_plain = matches!(row.action, Action::System(_) | Action::Arranged(..));
            assert!(is_other || !is_plain, "{}: what does its descriptor show?", row.name);
        }
    }

    /// The guard and the budget look for an address and its length where the kernel has them.
    #[test]
    fn an_address_and_its_length_keep_their_places() {
        for row in all() {
            let Action::Arranged(_, arguments) = row.action else { continue };
            if row.position(|own| own == Parameter::Address).is_none() {
                continue;
            }
            for (place, parameter) in row.parameters.iter().enumerate() {
                if matches!(parameter, Parameter::Address | Parameter::Length) {
                    assert_eq!(arguments.get(place), Some(&Argument::Of(place)), "{}", row.name);
                }
            }
        }
    }

    #[test]
    fn the_result_that_fills_a_buffer_is_read_from_it() {
        for row in all() {
            let fills = match row.action {
                Action::Arranged(_, arguments) => arguments.contains(&Argument::Buffer),
                _ => false,
            };
            let reads = matches!(row.returns, Returns::Bytes | Returns::BytePerPage(_));
            assert!(!fills || reads, "{}: what it fills is not shown", row.name);
            if let Returns::BytePerPage(length) = row.returns {
                assert_eq!(row.parameters.get(length), Some(&Parameter::Length), "{}", row.name);
            }
        }
    }
}
