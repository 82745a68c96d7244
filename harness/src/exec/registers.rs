//! An instruction names registers, and its operands are known only with their values: [`Registers`].

/// The registers of a thread at its fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registers {
    /// The address of the instruction.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The other registers, where this build can decode instructions.
    pub x86: Option<X86>,
}

/// The registers of x86.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct X86 {
    /// The general registers in the order of their numbers: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub general: [u64; 16],
    /// The bases of the segments fs and gs, where they are known.
    pub segments: Option<[u64; 2]>,
    /// The process runs code of 32 bits.
    pub is_32_bit: bool,
    /// The CPU's error code of a page fault, where a signal frame has kept it.
    pub error_code: Option<u64>,
}

/// The selector of code of 32 bits. (arch/x86/include/asm/segment.h: __USER32_CS)
const USER32_CS: u64 = 0x23;

impl Registers {
    /// The last address that a pointer of the program can hold.
    pub fn last_address(&self) -> u64 {
        let is_32_bit = self.x86.as_ref().is_some_and(|own| own.is_32_bit);
        if is_32_bit { u32::MAX.into() } else { u64::MAX }
    }

    /// Returns the registers of a stopped thread.
    pub fn of_thread(process: i32, thread: i32) -> Option<Registers> {
        #[cfg(target_arch = "x86_64")]
        {
            let _ = process;
            let regs = crate::sys::tracing::registers(thread).ok()?;
            Some(Registers {
                pc: regs.rip,
                sp: regs.rsp,
                x86: Some(X86 {
                    general: [
                        regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi,
                        regs.rdi, regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13,
                        regs.r14, regs.r15,
                    ],
                    segments: Some([regs.fs_base, regs.gs_base]),
                    is_32_bit: regs.cs == USER32_CS,
                    error_code: None,
                }),
            })
        }
        // Of a thread that is in no system call: `-1 SP PC` (proc_pid_syscall(5)).
        #[cfg(not(target_arch = "x86_64"))]
        {
            let text = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/syscall"));
            let text = text.ok()?;
            let mut last = text.split_whitespace().rev();
            let mut number = || {
                let word = last.next()?.strip_prefix("0x")?;
                u64::from_str_radix(word, 16).ok()
            };
            let pc = number()?;
            Some(Registers { pc, sp: number()?, x86: None })
        }
    }

    /// Returns the registers in `NT_PRSTATUS` of a core file: `struct user_regs_struct` as words.
    pub fn of_core(words: &[u64]) -> Option<Registers> {
        // r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base
        let [
            r15,
            r14,
            r13,
            r12,
            rbp,
            rbx,
            r11,
            r10,
            r9,
            r8,
            rax,
            rcx,
            rdx,
            rsi,
            rdi,
            _,
            pc,
            cs,
            ..,
        ] = *words
        else {
            return None;
        };
        let [_, sp, _, fs, gs] = *words.get(18..23)? else { return None };
        Some(Registers {
            pc,
            sp,
            x86: Some(X86 {
                general: [
                    rax, rcx, rdx, rbx, sp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15,
                ],
                segments: Some([fs, gs]),
                is_32_bit: cs == USER32_CS,
                error_code: None,
            }),
        })
    }

    /// Returns the registers that a signal frame has kept: `struct sigcontext_64` as words.
    pub fn of_signal_frame(words: &[u64; FRAME_WORDS]) -> Registers {
        let [r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, sp, pc, ..] =
            *words;
        Registers {
            pc,
            sp,
            x86: Some(X86 {
                general: [
                    rax, rcx, rdx, rbx, sp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15,
                ],
                segments: None,
                is_32_bit: false,
                error_code: Some(words[FRAME_ERROR]),
            }),
        }
    }
}

/// Words of `struct sigcontext_64` in <asm/sigcontext.h> up to `cr2`, and the numbers of some of them.
pub const FRAME_WORDS: usize = 23;
pub const FRAME_PC: usize = 16;
pub const FRAME_ERROR: usize = 19;
pub const FRAME_TRAP: usize = 20;
pub const FRAME_ADDRESS: usize = 22;
