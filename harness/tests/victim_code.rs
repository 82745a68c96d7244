//! The code of a victim lies in one section of the command, `faultmap_victim`, which calls nothing outside
//! itself.
//!
//! Code in each further 64 KiB of the program costs every child a page fault, and code elsewhere may need
//! things that a child lacks: the heap, the C library, locks. So the test checks every call and jump of the
//! section in the linked command. If the compiler adds a panic, an allocation or a memcpy, this shows as a
//! call to its function.
//!
//! Without optimisation nothing is inlined, and the section holds little, so the test is for release builds.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, OpKind};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

const SECTION: &str = "faultmap_victim";

#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation a victim's code is not inlined")]
#[cfg_attr(
    all(not(debug_assertions), not(target_arch = "x86_64")),
    ignore = "the code of this architecture cannot be decoded"
)]
fn a_victims_code_calls_nothing_outside_its_section() {
    let command = std::fs::read(env!("CARGO_BIN_EXE_faultmap")).expect("the command");
    let command = object::File::parse(&*command).expect("an ELF file");
    let section = command.section_by_name(SECTION).expect("the victims' section");
    let code = section.data().expect("its code");
    let within = section.address()..section.address() + section.size();
    let decoder = Decoder::with_ip(64, code, within.start, DecoderOptions::NONE);
    let (mut branches, mut outside) = (0, BTreeSet::new());
    for instruction in decoder {
        branches += usize::from(instruction.flow_control() != FlowControl::Next);
        let target = target(&command, &instruction).filter(|target| !within.contains(target));
        let at = instruction.ip();
        outside.extend(
            target.map(|to| format!("{} calls {}", name(&command, at), name(&command, to))),
        );
    }
    assert!(branches > 100, "{branches} branches: is this the code of a victim?");
    assert!(outside.is_empty(), "a victim's code leaves its section: {outside:#?}");
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

/// The pointer that the linked file holds at an address; 0 for one that the dynamic linker fills in.
fn pointer(command: &object::File<'_>, at: u64) -> u64 {
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
