//! The system calls of a case, ready to be made: arguments in the order of the kernel, what they reach and cost,
//! and what their success means for the notes of maps and descriptors.

use nix::libc;

use super::compile::{Compiler, Variable};
use super::price::Price;
use super::program::{Buffer, Operand, System, Then};
use super::reach::{Made, Span};
use crate::case::{Arg, says};
use crate::vocabulary::{Argument, Effect, Facet, Parameter, Returns, Syscall};

impl<'m> Compiler<'m> {
    /// A system call whose arguments go to the kernel as they stand.
    pub(super) fn system(
        &mut self,
        number: libc::c_long,
        call: &Syscall,
        args: &[Arg],
        known: &mut Variable,
    ) -> System<'m> {
        let mut operands = [Operand::Number(0); 6];
        let mut fixed = 0;
        for (index, (parameter, arg)) in call.all_parameters().zip(args).enumerate() {
            operands[index] = self.operand(arg);
            // By another word it would be another call.
            fixed |= u8::from(matches!(parameter, Parameter::Word(_))) << index;
        }
        let then = self.effect(call, args, &mut operands, known);
        if matches!(then, Then::Segment) {
            fixed = 0; // the key is the harness's own
        }
        let segment = match then {
            Then::Mapped { length, .. } => length,
            _ => 0,
        };
        let made = Made { page: self.page as usize, huge: self.huge, locks: self.locks, segment };
        let buffer = match call.returns {
            Returns::Bytes => Buffer::Bytes(call.position(|own| own == Parameter::FileOffset)),
            Returns::BytePerPage(length) => Buffer::BytePerPage(length),
            _ => Buffer::Unused,
        };
        System {
            number,
            args: operands,
            fixed,
            span: Span::of(call, args, made),
            price: Price::of(call, args, made),
            then,
            buffer,
            reads: call.position(|own| own == Parameter::ReadDescriptor).is_some(),
            counts: call.returns == Returns::Count,
        }
    }

    /// The system call with its arguments in another order.
    pub(super) fn arranged(
        &self,
        system: System<'m>,
        arguments: &[Argument],
        args: &[Arg],
    ) -> System<'m> {
        let mut own = System { args: [Operand::Number(0); 6], fixed: 0, ..system };
        for (index, argument) in arguments.iter().enumerate() {
            own.args[index] = match *argument {
                Argument::Of(parameter) => {
                    own.fixed |= (system.fixed >> parameter & 1) << index;
                    system.args[parameter]
                }
                Argument::LengthOf(parameter) => match args.get(parameter) {
                    Some(Arg::Text(bytes)) => Operand::Number(bytes.len()),
                    _ => Operand::Number(0),
                },
                Argument::Buffer => Operand::Buffer,
                Argument::Zero => {
                    own.fixed |= 1 << index;
                    Operand::Number(0)
                }
            };
        }
        let place = |parameter: usize| {
            arguments.iter().position(|argument| *argument == Argument::Of(parameter))
        };
        own.buffer = match system.buffer {
            Buffer::Bytes(offset) => Buffer::Bytes(offset.and_then(place)),
            Buffer::BytePerPage(length) => Buffer::BytePerPage(place(length).unwrap_or(length)),
            Buffer::Unused => Buffer::Unused,
        };
        own
    }

    /// Returns the effect that the success of a call has on the notes. Puts a free address where the case leaves
    /// the choice to the kernel.
    fn effect(
        &mut self,
        call: &Syscall,
        args: &[Arg],
        operands: &mut [Operand<'m>; 6],
        known: &mut Variable,
    ) -> Then {
        let has = |index: usize, facet: Facet| says(args, index, facet);
        let page = self.page as usize;
        let length = |index: usize| match operands.get(index) {
            Some(Operand::Number(length)) => length.checked_next_multiple_of(page).unwrap_or(0),
            _ => 0,
        };
        let is_free = |index: usize| matches!(operands.get(index), Some(Operand::Number(0)));
        match call.effect {
            Effect::Maps { address, length: bytes, flags, offset, .. } => {
                self.huge |= has(flags, Facet::Huge);
                let from = self.number(&args[offset]) as u64;
                let then = Then::Mapped {
                    address,
                    grows: has(flags, Facet::Grows),
                    offset: (!has(flags, Facet::Anonymous)).then_some(from),
                    length: length(bytes),
                };
                if is_free(address) && !has(flags, Facet::Fixed) {
                    operands[address] = Operand::Place;
                }
                then
            }
            Effect::Remaps { old, new, flags, target, .. } => {
                let then = Then::Remapped { old: length(old), length: length(new) };
                // With MREMAP_DONTUNMAP alone the fifth argument is a hint (Linux 5.7).
                if args.len() <= target && has(flags, Facet::Hints) {
                    operands[target] = Operand::Place;
                }
                then
            }
            Effect::MakesSegment { length: bytes, flags } => {
                known.length = length(bytes);
                self.huge |= has(flags, Facet::Huge);
                Then::Segment
            }
            Effect::Attaches { segment, address, flags } => {
                let length = match args.get(segment) {
                    Some(Arg::Id(name)) => self.variables[self.find(name)].length,
                    _ => 0,
                };
                if is_free(address) && !has(flags, Facet::Replaces) {
                    operands[address] = Operand::Place;
                }
                Then::Mapped { address, grows: false, offset: None, length }
            }
            Effect::Unmaps { .. } => Then::Unmapped,
            Effect::Detaches => Then::Detached,
            Effect::Rearranges { length: bytes, page_offset, .. } => {
                // Of a part of a page nothing is said. (remap_file_pages(2))
                let offset = (self.number(&args[page_offset]) as u64).wrapping_mul(self.page);
                Then::Shows { offset, length: self.number(&args[bytes]) / page * page }
            }
            Effect::Closes => Then::Closed,
            _ => Then::Nothing,
        }
    }
}
