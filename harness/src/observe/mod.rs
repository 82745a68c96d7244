//! Code that maps files has to be tested where it faults, and a fault ends the process: [`observe`] runs a closure
//! in a child process, and says how the child ended.
//!
//! ```
//! let mut file = tempfile::tempfile()?;
//! file.set_len(8192)?;
//! // SAFETY: nobody else has the file.
//! let map = unsafe { memmap2::Mmap::map(&file)? };
//! file.set_len(0)?;
//! let seen = faultmap::observe(|| map[4096]);
//! assert_eq!(seen.to_string(), "SIGBUS BUS_ADRERR");
//! assert_eq!(seen.fault().unwrap().offset_in(&map[..]), Some(4096));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is promised
//!
//! The calling process is not changed. Its limits, handlers, masks, descriptors and children are what they were;
//! no SIGCHLD arrives, and no other thread's wait(2) takes a child of this one (unless it asks for `__WALL` or
//! `__WCLONE`). Signals for the calling thread wait until the closure begins. Any number of threads may observe at the
//! same time, in any test runner.
//!
//! The closure runs in a copy of the process, made by fork(2), with the calling thread alone, on a stack of 8 MiB of its
//! own. The panic hook of the program does not run there: a panic is told, also where it cannot unwind, and not
//! printed. It may allocate, lock, print, panic, and start threads and programs. What it captured is not dropped there. Processes that it
//! leaves are killed, where the kernel lists them (CONFIG_PROC_CHILDREN).
//!
//! # What cannot be promised
//!
//! - No other thread is in the copy. A closure that waits for one (a pool, a channel, an async runtime), or that
//!   locks what another thread had locked at that moment, hangs until the deadline: [`Ending::TimedOut`], with the
//!   system call that it hangs in. The locks of the C library's allocator, of standard output and of standard error
//!   are in order; `observe` waits for standard output. Rust's library has more locks: of the environment (`env::var`,
//!   `Command`), and of the list of threads (`thread::spawn`, while another thread spawns one).
//! - What the closure does to the outside stays: to files, to memory that is mapped MAP_SHARED, to other processes.
//! - The copy has all descriptors, for as long as it lives: a file that another thread locks (flock(2)), a port, a
//!   pipe or a program file may stay in use a little longer than that thread expects.
//! - Whoever kills the supervisor, a process that shares the memory of the caller, in the microseconds of its fork,
//!   leaves locks of the C library locked. The closure comes too late for that. On Linux before 5.2, and where a
//!   filter refuses the flags of clone(2), the supervisor is an ordinary child: SIGCHLD comes, and another thread's
//!   wait(2) may take it.
//! - A closure that kills its supervisor leaves the processes that it has started.
//! - A closure that blocks a signal, or replaces the handler of one, may be killed without an address. A handler that the
//!   process had before does run, after the fault was noted: one that recovers lets the closure go on, and the fault is
//!   forgotten. (One that jumps out of the handler is not seen to recover.)
//! - A fault loses the line that printf(3) had begun to print. Other streams of the C library lose, in any case, what the
//!   closure did not flush (fflush(3)).
//! - Text that `println!` prints under `cargo test` goes to a buffer of the test runner in the copy, and is lost (not
//!   with `--nocapture`).
//!   What is written to descriptors 1 and 2 is kept: [`Observation::output`].

mod explain;
mod fault;
mod live_map;
mod memory;
mod system_call;

#[doc(hidden)]
pub use explain::expect_fault;
pub use fault::{Fault, MapPlace};
pub use live_map::{LiveMap, fault_map};
pub use memory::Memory;

use std::fmt::{self, Debug};
use std::time::Duration;

use crate::case::{Signal, limits};
use crate::printable::escaped;
use crate::sys::observed::{self, Came, End, Told};

/// Runs a closure in a child process, for twenty seconds at most, and says how that ended.
pub fn observe<T: Debug>(closure: impl FnMut() -> T) -> Observation {
    Observe::new().run(closure)
}

/// The terms on which a closure is observed.
///
/// ```
/// # use std::time::Duration;
/// use faultmap::Observe;
///
/// let seen = Observe::new().deadline(Duration::from_millis(200)).run(|| {
///     std::thread::sleep(Duration::from_secs(60));
/// });
/// assert_eq!(seen.to_string(), "did not end within 200ms");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Observe {
    deadline: Duration,
}

impl Default for Observe {
    fn default() -> Observe {
        Observe::new()
    }
}

impl Observe {
    /// The terms of [`observe`].
    pub fn new() -> Observe {
        Observe { deadline: limits::DEADLINE }
    }

    /// Kills the child after this time.
    pub fn deadline(self, deadline: Duration) -> Observe {
        Observe { deadline }
    }

