//! The process itself: its limits and its end.

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Family, PLAIN, Syscall};

pub(super) const CALLS: &[Syscall] = &[
    Syscall {
        name: "setrlimit",
        manual: "setrlimit(2)",
        parameters: &[Word(Family::Resource), Limit],
        action: Action::Setrlimit,
        weight: 2,
        ..PLAIN
    },
    Syscall {
        name: "_exit",
        manual: "_exit(2)",
        parameters: &[Number],
        action: Action::Exit,
        weight: 0,
        ..PLAIN
    },
];
