//! A maintainer of a kernel, a sandbox or an emulator has a compiler, and not faultmap: a case becomes a C program of
//! one file, which makes the same steps, prints what is not as expected, and exits with 0 or 1. The main function is
//! [`c_program`].
//!
//! The program says nothing of the harness: it has the names of the C headers, the functions of the C library, and
//! its own way to fork and to wait. So it is one more witness of what a case does, beside the measurement and the
//! model. The names of calls and flags come from the vocabulary; only a call whose C function takes other arguments
//! than the kernel has its own lines, in `call`.

mod access;
mod block;
mod call;
mod each;
mod expectation;
mod frame;
mod name;
mod parts;
mod probe;
mod rows;
mod shape;
mod shown;
mod single;
mod steps;
mod text;
mod value;

pub use expectation::{Expected, Source, expect};

use thiserror::Error;

use crate::case::{Case, says};
use crate::vocabulary::Facet;

/// The reason why a case cannot be said in C.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsayable {
    /// The case waits for a deadline: the program has none.
    #[error("a step of it never returns, and a C program would wait for that as long")]
    NeverReturns,
    /// A memfd of huge pages cannot be filled by write(2) (hugetlbfs).
    #[error("a file of huge pages cannot be written to, and a C program fills its files so")]
    HugePages,
    /// Nothing is expected of a step.
    #[error("there is no answer for `{0}`, so that the program has nothing to expect")]
    NoAnswer(String),
}

/// Returns the C program of a case, with these expectations.
pub fn c_program(case: &Case, expected: &Expected) -> Result<String, Unsayable> {
    if case.timeout.is_some() {
        return Err(Unsayable::NeverReturns);
    }
    if case.calls().any(|(call, args)| call.makes_file() && says(args, 1, Facet::Huge)) {
        return Err(Unsayable::HugePages);
    }
    // What a variable holds is kept where a later step reads it: the first pass finds out.
    let read = steps::functions(case, expected, &Default::default())?.read;
    let functions = steps::functions(case, expected, &read)?;
    let rows = rows::rows(case, expected, &functions.origins)?;
    Ok(text::program(case, expected, &functions, &rows))
}
