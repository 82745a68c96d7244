//! A step of a case may kill the process that performs it, so each probe is made in a child: the victim.
//!
//! A victim performs the steps of its case, arms, makes its one access, and ends with `_exit`. From the fork
//! on it allocates nothing, takes no lock, never panics and prints nothing: everything it needs was laid out
//! before the fork in a [`Program`], and it reports everything in the record. It reads its own copy of the
//! harness's memory and writes only to its own.

mod ahead;
mod budget;
mod calls;
mod compile;
mod compile_call;
mod exec;
mod failure;
mod file;
mod fill;
mod guard;
mod mapped;
mod maps;
mod operands;
mod perform;
mod placement;
mod price;
mod probe;
mod process;
mod program;
mod reach;
mod request;
mod runs;
mod signal;
mod system_call;

pub use calls::{Allowed, Opened, calls, opened};
pub use failure::SetupFailure;
pub use fill::Fill;
pub use guard::{Guard, Verdict};
pub use maps::{Descriptors, Maps};
pub use perform::Steps;
pub use probe::MARK;
pub use program::{Buffer, FileHandle, FileSpec, Op, Program, System};
pub use request::{Probe, Request, Terms, ask};
pub use runs::unpack as unpack_run;
