//! A closure runs in a child of the calling program, and the program must not notice: this module makes the
//! child and its supervisor. The main function is [`run`]; `crate::observe` says what it means.
//!
//! The program may have many threads, handlers, children and limits of its own. None is changed: the supervisor
//! is made by clone(2) without an exit signal, so that no handler for SIGCHLD runs and no wait(2) of another
//! thread takes it, and the child is the supervisor's. See `supervisor` and `child`.

mod c_output;
mod child;
mod note;
mod probe;
mod report;
mod signals;
mod start;
mod supervisor;

use std::cell::{OnceCell, UnsafeCell};
use std::io::{StdoutLock, Write as _};
use std::ops::Range;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use nix::libc;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{CpuSet, sched_getaffinity};

use note::Note;
pub use probe::probe;
use report::Report;
use start::{Stack, start_supervisor};

use super::record::SharedMemory;

/// Bytes of the stack of the supervisor and of the child, as the first thread of a program has them (RLIMIT_STACK).
const STACK: usize = 8 << 20;
/// Bytes of output that are kept.
const OUTPUT: usize = 64 << 10;

/// The first argument of the supervisor: all that it and the child need, laid down before the fork.
struct Start<'b> {
    note: &'b Note,
    report: &'b Report,
    /// The report of a supervisor that does not share the memory of the process that observes.
    mapped_report: &'b OnceCell<SharedMemory<Report>>,
    /// The closure, which returns its value as a text.
    body: UnsafeCell<&'b mut dyn FnMut() -> String>,
    /// The lock of standard output, which the child gives back.
    lock: UnsafeCell<Option<StdoutLock<'static>>>,
    /// The write end of a pipe.
    output: i32,
    /// The mask of the calling thread, and the disposition of SIGCHLD.
    mask: libc::sigset_t,
    sigchld: libc::sigaction,
    /// The cores of the calling thread, where the kernel tells them.
    cores: Option<CpuSet>,
    /// The process that observes.
    observer: u32,
    nanoseconds: u64,
    /// The supervisor shares the memory of the process that observes.
    shares_memory: bool,
}

/// The end of a child, as its supervisor tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It called `_exit` with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It was killed at its deadline.
    Late {
        /// The number of the system call that it was in, or that it was in none; `None` where the kernel does not tell.
        system_call: Option<Option<u32>>,
        /// A signal had stopped it.
        stopped: bool,
    },
    /// It was killed, and is still there.
    Stuck,
    /// It could not be forked.
    NotForked(i32),
    /// It did not come to the closure, however often it was forked.
    NotStarted,
    /// The supervisor was killed.
    Lost,
}

/// The progress of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Not to its end.
    Within,
    /// It returned.
    Returned,
    /// It panicked.
    Panicked,
}

/// What is known of a child that has ended.
#[derive(Debug)]
pub struct Told {
    /// The end, as the supervisor saw it.
    pub end: End,
    /// The progress of the closure, as the child noted it.
    pub came: Came,
    /// The value, or the place and the message of the last panic.
    pub text: Vec<u8>,
    /// Only the beginning of the text.
    pub is_cut: bool,
    /// The last panic has aborted the process.
    pub panic_ends: bool,
    /// The signal, the code and the address of the last fault.
    pub fault: Option<(i32, i32, usize)>,
    /// The memory of the child at that fault (proc_pid_maps(5)).
    pub maps: Vec<u8>,
    /// The page below the stack of the closure.
    pub guard: Range<usize>,
    /// The beginning of its output.
    pub output: Vec<u8>,
    /// The number of bytes that it wrote in all.
    pub printed: u64,
    /// The number of processes that it left behind.
    pub left: u32,
}

