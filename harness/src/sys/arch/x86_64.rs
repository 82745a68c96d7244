//! x86-64.

use nix::libc;

/// The bytes of the instruction that returns from a call: `ret`.
pub const RETURN: [u8; 1] = [0xc3];

/// The uppermost bits of an address that the kernel ignores.
pub const TAG_BITS: u32 = 0;

/// The `si_addr` of a fault is the address of the access, rounded down to a multiple of this.
pub const FAULT_ADDRESS_UNIT: u64 = 1;

/// Bytes from the beginning of what a signal handler gets as its context to the mask that it returns with
/// (`struct ucontext` in asm/ucontext.h: uc_sigmask).
pub const SIGNAL_MASK_OFFSET: usize = 296;

/// The RSEQ_SIG of glibc (bits/rseq.h).
pub const RSEQ_SIGNATURE: usize = 0x5305_3053;

/// The system calls that a C library (glibc, musl) makes here, and that newer architectures lack.
pub const OWN_CALLS: &[libc::c_long] =
    &[libc::SYS_lstat, libc::SYS_open, libc::SYS_poll, libc::SYS_stat, libc::SYS_unlink];

// Where a handler returns to: libc's own is in memory that victims do not have. Number 15 is
// rt_sigreturn.
//
// On a page fault the kernel maps the 64 KiB around it too, and unmaps each of these pages when the victim
// ends. Where the victims' code begins such a block, they are its own few.
std::arch::global_asm!(
    ".pushsection faultmap_victim,\"ax\",@progbits",
    ".p2align 16",
    ".globl faultmap_restorer",
    ".hidden faultmap_restorer",
    "faultmap_restorer:",
    "mov eax, 15",
    "syscall",
    ".popsection",
);
unsafe extern "C" {
    fn faultmap_restorer();
}

/// Returns the address that a signal handler returns to; `None` where the kernel maps it itself ([vdso]).
#[inline(always)]
pub fn restorer() -> Option<usize> {
    Some(faultmap_restorer as *const () as usize)
}

/// Calls the kernel, which returns a value, or -errno in the range -4095..0.
///
/// # Safety
/// Whatever the call does to this process must be sound, or the process expendable. A call that
/// forks must give the child a copy of the memory, or no stack of its own.
#[inline(always)]
pub unsafe fn system_call(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result: isize;
    // The kernel keeps every register but those named (syscall(2)).
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Makes a clone(2), whose child calls `start` on a stack that begins below `stack`, with that address.
///
/// # Safety
/// The flags must not let the child share memory, and `stack` must be aligned as a stack is.
#[inline(always)]
pub unsafe fn clone_onto(
    flags: usize,
    tid: usize,
    stack: usize,
    start: extern "C" fn(usize) -> !,
) -> isize {
    let result: isize;
    // SAFETY: as the caller promises. The child gets no further than the call.
    unsafe {
        std::arch::asm!("syscall", "test rax, rax", "jnz 2f",
            "xor ebp, ebp", "mov rdi, rsp", "call r9", "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags, in("rsi") stack, in("rdx") tid, in("r10") 0, in("r8") 0, in("r9") start,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Returns the address of this thread's own memory (the ABI's thread pointer).
pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the thread pointer stands in its own first word.
    unsafe {
        std::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly));
    }
    pointer
}

/// Calls the code at an address.
///
/// # Safety
/// The process must be expendable. The fetch must fault, or find a return instruction there.
#[inline(always)]
pub unsafe fn execute(address: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("call {0}", in(reg) address, clobber_abi("C"));
    }
}

accesses! { reg:
    u8, load1, "movzx {value:e}, byte ptr [{address}]",
        store1, "mov byte ptr [{address}], {value:l}";
    u16, load2, "movzx {value:e}, word ptr [{address}]",
        store2, "mov word ptr [{address}], {value:x}";
    u32, load4, "mov {value:e}, dword ptr [{address}]",
        store4, "mov dword ptr [{address}], {value:e}";
    u64, load8, "mov {value}, qword ptr [{address}]", store8, "mov qword ptr [{address}], {value}";
}
