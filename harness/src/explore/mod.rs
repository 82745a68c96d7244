//! The search for a program on which kernel and model part.
//!
//! Random programs from the vocabulary of cases are predicted and run. Where what was measured is none
//! of what may happen, the program is shrunk to the smallest that still splits the two. Program number
//! `n` of a seed is always the same, whoever runs it.

mod cook;
mod recipe;
mod search;

pub use search::{Answer, Search, Split, Tried};
