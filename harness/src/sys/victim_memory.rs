//! A fork makes a copy of every page of private memory that the child writes to, which costs more than most
//! system calls. So what a victim writes to lies together, in two pages where that is enough.
//!
//! Those are its stack, right above that the step at hand, and above that the room for what [`super::Arena`]
//! lays out; and below, a stack for the fault handler. Nothing lies between the two stacks: no code of a
//! victim's goes deep. All of it is private memory: each process of a victim has its own.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use nix::libc;

/// Bytes for the steps of a case: more than the longest case file can ask for.
pub(super) const ROOM_BYTES: usize = 1 << 20;
const HANDLER_STACK_BYTES: usize = 32 * 1024;
/// The bytes of a victim's stack. The rest of its last page holds the first notes of a case, about twenty
/// maps. Without optimisation, which a build with `debug_assertions` is taken to be, each variable of all that is
/// inlined has a place of its own: 100 KiB.
pub const STACK_BYTES: usize = (if cfg!(debug_assertions) { 256 } else { 64 }) * 1024 + 3 * 1024;

#[repr(C, align(4096))]
struct VictimMemory {
    handler_stack: UnsafeCell<[u8; HANDLER_STACK_BYTES]>,
    stack: UnsafeCell<[u8; STACK_BYTES]>,
    cursor: AtomicUsize,
    room: UnsafeCell<[usize; ROOM_BYTES / size_of::<usize>()]>,
}

// SAFETY: only the one thread of a victim, the kernel on its behalf, and who is about to fork one write to
// the stacks, and only who has taken the room writes there.
unsafe impl Sync for VictimMemory {}

static VICTIM_MEMORY: VictimMemory = VictimMemory {
    handler_stack: UnsafeCell::new([0; HANDLER_STACK_BYTES]),
    stack: UnsafeCell::new([0; STACK_BYTES]),
    cursor: AtomicUsize::new(0),
    room: UnsafeCell::new([0; ROOM_BYTES / size_of::<usize>()]),
};
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Sets the step that the next fault belongs to.
pub fn set_cursor(step: usize) {
    VICTIM_MEMORY.cursor.store(step, Relaxed);
}

/// Returns the step at hand.
pub(super) fn cursor() -> usize {
    VICTIM_MEMORY.cursor.load(Relaxed)
}

/// The handler's stack, for sigaltstack(2): where it begins, and its bytes.
pub(super) fn handler_stack() -> (*mut u8, usize) {
    (VICTIM_MEMORY.handler_stack.get().cast(), HANDLER_STACK_BYTES)
}

/// Lays a copy of a value at the upper end of a victim's stack, which grows down from there. The value is
/// to outlive what is made of the copy.
pub(super) fn lay_on_stack<T>(value: &T) -> *const T {
    /// The alignment of a stack that satisfies every ABI.
    const ALIGNMENT: usize = 16;
    const { assert!(align_of::<T>() <= ALIGNMENT && size_of::<T>() <= STACK_BYTES / 4) };
    let room = size_of::<T>().next_multiple_of(ALIGNMENT);
    // SAFETY: it lies within the stack, which nobody is on in this process; STACK_BYTES is a multiple of
    // the alignment, and so is where the stack begins.
    unsafe {
        let place: *mut T = VICTIM_MEMORY.stack.get().cast::<u8>().add(STACK_BYTES - room).cast();
        std::ptr::copy_nonoverlapping(value, place, 1);
        place
    }
}

/// The room, for one at a time; `None` where somebody has it.
pub(super) fn take_room() -> Option<NonNull<u8>> {
    let taken = TAKEN.compare_exchange(false, true, Acquire, Relaxed);
    taken.ok().and_then(|_| NonNull::new(VICTIM_MEMORY.room.get().cast()))
}

/// Gives the room back, where this is it.
pub(super) fn give_room_back(place: NonNull<u8>) -> bool {
    let is_room = std::ptr::eq(place.as_ptr(), VICTIM_MEMORY.room.get().cast());
    if is_room {
        TAKEN.store(false, Release);
    }
    is_room
}

/// The end of the program's own data (end(3)). What is mapped there shares their page tables, which a fork
/// would otherwise make anew.
pub(super) fn after_own_data() -> *mut libc::c_void {
    // Every linker for ELF defines it.
    unsafe extern "C" {
        #[link_name = "_end"]
        static END: u8;
    }
    let page = rustix::param::page_size();
    std::ptr::without_provenance_mut((&raw const END).addr().next_multiple_of(page))
}
