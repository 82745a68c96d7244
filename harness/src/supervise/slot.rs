//! A slot of the record tells what its step came to, or the access of a probe.

use super::recorded::RecordedSlot;
use crate::case::{
    Access, Clean, Errno, Fault, FaultAddress, HarnessError, Outcome, Signal, StepResult,
};
use crate::sys::{SlotState, instruction_at, told_address};
use crate::victim::{Buffer, Op, Probe, System};

impl RecordedSlot {
    /// Returns the result of its step by the slot alone; `None` where that tells none.
    pub(super) fn result(&self, op: &Op) -> Option<StepResult> {
        match (self.state?, self.fault, op) {
            (SlotState::NotReached, ..) => Some(StepResult::NotReached),
            (SlotState::NoMap, ..) => Some(StepResult::NoMap),
            (SlotState::Done, None, _) => self.done(op),
            (SlotState::Begun, Some(recorded), Op::Touch { at, .. }) => {
                Some(StepResult::Fault(self.fault_at(*at, recorded)))
            }
            // `_exit` has ended the process of its block and recorded nothing, as it is to: the block tells
            // its status.
            (SlotState::Begun, None, Op::Exit { .. }) => Some(StepResult::Done),
            _ => None,
        }
    }

    /// Returns the result of a finished step; `None` where its record makes no sense.
    pub(super) fn done(&self, op: &Op) -> Option<StepResult> {
        let failed = (-4095..0).contains(&self.value);
        Some(match op {
            Op::Sweep { .. } | Op::Block { .. } => StepResult::Done,
            _ if failed => StepResult::Errno(Errno(-self.value as i32)),
            Op::Touch { store: None, .. } => StepResult::Saw(self.seen.clone()?),
            Op::System(System { buffer: Buffer::Bytes(_) | Buffer::BytePerPage(_), .. }) => {
                StepResult::Saw(self.seen.clone()?)
            }
            Op::System(System { counts: true, .. }) => StepResult::Count(self.value as u64),
            _ => StepResult::Done,
        })
    }

    /// Returns the outcome of an access that raised no fault.
    pub(super) fn outcome(&self, access: Access) -> Result<Outcome, HarnessError> {
        if self.value < 0 {
            return Ok(Outcome::Errno(Errno(-self.value as i32)));
        }
        let seen = self.seen.as_ref().and_then(|seen| seen.runs.first()).map(|run| run.byte);
        let clean = match (access, seen, self.value) {
            (Access::Read | Access::CopyFromUser, Some(byte), _) => byte,
            (Access::Exec, None, _) => Clean::Ok,
            (Access::Exec, Some(_), _) => Clean::NoCode,
            (Access::Write | Access::CopyToUser, _, 0) => Clean::Ok,
            (Access::Write | Access::CopyToUser, _, 1) => Clean::MemoryOnly,
            (Access::Write | Access::CopyToUser, _, 2) => Clean::ToFile,
            _ => {
                return Err(HarnessError::Disagree("the access left no record".to_owned()));
            }
        };
        Ok(Outcome::Clean(clean))
    }

    /// Returns the fault of an access at offset `at` of its map, of which this was recorded.
    pub(super) fn fault_at(&self, at: i64, recorded: (i32, i32, u64)) -> Fault {
        self.fault_of(self.base.wrapping_add_signed(at), recorded)
    }

    /// Returns the fault of a probe.
    pub(super) fn fault_of_probe(&self, probe: &Probe, recorded: (i32, i32, u64)) -> Fault {
        let byte = self.base.wrapping_add_signed(probe.at);
        let accessed = match probe.access {
            Access::Exec => instruction_at(byte),
            _ => byte,
        };
        self.fault_of(accessed, recorded)
    }

    fn fault_of(&self, accessed: u64, (signal, code, address): (i32, i32, u64)) -> Fault {
        // As far as the largest map and its surroundings reach.
        const NEAR: i64 = 2 * crate::case::limits::MAP_BYTES as i64;
        let address = match address.wrapping_sub(self.base) as i64 {
            _ if address == told_address(accessed) => FaultAddress::Accessed,
            _ if address == 0 => FaultAddress::Null,
            offset if offset.abs() <= NEAR => FaultAddress::At(offset),
            _ => FaultAddress::Elsewhere,
        };
        Fault { signal: Signal(signal), code: Some(code), address }
    }
}

/// Returns the fault of which nothing but the signal is known. Blocked or ignored by the case, a fault kills
/// without running a handler (signal(7)).
pub(super) fn without_siginfo(signal: i32) -> Fault {
    Fault { signal: Signal(signal), code: None, address: FaultAddress::Unknown }
}
