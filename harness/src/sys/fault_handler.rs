//! Where a signal is recorded.
//!
//! The handler writes signal, `si_code` and `si_addr` into the slot of the step at hand and returns.
//! It was installed with SA_RESETHAND, so the kernel repeats the faulting instruction with the
//! default disposition in place: the victim really dies of the fault, and the wait status says so.
//!
//! A signal that somebody sent has `si_code <= 0` (sigaction(2)); no instruction would repeat it, so
//! it is raised again. It is noted apart: it answers no probe.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicPtr, AtomicUsize};

use nix::libc;

use super::record::{Record, SharedRecord};

static RECORD: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());
/// The step at hand. Private memory: each process of a victim has its own.
static CURSOR: AtomicUsize = AtomicUsize::new(0);

const STACK_BYTES: usize = 32 * 1024;

/// The stack on which the handler runs: a case may have unmapped or overrun the usual one.
#[repr(align(64))]
struct AlternateStack(UnsafeCell<[u8; STACK_BYTES]>);
// SAFETY: only the kernel writes to it, on behalf of the one thread of a process.
unsafe impl Sync for AlternateStack {}
static STACK: AlternateStack = AlternateStack(UnsafeCell::new([0; STACK_BYTES]));

/// Says which step the next fault belongs to.
pub fn set_cursor(step: usize) {
    CURSOR.store(step, Relaxed);
}

/// Installs the handler for this process and those forked from it, with `record` to write into.
pub fn install(record: &'static SharedRecord) -> Result<(), nix::errno::Errno> {
    RECORD.store(ptr::from_ref::<Record>(record).cast_mut(), Relaxed);
    let stack = libc::stack_t { ss_sp: STACK.0.get().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the stack is static and used for nothing else.
    nix::errno::Errno::result(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) })?;
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    // SAFETY: zero is a valid `sigaction`: no handler, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO // si_code and si_addr are the point
        | libc::SA_ONSTACK // the usual stack may be what faults
        | libc::SA_RESETHAND // the second time, the fault kills
        | libc::SA_NODEFER; // ... and is not held back while the handler returns
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
        // SAFETY: `action` is fully initialised; the handler is async-signal-safe, see below.
        nix::errno::Errno::result(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })?;
    }
    Ok(())
}

/// Async-signal-safe: atomics and two system calls.
extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: RECORD is null or points to a `'static` record.
    let Some(record) = (unsafe { RECORD.load(Relaxed).as_ref() }) else {
        return;
    };
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    let fault = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE].contains(&signal);
    if info.si_code > 0 && fault {
        if let Some(slot) = record.slots.get(CURSOR.load(Relaxed)) {
            slot.code.store(info.si_code, Relaxed);
            // SAFETY: for the kernel's own SIGSEGV, SIGBUS, SIGILL and SIGFPE the union holds si_addr.
            slot.address.store(unsafe { info.si_addr() } as u64, Relaxed);
            slot.signal.store(signal, Relaxed);
        }
        return;
    }
    // SAFETY: a sent signal's siginfo holds the sender; for others the number means nothing.
    record.sent_by.store(unsafe { info.si_pid() }, Relaxed);
    record.sent_signal.store(signal, Relaxed);
    // SAFETY: a signal to this very thread; the default disposition is in place, so it kills.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::syscall(libc::SYS_getpid),
            libc::syscall(libc::SYS_gettid),
            signal,
        );
    }
}
