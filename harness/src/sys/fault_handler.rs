//! The wait status of a victim tells the signal that killed it, but neither `si_code` nor `si_addr`: a
//! handler records them.
//!
//! The handler writes signal, `si_code` and `si_addr` into the slot of the step at hand and returns, and the CPU
//! repeats the faulting instruction. The second fault kills: the victim really dies of it, and the wait status
//! says so.
//!
//! The kernel writes each fault that nobody handles to its log (`show_unhandled_signals`, on x86-64
//! debug.exception-trace), which a run would fill. It takes a fault for handled where there is a handler, even
//! if the signal is blocked then; and a blocked fault kills all the same (`unhandled_signal` and
//! `force_sig_info_to_task` in kernel/signal.c). So the handler blocks its signal as it returns. SIGBUS, which
//! x86-64 and arm64 do not log by default, is left to SA_RESETHAND: QEMU's emulation of processes does not end
//! one that is blocked.
//!
//! A signal that somebody sent has `si_code <= 0` (sigaction(2)); no instruction would repeat it. It is
//! recorded apart: it answers no probe. Where the process sent it to itself, the handler sends it again.
//! Otherwise the process exits, with the status that a shell would give for that signal: a filter lets no
//! victim send signals whose case does not.

use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

use nix::libc;

use super::arch::{SIGNAL_MASK_OFFSET, restorer};
use super::child::end;
use super::record::{Record, SharedRecord};
use super::signal_self::signal_self;
use super::system_call::checked;
use super::victim_memory;
use crate::case::FAULTS;

static RECORD: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

/// The exit status of a process that ended for a signal which somebody else has sent: this, and the signal.
pub const SENT_STATUS: i32 = 128;

const FLAGS: libc::c_int = libc::SA_SIGINFO // si_code and si_addr are the point
    | libc::SA_ONSTACK // the usual stack may be what faults
    | libc::SA_NODEFER; // a signal that is sent again here kills at once

/// The faults that are blocked when they come again; of others, SA_RESETHAND takes the handler away.
const BLOCKED: [libc::c_int; 3] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE];

/// Installs the handler for this process and those forked from it, with `record` to write into.
pub fn install(record: &'static SharedRecord) -> Result<(), nix::errno::Errno> {
    RECORD.store(ptr::from_ref::<Record>(record).cast_mut(), Relaxed);
    let (start, bytes) = victim_memory::handler_stack();
    let stack = libc::stack_t { ss_sp: start.cast(), ss_flags: 0, ss_size: bytes };
    // SAFETY: the stack is static and used for nothing else.
    nix::errno::Errno::result(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) })?;
    FAULTS.iter().copied().try_for_each(handle).map_err(nix::errno::Errno::from_raw)
}

/// Installs the handler without the C library: a victim that is process 1 comes here too, see [`on_fault`].
/// Fails with the errno.
fn handle(signal: libc::c_int) -> Result<(), i32> {
    let once = if BLOCKED.contains(&signal) { 0 } else { libc::SA_RESETHAND };
    act(signal, on_fault as *const () as usize, FLAGS | once)
}

/// sigaction(2), with this handler.
#[inline(always)]
fn act(signal: libc::c_int, handler: usize, flags: libc::c_int) -> Result<(), i32> {
    const SA_RESTORER: usize = 0x0400_0000;
    let (restorer, restorer_flag) = match restorer() {
        Some(address) => (address, SA_RESTORER),
        None => (0, 0),
    };
    // `struct sigaction` as the kernel has it: handler, flags, restorer and mask. riscv64 has no field for the
    // restorer, and takes that 0 as the mask.
    let action = [handler, flags as u32 as usize | restorer_flag, restorer, 0];
    let args = [signal as usize, (&raw const action) as usize, 0, size_of::<u64>(), 0, 0];
    // SAFETY: `action` is what the kernel reads; the handler is async-signal-safe, see below.
    unsafe { checked(libc::SYS_rt_sigaction, args) }.map(drop)
}

/// Records a signal. It is async-signal-safe: it uses atomics and system calls only.
// SAFETY: an ordinary function in a section of code.
#[unsafe(link_section = "faultmap_victim")]
extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // First of all: where the memory of the harness is damaged, the rest may not be done.
    if info.si_code > 0 && BLOCKED.contains(&signal) {
        // SAFETY: with SA_SIGINFO the kernel passes a `struct ucontext`, and takes the mask from it when the
        // handler returns (sigreturn(2)).
        unsafe {
            let mask = context.byte_add(SIGNAL_MASK_OFFSET).cast::<u64>();
            mask.write(mask.read() | 1 << (signal - 1));
        }
    }
    // SAFETY: RECORD is null or points to a `'static` record.
    let Some(record) = (unsafe { RECORD.load(Relaxed).as_ref() }) else {
        return;
    };
    let fault = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE].contains(&signal);
    if info.si_code > 0 && fault {
        if let Some(slot) = record.slots.get(victim_memory::cursor()) {
            slot.code.store(info.si_code, Relaxed);
            // SAFETY: for the kernel's own SIGSEGV, SIGBUS, SIGILL and SIGFPE the union holds si_addr.
            slot.address.store(unsafe { info.si_addr() } as u64, Relaxed);
            slot.signal.store(signal, Relaxed);
        }
        return;
    }
    // SAFETY: it only tells who this is.
    let process = unsafe { checked(libc::SYS_getpid, [0; 6]) }.unwrap_or(0);
    // The first process of a pid namespace, as a strictly isolated worker is, is sent no signal that it has
    // no handler for (pid_namespaces(7)): it could not die of this, and its victims need the handler.
    if process == 1 {
        let _ = handle(signal);
        return;
    }
    // SAFETY: a sent signal's siginfo holds the sender; for others the number means nothing.
    let sender = unsafe { info.si_pid() };
    if sender as usize == process {
        let _ = act(signal, libc::SIG_DFL, 0);
        // SAFETY: the default disposition is in place, so it kills, as it was to.
        let _ = unsafe { signal_self(signal) };
    }
    // All processes of a case share the record: one that a step has killed must not be told as killed by others.
    record.sent_by.store(sender, Relaxed);
    record.sent_signal.store(signal, Relaxed);
    end(SENT_STATUS + signal)
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::SIGNAL_MASK_OFFSET;

    #[test]
    fn the_mask_lies_where_the_c_library_says() {
        assert_eq!(SIGNAL_MASK_OFFSET, std::mem::offset_of!(libc::ucontext_t, uc_sigmask));
    }
}
