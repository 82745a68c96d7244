//! A supervisor has to learn how far a victim came and what it saw: they share one page or so, the record.
//! The main type is [`Record`].
//!
//! The victim writes down how far it came and what it saw; the supervisor reads it once the victim is gone. A
//! victim may overwrite any of it, so every field is an atomic in which any value is valid, and the reader
//! trusts nothing that the wait status does not bear out.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::victim_memory;
use crate::case::RUNS;
use crate::case::limits::{BLOCKS, FILES, STEPS, VARIABLES};

/// The request to a victim, and the victim's report.
#[repr(C)]
#[derive(Debug)]
pub struct Record {
    /// 1 when the victim has performed everything that it was asked to.
    pub finished: AtomicU32,
    /// Why the victim could not begin, by number; 0 where it could.
    pub setup: AtomicU32,
    /// The errno of that failure.
    pub setup_errno: AtomicI32,
    /// A signal that was sent (`si_code <= 0`) rather than raised by an access.
    pub sent_signal: AtomicI32,
    /// The process that sent it.
    pub sent_by: AtomicI32,
    /// One futex word for each `process` block: 0 wait, 1 go.
    pub go: [AtomicU32; BLOCKS],
    /// The number of times that the guard came to each of its verdicts.
    pub verdicts: [AtomicU32; VERDICTS],
    /// The disk and memory that the victim and its processes may take.
    pub budget: Budget,
    /// The request to the victim.
    pub question: RequestSlot,
    /// The values of the variables: descriptors, addresses, ids.
    pub values: [AtomicU64; VARIABLES],
    /// One for each step.
    pub slots: [Slot; STEPS],
}

/// The disk and memory that a victim may take, in bytes; see `victim/budget.rs`.
#[repr(C)]
#[derive(Debug)]
pub struct Budget {
    /// Memory that is left.
    pub memory: AtomicU64,
    /// Disk that is left.
    pub disk: AtomicU64,
    /// Blocks that were asked for, and of which the size of a file may not tell.
    pub beyond: AtomicU64,
    /// The bytes that an access to memory may bring in; a power of two.
    pub page: AtomicU64,
    /// The bytes that a file may take beside those that are asked for; a power of two.
    pub block: AtomicU64,
    /// The bytes of a file that a store to a map of it may bring in.
    pub folio: AtomicU64,
    /// The bytes of a huge page of MAP_HUGETLB; a power of two.
    pub huge_page: AtomicU64,
    /// Memory that may be locked.
    pub lockable: AtomicU64,
}

/// The request to a victim: one access, and the files to make it with.
#[repr(C)]
#[derive(Debug)]
pub struct RequestSlot {
    /// The op of the sweep; `u64::MAX` where there is no access to make.
    pub sweep: AtomicU64,
    /// The byte to access, relative to the map.
    pub at: AtomicI64,
    /// The kind of the access, by number.
    pub access: AtomicU32,
    /// The filling of the files, by number.
    pub fill: AtomicU32,
    /// 1 where the guard does not check the addresses of the case.
    pub unguarded: AtomicU32,
    /// 1 where the budget does not count what the case takes.
    pub uncounted: AtomicU32,
    /// The files of the case, by number.
    pub files: [RequestFile; FILES],
}

/// A file as it was made for one probe.
#[repr(C)]
#[derive(Debug)]
pub struct RequestFile {
    /// The harness's own descriptor; -errno where the kernel refused to make the file.
    pub descriptor: AtomicI32,
    /// The folder in which it has a name; -1 where it has none.
    pub folder: AtomicI32,
    /// That name, with a zero at its end.
    pub name: [AtomicU8; NAME_BYTES],
}

/// The number of verdicts of a victim's guard.
pub const VERDICTS: usize = 7;

/// Bytes of a file's name, the zero at its end included.
pub const NAME_BYTES: usize = 24;

