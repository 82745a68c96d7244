//! Files that are made, opened, synchronised, sealed, closed and unlinked.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Family, Lack, PLAIN, Returns, Syscall, linux};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "file",
        manual: "open(2)",
        parameters: &[FileSize],
        optional: &[Flags(Family::Open)],
        returns: Returns::File,
        action: Action::MakeFile,
        weight: 2,
        ..PLAIN
    },
    Syscall {
        name: "memfd",
        manual: "memfd_create(2)",
        parameters: &[FileSize],
        optional: &[Flags(Family::Memfd)],
        returns: Returns::File,
        action: Action::MakeMemfd,
        weight: 3,
        ..PLAIN
    },
    Syscall {
        name: "dir",
        manual: "open(2)",
        returns: Returns::Descriptor,
        action: Action::OpenPath("/", linux::O_RDONLY | linux::O_DIRECTORY),
        weight: 1,
        ..PLAIN
    },
    Syscall {
        name: "pipe",
        manual: "pipe(2)",
        returns: Returns::Descriptor,
        action: Action::Pipe,
        weight: 2,
        ..PLAIN
    },
    Syscall {
        name: "devzero",
        manual: "zero(4)",
        optional: &[Flags(Family::Open)],
        returns: Returns::Descriptor,
        action: Action::OpenPath("/dev/zero", linux::O_RDWR),
        weight: 2,
        ..PLAIN
    },
    Syscall {
        name: "open",
        manual: "open(2)",
        parameters: &[PathOrFile],
        optional: &[Flags(Family::Open)],
        returns: Returns::Opened,
        action: Action::Open,
        ..PLAIN
    },
    Syscall {
        name: "fsync",
        manual: "fsync(2)",
        parameters: &[Descriptor],
        action: Action::System(header::__NR_fsync),
        lacks: &[Lack::Room, Lack::Disk],
        weight: 6,
        ..PLAIN
    },
    Syscall {
        name: "fcntl",
        manual: "fcntl(2)",
        parameters: &[Descriptor, Word(Family::Fcntl), Flags(Family::Seal)],
        action: Action::System(header::__NR_fcntl),
        weight: 8,
        ..PLAIN
    },
    Syscall {
        name: "close",
        manual: "close(2)",
        parameters: &[Descriptor],
        action: Action::System(header::__NR_close),
        effect: Effect::Closes,
        weight: 12,
        ..PLAIN
    },
    Syscall {
        name: "unlink",
        manual: "unlink(2)",
        parameters: &[File],
        action: Action::Unlink,
        weight: 2,
        ..PLAIN
    },
];
