//! What a process has done about its signals, and what a fault is then seen as.
//!
//! A victim's own handler records the fault. Where the case ignores or blocks the signal, the kernel
//! kills without running any handler, and where it sets the default there is none: `no siginfo`.

use std::collections::BTreeSet;

use nix::libc;

use super::rule::Rule;
use super::state::State;
use crate::case::{Fault, FaultAddress};

/// Dispositions and the mask, by number of the signal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// Those whose disposition the case has set, and whether to SIG_IGN.
    pub(super) set: std::collections::BTreeMap<i32, bool>,
    pub(super) blocked: BTreeSet<i32>,
    /// Raised while blocked.
    pub(super) pending: BTreeSet<i32>,
}

/// What becomes of a signal that is sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing that can be seen.
    Ignored,
    /// It waits until it is no longer blocked.
    Blocked,
    /// It kills or stops the process.
    Ends,
}

impl Signals {
    /// A fault as it is seen from outside.
    pub fn told(&self, fault: Fault, state: &State<'_>) -> Fault {
        let signal = fault.signal.0;
        let unrecorded = self.set.contains_key(&signal) || self.blocked.contains(&signal);
        match unrecorded && state.holds(Rule::BlockedFaultsKill) {
            true => Fault { code: None, address: FaultAddress::Unknown, ..fault },
            false => fault,
        }
    }

    /// What a signal comes to that the process or the kernel sends.
    pub fn send(&mut self, signal: i32) -> Sent {
        if self.blocked.contains(&signal) {
            self.pending.insert(signal);
            return Sent::Blocked;
        }
        let by_default = signal == libc::SIGCONT;
        match self.set.get(&signal) {
            Some(true) => Sent::Ignored,
            _ if by_default => Sent::Ignored,
            _ => Sent::Ends,
        }
    }

    /// What a fork leaves to the child: nothing pending. (fork(2))
    pub fn inherited(&self) -> Signals {
        Signals { pending: BTreeSet::new(), ..self.clone() }
    }
}
