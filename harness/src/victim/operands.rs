//! A victim has no names and no sizes: the arguments of steps become the operands of its ops.

use super::compile::Compiler;
use super::program::Operand;
use crate::case::{Arg, FlagWord, Size};

impl<'m> Compiler<'m> {
    pub(super) fn operand(&self, arg: &Arg) -> Operand<'m> {
        match arg {
            Arg::Size(_) | Arg::Flags(_) | Arg::BadDescriptor(_) => {
                Operand::Number(self.number(arg))
            }
            Arg::Address { map: None, offset } => {
                Operand::Number(offset.register(self.page).unwrap_or(0) as usize)
            }
            Arg::Address { map: Some(map), offset } => {
                Operand::Variable(self.find(map), self.signed(offset) as isize)
            }
            Arg::Descriptor(name) | Arg::Id(name) => Operand::Variable(self.find(name), 0),
            Arg::Text(bytes) => Operand::Bytes(self.memory.keep(bytes)),
        }
    }

    pub(super) fn number(&self, arg: &Arg) -> usize {
        match arg {
            Arg::Size(size) => size.register(self.page).unwrap_or(0) as usize,
            Arg::Flags(words) => FlagWord::all(words) as usize,
            Arg::BadDescriptor(number) => *number as isize as usize,
            _ => 0,
        }
    }

    pub(super) fn flags(&self, arg: Option<&Arg>) -> i64 {
        arg.map_or(0, |arg| self.number(arg) as i64)
    }

    pub(super) fn signed(&self, size: &Size) -> i64 {
        size.eval(self.page).and_then(|value| i64::try_from(value).ok()).unwrap_or(0)
    }

    pub(super) fn file_of(&self, arg: &Arg) -> Option<usize> {
        match arg {
            Arg::Descriptor(name) => self.variables[self.find(name)].file,
            _ => None,
        }
    }
}
