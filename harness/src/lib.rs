//! *What does a memory map do at its edges?* faultmap asks the kernel, one forked child per
//! question, and keeps the answers as snapshots that people can read.
//!
//! The rooms, from the ground up; each knows only those before it:
//!
//! - [`case`]: the vocabulary, plain values: a case, its steps, an outcome, a fault map.
//! - [`parse`]: text to case, and back.
//! - [`sys`]: the only `unsafe`: the fork, the fault handler, the shared record, the accesses.
//! - [`victim`]: what happens inside the child.
//! - [`supervise`]: one child's whole life seen from outside.

pub mod case;
pub mod parse;
pub mod supervise;
#[expect(unsafe_code, reason = "the one room where it may stand")]
pub mod sys;
pub mod victim;
