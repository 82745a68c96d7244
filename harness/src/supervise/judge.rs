//! A child's wait status is the truth, its record only adds to it, and the two must agree. The main type is
//! [`Judge`]: `classify` makes answers of the two, `blame` tells why there is none, and `steady` compares
//! them with those of an earlier child.

use std::ops::Range;

use nix::libc;

use super::ending::Ending;
use super::recorded::{Recorded, RecordedSlot};
use crate::case::{Fault, StepResult};
use crate::sys::SlotState;
use crate::victim::{Op, Program};

/// Judges one child, by its program, its wait status and its record.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The program that the child was to perform.
    pub program: &'a Program<'a>,
    /// The end of the child.
    pub ending: Ending,
    /// The record of the child.
    pub recorded: &'a Recorded,
    /// The time that it had, in milliseconds.
    pub deadline_ms: u64,
    /// True if never to return is an answer, as the case says.
    pub timeout_is_an_answer: bool,
}

impl Judge<'_> {
    pub(super) fn slot(&self, index: usize) -> RecordedSlot {
        self.recorded.slots.get(index).cloned().unwrap_or_default()
    }

    /// Returns the innermost block around an op.
    pub(super) fn block_around(&self, index: usize) -> Option<usize> {
        let mut ops = self.program.ops.iter().enumerate();
        ops.rposition(
            |(block, op)| matches!(op, Op::Block { end, .. } if (block + 1..*end).contains(&index)),
        )
    }

    /// Returns how the process ended that runs this op: the victim itself, or the process of the innermost
    /// block around the op, whose wait status the surrounding process has noted.
    pub(super) fn ending_at(&self, index: usize) -> Ending {
        let Some(block) = self.block_around(index) else { return self.ending };
        let outer = self.ending_at(block);
        let is_probe_or_done = |slot: &&RecordedSlot| {
            slot.state == Some(SlotState::Done)
                || (outer == Ending::Exited(0) && self.recorded.finished)
        };
        match self.recorded.slots.get(block).filter(is_probe_or_done) {
            Some(slot) => decode_wait_status(slot.wait_status),
            // The block was never waited for: its process went down with the one around it.
            None => outer,
        }
    }

    /// Returns how the process of a finished block ended, where somebody else ended it: where it did not exit
    /// with 0, and no step of it explains how it ended.
    pub(super) fn ended_otherwise(
        &self,
        slot: &RecordedSlot,
        block: Range<usize>,
        results: &[StepResult],
    ) -> Option<Ending> {
        let own = decode_wait_status(slot.wait_status);
        // A step of a block inside of this one is another process's.
        let mut steps = block.clone().filter(|step| self.block_around(*step) == Some(block.start));
        let explained = steps.any(|step| match (&self.program.ops[step], results.get(step)) {
            (_, Some(StepResult::Fault(Fault { signal, .. }) | StepResult::Killed(signal))) => {
                own == Ending::Killed(signal.0)
            }
            (Op::Exit { code }, Some(StepResult::Done)) => own == Ending::Exited(*code),
            _ => false,
        });
        (!explained && own != Ending::Exited(0)).then_some(own)
    }
}

fn decode_wait_status(status: i32) -> Ending {
    match libc::WIFSIGNALED(status) {
        true => Ending::Killed(libc::WTERMSIG(status)),
        false => Ending::Exited(libc::WEXITSTATUS(status)),
    }
}
