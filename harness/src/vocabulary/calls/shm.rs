//! System V shared memory.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Cost, Effect, Family, Lack, PLAIN, Reach, Returns, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "shmget",
        manual: "shmget(2)",
        parameters: &[Word(Family::Key), Length, Flags(Family::Shmget)],
        returns: Returns::Id,
        action: Action::System(header::__NR_shmget),
        effect: Effect::MakesSegment { length: 1, flags: 2 },
        lacks: &[Lack::Room, Lack::Disk, Lack::Memory],
        ..PLAIN
    },
    Syscall {
        name: "shmat",
        manual: "shmat(2)",
        parameters: &[Id, Address, Flags(Family::Shmat)],
        returns: Returns::Map,
        action: Action::System(header::__NR_shmat),
        effect: Effect::Attaches { segment: 0, address: 1, flags: 2 },
        lacks: &[Lack::Memory],
        weight: 8,
        ..PLAIN
    },
    Syscall {
        name: "shmdt",
        manual: "shmdt(2)",
        parameters: &[Address],
        action: Action::System(header::__NR_shmdt),
        effect: Effect::Detaches,
        reach: Reach::ToTheGap { aligned: false },
        cost: Cost::Nothing,
        weight: 6,
        ..PLAIN
    },
    Syscall {
        name: "shmctl",
        manual: "shmctl(2)",
        parameters: &[Id, Word(Family::Shmctl)],
        optional: &[Number],
        action: Action::System(header::__NR_shmctl),
        ..PLAIN
    },
];
