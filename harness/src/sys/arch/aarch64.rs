//! arm64. x86_64.rs says what each item is for.

use nix::libc;

pub const RETURN: [u8; 4] = [0xc0, 0x03, 0x5f, 0xd6]; // ret
/// Documentation/arch/arm64/tagged-pointers.rst.
pub const TAG_BITS: u32 = 8;
pub const FAULT_ADDRESS_UNIT: u64 = 1;
pub const SIGNAL_MASK_OFFSET: usize = 40;
pub const RSEQ_SIGNATURE: usize = 0xd428_bc00;
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
        std::arch::asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f, options(nostack));
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
        std::arch::asm!("svc 0", "cbnz x0, 2f", "mov x29, xzr", "mov x0, sp", "blr x9", "2:",
            in("x8") libc::SYS_clone, inlateout("x0") flags as isize => result,
            in("x1") stack, in("x2") tid, in("x3") 0, in("x4") 0, in("x9") start, options(nostack));
    }
    result
}

pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem));
    }
    pointer
}

#[inline(always)]
pub unsafe fn execute(address: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("blr {0}", in(reg) address, clobber_abi("C"));
    }
}

accesses! { reg:
    u8, load1, "ldrb {value:w}, [{address}]", store1, "strb {value:w}, [{address}]";
    u16, load2, "ldrh {value:w}, [{address}]", store2, "strh {value:w}, [{address}]";
    u32, load4, "ldr {value:w}, [{address}]", store4, "str {value:w}, [{address}]";
    u64, load8, "ldr {value}, [{address}]", store8, "str {value}, [{address}]";
}
