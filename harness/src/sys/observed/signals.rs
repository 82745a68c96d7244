//! A child that faults has to leave word of where: its handlers note each fault, and each abort, and then do what
//! would have been done without them. The main function is [`install_handlers`].
//!
//! The handlers are async-signal-safe: they use atomics and system calls.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicPtr};

use nix::libc;

use super::note::Note;
use super::start::Stack;
use crate::sys::signal_self::signal_self;
use crate::sys::system_call::checked;

/// The signals that an instruction can raise, and SIGSYS, which a seccomp filter raises.
pub const FAULTS: &[libc::c_int] =
    &[libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// Bytes of the stack on which the handlers run: the usual one may be what faults. The handlers of the program,
/// which run there too, expect no more than MINSIGSTKSZ.
const HANDLER_STACK: usize = 64 << 10;

/// sigaction(2).
const SEGV_MTEAERR: i32 = 8;

/// The process that the note is of.
static OWN_PID: AtomicI32 = AtomicI32::new(0);

/// The note of this process.
static NOTE: AtomicPtr<Note> = AtomicPtr::new(ptr::null_mut());

/// The handlers that the program had, by signal.
static BEFORE: Before = Before(UnsafeCell::new([const { None }; 32]));
struct Before(UnsafeCell<[Option<libc::sigaction>; 32]>);
// SAFETY: written before any handler is installed, and then only where a handler of the program was to run once
// (SA_RESETHAND). The process is expendable.
unsafe impl Sync for Before {}

/// Makes this the note of this process. It is never unmapped here.
pub fn keep_note(kept: &Note) {
    NOTE.store(ptr::from_ref(kept).cast_mut(), Relaxed);
    // SAFETY: getpid(2) has no preconditions.
    OWN_PID.store(unsafe { libc::getpid() }, Relaxed);
}

/// Returns the note that was kept.
pub fn note() -> Option<&'static Note> {
    // SAFETY: null, or a note that is never unmapped here.
    unsafe { NOTE.load(Relaxed).as_ref() }
}

/// True in the process that kept the note; false in one that it has forked.
pub fn is_own() -> bool {
    // SAFETY: getpid(2) has no preconditions.
    OWN_PID.load(Relaxed) == unsafe { libc::getpid() }
}

/// Installs the handlers.
///
/// # Safety
/// The process must have one thread, and be a child that runs a closure.
pub unsafe fn install_handlers() {
    if let Ok(stack) = Stack::new(HANDLER_STACK) {
        let (start, length) = stack.leak();
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: length };
        // SAFETY: the stack is never given back, and used for nothing else.
        unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
    }
    // SAFETY: as the caller promises.
    unsafe {
        FAULTS.iter().for_each(|signal| install(*signal, on_fault));
        install(libc::SIGABRT, on_abort);
    }
}

/// Puts back the handler of SIGABRT that the program had, unless the program has set another one. Its handler of a
/// fault may abort, and its stack for handlers need not have room for a second signal frame: the one that Rust's
/// library makes for a thread has 8 KiB, and with the registers of AVX-512 a frame takes 3.3 KiB (getauxval(3),
/// AT_MINSIGSTKSZ). Where the frame does not fit, the kernel raises SIGSEGV in its place.
fn leave_aborts() {
    if let Some(before) = before_aborts() {
        replace_abort(on_abort as Handler as usize, before);
    }
}

/// Takes SIGABRT again where it was put back, for the panic hook: a handler of the program may panic.
pub fn note_aborts() {
    if let Some(before) = before_aborts() {
        replace_abort(before.sa_sigaction, &with_handler(before, on_abort));
    }
}

/// The handler of SIGABRT that the program had.
fn before_aborts() -> Option<&'static libc::sigaction> {
    // SAFETY: `install_handlers` has filled the table.
    unsafe { (*BEFORE.0.get())[libc::SIGABRT as usize].as_ref() }
}

/// Handles SIGABRT so, if its handler is this one now.
fn replace_abort(now: libc::sighandler_t, action: &libc::sigaction) {
    if is_handled_by(libc::SIGABRT, now) {
        // SAFETY: what sigaction(2) has returned; or the same with a handler that is async-signal-safe.
        unsafe { libc::sigaction(libc::SIGABRT, action, ptr::null_mut()) };
    }
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// # Safety
/// As for [`install_handlers`].
unsafe fn install(signal: libc::c_int, handler: Handler) {
    // SAFETY: all zero is a valid `struct sigaction`. The handler is async-signal-safe.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut before);
        let action = with_handler(&before, handler);
        // In a closure within a closure, the handler is this one already, and what was before it is known.
        if before.sa_sigaction != action.sa_sigaction {
            (*BEFORE.0.get())[signal as usize] = Some(before);
        }
        libc::sigaction(signal, &action, ptr::null_mut());
    }
}

/// Returns what the program wanted of its own handler, with this one, and: siginfo, on a stack of its own, for good.
fn with_handler(before: &libc::sigaction, handler: Handler) -> libc::sigaction {
    let mut action = *before;
    action.sa_sigaction = handler as usize;
    action.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
    action.sa_flags &= !libc::SA_RESETHAND;
    action
}

/// Notes a fault.
extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let (Some(note), code) = (note(), unsafe { (*info).si_code }) else { return };
    // A process that the closure has forked has this handler, too.
    let is_own = is_own();
    // SAFETY: a fault of the kernel's has an address; a signal that was sent has a pid in its place.
    let address = if code > 0 { unsafe { (*info).si_addr() as usize } } else { 0 };
    let number = if is_own { note.faults.fetch_add(1, Relaxed).wrapping_add(1) } else { 0 };
    if is_own {
        note.signal.store(signal, Relaxed);
        note.code.store(code, Relaxed);
        note.address.store(address, Release);
        note.maps.set(&[]);
        if code > 0 {
            note_maps(note);
        }
        leave_aborts();
    }
    go_on(signal, info, context);
    // A handler of the program has returned. Where it wants the process to die, it has restored the default, and the
    // fault comes again. Otherwise the fault is over; should the same signal be sent later, that was not it.
    if is_own
        && number == note.faults.load(Relaxed)
        && is_handled_by(signal, on_fault as Handler as usize)
    {
        note.signal.store(0, Release);
    }
}

/// Notes whether a panic ends the process: the thread that aborts is one that panics. It does where nothing can unwind
/// (`panic = "abort"`, be it of the last crate alone), and where a destructor panics while another panic unwinds.
extern "C" fn on_abort(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    if let Some(note) = note().filter(|_| is_own()) {
        note.ends.store(std::thread::panicking(), Release);
    }
    go_on(signal, info, context);
}

/// Does what would have been done without these handlers.
fn go_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `install` has filled the table, and all signals that it is called for are below 32. The kernel has
    // passed a valid siginfo.
    let (before, code) = unsafe { (&mut (*BEFORE.0.get())[signal as usize], (*info).si_code) };
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

/// True if this is the handler of a signal now.
fn is_handled_by(signal: libc::c_int, handler: libc::sighandler_t) -> bool {
    // SAFETY: all zero is a valid `struct sigaction`, and sigaction(2) is async-signal-safe.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut now);
        now.sa_sigaction == handler
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
