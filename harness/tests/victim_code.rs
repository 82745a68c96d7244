//! A victim's code lies together: the section `faultmap_victim` of the command calls nothing outside itself.
//!
//! Each further 64 KiB of the program that a child runs through is a page fault in every child, and code
//! that lies elsewhere may need what a child does not have: the heap, the C library, locks. So every call
//! and jump of the section is looked at in the linked command. A panic, an allocation or a memcpy that the
//! compiler puts in shows as a call to its function.
//!
//! Without optimisation nothing is inlined, and the section holds little: the test is for release builds.

#![cfg(target_arch = "x86_64")]

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, OpKind};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

const SECTION: &str = "faultmap_victim";

#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation a victim's code is not inlined")]
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

/// The address to which a call or jump goes; for one through memory, what the linked file holds there. A call
/// through a register has none that could be known: it is the jump that an `exec` probe is for, and the body
/// that a fork server was given.
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
