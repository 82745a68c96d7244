//! The child that runs a closure. It is an ordinary process of one thread, with a copy of all memory of the
//! program: the closure may allocate, print, lock, and start threads and programs. The main function is [`run`].

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicPtr};

use nix::libc;

use super::Start;
use super::note::{Note, PANICKED, RETURNED, STARTED, STARTING};
use super::report::Report;
use super::start::Stack;
use crate::sys::signal_self::signal_self;
use crate::sys::system_call::checked;
use crate::sys::{futex, rseq};

/// The signals that an instruction can raise, and SIGSYS, which a seccomp filter raises.
const FAULTS: &[libc::c_int] =
    &[libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// Bytes of the stack on which the handler runs: the usual one may be what faults. The handlers of the program,
/// which run there too, expect no more than MINSIGSTKSZ.
const HANDLER_STACK: usize = 64 << 10;

/// Nanoseconds between two looks for a supervisor that is gone.
const LOOK: u64 = 10_000_000;

/// sigaction(2).
const SEGV_MTEAERR: i32 = 8;

/// The process that the note is of.
static OWN_PID: AtomicI32 = AtomicI32::new(0);

/// The note of this process.
static NOTE: AtomicPtr<Note> = AtomicPtr::new(ptr::null_mut());

/// The handlers that the program had, by signal.
static BEFORE: Before = Before(UnsafeCell::new([const { None }; 32]));
struct Before(UnsafeCell<[Option<libc::sigaction>; 32]>);
// SAFETY: written by `run` before any handler is installed, and then only where a handler of the program was to run
// once (SA_RESETHAND). The process is expendable.
unsafe impl Sync for Before {}

/// Runs the closure, and ends the process. `supervisor` is the parent.
pub fn run(start: &Start<'_>, supervisor: i32) -> ! {
    let (_last, report) = (ExitAtUnwinding, start.report);
    // SAFETY: these calls concern this process alone, which is new and has one thread. Its memory is a copy.
    // What is read of `start` was laid there before the fork.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        while start.note.go.load(Acquire) == 0 && libc::getppid() == supervisor {
            futex::wait(&start.note.go, 0, Some(LOOK));
        }
        if libc::getppid() != supervisor {
            libc::_exit(0);
        }
        if start.shares_memory {
            rseq::register();
        }
        libc::sigaction(libc::SIGCHLD, &start.sigchld, ptr::null_mut());
        NOTE.store(ptr::from_ref(start.note).cast_mut(), Relaxed);
        install_handlers();
        // The thread that observes has the lock for the fork, and this thread is its copy.
        drop((*start.lock.get()).take());
        OWN_PID.store(libc::getpid(), Relaxed);
        libc::dup2(start.output, libc::STDOUT_FILENO);
        libc::dup2(start.output, libc::STDERR_FILENO);
    }
    let spares_locks = start.note.spares_locks.load(Relaxed);
    if !spares_locks {
        // Where another thread had it, this process ends here and is forked again.
        drop(std::io::stderr().lock());
    }
    // A thread that panics already may not set a hook.
    if !spares_locks && !std::thread::panicking() {
        std::panic::set_hook(Box::new(note_panic));
    }
    let state = &start.note.state;
    if state.compare_exchange(STARTING, STARTED, AcqRel, Relaxed).is_err() {
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(0) }
    }
    // The thread that observes may go on: its supervisor has left fork(3).
    report.released.store(1, Release);
    futex::wake(&report.released);
    let mut mask = start.mask;
    // SAFETY: the mask is a copy of a valid one, and the closure is that of a caller who waits: nobody else has
    // a reference to this copy of it.
    let returned = unsafe {
        libc::munmap(ptr::from_ref(report).cast_mut().cast(), size_of::<Report>());
        for signal in FAULTS {
            libc::sigdelset(&mut mask, *signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        let body = &mut *start.body.get();
        catch_unwind(AssertUnwindSafe(&mut **body))
    };
    // The closure may have forked: its process ends here, and says nothing.
    if OWN_PID.load(Relaxed) != std::process::id() as i32 {
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(0) }
    }
    match returned {
        Ok(text) => {
            start.note.text.set(text.as_bytes());
            state.store(RETURNED, Release);
        }
        Err(payload) => {
            // The hook has noted this panic or, where the closure has set another one or resumes a panic, an
            // earlier one.
            let message = message_of(&*payload);
            if !start.note.text.get().0.ends_with(format!(": {message}").as_bytes()) {
                start.note.text.set(format!("?: {message}").as_bytes());
            }
            std::mem::forget(payload);
            state.store(PANICKED, Release);
        }
    }
    let _ = std::io::Write::flush(&mut std::io::stdout());
    // SAFETY: no atexit handler, no destructor: what the closure captured is the caller's.
    unsafe { libc::_exit(0) }
}

