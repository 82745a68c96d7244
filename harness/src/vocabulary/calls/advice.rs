//! Advice about memory, some of which discards it.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Cost, Family, Lack, PLAIN, Syscall};

pub(super) const CALLS: &[Syscall] = &[Syscall {
    name: "madvise",
    manual: "madvise(2)",
    parameters: &[Address, Length, Word(Family::Advice)],
    action: Action::System(header::__NR_madvise),
    // It skips gaps, and says ENOMEM after the rest was done.
    cost: Cost::RangeWhereFilled(2),
    lacks: &[Lack::Disk, Lack::Pages, Lack::Memory],
    weight: 20,
    ..PLAIN
}];
