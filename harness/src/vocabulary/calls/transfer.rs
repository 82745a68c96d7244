//! Bytes that are read from a file and written to one.

use linux_raw_sys::general as header;

use crate::vocabulary::Argument::{Buffer, LengthOf, Of};
use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Lack, PLAIN, Returns, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "pread",
        manual: "pread(2)",
        parameters: &[ReadDescriptor, FileOffset, ShownLength],
        returns: Returns::Bytes,
        action: Action::Arranged(header::__NR_pread64, &[Of(0), Buffer, Of(2), Of(1)]),
        lacks: &[Lack::Disk],
        weight: 16,
        ..PLAIN
    },
    Syscall {
        name: "pwrite",
        manual: "pwrite(2)",
        parameters: &[Descriptor, Text, FileOffset],
        returns: Returns::Count,
        action: Action::Arranged(header::__NR_pwrite64, &[Of(0), Of(1), LengthOf(1), Of(2)]),
        effect: Effect::StoresText { text: 1, offset: 2 },
        lacks: &[Lack::Room, Lack::Disk],
        weight: 32,
        ..PLAIN
    },
    Syscall {
        name: "read",
        manual: "read(2)",
        parameters: &[ReadDescriptor, Address, BufferLength],
        returns: Returns::Count,
        action: Action::System(header::__NR_read),
        effect: Effect::Transfers { address: 1, count: 2, to_memory: true },
        lacks: &[Lack::Disk, Lack::Pages],
        weight: 16,
        ..PLAIN
    },
    Syscall {
        name: "write",
        manual: "write(2)",
        parameters: &[Descriptor, Address, BufferLength],
        returns: Returns::Count,
        action: Action::System(header::__NR_write),
        effect: Effect::Transfers { address: 1, count: 2, to_memory: false },
        lacks: &[Lack::Room, Lack::Disk, Lack::Pages],
        weight: 16,
        ..PLAIN
    },
];
