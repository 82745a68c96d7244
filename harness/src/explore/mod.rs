//! The search for programs on which the kernel contradicts the model.
//!
//! The search makes random programs from the vocabulary of cases, predicts them and runs them.
//! If the measurement is none of the predicted ones, it tells the first difference, and shrinks the
//! program for as long as its result is like the one that is looked for. Program number `n` of a seed is the same on every machine.

mod generate;
mod render;
mod search;

pub use search::{Answer, Search, Tried};
