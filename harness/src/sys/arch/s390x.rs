//! s390x. x86_64.rs says what each item is for.

use nix::libc;

pub const RETURN: [u8; 2] = [0x07, 0xfe]; // br %r14
/// See x86_64.rs.
pub const TAG_BITS: u32 = 0;
/// The CPU stores the number of the page, and not the byte (z/Architecture Principles of Operation,
/// "Translation-Exception Identification"; get_fault_address in Linux' arch/s390/mm/fault.c).
pub const FAULT_ADDRESS_UNIT: u64 = 4096;
pub const SIGNAL_MASK_OFFSET: usize = 384;
pub const RSEQ_SIGNATURE: usize = 0xb2ff_0fff;
/// See x86_64.rs.
pub const OWN_CALLS: &[libc::c_long] = &[];

#[inline(always)]
pub fn restorer() -> Option<usize> {
    None
}

#[inline(always)]
pub unsafe fn system_call(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = match number {
        // The stack comes first (CONFIG_CLONE_BACKWARDS2), and all six arguments lie in memory (old_mmap).
        libc::SYS_clone => [args[1], args[0], args[2], args[3], args[4], 0],
        libc::SYS_mmap => [(&raw const args) as usize, 0, 0, 0, 0, 0],
        _ => args,
    };
    let result: isize;
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("svc 0", in("r1") number, inlateout("r2") a as isize => result,
            in("r3") b, in("r4") c, in("r5") d, in("r6") e, in("r7") f, options(nostack));
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
    // A function writes to the frame of its caller, 160 bytes.
    // SAFETY: as the caller promises. The child gets no further than the call.
    unsafe {
        std::arch::asm!("svc 0", "ltgr %r2, %r2", "jnz 2f",
            "lgr %r2, %r15", "aghi %r15, -160", "basr %r14, %r8", "2:",
            in("r1") libc::SYS_clone, inlateout("r2") stack as isize => result,
            in("r3") flags, in("r4") tid, in("r5") 0, in("r6") 0, in("r8") start, options(nostack));
    }
    result
}

pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads two registers.
    unsafe {
        std::arch::asm!("ear {0}, %a0", "sllg {0}, {0}, 32", "ear {0}, %a1", out(reg) pointer,
            options(nostack, nomem));
    }
    pointer
}

#[inline(always)]
pub unsafe fn execute(address: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        std::arch::asm!("basr %r14, {0}", in(reg_addr) address, clobber_abi("C"));
    }
}

accesses! { reg_addr:
    u8, load1, "llgc {value}, 0({address})", store1, "stc {value}, 0({address})";
    u16, load2, "llgh {value}, 0({address})", store2, "sth {value}, 0({address})";
    u32, load4, "llgf {value}, 0({address})", store4, "st {value}, 0({address})";
    u64, load8, "lg {value}, 0({address})", store8, "stg {value}, 0({address})";
}
