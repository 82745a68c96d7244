//! An answer counts only if the steps before the probe came out as in the children that went through all
//! steps.
//!
//! Where a step was not performed, or came to something else, the child has answered another question:
//! somebody may have killed the process of a block, or the machine may have run out of something.

use super::blame::failure;
use super::classify::{done, ended_otherwise, fault};
use super::recorded::{Recorded, RecordedSlot};
use crate::case::{Fault, HarnessError, StepResult};
use crate::sys::SlotState;
use crate::victim::{Op, Probe, Program};

/// Returns the first step before a probe that came out differently than in an earlier child, if any.
pub fn unsteady(
    program: &Program,
    probe: &Probe,
    earlier: &[StepResult],
    recorded: &Recorded,
) -> Option<HarnessError> {
    let steps = program.ops.iter().zip(&recorded.slots).zip(earlier).enumerate();
    steps.take(probe.sweep).find_map(|(step, ((op, slot), first))| match op {
        Op::Sweep { .. } => None,
        // The probe is made inside of it.
        Op::Block { end, .. } if probe.sweep < *end => None,
        Op::Block { end, .. } if slot.state == Some(SlotState::Done) => {
            let own = ended_otherwise(program, step..*end, earlier, slot)?;
            match failure(program, step..*end, own, recorded, 0) {
                inside @ HarnessError::InStep { .. } => Some(inside),
                error => Some(HarnessError::InStep { step, error: Box::new(error) }),
            }
        }
        _ => {
            let then = came_to(op, slot, first);
            let differs = then.as_ref() != Some(first);
            differs.then(|| HarnessError::Unsteady {
                step,
                first: first.to_string(),
                then: then.map_or("not done".to_owned(), |then| then.to_string()),
            })
        }
    })
}

/// Returns the result of each step of a child by the step's own record; `None` where that tells none.
pub fn recorded(program: &Program, recorded: &Recorded) -> Vec<Option<StepResult>> {
    program.ops.iter().zip(&recorded.slots).map(|(op, slot)| own_record(op, slot)).collect()
}

fn own_record(op: &Op, slot: &RecordedSlot) -> Option<StepResult> {
    match (slot.state?, slot.fault, op) {
        (SlotState::NotReached, ..) => Some(StepResult::NotReached),
        (SlotState::NoMap, ..) => Some(StepResult::NoMap),
        (SlotState::Done, None, _) => done(op, slot),
        (SlotState::Begun, Some(recorded), Op::Touch { at, .. }) => {
            Some(StepResult::Fault(fault(slot, *at, recorded)))
        }
        // `_exit` has ended the process of its block and recorded nothing, as it is to: the block tells its
        // status.
        (SlotState::Begun, None, Op::Exit { .. }) => Some(StepResult::Done),
        _ => None,
    }
}

/// Returns the same for a step that an earlier child has performed: where the earlier child recorded nothing,
/// this one need not either.
fn came_to(op: &Op, slot: &RecordedSlot, first: &StepResult) -> Option<StepResult> {
    let silent = || match first {
        StepResult::Killed(_) | StepResult::TimedOut => true,
        StepResult::Fault(Fault { code, .. }) => code.is_none(),
        _ => false,
    };
    let is_silent = slot.state == Some(SlotState::Begun) && slot.fault.is_none();
    own_record(op, slot).or_else(|| (is_silent && silent()).then(|| first.clone()))
}
