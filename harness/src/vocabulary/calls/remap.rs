//! Maps that are moved, grown or shrunk.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Family, Lack, PLAIN, Returns, Syscall};

pub(super) const CALLS: &[Syscall] = &[Syscall {
    name: "mremap",
    manual: "mremap(2)",
    parameters: &[Address, Length, Length, Flags(Family::Remap)],
    optional: &[Address],
    returns: Returns::Map,
    action: Action::System(header::__NR_mremap),
    effect: Effect::Remaps { address: 0, old: 1, new: 2, flags: 3, target: 4 },
    lacks: &[Lack::Memory],
    weight: 16,
    ..PLAIN
}];
