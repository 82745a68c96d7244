//! The disk space and the memory that a call may take, as its value in the vocabulary and its arguments tell.
//! The main type is [`Price`]; [`super::budget`] makes bytes of it.

use super::reach::Made;
use crate::case::{Arg, says};
use crate::vocabulary::{Cost, Effect, Facet, Parameter, Syscall};

/// The things that a call may allocate.
#[derive(Debug, Clone, Copy)]
pub enum Price {
    /// Nothing that counts.
    Nothing,
    /// The memory that is mapped from argument `address` on, for as many bytes as argument `length` says. Where
    /// it is to be locked, no more than may be locked.
    Mapped { address: usize, length: usize, locks: bool },
    /// A new map that is filled at once, see mmap(2).
    NewMap { locks: bool },
    /// The bytes by which a locked map grows, see mremap(2).
    Growth,
    /// So much memory, as this argument says.
    Memory { length: usize },
    /// Blocks of the file of argument 0, at an offset and for a length that stand in these arguments. They
    /// may stay `beyond` its end.
    File { offset: usize, length: usize, beyond: bool },
    /// write(2) from memory into a file, wherever that is.
    Write,
}

impl Price {
    /// Returns the price of a call.
    pub fn of(call: &Syscall, args: &[Arg], made: Made) -> Price {
        let has = |index: usize, facet: Facet| says(args, index, facet);
        match call.effect {
            Effect::Maps { flags, .. } => {
                // Huge pages are set aside when the map is made.
                let filled = made.huge || has(flags, Facet::Fills) || has(flags, Facet::Huge);
                match has(flags, Facet::Locks) {
                    locks if locks || filled => Price::NewMap { locks },
                    _ => Price::Nothing,
                }
            }
            Effect::Remaps { .. } if made.locks => Price::Growth,
            Effect::Remaps { .. } => Price::Nothing,
            Effect::Locks { address, length } => Price::Mapped { address, length, locks: true },
            Effect::Rearranges { address, length, .. } => {
                Price::Mapped { address, length, locks: false }
            }
            Effect::Transfers { address, count, to_memory: true } => {
                Price::Mapped { address, length: count, locks: false }
            }
            Effect::Transfers { to_memory: false, .. } => Price::Write,
            // The length of the text stands before the offset in the arguments of the kernel.
            Effect::StoresText { offset, .. } => {
                Price::File { offset: offset + 1, length: offset, beyond: false }
            }
            Effect::Allocates { mode, offset, length } => {
                let beyond = has(mode, Facet::KeepsSize);
                match has(mode, Facet::Frees) || has(mode, Facet::Moves) {
                    true => Price::Nothing,
                    false => Price::File { offset, length, beyond },
                }
            }
            Effect::MakesSegment { length, flags } if has(flags, Facet::Huge) => {
                Price::Memory { length }
            }
            Effect::MakesSegment { .. } | Effect::Attaches { .. } => Price::Nothing,
            _ => Price::of_parameters(call, made, &has),
        }
    }

    fn of_parameters(call: &Syscall, made: Made, has: &impl Fn(usize, Facet) -> bool) -> Price {
        let pays = match call.cost {
            Cost::Derived => true,
            Cost::Nothing => false,
            Cost::RangeWhereLocked => made.locks,
            Cost::RangeWhereFilled(word) => has(word, Facet::Fills),
        };
        let at = |parameter: Parameter| call.position(|own| own == parameter);
        match (at(Parameter::Address), at(Parameter::FileLength)) {
            _ if !pays => Price::Nothing,
            (Some(address), _) => Price::Mapped { address, length: address + 1, locks: false },
            (None, Some(length)) => Price::File { offset: length - 1, length, beyond: true },
            (None, None) => Price::Nothing,
        }
    }
}
