//! *What does a memory map do at its edges?* faultmap asks the kernel, one forked child per
//! question, and keeps the answers as snapshots that people can read.
//!
//! The rooms, from the ground up; each knows only those before it:
//!
//! - [`printable`]: text of others, as a terminal may have it.
//! - [`case`]: the vocabulary, plain values: a case, its steps, an outcome, a fault map.
//! - [`parse`]: text to case, and back.
//! - [`sys`]: the only `unsafe`: the fork, the fault handler, the shared record, the accesses.
//! - [`victim`]: what happens inside the child.
//! - [`supervise`]: one child's whole life seen from outside.
//! - [`named`]: the offsets at which something may change.
//! - [`sweep`]: where to probe, and many outcomes to one fault map.
//! - [`model`]: what POSIX and Linux say must happen, as a pure function.
//! - [`explore`]: the search for a program on which kernel and model part.
//! - [`picture`]: a measurement to text.
//! - [`backing`]: where a case's files live, and what that place cannot do.
//! - [`scarce`]: cases of which two at once would take from each other.
//! - [`confine`]: the calls and files that workers and victims may ask for, at each level of isolation.
//! - [`journal`]: the answers of a case so far, where they outlive the worker that asked.
//! - [`measure`]: a whole case on a backing.
//! - [`snapshot`]: the text that is kept, and whether it still holds.
//! - [`cli`]: arguments, workers, progress, colours, exit codes.

pub mod backing;
pub mod case;
pub mod cli;
pub mod confine;
pub mod explore;
pub mod journal;
pub mod measure;
pub mod model;
pub mod named;
pub mod parse;
pub mod picture;
pub mod printable;
pub mod scarce;
pub mod snapshot;
pub mod supervise;
pub mod sweep;
#[expect(unsafe_code, reason = "the one room where it may stand")]
pub mod sys;
pub mod victim;
