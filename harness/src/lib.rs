//! *What does a memory map do at its edges?* faultmap asks the kernel, one forked child per
//! question, and keeps the answers as snapshots that people can read.
//!
//! The rooms, from the ground up; each knows only those before it:
//!
//! - [`case`]: the vocabulary, plain values: a case, its steps, an outcome, a fault map.
//! - [`parse`]: text to case, and back.

pub mod case;
pub mod parse;
