//! A victim cannot call the kernel through the C library, which it does not have: it makes the system calls
//! itself.
//!
//! The library would add pages (errno in thread-local memory, its own code and data) that each child would
//! have to fault in or copy, and that no victim inherits, see [`super::arena`].

use nix::libc;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
compile_error!(
    "faultmap makes system calls, forks and accesses memory with instructions that are spelled out for \
     x86_64, aarch64 and riscv64 alone: harness/src/sys/{system_call,spawn,access}.rs"
);

/// Calls the kernel, which returns a value, or -errno in the range -4095..0.
///
/// # Safety
/// Whatever the call does to this process must be sound, or the process expendable. A call that
/// forks must give the child a copy of the memory, or no stack of its own.
#[inline(always)]
pub unsafe fn system_call(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result: isize;
    // syscall(2) has the registers of each architecture. All of these keep every register but those named.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f, options(nostack));
    }
    #[cfg(target_arch = "riscv64")]
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("ecall", in("a7") number, inlateout("a0") a as isize => result,
            in("a1") b, in("a2") c, in("a3") d, in("a4") e, in("a5") f, options(nostack));
    }
    result
}

/// Calls the kernel, and returns the errno as an error.
///
/// # Safety
/// See [`system_call`].
#[inline(always)]
pub unsafe fn checked(number: libc::c_long, args: [usize; 6]) -> Result<usize, i32> {
    // SAFETY: as the caller promises.
    match unsafe { system_call(number, args) } {
        error @ -4095..0 => Err(-error as i32),
        value => Ok(value as usize),
    }
}

/// Returns the address of this thread's own memory (the ABI's thread pointer).
pub fn thread_pointer() -> usize {
    let pointer: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the thread pointer stands in its own first word.
    unsafe {
        std::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem));
    }
    #[cfg(target_arch = "riscv64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mv {}, tp", out(reg) pointer, options(nostack, nomem));
    }
    pointer
}
