//! faultmap measures what a memory map does at its edges: one forked child for each probe, and the answers as
//! pictures that people can read and keep.
//!
//! A case is a few lines that read as C. The command `faultmap` measures it; this library parses it, predicts
//! what POSIX and Linux promise of it, and judges a measurement by that:
//!
//! ```
//! use faultmap::{Case, Environment, draw, predict};
//!
//! let case: Case = "fd = file(2200);
//!     map = mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0);
//!     sweep(map, read);"
//!     .parse()?;
//! let environment = Environment::with_pages_of(4096);
//! let promised = &predict(&case, &environment)[0].measurement;
//! let picture = draw(&case, promised, environment.page);
//! assert!(picture.ends_with(
//!     "           0              2200           4096             8192\n\
//!      read       | data         | zero         | SIGBUS ADRERR  | SIGSEGV MAPERR\n"
//! ));
//! # Ok::<(), faultmap::ParseError>(())
//! ```
//!
//! Code that maps files is tested with [`observe()`]: a closure runs in a child process, and its end is told. See the
//! module [`mod@observe`].
//!
//! What measures is there on Linux alone: `observe`, [`fault_map`], [`Runner`], and the command. A case is parsed, predicted
//! and judged on any system.
//!
//! The language of cases, the model and the isolation are described in the folder `harness/docs`. Everything
//! below `internals` is for the project's own tests, and may change at any time.
//!
//! # The way of one probe
//!
//! - `parse` turns the text of a case into a [`Case`], by the calls and flags of `vocabulary`.
//! - `cli` selects cases and starts workers; `confine` says what a worker and its children may do.
//! - `measure` asks for the steps of a case, and then for each byte that `sweep` chooses; what was answered so
//!   far stands in `journal`.
//! - `backing` makes the files of one child, and `supervise` forks it, waits for it, and kills it at its deadline.
//! - `victim` is the code of that child. It performs the steps by the functions of `sys`, asks its guard about
//!   each address, and accesses the byte. The fault handler writes down the signal.
//! - `supervise` turns the record and the wait status into an [`Outcome`], or into a [`HarnessError`].
//! - `picture` draws the outcomes of all bytes, `snapshot` compares the picture with the kept one, and `model`
//!   predicts and judges it. `cli` prints what differs.
//!
//! # The modules
//!
//! From the bottom up; each uses only those before it:
//!
//! - `printable`: safe output of text from files on a terminal.
//! - `vocabulary`: the calls and flags of the case language, one value each.
//! - `case`: plain values: a case, its steps, an outcome, a fault map.
//! - `parse`: text to case, and back.
//! - `sys`: the only `unsafe`: the fork, the fault handler, the shared record, the accesses.
//! - `victim`: the code that runs in the child.
//! - `supervise`: the life of one child, seen from outside.
//! - `named`: the offsets at which an outcome may change.
//! - `sweep`: the choice of offsets to probe, and the fault map made of their outcomes.
//! - `model`: the behaviour that POSIX and Linux promise, as a pure function.
//! - `picture`: the text of a measurement.
//! - `explore`: the search for a program on which the kernel contradicts the model.
//! - `backing`: the place of a case's files, and the needs that this place does not meet.
//! - `c_program`: a case as a C program of one file, for who has a compiler and no faultmap.
//! - `scarce`: the cases that run alone, because they use up something that others need.
//! - `confine`: the calls and files that workers and victims may use, at each level of isolation.
//! - `environment`: this machine, its user, and the place of the files, as each result carries them and the model
//!   knows them.
//! - `journal`: the answers of a case so far, which outlive the worker that measured them.
//! - `measure`: the measurement of a whole case on a backing.
//! - `snapshot`: the kept pictures, and their comparison with measured ones.
//! - `observe`: a closure in a child process, which it forks by `sys::observed`.
//! - `exec`: a program of somebody else's, traced until a fault ends it.
//! - `runner`: a case that is measured from code.
//! - `cli`: arguments, workers, progress, colours, exit codes.

#[cfg(target_os = "linux")]
mod backing;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod c_program;
mod case;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod cli;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod environment;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod exec;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod explore;
#[cfg(target_os = "linux")]
mod journal;
#[cfg(target_os = "linux")]
mod measure;
mod model;
#[cfg(target_os = "linux")]
mod named;
#[cfg(target_os = "linux")]
pub mod observe;
mod parse;
mod picture;
mod printable;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
mod scarce;
#[cfg(target_os = "linux")]
mod snapshot;
#[cfg(target_os = "linux")]
mod supervise;
#[cfg(target_os = "linux")]
mod sweep;
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the one room where it may stand")]
mod sys;
#[cfg(target_os = "linux")]
mod victim;
mod vocabulary;

pub use case::{
    Access, Case, Clean, Errno, Fault, FaultAddress, FaultMap, HarnessError, Measurement, Note,
    Outcome, Region, Rest, Row, Run, Scarce, Seen, Signal, StepResult, SweepResult,
};
pub use model::{
    Environment, Judgement, Limits, Noexec, OpenRule, Place, Prediction, Rule, Split, Unmodelled,
    judge, predict,
};
#[cfg(target_os = "linux")]
pub use observe::{Ending, Observation, Observe, fault_map, observe};
pub use parse::ParseError;
pub use picture::draw;
#[cfg(target_os = "linux")]
pub use runner::{NotMeasured, Runner};

/// The parts of the harness, for the project's own tests and benchmarks.
#[doc(hidden)]
pub mod internals {
    macro_rules! parts {
        ($($part:ident),* $(,)?) => {
            $(pub mod $part { pub use crate::$part::*; })*
        };
    }
    parts!(case, model, parse, picture, printable, vocabulary);
    #[cfg(target_os = "linux")]
    parts!(
        backing, confine, journal, measure, named, scarce, snapshot, supervise, sweep, sys, victim,
    );
    #[cfg(all(target_os = "linux", feature = "cli"))]
    parts!(c_program, cli, explore);
}