/// Runs `body` in a child of its own until it has ended, or until the deadline. Fails where there is no memory,
/// no descriptor or no process for it.
pub fn run(body: &mut dyn FnMut() -> String, deadline: Duration) -> std::io::Result<Told> {
    let note_memory = SharedMemory::<Note>::new()?;
    // SAFETY: all zero is a valid value, and it lives until this function returns. Two processes use atomics of it, or
    // bytes after the writer has ended.
    let note = unsafe { note_memory.at().as_ref() };
    let (report, mapped_report) = (Report::default(), OnceCell::new());
    let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read_end, true)?;
    let stack = Stack::new(STACK)?;
    let mut start = Start {
        note,
        report: &report,
        mapped_report: &mapped_report,
        body: UnsafeCell::new(body),
        lock: UnsafeCell::new(Some(lock())),
        output: write_end.as_raw_fd(),
        // SAFETY: all zero is a valid value of both; they are filled in below.
        mask: unsafe { std::mem::zeroed() },
        // SAFETY: as above.
        sigchld: unsafe { std::mem::zeroed() },
        cores: sched_getaffinity(None).ok(),
        observer: std::process::id(),
        nanoseconds: u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX),
        shares_memory: true,
    };
    let supervisor = start_supervisor(&mut start, &stack)?;
    drop(start.lock.into_inner());
    let report = start.report;
    let mut output = Output { kept: Vec::new(), printed: 0 };
    supervisor.await_end(&read_end, &mut output);
    // Until here, so that the pipe has no end while the supervisor lives: that would wake this thread for nothing.
    drop(write_end);
    Ok(tell(note, report, output, stack.guard()))
}

/// Takes the lock of standard output: a child that is forked while another thread has it could never print. Nothing
/// is left in the buffer that the child would print once more.
///
/// The lock of standard error is not taken beside it: another thread may have that, and wait for this one. The child
/// tries it, and is forked again where it does not get it.
fn lock() -> StdoutLock<'static> {
    let mut lock = std::io::stdout().lock();
    let _ = lock.flush();
    lock
}

/// The output of a child.
struct Output {
    kept: Vec<u8>,
    printed: u64,
}

impl Output {
    /// Reads what there is.
    fn read(&mut self, pipe: &OwnedFd) {
        let mut part = [0; 4096];
        // No more than a pipe holds at once: somebody may write without an end.
        for _ in 0..256 {
            let Ok(count @ 1..) = rustix::io::read(pipe, &mut part) else { return };
            self.printed += count as u64;
            let room = (OUTPUT - self.kept.len()).min(count);
            self.kept.extend_from_slice(&part[..room]);
        }
    }
}

/// Reads what the supervisor and the child have left.
fn tell(note: &Note, report: &Report, output: Output, guard: Range<usize>) -> Told {
    let value = report.value.load(Relaxed);
    let end = match report.kind.load(Acquire) {
        report::NOT_FORKED => End::NotForked(value),
        report::NOT_STARTED => End::NotStarted,
        report::ENDED if libc::WIFSIGNALED(value) => End::Killed(libc::WTERMSIG(value)),
        report::ENDED => End::Exited(libc::WEXITSTATUS(value)),
        report::LATE => End::Late {
            system_call: match report.system_call.load(Relaxed) {
                report::UNTOLD => None,
                number => Some(u32::try_from(number).ok()),
            },
            stopped: report.stopped.load(Relaxed) == 1,
        },
        report::STUCK => End::Stuck,
        _ => End::Lost,
    };
    let came = match note.state.load(Acquire) {
        note::RETURNED => Came::Returned,
        note::PANICKED => Came::Panicked,
        _ => Came::Within,
    };
    let (text, is_cut) = note.text.get();
    let signal = note.signal.load(Acquire);
    let fault = (note.code.load(Relaxed), note.address.load(Relaxed));
    Told {
        end,
        came,
        text,
        is_cut,
        panic_ends: note.ends.load(Acquire),
        fault: (signal != 0).then_some((signal, fault.0, fault.1)),
        maps: note.maps.get().0,
        guard,
        output: output.kept,
        printed: output.printed,
        left: report.left.load(Relaxed),
    }
}
