//! A wait status and a record have to become an outcome, or the reason why there is none. `Clean` needs all
//! three: DONE in the record, exit status 0, no signal.

use super::ending::Ending;
use super::judge::Judge;
use super::recorded::RecordedSlot;
use super::slot::without_siginfo;
use crate::case::{HarnessError, Outcome, Signal, StepResult};
use crate::sys::SlotState;
use crate::victim::{Op, Probe};

impl Judge<'_> {
    /// Returns the answer of a child that was asked to probe.
    pub fn probe_outcome(&self, probe: &Probe) -> Result<Outcome, HarnessError> {
        let disagree = |what: &str| Err(HarnessError::Disagree(what.to_owned()));
        let finished = self.recorded.finished;
        let slot = self.slot(probe.sweep);
        match (self.ending_at(probe.sweep), slot.state, slot.fault) {
            (Ending::TimedOut { stopped: false }, Some(SlotState::Begun), _)
                if self.timeout_is_an_answer =>
            {
                Ok(Outcome::TimedOut)
            }
            // Whatever it recorded: where the fault handler does not end the access, it never ends.
            (Ending::Running, Some(SlotState::Begun), _) => Ok(Outcome::TimedOut),
            (Ending::Exited(0), Some(SlotState::NoMap), None) if finished => {
                Err(HarnessError::NoMap)
            }
            (Ending::Exited(0), Some(SlotState::Done), None) => match finished {
                true => slot.outcome(probe.access),
                false => disagree("the access was done, but the child did not finish"),
            },
            (Ending::Exited(0), Some(SlotState::Done | SlotState::Begun), Some(_)) => {
                disagree("a fault was recorded, but the child did not die of it")
            }
            (Ending::Exited(0), ..) => Err(HarnessError::ExitedEarly),
            (Ending::Killed(signal), Some(SlotState::Begun), Some(recorded)) => {
                match signal == recorded.0 {
                    true => Ok(Outcome::Fault(slot.fault_of_probe(probe, recorded))),
                    false => disagree("the recorded signal is not the one that killed the child"),
                }
            }
            (Ending::Killed(signal), Some(SlotState::Begun), None)
                if self.is_unhandled_fault(signal) =>
            {
                Ok(Outcome::Fault(without_siginfo(signal)))
            }
            (ending, ..) => Err(self.failure(0..self.program.ops.len(), ending)),
        }
    }

    /// Returns the result of each step, in a child that was asked to go through to the end.
    pub fn step_results(&self) -> Result<Vec<StepResult>, HarnessError> {
        let ops = self.program.ops;
        let mut results = Vec::with_capacity(ops.len());
        let mut answered = self.ending == Ending::Exited(0) && self.recorded.finished;
        for index in 0..ops.len() {
            let (slot, own) = (self.slot(index), self.ending_at(index));
            let Some(result) = self.step_result(index, &slot, own)? else {
                let error = Box::new(self.failure(index..index + 1, own));
                return Err(HarnessError::InStep { step: index, error });
            };
            // A step of the victim itself that explains how the victim ended.
            let begun = slot.state == Some(SlotState::Begun);
            answered |= begun && own == self.ending && result != StepResult::Done;
            answered |= result == StepResult::TimedOut;
            results.push(result);
        }
        if !answered {
            return Err(self.failure(0..ops.len(), self.ending));
        }
        for (block, op) in ops.iter().enumerate() {
            let Op::Block { end, .. } = op else { continue };
            let slot = self.recorded.slots.get(block);
            let slot = slot.filter(|slot| slot.state == Some(SlotState::Done));
            if let Some(own) =
                slot.and_then(|slot| self.ended_otherwise(slot, block..*end, &results))
            {
                return Err(self.failure(block..*end, own));
            }
        }
        Ok(results)
    }

    /// Returns the result of one step by its slot of the record and by how its process ended; `None` where
    /// these make no sense together.
    fn step_result(
        &self,
        index: usize,
        slot: &RecordedSlot,
        own: Ending,
    ) -> Result<Option<StepResult>, HarnessError> {
        let op = &self.program.ops[index];
        Ok(Some(match (slot.state, slot.fault, own) {
            (Some(SlotState::NotReached), ..) => StepResult::NotReached,
            (Some(SlotState::NoMap), ..) => StepResult::NoMap,
            (Some(SlotState::Done), None, _) => slot
                .done(op)
                .ok_or_else(|| HarnessError::Disagree("a load left no record".to_owned()))?,
            // A block that is still going: the step inside it tells the story.
            (Some(SlotState::Begun), None, _) if matches!(op, Op::Block { .. }) => StepResult::Done,
            // The process of a block may end by itself; the victim may not.
            (Some(SlotState::Begun), None, Ending::Exited(code))
                if matches!(op, Op::Exit { code: asked } if *asked == code)
                    && self.block_around(index).is_some() =>
            {
                StepResult::Done
            }
            (Some(SlotState::Begun), Some(recorded), Ending::Killed(killed))
                if killed == recorded.0 =>
            {
                let Op::Touch { at, .. } = op else {
                    // The kernel answers a call with EFAULT: whoever faulted was the harness's own code.
                    let error = HarnessError::Disagree("a fault outside of any access".to_owned());
                    return Err(HarnessError::InStep { step: index, error: Box::new(error) });
                };
                StepResult::Fault(slot.fault_at(*at, recorded))
            }
            (Some(SlotState::Begun), None, Ending::Killed(signal))
                if self.by_its_own_step(index, signal) =>
            {
                match op {
                    Op::Touch { .. } => StepResult::Fault(without_siginfo(signal)),
                    _ => StepResult::Killed(Signal(signal)),
                }
            }
            (Some(SlotState::Begun), None, Ending::TimedOut { stopped: false })
                if self.timeout_is_an_answer =>
            {
                StepResult::TimedOut
            }
            (Some(SlotState::Begun), _, Ending::Running) => StepResult::TimedOut,
            _ => return Ok(None),
        }))
    }
}
