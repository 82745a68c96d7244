//! powerpc64, little-endian (ELF ABI version 2). x86_64.rs says what each item is for.

use nix::libc;

pub const RETURN: [u8; 4] = [0x20, 0x00, 0x80, 0x4e]; // blr
/// See x86_64.rs.
pub const TAG_BITS: u32 = 0;
pub const FAULT_ADDRESS_UNIT: u64 = 1;
pub const SIGNAL_MASK_OFFSET: usize = 40;
pub const RSEQ_SIGNATURE: usize = 0x0fe5_000b;
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
    // An error is a bit, and the number is positive (syscall(2)). The kernel keeps what a function keeps
    // (Documentation/arch/powerpc/syscall64-abi.rst).
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("sc", "bns 2f", "neg 3, 3", "2:",
            inlateout("r0") number => _, inlateout("r3") a as isize => result,
            inlateout("r4") b => _, inlateout("r5") c => _, inlateout("r6") d => _,
            inlateout("r7") e => _, inlateout("r8") f => _, lateout("r9") _, lateout("r10") _,
            lateout("r11") _, lateout("r12") _, lateout("cr0") _, lateout("ctr") _,
            lateout("xer") _, options(nostack));
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
    // A function writes to the frame of its caller, 32 bytes, and expects its own address in r12.
    // SAFETY: as the caller promises. The child gets no further than the call.
    unsafe {
        std::arch::asm!("sc", "bns 2f", "neg 3, 3", "2:", "cmpdi 3, 0", "bne 3f",
            "mr 3, 1", "li 0, 0", "stdu 0, -32(1)", "mr 12, 14", "mtctr 12", "bctrl", "3:",
            in("r14") start, inlateout("r0") libc::SYS_clone => _,
            inlateout("r3") flags as isize => result,
            inlateout("r4") stack => _, inlateout("r5") tid => _, inlateout("r6") 0 => _,
            inlateout("r7") 0 => _, inlateout("r8") 0 => _, lateout("r9") _, lateout("r10") _,
            lateout("r11") _, lateout("r12") _, lateout("cr0") _, lateout("ctr") _,
            lateout("xer") _, options(nostack));
    }
    result
}

pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mr {}, 13", out(reg) pointer, options(nostack, nomem));
    }
    pointer
}

#[inline(always)]
pub unsafe fn execute(address: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("mtctr {0}", "bctrl", in(reg) address, clobber_abi("C"));
    }
}

accesses! { reg_nonzero:
    u8, load1, "lbz {value}, 0({address})", store1, "stb {value}, 0({address})";
    u16, load2, "lhz {value}, 0({address})", store2, "sth {value}, 0({address})";
    u32, load4, "lwz {value}, 0({address})", store4, "stw {value}, 0({address})";
    u64, load8, "ld {value}, 0({address})", store8, "std {value}, 0({address})";
}
