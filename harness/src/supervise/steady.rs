//! An answer counts only if the steps before the probe came out as in the children that went through all
//! steps.
//!
//! If a step was not performed, or had another result, the child has answered another question:
//! somebody may have killed the process of a block, or the machine may have run out of something.

use super::judge::Judge;
use super::recorded::RecordedSlot;
use crate::case::{Fault, HarnessError, StepResult};
use crate::sys::SlotState;
use crate::victim::{Op, Probe};

impl Judge<'_> {
    /// Returns the first step before a probe that came out differently than in an earlier child, if any.
    pub fn unsteady(&self, probe: &Probe, earlier: &[StepResult]) -> Option<HarnessError> {
        let steps = self.program.ops.iter().zip(&self.recorded.slots).zip(earlier).enumerate();
        steps.take(probe.sweep).find_map(|(step, ((op, slot), first))| match op {
            Op::Sweep { .. } => None,
            // The probe is made inside of it.
            Op::Block { end, .. } if probe.sweep < *end => None,
            Op::Block { end, .. } if slot.state == Some(SlotState::Done) => {
                let own = self.ended_otherwise(slot, step..*end, earlier)?;
                match self.failure(step..*end, own) {
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

    /// Returns the result of each step by the step's own record; `None` where that tells none.
    pub fn recorded_results(&self) -> Vec<Option<StepResult>> {
        let steps = self.program.ops.iter().zip(&self.recorded.slots);
        steps.map(|(op, slot)| slot.result(op)).collect()
    }
}

/// Returns the result of a step that an earlier child has performed: where the earlier child recorded
/// nothing, this one need not either.
fn came_to(op: &Op, slot: &RecordedSlot, first: &StepResult) -> Option<StepResult> {
    let silent = || match first {
        StepResult::Killed(_) | StepResult::TimedOut => true,
        StepResult::Fault(Fault { code, .. }) => code.is_none(),
        _ => false,
    };
    let is_silent = slot.state == Some(SlotState::Begun) && slot.fault.is_none();
    slot.result(op).or_else(|| (is_silent && silent()).then(|| first.clone()))
}
