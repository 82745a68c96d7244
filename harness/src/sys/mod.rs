//! The only `unsafe` of the harness.
//!
//! What a victim does is unsafe by design: it touches addresses that may not be there and calls the
//! kernel with arguments that are meant to be wrong. It is kept harmless by where it happens. A
//! [`Child`] can only be had in a process that [`spawn()`] has just forked, that nobody else depends
//! on, and that ends with `_exit`; whatever it does to its own memory dies with it.
//!
//! Between the fork and `_exit` nothing here allocates, locks or panics, and no function of the C
//! library is called: a victim does not even have its memory.

mod access;
mod apart;
mod arena;
mod child;
mod fault_handler;
pub mod huge_file;
mod inheritance;
mod inherited;
mod limits;
mod memory_rules;
mod namespace;
mod nest;
mod own_descriptors;
mod record;
mod sandbox;
mod scene;
mod segments;
pub mod sigchld;
mod signal_self;
mod sole_thread;
mod spawn;
mod system_call;

pub use access::{instruction_at, instruction_bytes, returns_at};
pub use apart::{fork_worker_apart, hide_from_children, show_own_memory};
pub use arena::Arena;
pub use child::{Child, SCRATCH_BYTES, scratch};
pub use fault_handler::{SENT_STATUS, install as install_fault_handler};
pub use inheritance::{Inheritance, can_keep_back, give_back, keep_back};
pub use inherited::drop_inherited;
pub use limits::{Limits, allowed_descriptors, mapped_bytes, prepare_worker};
pub use memory_rules::MemoryRules;
pub use namespace::{give_up_capabilities, own_ipc_namespace};
pub use nest::{FORK_FLAGS, Nest, NoVictim};
pub use own_descriptors::{AHEAD, DESCRIPTORS, keep_from_victims, keep_only};
pub use record::{Budget, NAME_BYTES, Record, SharedRecord, Slot, SlotState, VERDICTS};
pub use sandbox::{
    INSTALL_ARGUMENTS, Sandbox, enter_landlock, install_call_filter, landlock_allow,
    landlock_ruleset, landlock_version,
};
pub use scene::set_cursor;
pub use segments::{forget_segment, forget_stale_segments};
pub use signal_self::{PIDFD_SELF_THREAD, can_signal_itself};
pub use sole_thread::{ClaimedElsewhere, SoleThread};
pub use spawn::{Body, fork_worker, spawn};
