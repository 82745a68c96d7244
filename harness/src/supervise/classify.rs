//! A wait status and a record have to become an outcome, or the reason why there is none.
//!
//! The wait status is the truth, the record only adds to it, and the two must agree. `Clean` needs
//! all three: DONE in the record, exit status 0, no signal.

use std::ops::Range;

use nix::libc;

use super::blame::{all, by_its_own_step, failure};
use super::ending::Ending;
use super::recorded::{Recorded, RecordedSlot};
use crate::case::{
    Access, Clean, Errno, Fault, FaultAddress, HarnessError, Outcome, Signal, StepResult,
};
use crate::sys::{SlotState, instruction_at};
use crate::victim::{Buffer, Op, Probe, Program, System};

/// Returns the answer of a child that was asked to probe.
pub fn probe_outcome(
    program: &Program,
    probe: &Probe,
    ending: Ending,
    recorded: &Recorded,
    deadline_ms: u64,
    timeout_is_an_answer: bool,
) -> Result<Outcome, HarnessError> {
    let disagree = |what: &str| Err(HarnessError::Disagree(what.to_owned()));
    let slot = recorded.slots.get(probe.sweep).cloned().unwrap_or_default();
    let ending = ending_at(program, probe.sweep, ending, recorded)?;
    match (ending, slot.state, slot.fault) {
        (Ending::TimedOut { stopped: false }, Some(SlotState::Begun), _)
            if timeout_is_an_answer =>
        {
            Ok(Outcome::TimedOut)
        }
        (Ending::Exited(0), Some(SlotState::NoMap), None) if recorded.finished => {
            Err(HarnessError::System(
                "there is no map to probe: the call that makes it failed".to_owned(),
            ))
        }
        (Ending::Exited(0), Some(SlotState::Done), None) => match recorded.finished {
            true => seen(probe.access, &slot),
            false => disagree("the access was done, but the child did not finish"),
        },
        (Ending::Exited(0), Some(SlotState::Done | SlotState::Begun), Some(_)) => {
            disagree("a fault was recorded, but the child lived on")
        }
        (Ending::Exited(0), ..) => Err(HarnessError::ExitedEarly),
        (Ending::Killed(signal), Some(SlotState::Begun), Some((recorded, code, address))) => {
            if signal != recorded {
                return disagree("another signal was recorded than the one that killed");
            }
            let byte = slot.base.wrapping_add_signed(probe.at);
            let accessed = match probe.access {
                Access::Exec => instruction_at(byte),
                _ => byte,
            };
            let address = relative(address, accessed, slot.base);
            Ok(Outcome::Fault(Fault { signal: Signal(signal), code: Some(code), address }))
        }
        // Blocked or ignored by the case, a fault kills without running a handler (signal(7)).
        (Ending::Killed(signal), Some(SlotState::Begun), None)
            if program.alters(signal) && is_fault(signal) && recorded.sent.is_none() =>
        {
            Ok(Outcome::Fault(Fault {
                signal: Signal(signal),
                code: None,
                address: FaultAddress::Unknown,
            }))
        }
        (ending, ..) => Err(failure(program, all(program), ending, recorded, deadline_ms)),
    }
}

/// Returns the result of each step, in a child that was asked to go through to the end.
pub fn step_results(
    program: &Program,
    ending: Ending,
    recorded: &Recorded,
    deadline_ms: u64,
    timeout_is_an_answer: bool,
) -> Result<Vec<StepResult>, HarnessError> {
    let mut results = Vec::with_capacity(program.ops.len());
    let mut answered = matches!(ending, Ending::Exited(0)) && recorded.finished;
    for (index, op) in program.ops.iter().enumerate() {
        let slot = recorded.slots.get(index).cloned().unwrap_or_default();
        let own = match op {
            Op::Block { .. } => None,
            _ => Some(ending_at(program, index, ending, recorded)?),
        };
        let begun = slot.state == Some(SlotState::Begun);
        let result = match step_result(program, index, &slot, own, recorded, timeout_is_an_answer)?
        {
            Some(result) => result,
            None => {
                let (own, around) = (own.unwrap_or(ending), index..index + 1);
                let error = Box::new(failure(program, around, own, recorded, deadline_ms));
                return Err(HarnessError::InStep { step: index, error });
            }
        };
        // A step of the victim itself that explains how the victim ended.
        answered |= begun && own == Some(ending) && result != StepResult::Done;
        answered |= matches!(result, StepResult::TimedOut);
        results.push(result);
    }
    if !answered {
        return Err(failure(program, all(program), ending, recorded, deadline_ms));
    }
    for (block, op) in program.ops.iter().enumerate() {
        let slot = recorded.slots.get(block).filter(|slot| slot.state == Some(SlotState::Done));
        if let (Op::Block { end, .. }, Some(slot)) = (op, slot) {
            if let Some(own) = ended_otherwise(program, block..*end, &results, slot) {
                return Err(failure(program, block..*end, own, recorded, deadline_ms));
            }
        }
    }
    Ok(results)
}

