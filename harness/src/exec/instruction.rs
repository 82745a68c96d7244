//! The kernel does not say whether a fault was a load or a store: the instruction does. [`access`] decodes it.
//!
//! On architectures other than x86 an access is called an access.

use iced_x86::{
    CodeSize, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register, UsedMemory,
};

use super::registers::{Registers, X86};
use super::scene::{Access, Kind};

/// The longest instruction of x86, in bytes.
pub const LONGEST: usize = 15;

/// The farthest that the address of a repeated string instruction may be from its fault, in bytes: the CPU moves whole
/// blocks, and its registers may be behind.
const REPEATED: u64 = 4096;

/// Bits of the CPU's error code. (arch/x86/include/asm/trap_pf.h)
const PF_WRITE: u64 = 1 << 1;
const PF_INSTR: u64 = 1 << 4;

/// Returns what the instruction at the program counter accesses: at this address, where the CPU has told one.
/// `word` reads a word of the memory of the process.
pub fn access(
    code: &[u8],
    registers: &Registers,
    address: Option<u64>,
    word: &dyn Fn(u64) -> Option<u64>,
) -> Option<Access> {
    let fetch = |address| Some(Access::at(Kind::Fetch, address));
    // The first byte of the instruction, or the first that lies in another page.
    let is_fetch = |address: u64| address.wrapping_sub(registers.pc) == code.len() as u64;
    if address.is_some_and(|address| address == registers.pc || is_fetch(address)) {
        return fetch(address);
    }
    // A jump to what is no address faults at the jump itself.
    if let (None, Some(target)) = (address, target(code, registers, word)) {
        return fetch(Some(target));
    }
    let x86 = registers.x86.as_ref()?;
    let told = x86.error_code.map(|code| match code {
        _ if code & PF_INSTR != 0 => Kind::Fetch,
        _ if code & PF_WRITE != 0 => Kind::Store,
        _ => Kind::Load,
    });
    let mut access = decoded(code, registers.pc, x86, address);
    if let Some(kind) = told {
        let access = access.get_or_insert(Access::at(kind, address));
        access.kind = kind;
    }
    access
}

fn decoded(code: &[u8], pc: u64, x86: &X86, address: Option<u64>) -> Option<Access> {
    let instruction = decode(code, pc, x86)?;
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(&instruction).used_memory().to_vec();
    let alignment = alignment(&instruction);
    let mut operands: Vec<Access> =
        used.iter().map(|own| Access { alignment: alignment(own), ..operand(own, x86) }).collect();
    // What is read to find the operand, as of `xlat`, or what is pushed beside: the first that has the address.
    let Some(address) = address else {
        return operands.into_iter().next();
    };
    let holds = |own: &Access| {
        // Where the access crosses a page, the address that is told may be that of the second page.
        own.address.is_some_and(|start| address.wrapping_sub(start) < own.bytes.max(1))
    };
    if let Some(found) = operands.iter().copied().find(holds) {
        return Some(found);
    }
    let distance = |own: &Access| own.address.map_or(u64::MAX, |own| own.abs_diff(address));
    operands.sort_by_key(distance);
    let nearest = operands.first().copied()?;
    if nearest.bytes == 0 && distance(&nearest) < REPEATED {
        return Some(Access { address: Some(address), ..nearest });
    }
    // The operands are not known, as of a gather, or the registers are of another moment.
    let kind = match operands.as_slice() {
        [one] => one.kind,
        all if all.iter().all(|own| own.kind == nearest.kind) => nearest.kind,
        _ => Kind::Access,
    };
    Some(Access::at(kind, Some(address)))
}

/// The address to which a call, a return or a jump goes, where a register or the memory holds it.
fn target(code: &[u8], registers: &Registers, word: &dyn Fn(u64) -> Option<u64>) -> Option<u64> {
    let x86 = registers.x86.as_ref()?;
    let instruction = decode(code, registers.pc, x86)?;
    match instruction.flow_control() {
        FlowControl::Return => word(registers.sp),
        FlowControl::IndirectCall | FlowControl::IndirectBranch => match instruction.op0_kind() {
            OpKind::Register => value(instruction.op0_register(), x86),
            _ => word(instruction.virtual_address(0, 0, |register, _, _| value(register, x86))?),
        },
        _ => None,
    }
}

