//! What a process has done about its signals, and what a fault is then seen as.
//!
//! A victim's own handler records the fault. Where the case ignores or blocks the signal, the kernel
//! kills without running any handler, and where it sets the default there is none: `no siginfo`.

use std::collections::BTreeSet;

use nix::libc;

use super::Unmodelled;
use super::rule::Rule;
use super::steps::{Performance, Returned};
use super::world::World;
use crate::case::{Arg, Fault, FaultAddress};

/// Dispositions and the mask, by number of the signal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// Those whose disposition the case has set, and whether to SIG_IGN.
    set: std::collections::BTreeMap<i32, bool>,
    blocked: BTreeSet<i32>,
    /// Raised while blocked.
    pending: BTreeSet<i32>,
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
    pub fn told(&self, fault: Fault, world: &World<'_>) -> Fault {
        let signal = fault.signal.0;
        let unrecorded = self.set.contains_key(&signal) || self.blocked.contains(&signal);
        match unrecorded && world.on(Rule::BlockedFaultsKill) {
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

impl Performance<'_> {
    pub(super) fn sigaction(&mut self, args: &[Arg]) -> Returned {
        let (signal, action) = (Self::flags(args, 0) as i32, Self::flags(args, 1));
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            return Returned::Errno(libc::EINVAL);
        }
        let ignores = action == libc::SIG_IGN as i64;
        let signals = &mut self.process().signals;
        signals.set.insert(signal, ignores);
        if ignores || signal == libc::SIGCONT {
            signals.pending.remove(&signal);
        }
        Returned::Nothing
    }

    pub(super) fn sigprocmask(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (how, signal) = (Self::flags(args, 0) as i32, Self::flags(args, 1) as i32);
        let signals = &mut self.process().signals;
        match how {
            libc::SIG_UNBLOCK => {
                signals.blocked.remove(&signal);
            }
            _ => {
                if how == libc::SIG_SETMASK {
                    signals.blocked.clear();
                }
                // SIGKILL and SIGSTOP cannot be blocked, and that is no error. (sigprocmask(2))
                if signal != libc::SIGKILL && signal != libc::SIGSTOP {
                    signals.blocked.insert(signal);
                }
            }
        }
        let pending = std::mem::take(&mut signals.pending);
        if pending.into_iter().any(|signal| signals.send(signal) == Sent::Ends) {
            return Err(Unmodelled::new("a signal that is sent and ends the process"));
        }
        Ok(Returned::Nothing)
    }

    pub(super) fn raise(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let signal = Self::flags(args, 0) as i32;
        match self.process().signals.send(signal) {
            Sent::Ends => Err(Unmodelled::new("a signal that is sent and ends the process")),
            Sent::Ignored | Sent::Blocked => Ok(Returned::Nothing),
        }
    }
}