/// The result of one step by its slot of the record and by how its process ended; `None` where these make no
/// sense together.
fn step_result(
    program: &Program,
    index: usize,
    slot: &RecordedSlot,
    own: Option<Ending>,
    recorded: &Recorded,
    timeout_is_an_answer: bool,
) -> Result<Option<StepResult>, HarnessError> {
    let op = &program.ops[index];
    Ok(Some(match (slot.state, slot.fault, own) {
        (Some(SlotState::NotReached), ..) => StepResult::NotReached,
        (Some(SlotState::NoMap), ..) => StepResult::NoMap,
        (Some(SlotState::Done), None, _) => done(op, slot)
            .ok_or_else(|| HarnessError::Disagree("nothing was recorded of a load".to_owned()))?,
        // A block that is still going: the step inside it tells the story.
        (Some(SlotState::Begun), None, None) => StepResult::Done,
        // The process of a block may end by itself; the victim may not.
        (Some(SlotState::Begun), None, Some(Ending::Exited(code)))
            if matches!(op, Op::Exit { code: asked } if *asked == code)
                && inside_a_block(program, index) =>
        {
            StepResult::Done
        }
        (Some(SlotState::Begun), Some((signal, code, address)), Some(Ending::Killed(killed)))
            if killed == signal =>
        {
            let Op::Touch { at, .. } = op else {
                // The kernel answers a call with EFAULT: whoever faulted was the harness's own code.
                let error = HarnessError::Disagree("a fault outside of any access".to_owned());
                return Err(HarnessError::InStep { step: index, error: Box::new(error) });
            };
            StepResult::Fault(fault(slot, *at, (signal, code, address)))
        }
        (Some(SlotState::Begun), None, Some(Ending::Killed(signal)))
            if by_its_own_step(program, index, signal, recorded) =>
        {
            match op {
                Op::Touch { .. } => StepResult::Fault(Fault {
                    signal: Signal(signal),
                    code: None,
                    address: FaultAddress::Unknown,
                }),
                _ => StepResult::Killed(Signal(signal)),
            }
        }
        (Some(SlotState::Begun), None, Some(Ending::TimedOut { stopped: false }))
            if timeout_is_an_answer =>
        {
            StepResult::TimedOut
        }
        _ => return Ok(None),
    }))
}

fn inside_a_block(program: &Program, index: usize) -> bool {
    program.ops.iter().enumerate().any(
        |(block, op)| matches!(op, Op::Block { end, .. } if (block + 1..*end).contains(&index)),
    )
}

/// Returns how the process ended that runs this op: the victim itself, or the process of the innermost block
/// around the op, whose wait status the surrounding process has noted.
fn ending_at(
    program: &Program,
    index: usize,
    ending: Ending,
    recorded: &Recorded,
) -> Result<Ending, HarnessError> {
    let around = |(block, op): (usize, &Op)| match op {
        Op::Block { end, .. } if (block + 1..*end).contains(&index) => Some(block),
        _ => None,
    };
    let Some(block) = program.ops.iter().enumerate().filter_map(around).next_back() else {
        return Ok(ending);
    };
    let outer = ending_at(program, block, ending, recorded)?;
    let slot = recorded.slots.get(block);
    let is_probe_or_done = slot.is_some_and(|slot| slot.state == Some(SlotState::Done))
        || (outer == Ending::Exited(0) && recorded.finished);
    match slot {
        Some(slot) if is_probe_or_done => Ok(decode_wait_status(slot.wait_status)),
        // The block was never waited for: its process went down with the one around it.
        _ => Ok(outer),
    }
}

