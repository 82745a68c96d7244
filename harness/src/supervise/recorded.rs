//! The record of a child that is gone may hold anything: this module reads it as plain values.
//!
//! Nothing in the record is trusted to make sense: a number that no victim writes becomes "nothing
//! was said". Tests can make the values by hand, and so test the judgement over them without any
//! child.

use std::sync::atomic::Ordering::Relaxed;

use serde::{Deserialize, Serialize};

use crate::case::{Rest, Run, Seen};
use crate::sys::{Record, SlotState};
use crate::victim::unpack_run;

/// The report of a child on itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recorded {
    /// It did all that it was asked to.
    pub finished: bool,
    /// The reason why it could not begin, by number, and an errno.
    pub setup: Option<(u32, i32)>,
    /// A signal that was sent to it rather than raised by an access, and by whom.
    pub sent: Option<(i32, i32)>,
    /// One for each step.
    pub slots: Vec<RecordedSlot>,
}

/// The report of a child on one step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordedSlot {
    /// The progress of the step; `None` where the record makes no sense.
    pub state: Option<SlotState>,
    /// The signal that it raised: number, `si_code` and `si_addr`.
    pub fault: Option<(i32, i32, u64)>,
    /// The return value of the call: -errno where it failed.
    pub value: i64,
    /// The address at which the touched map begins.
    pub base: u64,
    /// The raw wait status of a block's process.
    pub wait_status: i32,
    /// The bytes seen.
    pub seen: Option<Seen>,
}

impl Recorded {
    /// Reads the record of a victim of `steps` steps.
    pub fn read(record: &Record, steps: usize) -> Recorded {
        let nonzero = |a: u32, b: i32| (a != 0).then_some((a, b));
        let signal = record.sent_signal.load(Relaxed);
        Recorded {
            finished: record.finished.load(Relaxed) == 1,
            setup: nonzero(record.setup.load(Relaxed), record.setup_errno.load(Relaxed)),
            sent: (signal != 0).then(|| (signal, record.sent_by.load(Relaxed))),
            slots: record.slots.iter().take(steps).map(RecordedSlot::read).collect(),
        }
    }
}

impl RecordedSlot {
    fn read(slot: &crate::sys::Slot) -> RecordedSlot {
        let signal = slot.signal.load(Relaxed);
        let count = slot.run_count.load(Relaxed) as usize;
        let runs: Option<Vec<Run>> =
            slot.runs.iter().take(count).map(|run| unpack_run(run.load(Relaxed))).collect();
        RecordedSlot {
            state: SlotState::from_number(slot.state.load(Relaxed)),
            fault: (signal != 0)
                .then(|| (signal, slot.code.load(Relaxed), slot.address.load(Relaxed))),
            value: slot.value.load(Relaxed) as i64,
            base: slot.base.load(Relaxed),
            wait_status: slot.wait_status.load(Relaxed) as i32,
            seen: runs.map(|runs| Seen { rest: rest(slot, &runs), runs }),
        }
    }
}

/// Returns the count and the digests that stand for the bytes beyond these runs, where there are more.
fn rest(slot: &crate::sys::Slot, runs: &[Run]) -> Option<Rest> {
    let is_cut = slot.run_count.load(Relaxed) as usize > slot.runs.len();
    let told: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
    let bytes = u64::from(slot.seen.load(Relaxed)).saturating_sub(told) as u32;
    is_cut.then(|| Rest {
        bytes,
        data: slot.data.load(Relaxed),
        digest: slot.digest.load(Relaxed),
        shape: slot.shape.load(Relaxed),
    })
}