/// The messages of core where a panic meets one that unwinds already, or a function that cannot unwind. They end
/// the process; the message of the panic before says why.
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
    // SAFETY: null, or the note, which is never unmapped here.
    let Some(note) = (unsafe { NOTE.load(Relaxed).as_ref() }) else { return };
    let message = message_of(panic.payload());
    let is_last = LAST_PANICS.contains(&message);
    if !is_last {
        let place = panic.location().map_or("?".to_owned(), ToString::to_string);
        note.text.set(format!("{place}: {message}").as_bytes());
    }
    note.ends.store(is_last || cfg!(panic = "abort"), Release);
}

/// Returns the message of a panic.
fn message_of(payload: &dyn Any) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (None, Some(message)) => message,
        (None, None) => "(the payload is no text)",
    }
}

/// Installs the handler for every fault.
///
/// # Safety
/// The process must have one thread, and be a child that runs a closure.
unsafe fn install_handlers() {
    if let Ok(stack) = Stack::new(HANDLER_STACK) {
        let (start, length) = stack.leak();
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: length };
        // SAFETY: the stack is never given back, and used for nothing else.
        unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
    }
    for signal in FAULTS {
        // SAFETY: all zero is a valid `struct sigaction`. The handler is async-signal-safe.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(*signal, ptr::null(), &mut before);
            let mut action = before;
            action.sa_sigaction = on_fault as *const () as usize;
            // What the program wanted of its own handler, and: siginfo, on a stack of its own, for good.
            action.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
            action.sa_flags &= !libc::SA_RESETHAND;
            // In a closure within a closure, the handler is this one already, and what was before it is known.
            if before.sa_sigaction != action.sa_sigaction {
                (*BEFORE.0.get())[*signal as usize] = Some(before);
            }
            libc::sigaction(*signal, &action, ptr::null_mut());
        }
    }
}

/// Notes a fault, and then does what would have been done without it. Async-signal-safe: it uses atomics and
/// system calls.
extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the note is never unmapped here; with SA_SIGINFO the kernel passes a valid siginfo.
    let (Some(note), code) = (unsafe { (NOTE.load(Relaxed).as_ref(), (*info).si_code) }) else {
        return;
    };
    // SAFETY: getpid(2) has no preconditions.
    let is_own = OWN_PID.load(Relaxed) == unsafe { libc::getpid() };
    // SAFETY: a fault of the kernel's has an address; a signal that was sent has a pid in its place.
    let address = if code > 0 { unsafe { (*info).si_addr() as usize } } else { 0 };
    // A process that the closure has forked has this handler, too.
    if is_own {
        note.signal.store(signal, Relaxed);
        note.code.store(code, Relaxed);
        note.address.store(address, Release);
        note.maps.set(&[]);
        if code > 0 {
            note_maps(note);
        }
    }
    // SAFETY: `run` has filled the table; `signal` is one of FAULTS, all below 32.
    let before = unsafe { &mut (*BEFORE.0.get())[signal as usize] };
    let Some(action) = *before else { return die(signal, code) };
    if action.sa_flags & libc::SA_RESETHAND != 0 {
        *before = None;
    }
    match action.sa_sigaction {
        libc::SIG_IGN if code <= 0 => {}
        // A fault of the kernel's is never ignored (sigaction(2)).
        libc::SIG_DFL | libc::SIG_IGN => die(signal, code),
        // SAFETY: the handler of the program, with the arguments that it was registered for.
        handler if action.sa_flags & libc::SA_SIGINFO != 0 => unsafe {
            type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
        },
        // SAFETY: as above.
        handler => unsafe {
            std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal);
        },
    }
}

/// Lets the signal do what it does without a handler. A fault comes again as soon as the handler returns; a
/// signal that was sent, a breakpoint and a refused system call do not.
fn die(signal: libc::c_int, code: i32) {
    // SAFETY: all zero is SIG_DFL. sigaction(2) is async-signal-safe.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &default, ptr::null_mut());
        let comes_again = match signal {
            libc::SIGTRAP | libc::SIGSYS => false,
            // Tag check faults and memory failures that are told later than they occur.
            libc::SIGSEGV if code == SEGV_MTEAERR => false,
            libc::SIGBUS if code == libc::BUS_MCEERR_AO => false,
            _ => code > 0,
        };
        if !comes_again {
            let _ = signal_self(signal); // held back until the handler returns
        }
    }
}

/// Copies the list of this process's maps.
fn note_maps(note: &Note) {
    let path = c"/proc/self/maps".as_ptr() as usize;
    let args = [libc::AT_FDCWD as usize, path, libc::O_RDONLY as usize, 0, 0, 0];
    // SAFETY: the path ends with a zero, and the kernel writes no more than there is room for.
    unsafe {
        let Ok(fd) = checked(libc::SYS_openat, args) else { return };
        note.maps.fill(|at, room| {
            checked(libc::SYS_read, [fd, at as usize, room, 0, 0, 0]).unwrap_or(0)
        });
        let _ = checked(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
    }
}