    /// Runs a closure in a child process. It is `FnMut`, so that what it captured is not dropped there.
    pub fn run<T: Debug>(&self, mut closure: impl FnMut() -> T) -> Observation {
        match observed::run(&mut || format!("{:?}", closure()), self.deadline) {
            Ok(told) => self.observation(told),
            Err(error) => Observation {
                ending: Ending::Lost(format!("no child could be made: {error}")),
                output: Vec::new(),
                printed: 0,
                left: 0,
            },
        }
    }

    fn observation(self, told: Told) -> Observation {
        let fault = Fault::of(&told);
        let text = || String::from_utf8_lossy(&told.text).into_owned();
        let lost = |why: &str| Ending::Lost(why.to_owned());
        let ending = match (told.end, told.came) {
            (End::Exited(0), Came::Returned) => {
                Ending::Returned { value: text(), is_cut: told.is_cut }
            }
            (End::Exited(0), Came::Panicked) => Ending::Panicked(text()),
            (End::Exited(status), _) => {
                Ending::Exited { status, after: fault.filter(Fault::is_raised) }
            }
            (End::Killed(signal), _) => match fault {
                Some(fault) if fault.signal().0 == signal && fault.is_raised() => {
                    Ending::Fault(fault)
                }
                _ if signal == nix::libc::SIGABRT && told.panic_ends => Ending::Panicked(text()),
                after => {
                    let after = after.filter(Fault::is_raised);
                    Ending::Killed { signal: Signal(signal), after }
                }
            },
            (End::Late { system_call, stopped }, _) => Ending::TimedOut {
                after: self.deadline,
                within: system_call
                    .map(|number| number.map_or("no system call".to_owned(), system_call::name)),
                stopped,
            },
            (End::Stuck, _) => lost("the child was killed, and is still there"),
            (End::NotForked(errno), _) => {
                let error = std::io::Error::from_raw_os_error(errno);
                Ending::Lost(format!("no child could be forked: {error}"))
            }
            (End::NotStarted, _) => {
                lost("no child came to the closure: another thread held a lock at each fork")
            }
            (End::Lost, _) => lost("the supervisor of the child was killed"),
        };
        let Told { output, printed, left, .. } = told;
        Observation { ending, output, printed, left }
    }
}

/// The result of an observation: the end of the closure, and its output.
///
/// `Display` is one line that does not change from run to run, for snapshots:
/// `insta::assert_snapshot!(seen, @"SIGBUS BUS_ADRERR")`. [`Observation::explain`] says more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// The end of the child.
    pub ending: Ending,
    /// The number of processes that the closure left behind.
    pub left: u32,
    output: Vec<u8>,
    printed: u64,
}

/// The end of a child that ran a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The closure returned.
    Returned {
        /// The `Debug` text of its value; of a text of more than a mebibyte, the beginning.
        value: String,
        /// There was more of it.
        is_cut: bool,
    },
    /// The closure panicked: `src/lib.rs:3:5: the message`.
    Panicked(String),
    /// It ended the process, by exit(3) or _exit(2).
    Exited {
        /// The exit status.
        status: i32,
        /// The fault that came before: a handler of the process may exit after one.
        after: Option<Fault>,
    },
    /// An instruction of the child raised a signal, which killed it.
    Fault(Fault),
    /// A signal killed the child.
    Killed {
        /// The signal.
        signal: Signal,
        /// The fault that came before: a handler of the process may abort after one.
        after: Option<Fault>,
    },
    /// The child was still there at the deadline, and was killed.
    TimedOut {
        /// The deadline.
        after: Duration,
        /// The system call that it was in: `futex`, `read`, `no system call`; `None` where the kernel does not tell.
        within: Option<String>,
        /// A signal had stopped it.
        stopped: bool,
    },
    /// The end is not known, for this reason.
    Lost(String),
}

impl Observation {
    /// Returns the fault that ended the child, or that came before its end.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.ending {
            Ending::Fault(fault)
            | Ending::Killed { after: Some(fault), .. }
            | Ending::Exited { after: Some(fault), .. } => Some(fault),
            _ => None,
        }
    }

    /// Returns what the child wrote to its standard output and standard error: the first 64 KiB.
    pub fn output(&self) -> &[u8] {
        &self.output
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.ending, f)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Returned { value, is_cut } => {
                let rest = if *is_cut { "..." } else { "" };
                write!(f, "returned {}{rest}", escaped(value))
            }
            Ending::Panicked(message) => write!(f, "panicked at {}", escaped(message)),
            Ending::Exited { status, after: None } => write!(f, "exited with {status}"),
            Ending::Exited { status, after: Some(fault) } => {
                write!(f, "exited with {status} after {fault}")
            }
            Ending::Fault(fault) => fmt::Display::fmt(fault, f),
            Ending::Killed { signal, after: None } => write!(f, "killed by {signal}"),
            Ending::Killed { signal, after: Some(fault) } => {
                write!(f, "killed by {signal} after {fault}")
            }
            Ending::TimedOut { after, .. } => write!(f, "did not end within {after:?}"),
            Ending::Lost(why) => f.write_str(why),
        }
    }
}
