//! riscv64. x86_64.rs says what each item is for.

use nix::libc;

pub const RETURN: [u8; 2] = [0x82, 0x80]; // c.jr ra
/// See x86_64.rs.
pub const TAG_BITS: u32 = 0;
pub const FAULT_ADDRESS_UNIT: u64 = 1;
pub const SIGNAL_MASK_OFFSET: usize = 40;
pub const RSEQ_SIGNATURE: usize = 0xf140_1073;
/// See x86_64.rs.
pub const OWN_CALLS: &[libc::c_long] = &[];

#[inline(always)]
pub fn restorer() -> Option<usize> {
    None
}

#[inline(always)]
pub unsafe fn system_call(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result: isize;
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("ecall", in("a7") number, inlateout("a0") a as isize => result,
            in("a1") b, in("a2") c, in("a3") d, in("a4") e, in("a5") f, options(nostack));
    }
    result
}

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
        std::arch::asm!("ecall", "bnez a0, 2f", "li s0, 0", "mv a0, sp", "jalr t0", "2:",
            in("a7") libc::SYS_clone, inlateout("a0") flags as isize => result,
            in("a1") stack, in("a2") tid, in("a3") 0, in("a4") 0, in("t0") start, options(nostack));
    }
    result
}

pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mv {}, tp", out(reg) pointer, options(nostack, nomem));
    }
    pointer
}

#[inline(always)]
pub unsafe fn execute(address: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("jalr {0}", in(reg) address, clobber_abi("C"));
    }
}

accesses! { reg:
    u8, load1, "lbu {value}, 0({address})", store1, "sb {value}, 0({address})";
    u16, load2, "lhu {value}, 0({address})", store2, "sh {value}, 0({address})";
    u32, load4, "lwu {value}, 0({address})", store4, "sw {value}, 0({address})";
    u64, load8, "ld {value}, 0({address})", store8, "sd {value}, 0({address})";
}
