//! A child that runs a closure has to leave word of what it does, however it ends: it shares some memory with
//! the process that observes it. The main type is [`Note`].
//!
//! Every field is an atomic or plain bytes in which any value is valid: a closure may overwrite all of it.

use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize};

/// The child has not come to the closure.
pub const STARTING: u32 = 0;
/// The child is in the closure.
pub const STARTED: u32 = 1;
/// The supervisor has given up a child that did not come to the closure in time.
pub const CANCELLED: u32 = 2;
/// The closure has returned, and the text is its value.
pub const RETURNED: u32 = 3;
/// The closure has panicked, and the text is the message.
pub const PANICKED: u32 = 4;

/// Bytes of a text that are kept. Those that are not touched take no memory.
const TEXT_BYTES: usize = 1 << 20;

/// A text that one process writes and another reads.
#[repr(C)]
pub struct Text {
    length: AtomicUsize,
    is_cut: AtomicBool,
    bytes: UnsafeCell<[u8; TEXT_BYTES]>,
}

/// The word that a child leaves.
#[repr(C)]
pub struct Note {
    /// 1 when the child has come to the closure, or never will.
    pub released: AtomicU32,
    /// 1 when the supervisor has left fork(3). Until then it has the locks of the C library's allocator, and a child
    /// that killed it would leave them locked for ever in the process that observes.
    pub go: AtomicU32,
    /// The number of children that were given up, as they did not come to the closure. A later one leaves out locks
    /// that it can do without.
    pub tried: AtomicU32,
    /// The progress of the child: [`STARTING`] and so on.
    pub state: AtomicU32,
    /// The number of faults so far.
    pub faults: AtomicU32,
    /// The signal of the last fault; 0 where there was none, or a handler of the program has mended it.
    pub signal: AtomicI32,
    /// Its `si_code`.
    pub code: AtomicI32,
    /// Its `si_addr`. A signal that was sent (`si_code <= 0`) has none.
    pub address: AtomicUsize,
    /// True where a thread aborted that was panicking: the last panic ends the process.
    pub ends: AtomicBool,
    /// The value, or the message of the last panic.
    pub text: Text,
    /// The memory of the child at its last fault (proc_pid_maps(5)).
    pub maps: Text,
}

impl Text {
    /// Replaces the text, or as much of it as there is room for.
    pub fn set(&self, text: &[u8]) {
        let kept = text.len().min(TEXT_BYTES);
        // SAFETY: the area has that length, and `text` lies elsewhere. Another process reads it only when
        // this one has ended.
        unsafe { self.bytes.get().cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), kept) };
        self.is_cut.store(kept < text.len(), Relaxed);
        self.length.store(kept, Release);
    }

    /// Replaces the text by what `read` yields: it fills a buffer, and returns the number of bytes; 0 at the end.
    /// Async-signal-safe if `read` is.
    pub fn fill(&self, mut read: impl FnMut(*mut u8, usize) -> usize) {
        let mut filled = 0;
        while filled < TEXT_BYTES {
            let room = TEXT_BYTES - filled;
            let at = self.bytes.get().cast::<u8>().wrapping_add(filled);
            match read(at, room) {
                0 => break,
                count => filled += count.min(room),
            }
        }
        self.is_cut.store(filled == TEXT_BYTES, Relaxed);
        self.length.store(filled, Release);
    }

    /// Returns the text, and whether it is only the beginning of a longer one. For the reader, when the writer
    /// has ended.
    pub fn get(&self) -> (Vec<u8>, bool) {
        let length = self.length.load(Acquire).min(TEXT_BYTES);
        let mut text = vec![0; length];
        // SAFETY: as in `set`. Should a process that the closure has left still write there, bytes are mixed;
        // any byte is valid.
        unsafe { self.bytes.get().cast::<u8>().copy_to_nonoverlapping(text.as_mut_ptr(), length) };
        (text, self.is_cut.load(Relaxed))
    }
}
