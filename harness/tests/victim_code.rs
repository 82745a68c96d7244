//! The code of a victim lies in one section of the command, `faultmap_victim`, which calls nothing outside
//! itself and reads no table of pointers.
//!
//! Code in each further 64 KiB of the program costs every child a page fault, and code elsewhere may need
//! things that a child lacks: the heap, the C library, locks. So the test checks every call and jump of the
//! section in the linked command. If the compiler adds a panic, an allocation or a memcpy, this shows as a
//! call to its function. A child lacks the constants that hold pointers, too (`sys/arena.rs`): the test checks
//! each address that the section names.
//!
//! Without optimisation only what is marked so is inlined, and the section is not whole, so the test is for release
//! builds.
//!
//! A second test checks that the largest frame fits a victim's stack.

use std::collections::BTreeSet;
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation a victim's code is not inlined")]
#[cfg_attr(
    all(not(debug_assertions), not(target_arch = "x86_64")),
    ignore = "the code of this architecture cannot be decoded"
)]
fn a_victims_code_needs_no_other_code_and_no_table_of_pointers() {
    let command = std::fs::read(env!("CARGO_BIN_EXE_faultmap")).expect("the command");
    let command = object::File::parse(&*command).expect("an ELF file");
    let (code, within) = section(&command, "faultmap_victim");
    let (_, tables) = section(&command, ".data.rel.ro");
    let decoder = Decoder::with_ip(64, code, within.start, DecoderOptions::NONE);
    let (mut branches, mut data, mut needs) = (0, 0, BTreeSet::new());
    for instruction in decoder {
        let by = name(&command, instruction.ip());
        branches += usize::from(instruction.flow_control() != FlowControl::Next);
        let target = target(&command, &instruction).filter(|target| !within.contains(target));
        needs.extend(target.map(|to| format!("{by} calls {}", name(&command, to))));
        let named = instruction.is_ip_rel_memory_operand();
        let named = named.then(|| instruction.ip_rel_memory_address());
        data += usize::from(named.is_some());
        let table = named.filter(|at| tables.contains(at));
        needs.extend(table.map(|at| format!("{by} reads {}", name(&command, at))));
    }
    let length = within.end - within.start;
    assert!(length <= 1 << 16, "{length} bytes: a part of it costs every child a page fault");
    assert!(branches > 100 && data > 10, "{branches}, {data}: is this the code of a victim?");
    assert!(needs.is_empty(), "a victim's code needs what a victim lacks: {needs:#?}");
}

/// A victim's stack has no end that could be seen: below it lies the handler's.
#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the code of this architecture cannot be decoded")]
fn no_frame_is_larger_than_a_victims_stack() {
    const ROOM_FOR_CALLS: u64 = 16 << 10;
    let command = std::fs::read(env!("CARGO_BIN_EXE_faultmap")).expect("the command");
    let command = object::File::parse(&*command).expect("an ELF file");
    let (code, within) = section(&command, "faultmap_victim");
    let functions = command.symbols().filter(|symbol| {
        symbol.kind() == object::SymbolKind::Text && within.contains(&symbol.address())
    });
    let frames: Vec<u64> = functions
        .map(|symbol| {
            let from = (symbol.address() - within.start) as usize;
            let code = &code[from..][..symbol.size() as usize];
            // A frame of several pages is touched page by page, down to a bound that is taken from the stack
            // pointer first.
            Decoder::new(64, code, DecoderOptions::NONE)
                .into_iter()
                .filter(|own| own.mnemonic() == Mnemonic::Sub && own.op0_kind() == OpKind::Register)
                .filter(|own| [Register::RSP, Register::R11].contains(&own.op0_register()))
                .filter(|own| {
                    own.op1_kind() != OpKind::Register && own.op1_kind() != OpKind::Memory
                })
                .map(|own| own.immediate(1))
                .sum()
        })
        .collect();
    let largest = frames.iter().max().copied().unwrap_or_default();
    let stack = faultmap::internals::sys::STACK_BYTES as u64;
    assert!(largest > 100, "{frames:?}: is this the code of a victim?");
    assert!(largest + ROOM_FOR_CALLS <= stack, "{largest} bytes on a stack of {stack}");
}

/// Returns the bytes of a section and their addresses.
fn section<'c>(command: &object::File<'c>, name: &str) -> (&'c [u8], Range<u64>) {
    let section = command.section_by_name(name).unwrap_or_else(|| panic!("no section {name}"));
    let start = section.address();
    (section.data().expect("its bytes"), start..start + section.size())
}

/// The target address of a call or jump; for one through memory, the value in the linked file. The target of
/// a call through a register is unknown: these are the jump of an `exec` probe and the body of a fork server.
fn target(command: &object::File<'_>, instruction: &Instruction) -> Option<u64> {
    let branches = [
        FlowControl::Call,
        FlowControl::UnconditionalBranch,
        FlowControl::ConditionalBranch,
        FlowControl::IndirectCall,
        FlowControl::IndirectBranch,
    ];
    if !branches.contains(&instruction.flow_control()) {
        return None;
    }
    match instruction.op0_kind() {
        OpKind::NearBranch64 => Some(instruction.near_branch_target()),
        OpKind::Memory => Some(pointer(command, instruction.memory_displacement64())),
        _ => None,
    }
}

/// The pointer at an address, with what the dynamic linker adds to the address of the program (elf(5), Elf64_Rela); 0
/// for one to another object.
fn pointer(command: &object::File<'_>, at: u64) -> u64 {
    let relative = object::RelocationFlags::Elf { r_type: object::elf::R_X86_64_RELATIVE };
    let mut relocations = command.dynamic_relocations().into_iter().flatten();
    if let Some((_, own)) = relocations.find(|(own, _)| *own == at) {
        return if own.flags() == relative { own.addend() as u64 } else { 0 };
    }
    let bytes = command.sections().find_map(|section| section.data_range(at, 8).ok().flatten());
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The function that holds an address.
fn name(command: &object::File<'_>, at: u64) -> String {
    let holds = |symbol: &object::Symbol<'_, '_>| {
        (symbol.address()..symbol.address() + symbol.size()).contains(&at)
    };
    let symbol = command.symbols().find(holds);
    let name = symbol.as_ref().and_then(|symbol| symbol.name().ok());
    name.map_or_else(|| format!("{at:#x}"), |name| format!("{:#}", rustc_demangle::demangle(name)))
}
