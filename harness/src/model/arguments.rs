//! The arguments of a call, as the kernel sees them.

use super::interpreter::{Interpreter, Value};
use super::rule::Rule;
use super::state::Descriptor;
use crate::case::{Arg, FlagWord, Size};

impl Interpreter<'_> {
    /// The value of the flags at this place; 0 where they are left out.
    pub fn flags(args: &[Arg], index: usize) -> i64 {
        match args.get(index) {
            Some(Arg::Flags(words)) => FlagWord::all(words),
            _ => 0,
        }
    }

    /// The number at this place, as the kernel sees it.
    pub fn number(&self, args: &[Arg], index: usize) -> i128 {
        match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { map: None, offset: size }) => self.bytes(size),
            _ => 0,
        }
    }

    /// A plain number of bytes, for lengths: negative ones are huge to the kernel.
    pub fn length(&self, args: &[Arg], index: usize) -> u64 {
        match args.get(index) {
            Some(Arg::Size(size)) => Size::register(size, self.state.page()).unwrap_or(0),
            _ => 0,
        }
    }

    /// The address at this place.
    pub fn address(&self, arg: &Arg) -> u64 {
        let Arg::Address { map, offset } = arg else { return 0 };
        let offset = self.bytes(offset) as u64;
        match map.as_ref().map(|map| self.value(map)) {
            None => offset,
            Some(Value::Map(base)) => base.wrapping_add(offset),
            Some(_) => u64::MAX, // MAP_FAILED, whatever is added to it
        }
    }

    /// The open descriptor at this place; none as well where it is one of O_PATH. (open(2): EBADF)
    pub fn descriptor(&self, arg: &Arg) -> Option<Descriptor> {
        let Arg::Descriptor(name) = arg else { return None };
        let Value::Descriptor(number) = self.value(name) else { return None };
        let process = &self.processes[self.processes.len() - 1];
        let descriptor = process.descriptors.get(number).copied().flatten();
        descriptor.filter(|own| !own.path_only || !self.state.holds(Rule::PathDescriptorIsEbadf))
    }

    /// Whether this is a number that no variable holds, and that the kernel may have given all the same: so many are
    /// open that it is among the lowest that were free. How many the harness has open is not known here.
    pub(super) fn may_be_open(&self, arg: &Arg) -> bool {
        const HARNESS: usize = 24;
        let Arg::BadDescriptor(number) = arg else { return false };
        let most = self.processes.iter().map(|process| process.descriptors.len()).max();
        let taken = most.unwrap_or(0) + self.state.objects.len() + HARNESS;
        usize::try_from(*number).is_ok_and(|number| number < taken)
    }
}
