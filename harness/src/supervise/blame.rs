//! A process may end by its own step, by the harness or by somebody else: this module tells which.

use std::ops::Range;

use nix::libc;

use super::ending::Ending;
use super::judge::Judge;
use crate::case::{Errno, FAULTS, HarnessError, Signal};
use crate::sys::{SENT_STATUS, SlotState};
use crate::victim::{Op, SetupFailure};

impl Judge<'_> {
    /// True if the case has blocked or ignored this fault, and nobody has sent it as a signal: it then kills
    /// without running a handler (signal(7)).
    pub(super) fn is_unhandled_fault(&self, signal: i32) -> bool {
        self.program.alters(signal) && FAULTS.contains(&signal) && self.recorded.sent.is_none()
    }

    /// True if this step has brought about a signal without siginfo: a fault that the case has blocked or
    /// ignored, a limit that a system call ran into, or a signal that the case sends itself.
    pub(super) fn by_its_own_step(&self, index: usize, signal: i32) -> bool {
        match self.program.ops.get(index) {
            Some(Op::Touch { .. }) => self.is_unhandled_fault(signal),
            Some(Op::Raise { signal: own }) => *own == signal,
            // A signal that was raised while it was blocked, and is blocked no longer.
            Some(Op::Sigprocmask { .. }) => {
                let mut before = self.program.ops.iter().take(index);
                before.any(|op| matches!(op, Op::Raise { signal: own } if *own == signal))
            }
            Some(_) => signal == libc::SIGXFSZ,
            None => false,
        }
    }

    /// Returns an error that names the step, one of those `within`, whose access raised the signal which
    /// killed their process. Skips the steps of a block that is over: a fault there killed another process.
    fn raised_by(&self, within: Range<usize>, signal: i32) -> Option<HarnessError> {
        let mut step = within.start;
        while step < within.end {
            let slot = self.recorded.slots.get(step)?;
            let is_over = step != within.start && slot.state == Some(SlotState::Done);
            match (self.program.ops.get(step)?, slot.fault) {
                (Op::Block { end, .. }, _) if is_over => step = *end,
                (Op::Touch { at, .. }, Some(recorded))
                    if recorded.0 == signal && slot.state == Some(SlotState::Begun) =>
                {
                    let error = Box::new(HarnessError::Raised(slot.fault_at(*at, recorded)));
                    return Some(HarnessError::InStep { step, error });
                }
                _ => step += 1,
            }
        }
        None
    }

    /// Returns the reason why there is no answer: how the process ended that performs these steps.
    pub(super) fn failure(&self, within: Range<usize>, ending: Ending) -> HarnessError {
        match (ending, self.recorded.setup) {
            (Ending::TimedOut { stopped }, _) => {
                HarnessError::TimedOut { stopped, after_ms: self.deadline_ms }
            }
            (Ending::Running, _) => HarnessError::Running,
            (Ending::Stuck, _) => HarnessError::Stuck,
            (Ending::Exited(code), Some((why, errno))) if code != 0 => {
                let reason = SetupFailure::describe(why);
                if SetupFailure::is_refusal(why) {
                    return HarnessError::Refused(reason.to_owned());
                }
                HarnessError::Setup(match errno {
                    0 => reason.to_owned(),
                    _ => format!("{reason}: {}", Errno(errno)),
                })
            }
            (Ending::Exited(code), _)
                if self.recorded.sent.is_some_and(|(signal, _)| code - SENT_STATUS == signal) =>
            {
                HarnessError::KilledFromOutside(Signal(code - SENT_STATUS))
            }
            (Ending::Exited(0), _) => HarnessError::ExitedEarly,
            (Ending::Exited(code), _) => HarnessError::ExitedNonZero(code),
            (Ending::Killed(signal), _) => self
                .raised_by(within, signal)
                .unwrap_or(HarnessError::KilledFromOutside(Signal(signal))),
        }
    }
}
