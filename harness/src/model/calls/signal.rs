//! The model must predict how signals are ignored, blocked and sent.

use crate::case::Arg;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::signals::{Sent, UNCATCHABLE, is_harmless};
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] = &[
    ("sigaction", |p, args| p.sigaction(args)),
    ("sigprocmask", |p, args| p.sigprocmask(args)),
    ("raise", |p, args| p.raise(args)),
    ("pause", |_, _| Ok(Returned::Hangs)),
];

impl Interpreter<'_> {
    fn sigaction(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (signal, action) = (Self::flags(args, 0) as i32, Self::flags(args, 1));
        if UNCATCHABLE.contains(&signal) {
            return Err(Errno(linux::EINVAL));
        }
        let ignores = action == linux::SIG_IGN as i64;
        let signals = &mut self.process().signals;
        signals.set.insert(signal, ignores);
        if ignores || is_harmless(signal) {
            signals.pending.remove(&signal);
        }
        Ok(Returned::Nothing)
    }

    fn sigprocmask(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (how, signal) = (Self::flags(args, 0) as i32, Self::flags(args, 1) as i32);
        let signals = &mut self.process().signals;
        match how {
            linux::SIG_UNBLOCK => {
                signals.blocked.remove(&signal);
            }
            _ => {
                if how == linux::SIG_SETMASK {
                    signals.blocked.clear();
                }
                // To block one of these is no error. (sigprocmask(2))
                if !UNCATCHABLE.contains(&signal) {
                    signals.blocked.insert(signal);
                }
            }
        }
        let pending = std::mem::take(&mut signals.pending);
        if pending.into_iter().any(|signal| signals.send(signal) == Sent::Ends) {
            return Err(Unmodelled("a signal that is sent and ends the process"));
        }
        Ok(Returned::Nothing)
    }

    fn raise(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let signal = Self::flags(args, 0) as i32;
        match self.process().signals.send(signal) {
            Sent::Ends => Err(Unmodelled("a signal that is sent and ends the process")),
            Sent::Ignored | Sent::Blocked => Ok(Returned::Nothing),
        }
    }
}