/// The victim's report of one step.
#[repr(C)]
#[derive(Debug)]
pub struct Slot {
    /// A [`SlotState`] by number.
    pub state: AtomicU32,
    /// The signal that the step raised, or 0.
    pub signal: AtomicI32,
    /// Its `si_code`.
    pub code: AtomicI32,
    /// The number of `runs` in use; one more than there are where some did not fit.
    pub run_count: AtomicU32,
    /// Its `si_addr`.
    pub address: AtomicU64,
    /// The return value of the call, as the kernel gives it: -errno where it failed.
    pub value: AtomicU64,
    /// The address at which the touched map begins.
    pub base: AtomicU64,
    /// The wait status of the process that ran the block.
    pub wait_status: AtomicU32,
    /// The number of bytes seen.
    pub seen: AtomicU32,
    /// The number of data bytes among them.
    pub data: AtomicU32,
    /// Keeps what follows aligned.
    pub padding: AtomicU32,
    /// The digest of the bytes seen.
    pub digest: AtomicU64,
    /// The digest of their shapes: of what they are with any pattern in the files.
    pub shape: AtomicU64,
    /// The bytes seen: kind, byte and count of each run, packed by the victim.
    pub runs: [AtomicU64; RUNS],
}

/// The progress of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u32)]
pub enum SlotState {
    /// Not yet begun.
    NotReached = 0,
    /// Begun: for a sweep this is `ARMED`, the access is next.
    Begun = 1,
    /// Over.
    Done = 2,
    /// Over, and not performed: its map was never made.
    NoMap = 3,
}

impl SlotState {
    /// The state of that number; `None` for a number that no victim writes.
    pub fn from_number(number: u32) -> Option<SlotState> {
        [SlotState::NotReached, SlotState::Begun, SlotState::Done, SlotState::NoMap]
            .into_iter()
            .find(|state| *state as u32 == number)
    }
}

impl Record {
    /// Makes the record ready for a victim of `steps` steps.
    pub fn clear(&self, steps: usize) {
        self.finished.store(0, Relaxed);
        self.setup.store(0, Relaxed);
        self.setup_errno.store(0, Relaxed);
        self.sent_signal.store(0, Relaxed);
        self.sent_by.store(0, Relaxed);
        self.go.iter().for_each(|word| word.store(0, Relaxed));
        self.verdicts.iter().for_each(|count| count.store(0, Relaxed));
        self.values.iter().for_each(|value| value.store(u64::MAX, Relaxed));
        for slot in &self.slots[..steps.min(STEPS)] {
            slot.state.store(SlotState::NotReached as u32, Relaxed);
            slot.signal.store(0, Relaxed);
            slot.code.store(0, Relaxed);
            slot.run_count.store(0, Relaxed);
            slot.address.store(0, Relaxed);
            slot.value.store(0, Relaxed);
            slot.base.store(0, Relaxed);
            slot.wait_status.store(0, Relaxed);
            slot.seen.store(0, Relaxed);
            slot.data.store(0, Relaxed);
            slot.digest.store(0, Relaxed);
            slot.shape.store(0, Relaxed);
        }
    }
}

/// Memory of type `T`, all zero at first, shared with every process forked from here.
#[derive(Debug)]
pub(super) struct SharedMemory<T>(NonNull<T>);

impl<T> SharedMemory<T> {
    pub(super) fn new() -> Result<SharedMemory<T>, rustix::io::Errno> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use; without
        // MAP_FIXED the address is no more than a wish.
        let at = unsafe {
            mmap_anonymous(
                victim_memory::after_own_data(),
                size_of::<T>(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
            )
        }?;
        NonNull::new(at.cast()).map(SharedMemory).ok_or(rustix::io::Errno::NOMEM)
    }

    pub(super) fn at(&self) -> NonNull<T> {
        self.0
    }
}

impl<T> Drop for SharedMemory<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this size, and no reference outlives `self`.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}

/// A [`Record`] in shared memory.
#[derive(Debug)]
pub struct SharedRecord(SharedMemory<Record>);

impl SharedRecord {
    /// A new record, all zero.
    pub fn new() -> Result<SharedRecord, rustix::io::Errno> {
        SharedMemory::new().map(SharedRecord)
    }
}

impl Deref for SharedRecord {
    type Target = Record;
    fn deref(&self) -> &Record {
        // SAFETY: the memory is mapped while `self` lives, page-aligned, and zero is a valid value of
        // every field; all fields are atomics, so that other processes may write at any time.
        unsafe { self.0.0.as_ref() }
    }
}
