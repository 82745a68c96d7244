//! A case writes the arguments of a call as words and sums, and the model needs the numbers that the kernel
//! sees.

use super::interpreter::Interpreter;
use super::returned::Value;
use super::rule::Rule;
use super::state::Descriptor;
use crate::case::{Arg, Size};

impl Interpreter<'_> {
    /// Returns the value of the flags at this place; 0 where they are left out.
    pub fn flags(args: &[Arg], index: usize) -> i64 {
        args.get(index).map_or(0, Arg::flags)
    }

    /// Returns the number at this place, as the kernel sees it.
    pub fn number(&self, args: &[Arg], index: usize) -> i128 {
        match args.get(index) {
            Some(Arg::Size(size) | Arg::Address { map: None, offset: size }) => self.bytes(size),
            _ => 0,
        }
    }

    /// Returns a plain number of bytes, for lengths: a negative one is huge to the kernel.
    pub fn length(&self, args: &[Arg], index: usize) -> u64 {
        match args.get(index) {
            Some(Arg::Size(size)) => Size::register(size, self.state.page()).unwrap_or(0),
            _ => 0,
        }
    }

    /// Returns the address at this place.
    pub fn address(&self, arg: &Arg) -> u64 {
        let Arg::Address { map, offset } = arg else { return 0 };
        let offset = self.bytes(offset) as u64;
        match map.as_ref().map(|map| self.value(map)) {
            None => offset,
            Some(Value::Map(base)) => base.wrapping_add(offset),
            Some(_) => u64::MAX, // MAP_FAILED, whatever is added to it
        }
    }

    /// Returns the open descriptor at this place; `None` also where it is one of O_PATH. (open(2): EBADF)
    pub fn descriptor(&self, arg: &Arg) -> Option<Descriptor> {
        let Arg::Descriptor(name) = arg else { return None };
        let Value::Descriptor(number) = self.value(name) else { return None };
        let process = &self.processes[self.processes.len() - 1];
        let descriptor = process.descriptors.get(number).copied().flatten();
        descriptor.filter(|own| !own.path_only || !self.state.holds(Rule::PathDescriptorIsEbadf))
    }

    /// True if this is a number that no variable holds, but that the kernel may have given nevertheless: so
    /// many descriptors are open that it may be among the lowest free numbers. The model does not know how
    /// many descriptors the harness has open.
    pub(super) fn may_be_open(&self, arg: &Arg) -> bool {
        const HARNESS: usize = 24;
        let Arg::BadDescriptor(number) = arg else { return false };
        let most = self.processes.iter().map(|process| process.descriptors.len()).max();
        let taken = most.unwrap_or(0) + self.state.objects.len() + HARNESS;
        usize::try_from(*number).is_ok_and(|number| number < taken)
    }
}
