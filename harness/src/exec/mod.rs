//! A program that died of SIGSEGV or SIGBUS says no more than the name of the signal. `faultmap exec` runs any program
//! under ptrace(2), and tells which access of which byte of which map it was, and why that byte could not be accessed.
//!
//! - [`start`] makes the tracer beside the program, which keeps its pid, its parent and its terminal.
//! - [`trace`] lets the program run, and passes on each signal. At a fault that nothing handles it looks at the process
//!   before the kernel ends it. Other [`tracers`] are let go. [`handled`] keeps the faults
//!   that a handler took, for a program that gives up later.
//! - A [`Scene`](scene::Scene) is all that was seen: the signal, the thread, the [`instruction`], the
//!   [`maps`], the [`file`] behind the map, the [`symbol`]s. [`core_file`] makes one of a core dump, and
//!   [`crashed_file`] tells whether a file is still the one that has crashed. A file system may not answer, so that a
//!   process of its own looks at files: [`file_process`].
//! - [`cause`] finds the reason, [`null`] that of an address near 0, [`no_address`] that of none, and [`stack`] that of
//!   one below a stack.
//! - [`reason`], [`past_end`] and [`words`] tell it to people, [`json`] to programs; [`report`] writes it. [`shape`] draws
//!   the map, and writes a case of the same shape.
//! - [`refused`] says why a program could not be traced.

mod cause;
mod core_file;
mod crashed_file;
mod file;
mod file_process;
mod handled;
mod instruction;
mod json;
mod live;
mod maps;
mod no_address;
mod null;
mod past_end;
mod reason;
mod refused;
mod registers;
mod report;
mod scene;
mod shape;
mod stack;
mod start;
mod symbol;
mod trace;
mod tracers;
mod watch;
mod words;

pub use cause::is_explained;
pub use core_file::{of_process as core_of_process, scene as scene_of_core};
pub use report::{Form, Reporter, To};
pub use scene::Scene;
pub use start::{
    NotStarted, Program, adopts_orphans, become_program, trace_this_process, watch_this_process,
};
