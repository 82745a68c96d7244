//! A fault looks different from outside if the process has changed the disposition of its signal, or has
//! blocked it: [`Signals`] holds what a process has set.
//!
//! The victim's own handler records a fault. Where the case ignores or blocks the signal, the kernel kills
//! the process and runs no handler; where the case sets the default disposition, there is no handler. Both
//! are seen as `no siginfo`.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocabulary::{Facet, Family, flags, linux};

/// The signals that no process can catch, ignore or block. (signal(7))
pub const UNCATCHABLE: &[i32] = &[linux::SIGKILL, linux::SIGSTOP];

/// True if this signal of the vocabulary does nothing by default.
pub fn is_harmless(signal: i32) -> bool {
    let known = flags(Family::Signal).iter().find(|flag| flag.value == i64::from(signal));
    known.is_some_and(|flag| flag.facet == Facet::Harmless)
}

/// The dispositions and the mask of a process, by the number of the signal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// The signals whose disposition the case has set; true if to SIG_IGN.
    pub(super) set: BTreeMap<i32, bool>,
    pub(super) blocked: BTreeSet<i32>,
    /// The signals that were raised while they were blocked.
    pub(super) pending: BTreeSet<i32>,
}

/// The effect of a signal that is sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It has no effect that can be seen.
    Ignored,
    /// It is pending until it is no longer blocked.
    Blocked,
    /// It kills or stops the process.
    Ends,
}

impl Signals {
    /// True if no handler of the victim records a fault with this signal.
    pub fn hide(&self, signal: i32) -> bool {
        self.set.contains_key(&signal) || self.blocked.contains(&signal)
    }

    /// Sends a signal, from the process itself or from the kernel, and returns its effect.
    pub fn send(&mut self, signal: i32) -> Sent {
        if self.blocked.contains(&signal) {
            self.pending.insert(signal);
            return Sent::Blocked;
        }
        match self.set.get(&signal) {
            Some(true) => Sent::Ignored,
            _ if is_harmless(signal) => Sent::Ignored,
            _ => Sent::Ends,
        }
    }

    /// Returns the signals that a forked child inherits: none is pending. (fork(2))
    pub fn inherited(&self) -> Signals {
        Signals { pending: BTreeSet::new(), ..self.clone() }
    }
}
