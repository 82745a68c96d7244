//! CPU architectures differ: each has one file that says how, and no other file knows.
//!
//! Such a file says how a process calls the kernel ([`system_call`], [`clone_onto`]), accesses memory with
//! exactly one instruction (`load1` to `store8`, [`execute`]) and returns from a signal handler
//! ([`restorer`]), and what an instruction, an address and a thread look like there. Where the file of a new
//! architecture lacks one of these, whoever uses it is not compiled.

/// Defines the loads and stores of an architecture. A `$base` is a register that an address may be in.
///
/// `let _ = *p` performs no access at all, and a debug build checks pointers and aborts before the CPU is
/// asked. So each access is one instruction of known width.
macro_rules! accesses {
    ($base:ident: $($type:ty, $load:ident, $load_as:literal, $store:ident, $store_as:literal;)*) => {
        $(
            /// Loads a value in memory order.
            ///
            /// # Safety
            /// The process must be expendable: the load may kill it.
            #[inline(always)]
            pub unsafe fn $load(address: usize) -> $type {
                let value: u64;
                // SAFETY: one load; it reads memory or faults.
                unsafe {
                    std::arch::asm!($load_as, address = in($base) address, value = out(reg) value,
                        options(nostack, readonly, preserves_flags));
                }
                value as $type
            }

            /// Stores a value in memory order.
            ///
            /// # Safety
            /// The process must be expendable: the store may kill it, or change any of its memory.
            #[inline(always)]
            pub unsafe fn $store(address: usize, value: $type) {
                // SAFETY: one store; it writes memory or faults.
                unsafe {
                    std::arch::asm!($store_as, address = in($base) address,
                        value = in(reg) u64::from(value), options(nostack, preserves_flags));
                }
            }
        )*
    };
}

// The file of the architecture that is compiled for. cpu.rs refuses all others.
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(all(target_arch = "powerpc64", target_endian = "little"), path = "powerpc64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod cpu;

pub use cpu::*;
