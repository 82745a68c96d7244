//! A process may end by its own step, by the harness or by somebody else: this module tells which.

use std::ops::Range;

use nix::libc;

use super::classify::{fault, is_fault};
use super::ending::Ending;
use super::recorded::Recorded;
use crate::case::{Errno, HarnessError, Signal};
use crate::sys::{SENT_STATUS, SlotState};
use crate::victim::{Op, Program, SetupFailure};

/// True if this step has brought about a signal without siginfo: a fault that the case has blocked or
/// ignored, a limit that a system call ran into, or a signal that the case sends itself.
pub(super) fn by_its_own_step(
    program: &Program,
    index: usize,
    signal: i32,
    recorded: &Recorded,
) -> bool {
    match program.ops.get(index) {
        Some(Op::Touch { .. }) => {
            program.alters(signal) && is_fault(signal) && recorded.sent.is_none()
        }
        Some(Op::Raise { signal: own }) => *own == signal,
        // A signal that was raised while it was blocked, and is blocked no longer.
        Some(Op::Sigprocmask { .. }) => {
            let before = program.ops.iter().take(index);
            before.into_iter().any(|op| matches!(op, Op::Raise { signal: own } if *own == signal))
        }
        Some(_) => signal == libc::SIGXFSZ,
        None => false,
    }
}

/// Returns the range of all steps of a program.
pub(super) fn all(program: &Program) -> Range<usize> {
    0..program.ops.len()
}

/// Returns an error that names the step, one of those `within`, whose access raised the signal which killed
/// their process. Skips the steps of a block that is over: a fault there killed another process.
fn raised_by(
    program: &Program,
    within: Range<usize>,
    signal: i32,
    recorded: &Recorded,
) -> Option<HarnessError> {
    let over = |block: usize| {
        let slot = recorded.slots.get(block);
        block != within.start && slot.is_some_and(|slot| slot.state == Some(SlotState::Done))
    };
    let mut step = within.start;
    while step < within.end {
        let slot = recorded.slots.get(step)?;
        match (program.ops.get(step)?, slot.fault) {
            (Op::Block { end, .. }, _) if over(step) => step = *end,
            (Op::Touch { at, .. }, Some(recorded))
                if recorded.0 == signal && slot.state == Some(SlotState::Begun) =>
            {
                let error = Box::new(HarnessError::Raised(fault(slot, *at, recorded)));
                return Some(HarnessError::InStep { step, error });
            }
            _ => step += 1,
        }
    }
    None
}

/// Returns the reason why there is no answer: how the process ended that performs these steps.
pub(super) fn failure(
    program: &Program,
    within: Range<usize>,
    ending: Ending,
    recorded: &Recorded,
    deadline_ms: u64,
) -> HarnessError {
    match (ending, recorded.setup) {
        (Ending::TimedOut { stopped }, _) => {
            HarnessError::TimedOut { stopped, after_ms: deadline_ms }
        }
        (Ending::Stuck, _) => HarnessError::System(
            "the child did not exit after SIGKILL: it is blocked in the kernel".to_owned(),
        ),
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
            if recorded.sent.is_some_and(|(signal, _)| code - SENT_STATUS == signal) =>
        {
            HarnessError::KilledFromOutside(Signal(code - SENT_STATUS))
        }
        (Ending::Exited(0), _) => HarnessError::ExitedEarly,
        (Ending::Exited(code), _) => HarnessError::ExitedNonZero(code),
        (Ending::Killed(signal), _) => raised_by(program, within, signal, recorded)
            .unwrap_or(HarnessError::KilledFromOutside(Signal(signal))),
    }
}
