//! *What does a memory map do at its edges?* faultmap measures it with one forked child for each
//! probe, and keeps the answers as snapshots that people can read.
//!
//! The modules, from the bottom up; each uses only those before it:
//!
//! - [`printable`]: safe output of text from files on a terminal.
//! - [`vocabulary`]: the calls and flags of the case language, one value each.
//! - [`case`]: plain values: a case, its steps, an outcome, a fault map.
//! - [`parse`]: text to case, and back.
//! - [`sys`]: the only `unsafe`: the fork, the fault handler, the shared record, the accesses.
//! - [`victim`]: the code that runs in the child.
//! - [`supervise`]: the life of one child, seen from outside.
//! - [`named`]: the offsets at which an outcome may change.
//! - [`sweep`]: the choice of offsets to probe, and the fault map made of their outcomes.
//! - [`model`]: the behaviour that POSIX and Linux promise, as a pure function.
//! - [`explore`]: the search for a program on which the kernel contradicts the model.
//! - [`picture`]: the text of a measurement.
//! - [`backing`]: the place of a case's files, and the needs that this place does not meet.
//! - [`scarce`]: the cases that run alone, because they use up something that others need.
//! - [`confine`]: the calls and files that workers and victims may use, at each level of isolation.
//! - [`journal`]: the answers of a case so far, which outlive the worker that measured them.
//! - [`measure`]: the measurement of a whole case on a backing.
//! - [`snapshot`]: the kept pictures, and their comparison with measured ones.
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
pub mod vocabulary;
