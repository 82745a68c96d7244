//! The search for programs on which the kernel contradicts the model.
//!
//! The search makes random programs from the vocabulary of cases, predicts them and runs them.
//! If the measurement is none of the predicted ones, it shrinks the program for as long as the
//! two still contradict each other. Program number `n` of a seed is the same on every machine.

mod generate;
mod render;
mod search;

pub use search::{Answer, Search, Split, Tried};
