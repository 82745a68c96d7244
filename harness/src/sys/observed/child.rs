//! The child that runs a closure. It is an ordinary process of one thread, with a copy of all memory of the
//! program: the closure may allocate, print, lock, and start threads and programs. The main function is [`run`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use nix::libc;

use super::note::{PANICKED, RETURNED, STARTED, STARTING};
use super::report::Report;
use super::{Start, c_output, signals};
use crate::sys::{futex, rseq};

/// Nanoseconds between two looks for a supervisor that is gone.
const LOOK: u64 = 10_000_000;

/// The number of children that need the lock of standard error. Another thread may have it for ever, and the closure may
/// print nothing.
const STDERR_TRIES: u32 = 2;
/// The number of children that need the lock of the panic hook. Another thread that panics has it for as long as it
/// prints, which takes seconds where it looks up the symbols of a large program. Without the hook a panic of the
/// closure would wait for the same thread.
const HOOK_TRIES: u32 = 12;

/// Runs the closure, and ends the process. `supervisor` is the parent.
pub fn run(start: &Start<'_>, supervisor: i32) -> ! {
    let (_last, note) = (ExitAtUnwinding, start.note);
    prepare(start, supervisor);
    // By now the supervisor has most likely left fork(3), and this process need not wait.
    while note.go.load(Acquire) == 0 {
        futex::wait(&note.go, 0, Some(LOOK));
        exit_without(supervisor);
    }
    if let Some(cores) = &start.cores {
        let _ = rustix::thread::sched_setaffinity(None, cores);
    }
    let state = &note.state;
    if state.compare_exchange(STARTING, STARTED, AcqRel, Relaxed).is_err() {
        exit();
    }
    // The thread that observes may go on: its supervisor has left fork(3).
    note.released.store(1, Release);
    futex::wake(&note.released);
    let mut mask = start.mask;
    // SAFETY: the mask is a copy of a valid one, and the closure is that of a caller who waits: nobody else has
    // a reference to this copy of it.
    let returned = unsafe {
        if !start.shares_memory {
            libc::munmap(ptr::from_ref(start.report).cast_mut().cast(), size_of::<Report>());
        }
        for signal in signals::FAULTS {
            libc::sigdelset(&mut mask, *signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        let body = &mut *start.body.get();
        catch_unwind(AssertUnwindSafe(&mut **body))
    };
    // The closure may have forked: its process ends here, and says nothing.
    if !signals::is_own() {
        exit();
    }
    match returned {
        Ok(text) => {
            note.text.set(text.as_bytes());
            state.store(RETURNED, Release);
        }
        Err(payload) => {
            // The hook has noted this panic or, where the closure has set another one or resumes a panic, an
            // earlier one.
            let message = message_of(&*payload);
            if !note.text.get().0.ends_with(format!(": {message}").as_bytes()) {
                note.text.set(format!("?: {message}").as_bytes());
            }
            std::mem::forget(payload);
            state.store(PANICKED, Release);
        }
    }
    let _ = std::io::Write::flush(&mut std::io::stdout());
    c_output::end();
    exit()
}

/// Makes this process one in which a closure can run: takes its handlers, its output, and the locks that it needs.
fn prepare(start: &Start<'_>, supervisor: i32) {
    // SAFETY: these calls concern this process alone, which is new and has one thread. Its memory is a copy.
    // What is read of `start` was laid there before the fork.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        exit_without(supervisor);
        if start.shares_memory {
            rseq::register();
        }
        libc::sigaction(libc::SIGCHLD, &start.sigchld, ptr::null_mut());
        signals::keep_note(start.note);
        signals::install_handlers();
        // The thread that observes has the lock for the fork, and this thread is its copy.
        drop((*start.lock.get()).take());
        c_output::begin();
        libc::dup2(start.output, libc::STDOUT_FILENO);
        libc::dup2(start.output, libc::STDERR_FILENO);
    }
    let tried = start.note.tried.load(Relaxed);
    // Where another thread had one of these locks, this process ends here and is forked again.
    if tried < STDERR_TRIES {
        drop(std::io::stderr().lock());
    }
    // A thread that panics already may not set a hook.
    if tried < HOOK_TRIES && !std::thread::panicking() {
        std::panic::set_hook(Box::new(note_panic));
    }
}

/// Ends the process if its supervisor has ended.
fn exit_without(supervisor: i32) {
    // SAFETY: it has no preconditions.
    if unsafe { libc::getppid() } != supervisor {
        exit();
    }
}

/// Ends the process: no atexit handler, no destructor, as what the closure captured is the caller's.
fn exit() -> ! {
    // SAFETY: it has no preconditions.
    unsafe { libc::_exit(0) }
}

/// The messages of core where a panic meets one that unwinds already, or a function that cannot unwind. The message of
/// the panic before says why.
const LAST_PANICS: &[&str] =
    &["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

/// Ends the process where anything here panics: the frames below are a copy of the caller's.
struct ExitAtUnwinding;

impl Drop for ExitAtUnwinding {
    fn drop(&mut self) {
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(101) }
    }
}

/// Keeps the place and the message of a panic.
fn note_panic(panic: &PanicHookInfo<'_>) {
    signals::note_aborts();
    let message = message_of(panic.payload());
    if let Some(note) = signals::note().filter(|_| !LAST_PANICS.contains(&message)) {
        let place = panic.location().map_or("?".to_owned(), ToString::to_string);
        note.text.set(format!("{place}: {message}").as_bytes());
    }
}

/// Returns the message of a panic.
fn message_of(payload: &dyn Any) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (None, Some(message)) => message,
        (None, None) => "(the payload is no text)",
    }
}
