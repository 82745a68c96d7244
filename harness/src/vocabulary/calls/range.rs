//! Ranges of maps that are removed, protected, synchronised, locked and sealed.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Cost, Effect, Family, Lack, PLAIN, Reach, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "munmap",
        manual: "munmap(2)",
        parameters: &[Address, Length],
        action: Action::System(header::__NR_munmap),
        effect: Effect::Unmaps { address: 0, length: 1 },
        reach: Reach::Bounded,
        cost: Cost::Nothing,
        lacks: &[Lack::Memory],
        weight: 12,
        ..PLAIN
    },
    Syscall {
        name: "mprotect",
        manual: "mprotect(2)",
        parameters: &[Address, Length, Flags(Family::Protection)],
        action: Action::System(header::__NR_mprotect),
        // With PROT_GROWSDOWN or PROT_GROWSUP it goes to where the map at the address begins or ends.
        reach: Reach::ToTheGapUnlessGrowing(2),
        // Private memory that may be stored to and is locked is copied at once.
        cost: Cost::RangeWhereLocked,
        lacks: &[Lack::Memory],
        weight: 14,
        ..PLAIN
    },
    Syscall {
        name: "msync",
        manual: "msync(2)",
        parameters: &[Address, Length, Flags(Family::Sync)],
        action: Action::System(header::__NR_msync),
        // It skips gaps, and says ENOMEM after the rest was done.
        cost: Cost::Nothing,
        lacks: &[Lack::Room, Lack::Disk],
        weight: 12,
        ..PLAIN
    },
    Syscall {
        name: "mlock",
        manual: "mlock(2)",
        parameters: &[Address, Length],
        action: Action::System(header::__NR_mlock),
        effect: Effect::Locks { address: 0, length: 1 },
        reach: Reach::ToTheGap { aligned: false },
        lacks: &[Lack::Pages, Lack::Memory],
        weight: 12,
        ..PLAIN
    },
    Syscall {
        name: "munlock",
        manual: "munlock(2)",
        parameters: &[Address, Length],
        action: Action::System(header::__NR_munlock),
        reach: Reach::ToTheGap { aligned: false },
        cost: Cost::Nothing,
        weight: 10,
        ..PLAIN
    },
    Syscall {
        name: "mseal",
        manual: "mseal(2)",
        parameters: &[Address, Length, Number],
        action: Action::System(header::__NR_mseal),
        reach: Reach::ToTheGap { aligned: true },
        cost: Cost::Nothing,
        weight: 12,
        ..PLAIN
    },
];