/// Returns how the process of a finished block ended, where somebody else ended it: where it did not exit
/// with 0, and no step of it explains how it ended.
pub(super) fn ended_otherwise(
    program: &Program,
    block: Range<usize>,
    results: &[StepResult],
    slot: &RecordedSlot,
) -> Option<Ending> {
    let own = decode_wait_status(slot.wait_status);
    let inside = block.start + 1..block.end;
    let steps = program.ops.get(inside.clone())?.iter().zip(results.get(inside)?);
    let explained = steps.into_iter().any(|(op, result)| match (op, result) {
        (_, StepResult::Fault(Fault { signal, .. }) | StepResult::Killed(signal)) => {
            own == Ending::Killed(signal.0)
        }
        (Op::Exit { code }, StepResult::Done) => own == Ending::Exited(*code),
        _ => false,
    });
    (!explained && own != Ending::Exited(0)).then_some(own)
}

fn decode_wait_status(status: i32) -> Ending {
    match libc::WIFSIGNALED(status) {
        true => Ending::Killed(libc::WTERMSIG(status)),
        false => Ending::Exited(libc::WEXITSTATUS(status)),
    }
}

/// Returns the result of a finished step; `None` where its record makes no sense.
pub(super) fn done(op: &Op, slot: &RecordedSlot) -> Option<StepResult> {
    let failed = (-4095..0).contains(&slot.value);
    Some(match op {
        Op::Sweep { .. } | Op::Block { .. } => StepResult::Done,
        _ if failed => StepResult::Errno(Errno(-slot.value as i32)),
        Op::Touch { store: None, .. } => StepResult::Saw(slot.seen.clone()?),
        Op::System(System { buffer: Buffer::Bytes(_) | Buffer::BytePerPage(_), .. }) => {
            StepResult::Saw(slot.seen.clone()?)
        }
        Op::System(System { counts: true, .. }) => StepResult::Count(slot.value as u64),
        _ => StepResult::Done,
    })
}

/// Returns the outcome of an access that raised no fault.
fn seen(access: Access, slot: &RecordedSlot) -> Result<Outcome, HarnessError> {
    if slot.value < 0 {
        return Ok(Outcome::Errno(Errno(-slot.value as i32)));
    }
    let seen = slot.seen.as_ref().and_then(|seen| seen.runs.first()).map(|run| run.byte);
    let clean = match (access, seen, slot.value) {
        (Access::Read | Access::CopyFromUser, Some(byte), _) => byte,
        (Access::Exec, None, _) => Clean::Ok,
        (Access::Exec, Some(_), _) => Clean::NoCode,
        (Access::Write | Access::CopyToUser, _, 0) => Clean::Ok,
        (Access::Write | Access::CopyToUser, _, 1) => Clean::MemoryOnly,
        (Access::Write | Access::CopyToUser, _, 2) => Clean::ToFile,
        _ => {
            return Err(HarnessError::Disagree("nothing was recorded of the access".to_owned()));
        }
    };
    Ok(Outcome::Clean(clean))
}

/// Returns the fault that was recorded of an access at offset `at` of its map.
pub(super) fn fault(slot: &RecordedSlot, at: i64, recorded: (i32, i32, u64)) -> Fault {
    let (signal, code, address) = recorded;
    let address = relative(address, slot.base.wrapping_add_signed(at), slot.base);
    Fault { signal: Signal(signal), code: Some(code), address }
}

/// Returns `si_addr` relative to the map.
fn relative(address: u64, accessed: u64, base: u64) -> FaultAddress {
    // As far as the largest map and its surroundings reach.
    const NEAR: i64 = 2 * crate::case::limits::MAP_BYTES as i64;
    match address.wrapping_sub(base) as i64 {
        _ if address == accessed => FaultAddress::Accessed,
        _ if address == 0 => FaultAddress::Null,
        offset if offset.abs() <= NEAR => FaultAddress::At(offset),
        _ => FaultAddress::Elsewhere,
    }
}

pub(super) fn is_fault(signal: i32) -> bool {
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP].contains(&signal)
}