/// The alignment that an instruction demands of its operand, as far as its size does not say it. (Intel SDM 2)
fn alignment(instruction: &Instruction) -> impl Fn(&UsedMemory) -> u64 {
    let demanded = match instruction.mnemonic() {
        Mnemonic::Fxsave | Mnemonic::Fxsave64 | Mnemonic::Fxrstor | Mnemonic::Fxrstor64 => Some(16),
        Mnemonic::Xsave
        | Mnemonic::Xsave64
        | Mnemonic::Xsavec
        | Mnemonic::Xsavec64
        | Mnemonic::Xsaveopt
        | Mnemonic::Xsaveopt64
        | Mnemonic::Xrstor
        | Mnemonic::Xrstor64 => Some(64),
        _ => None,
    };
    move |used| demanded.unwrap_or((used.memory_size().size() as u64).clamp(1, 64))
}

fn decode(code: &[u8], pc: u64, x86: &X86) -> Option<Instruction> {
    let bits = if x86.is_32_bit { 32 } else { 64 };
    let instruction = Decoder::with_ip(bits, code, pc, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then_some(instruction)
}

fn operand(used: &UsedMemory, x86: &X86) -> Access {
    let kind = match used.access() {
        OpAccess::Read | OpAccess::CondRead => Kind::Load,
        OpAccess::Write | OpAccess::CondWrite => Kind::Store,
        // It loads first, but the page must be writable for that as well: the CPU asks for a store.
        OpAccess::ReadWrite | OpAccess::ReadCondWrite => Kind::Store,
        _ => Kind::Access,
    };
    let address = used.virtual_address(0, |register, _, _| value(register, x86));
    let mask = if used.address_size() == CodeSize::Code32 { u64::from(u32::MAX) } else { u64::MAX };
    let general = |register: Register| {
        let is_own = register.is_gpr() && register != Register::None;
        is_own.then(|| value(register, x86)).flatten()
    };
    let index = general(used.index()).filter(|_| used.scale() == 1);
    Access {
        bytes: used.memory_size().size() as u64,
        pointers: [general(used.base()), index],
        ..Access::at(kind, address.map(|address| address & mask))
    }
}

fn value(register: Register, x86: &X86) -> Option<u64> {
    match register {
        // Flat since long mode. (AMD64 Architecture Programmer's Manual 2, "Segmentation")
        Register::ES | Register::CS | Register::SS | Register::DS => Some(0),
        Register::FS => x86.segments.map(|[fs, _]| fs),
        Register::GS => x86.segments.map(|[_, gs]| gs),
        _ if register.is_gpr() => {
            let whole = x86.general.get(register.full_register().number()).copied()?;
            Some(match register.size() {
                8 => whole,
                bytes => whole & ((1 << (8 * bytes)) - 1),
            })
        }
        _ => None,
    }
}

/// True if code that ends right before this address calls a function.
pub fn is_after_call(before: &[u8]) -> bool {
    // call rel32; call [rip+disp32], call reg, call [reg+disp8], call [reg+disp32], ...
    let near = before.len() >= 5 && before[before.len() - 5] == 0xe8;
    near || (2..=7).any(|length| {
        let Some(code) = before.len().checked_sub(length).map(|at| &before[at..]) else {
            return false;
        };
        let instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
        instruction.is_call_near_indirect() && instruction.len() == length
    })
}

/// Bytes of an instruction that makes a system call.
pub const SYSTEM_CALL: u64 = 2;

/// True for the bytes of `syscall` and of `int 0x80`.
pub fn is_system_call(code: &[u8]) -> bool {
    cfg!(target_arch = "x86_64") && matches!(code, [0x0f, 0x05] | [0xcd, 0x80])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(general: [u64; 16]) -> Registers {
        let x86 = X86 { general, segments: Some([0x7000, 0]), ..X86::default() };
        Registers { pc: 0x1000, sp: 0, x86: Some(x86) }
    }

    fn of(code: &[u8], address: Option<u64>) -> Access {
        // rax 0x10, rcx 0x20, rdx 0x30, ..., rsi 0x70, rdi 0x80
        let general = std::array::from_fn(|number| 0x10 * (number as u64 + 1));
        access(code, &registers(general), address, &|_| None).expect("an access")
    }

    #[test]
    fn the_instruction_tells_load_from_store() {
        let load = of(&[0x0f, 0xb6, 0x44, 0x08, 0x01], Some(0x31)); // movzx eax, byte ptr [rax+rcx+1]
        let expected = Access { bytes: 1, ..Access::at(Kind::Load, Some(0x31)) };
        assert_eq!(load, Access { pointers: [Some(0x10), Some(0x20)], ..expected });
        let store = of(&[0x89, 0x0e], Some(0x70)); // mov [rsi], ecx
        assert_eq!(
            store,
            Access {
                bytes: 4,
                alignment: 4,
                pointers: [Some(0x70), None],
                ..Access::at(Kind::Store, Some(0x70))
            }
        );
        let both = of(&[0xff, 0x06], Some(0x70)); // inc dword ptr [rsi]
        assert_eq!(both.kind, Kind::Store);
        let fetch = of(&[0x90], Some(0x1000));
        assert_eq!(fetch.kind, Kind::Fetch);
    }

    #[test]
    fn of_two_operands_the_one_at_the_address_is_meant() {
        let moves = [0x48, 0xa5]; // movsq: from [rsi] to [rdi]
        assert_eq!(of(&moves, Some(0x70)).kind, Kind::Load);
        assert_eq!(of(&moves, Some(0x80)).kind, Kind::Store);
        let repeated = [0xf3, 0xa4]; // rep movsb
        assert_eq!(of(&repeated, Some(0x70)).kind, Kind::Load);
        assert_eq!(of(&repeated, Some(0x80)).kind, Kind::Store);
    }

    #[test]
    fn an_access_that_crosses_a_page_is_known_by_its_second_byte() {
        let load = of(&[0x48, 0x8b, 0x06], Some(0x74)); // mov rax, [rsi]
        let expected = Access { bytes: 8, alignment: 8, ..Access::at(Kind::Load, Some(0x70)) };
        assert_eq!(load, Access { pointers: [Some(0x70), None], ..expected });
    }

    #[test]
    fn an_address_that_the_cpu_does_not_tell_is_the_operand() {
        let thread_local = of(&[0x64, 0x8b, 0x04, 0x25, 0x08, 0, 0, 0], None); // mov eax, fs:[8]
        assert_eq!(thread_local.address, Some(0x7008));
    }

    #[test]
    fn a_jump_to_no_address_is_a_fetch_there() {
        let to = |code: &[u8]| {
            let registers = registers(std::array::from_fn(|number| 0x10 * (number as u64 + 1)));
            let word = |address| Some(address + 0x4141_0000_0000_0000);
            access(code, &registers, None, &word).expect("an access")
        };
        let fetch = |address| Access::at(Kind::Fetch, address);
        assert_eq!(to(&[0xff, 0xd2]), fetch(Some(0x30))); // call rdx
        assert_eq!(to(&[0xff, 0xe0]), fetch(Some(0x10))); // jmp rax
        assert_eq!(to(&[0xff, 0x16]), fetch(Some(0x4141_0000_0000_0070))); // call [rsi]
        assert_eq!(to(&[0xc3]), fetch(Some(0x4141_0000_0000_0000))); // ret, with rsp 0
    }

    #[test]
    fn an_instruction_that_crosses_a_page_is_fetched() {
        // Two bytes of `movzx eax, byte ptr [rax+rcx+1]`, and the next page cannot be executed.
        assert_eq!(of(&[0x0f, 0xb6], Some(0x1002)).kind, Kind::Fetch);
    }

    #[test]
    fn an_instruction_demands_its_own_alignment() {
        assert_eq!(of(&[0x0f, 0xae, 0x06], None).alignment, 16); // fxsave [rsi]
        assert_eq!(of(&[0x0f, 0xae, 0x26], None).alignment, 64); // xsave [rsi]
        assert_eq!(of(&[0x0f, 0x28, 0x06], None).alignment, 16); // movaps xmm0, [rsi]
    }

    #[test]
    fn the_error_code_of_a_signal_frame_counts() {
        let mut registers = registers([0; 16]);
        registers.x86.as_mut().expect("registers").error_code = Some(PF_WRITE);
        let found = access(&[0x06], &registers, Some(0x70), &|_| None); // no instruction of 64 bits
        assert_eq!(found.map(|own| own.kind), Some(Kind::Store));
    }

    #[test]
    fn a_return_address_follows_a_call() {
        assert!(is_after_call(&[0x90, 0xe8, 1, 2, 3, 4]));
        assert!(is_after_call(&[0x90, 0x90, 0xff, 0xd0])); // call rax
        assert!(is_after_call(&[0xff, 0x15, 1, 2, 3, 4])); // call [rip+...]
        assert!(!is_after_call(&[0x90; 8]));
    }
}
