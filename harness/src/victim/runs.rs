//! A step may see many bytes, but has one slot of the record: the victim classifies the bytes and packs them
//! as runs.

use std::sync::atomic::Ordering::Relaxed;

use super::fill::Fill;
use crate::case::{Clean, Run, code, decode, digest, is_filling, shape};
use crate::sys::Slot;

/// Returns the class of a byte, given the place in a file that it should show.
#[inline(always)]
pub(super) fn classify_byte(byte: u8, shows: Option<(usize, u64)>, fill: Fill) -> Clean {
    match (byte, shows) {
        (byte, Some((file, offset))) if byte == fill.byte(file, offset) => Clean::Data,
        (0, _) => Clean::Zero,
        (byte, _) if is_filling(byte) => Clean::OtherData,
        (byte, _) => Clean::Byte(byte),
    }
}

/// Adds a byte to the runs of a slot.
#[inline(always)]
pub(super) fn push(slot: &Slot, byte: Clean) {
    slot.seen.store(slot.seen.load(Relaxed).wrapping_add(1), Relaxed);
    slot.data.store(slot.data.load(Relaxed).wrapping_add(u32::from(byte == Clean::Data)), Relaxed);
    slot.digest.store(digest(slot.digest.load(Relaxed), byte), Relaxed);
    slot.shape.store(digest(slot.shape.load(Relaxed), shape(byte)), Relaxed);
    let head = code(byte) << 48;
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

/// Returns the run that was packed; `None` for a number that no victim writes.
pub fn unpack(packed: u64) -> Option<Run> {
    let count = u32::try_from(packed & 0xffff_ffff_ffff).ok().filter(|count| *count > 0)?;
    Some(Run { byte: decode(packed >> 48)?, count })
}
