//! An access must be exactly one load, one store or one jump of the CPU.
//!
//! `let _ = *p` performs no access at all, and a debug build checks pointers and aborts before the
//! CPU is asked. So each access is one instruction of known width, written out for each architecture.

use super::Child;

/// The bytes of a return instruction, which fills files that are to be executed.
const RETURN: &[u8] = if cfg!(target_arch = "x86_64") {
    &[0xc3] // ret
} else if cfg!(target_arch = "aarch64") {
    &[0xc0, 0x03, 0x5f, 0xd6] // ret
} else {
    &[0x82, 0x80] // c.jr ra
};

/// Returns the byte that a file of return instructions holds at this offset.
pub fn returns_at(offset: u64) -> u8 {
    RETURN[(offset % RETURN.len() as u64) as usize]
}

/// Returns the alignment of instructions: the length of the shortest, which is the return instruction.
pub const fn instruction_bytes() -> usize {
    RETURN.len()
}

/// Returns the start of the instruction that holds the byte at this address, where all instructions have the
/// same length: a multiple of that length. A jump to the byte goes there.
#[inline(always)]
pub const fn instruction_at(address: u64) -> u64 {
    start_of(address, instruction_bytes() as u64)
}

/// Returns the multiple of a length at or below an address.
#[inline(always)]
const fn start_of(address: u64, length: u64) -> u64 {
    address - address % length
}

macro_rules! one_instruction {
    ($load:ident, $store:ident, $type:ty, $x86_load:literal, $x86_store:literal,
     $arm_load:literal, $arm_store:literal, $riscv_load:literal, $riscv_store:literal) => {
        /// # Safety
        /// The process must be expendable: the load may kill it.
        #[inline(always)]
        unsafe fn $load(address: usize) -> $type {
            let value: u64;
            #[cfg(target_arch = "x86_64")]
            // SAFETY: one load; it reads memory or faults.
            unsafe {
                std::arch::asm!($x86_load, in("rdi") address, out("rax") value,
                    options(nostack, readonly, preserves_flags));
            }
            #[cfg(target_arch = "aarch64")]
            // SAFETY: one load; it reads memory or faults.
            unsafe {
                std::arch::asm!($arm_load, address = in(reg) address, value = out(reg) value,
                    options(nostack, readonly, preserves_flags));
            }
            #[cfg(target_arch = "riscv64")]
            // SAFETY: one load; it reads memory or faults.
            unsafe {
                std::arch::asm!($riscv_load, address = in(reg) address, value = out(reg) value,
                    options(nostack, readonly, preserves_flags));
            }
            value as $type
        }

        /// # Safety
        /// The process must be expendable: the store may kill it, or change any of its memory.
        #[inline(always)]
        unsafe fn $store(address: usize, value: $type) {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: one store; it writes memory or faults.
            unsafe {
                std::arch::asm!($x86_store, in("rdi") address, in("rax") u64::from(value),
                    options(nostack, preserves_flags));
            }
            #[cfg(target_arch = "aarch64")]
            // SAFETY: one store; it writes memory or faults.
            unsafe {
                std::arch::asm!($arm_store, address = in(reg) address, value = in(reg) u64::from(value),
                    options(nostack, preserves_flags));
            }
            #[cfg(target_arch = "riscv64")]
            // SAFETY: one store; it writes memory or faults.
            unsafe {
                std::arch::asm!($riscv_store, address = in(reg) address, value = in(reg) u64::from(value),
                    options(nostack, preserves_flags));
            }
        }
    };
}

one_instruction!(
    load1,
    store1,
    u8,
    "movzx eax, byte ptr [rdi]",
    "mov byte ptr [rdi], al",
    "ldrb {value:w}, [{address}]",
    "strb {value:w}, [{address}]",
    "lbu {value}, 0({address})",
    "sb {value}, 0({address})"
);
one_instruction!(
    load2,
    store2,
    u16,
    "movzx eax, word ptr [rdi]",
    "mov word ptr [rdi], ax",
    "ldrh {value:w}, [{address}]",
    "strh {value:w}, [{address}]",
    "lhu {value}, 0({address})",
    "sh {value}, 0({address})"
);
one_instruction!(
    load4,
    store4,
    u32,
    "mov eax, dword ptr [rdi]",
    "mov dword ptr [rdi], eax",
    "ldr {value:w}, [{address}]",
    "str {value:w}, [{address}]",
    "lwu {value}, 0({address})",
    "sw {value}, 0({address})"
);
one_instruction!(
    load8,
    store8,
    u64,
    "mov rax, qword ptr [rdi]",
    "mov qword ptr [rdi], rax",
    "ldr {value}, [{address}]",
    "str {value}, [{address}]",
    "ld {value}, 0({address})",
    "sd {value}, 0({address})"
);

impl Child {
    /// Loads `width` bytes (1, 2, 4 or 8) with one instruction, in memory order.
    #[inline(always)]
    pub fn load(&self, address: usize, width: usize) -> [u8; 8] {
        let mut bytes = [0; 8];
        // SAFETY: a `Child` is expendable.
        unsafe {
            match width {
                2 => bytes[..2].copy_from_slice(&load2(address).to_ne_bytes()),
                4 => bytes[..4].copy_from_slice(&load4(address).to_ne_bytes()),
                8 => bytes = load8(address).to_ne_bytes(),
                _ => bytes[0] = load1(address),
            }
        }
        bytes
    }

    /// Stores `byte` into each of `width` bytes (1, 2, 4 or 8) with one instruction.
    #[inline(always)]
    pub fn store(&self, address: usize, width: usize, byte: u8) {
        // SAFETY: a `Child` is expendable.
        unsafe {
            match width {
                2 => store2(address, u16::from_ne_bytes([byte; 2])),
                4 => store4(address, u32::from_ne_bytes([byte; 4])),
                8 => store8(address, u64::from_ne_bytes([byte; 8])),
                _ => store1(address, byte),
            }
        }
    }

    /// Calls the code at the address. It must be a return instruction, or fault.
    #[inline(always)]
    pub fn execute(&self, address: usize) {
        // SAFETY: a `Child` is expendable; the caller has seen that the fetch faults or that a return
        // instruction lies there, which comes straight back. No address is too odd to be called, 0
        // included, which a function pointer could not hold.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::asm!("call rdi", in("rdi") address, clobber_abi("C"));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("blr {0}", in(reg) address, clobber_abi("C"));
        }
        #[cfg(target_arch = "riscv64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("jalr {0}", in(reg) address, clobber_abi("C"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::start_of;

    #[test]
    fn a_jump_goes_to_the_beginning_of_the_instruction() {
        assert_eq!(
            [0x1000, 0x1001, 0x1003, 0x1004].map(|at| start_of(at, 4)),
            [0x1000, 0x1000, 0x1000, 0x1004]
        );
        assert_eq!(start_of(0x1003, 1), 0x1003);
    }
}
