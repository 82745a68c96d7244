//! Files that get another size, or other blocks.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Family, Lack, PLAIN, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "ftruncate",
        manual: "ftruncate(2)",
        parameters: &[Descriptor, FileOffset],
        action: Action::System(header::__NR_ftruncate),
        effect: Effect::Resizes { size: 1 },
        lacks: &[Lack::Room, Lack::Disk],
        weight: 32,
        ..PLAIN
    },
    Syscall {
        name: "fallocate",
        manual: "fallocate(2)",
        parameters: &[Descriptor, Flags(Family::Fallocate), FileOffset, FileLength],
        action: Action::System(header::__NR_fallocate),
        effect: Effect::Allocates { mode: 1, offset: 2, length: 3 },
        lacks: &[Lack::Room, Lack::Disk],
        weight: 16,
        ..PLAIN
    },
];
