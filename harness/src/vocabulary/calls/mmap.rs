//! New maps.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Family, Lack, PLAIN, Returns, Syscall};

pub(super) const CALLS: &[Syscall] = &[Syscall {
    name: "mmap",
    manual: "mmap(2)",
    parameters: &[
        Address,
        Length,
        Flags(Family::Protection),
        Flags(Family::Map),
        Descriptor,
        MapOffset,
    ],
    returns: Returns::Map,
    action: Action::System(header::__NR_mmap),
    effect: Effect::Maps { address: 0, length: 1, flags: 3, file: 4, offset: 5 },
    lacks: &[Lack::Memory],
    weight: 64,
    ..PLAIN
}];
