//! Bytes that were seen, told apart and packed into a slot of the record.

use std::sync::atomic::Ordering::Relaxed;

use super::fill::Fill;
use crate::case::{Clean, Run, is_filling};
use crate::sys::Slot;

const DATA: u64 = 1;
const ZERO: u64 = 2;
const BYTE: u64 = 3;
const OTHER_DATA: u64 = 4;

/// What a byte is, given the place in a file that it should show.
#[inline(always)]
pub(super) fn judge(byte: u8, shows: Option<(usize, u64)>, fill: Fill) -> Clean {
    match (byte, shows) {
        (byte, Some((file, offset))) if byte == fill.byte(file, offset) => Clean::Data,
        (0, _) => Clean::Zero,
        (byte, _) if is_filling(byte) => Clean::OtherData,
        (byte, _) => Clean::Byte(byte),
    }
}

/// Adds a byte to the runs of a slot.
pub(super) fn note(slot: &Slot, byte: Clean) {
    let (kind, value) = match byte {
        Clean::Data => (DATA, 0),
        Clean::OtherData => (OTHER_DATA, 0),
        Clean::Byte(byte) => (BYTE, u64::from(byte)),
        _ => (ZERO, 0),
    };
    let head = kind << 56 | value << 48;
    let count = slot.run_count.load(Relaxed) as usize;
    if let Some(last) = count.checked_sub(1).and_then(|index| slot.runs.get(index)) {
        let run = last.load(Relaxed);
        if run >> 48 == head >> 48 {
            last.store(run + 1, Relaxed);
            return;
        }
    }
    if let Some(free) = slot.runs.get(count) {
        free.store(head | 1, Relaxed);
    }
    slot.run_count.store((count + 1).min(slot.runs.len() + 1) as u32, Relaxed);
}

/// The run that was packed; `None` for a number that no victim writes.
pub fn unpack(packed: u64) -> Option<Run> {
    let count = u32::try_from(packed & 0xffff_ffff_ffff).ok().filter(|count| *count > 0)?;
    let value = (packed >> 48) as u8;
    let byte = match packed >> 56 {
        DATA => Clean::Data,
        OTHER_DATA => Clean::OtherData,
        ZERO => Clean::Zero,
        BYTE => Clean::Byte(value),
        _ => return None,
    };
    Some(Run { byte, count })
}
