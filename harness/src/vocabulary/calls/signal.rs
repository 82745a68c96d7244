//! Signals: ignored, blocked, sent and waited for.

use linux_raw_sys::general as header;

use crate::vocabulary::Argument::Zero;
use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Family, PLAIN, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "sigaction",
        manual: "sigaction(2)",
        parameters: &[Word(Family::Signal), Word(Family::Disposition)],
        action: Action::Sigaction,
        weight: 8,
        ..PLAIN
    },
    Syscall {
        name: "sigprocmask",
        manual: "sigprocmask(2)",
        parameters: &[Word(Family::MaskHow), Word(Family::Signal)],
        action: Action::Sigprocmask,
        weight: 8,
        ..PLAIN
    },
    Syscall {
        name: "raise",
        manual: "raise(3)",
        parameters: &[Word(Family::Signal)],
        action: Action::Raise,
        weight: 1,
        ..PLAIN
    },
    Syscall {
        name: "pause",
        manual: "pause(2)",
        // Architectures without pause(2) have ppoll(2), which waits as long without a descriptor and a
        // timeout.
        action: Action::Arranged(header::__NR_ppoll, &[Zero, Zero, Zero, Zero]),
        weight: 0,
        ..PLAIN
    },
];
