//! Unsafe code must be kept in one place: all `unsafe` of the harness is here.
//!
//! A victim is unsafe by design: it accesses addresses that may not be mapped, and makes system calls with
//! arguments that are meant to be wrong. It is harmless because of where that happens. A [`Child`] exists
//! only in a process that [`spawn()`] has just forked, that nobody else depends on, and that ends with
//! `_exit`; whatever it does to its own memory dies with it.
//!
//! Between the fork and `_exit` nothing here allocates, locks or panics, and no function of the C
//! library is called: a victim does not even have its memory.

mod access;
mod address_range;
mod arch;
mod arena;
mod child;
mod cpu_time;
mod dumpable;
mod fault_handler;
mod fork_server;
mod futex;
pub mod huge_file;
mod limits;
mod memory_rules;
mod namespaces;
pub mod observed;
mod own_descriptors;
#[cfg(feature = "cli")]
mod own_end;
mod record;
mod rseq;
mod sandbox;
mod segments;
pub mod sigchld;
mod signal_self;
#[cfg(feature = "cli")]
pub mod sigpipe;
mod sole_thread;
mod spawn;
mod startup;
mod system_call;
#[cfg(feature = "cli")]
pub mod tracing;
mod victim_memory;

pub use access::{instruction_at, instruction_bytes, returns_at, told_address};
pub use address_range::AddressRange;
pub use arch::{OWN_CALLS, TAG_BITS};
pub use arena::{Arena, can_exclude_from_fork, exclude_from_fork, include_in_fork};
pub use child::{Child, SCRATCH_BYTES, scratch};
pub use cpu_time::cpu_time;
pub use dumpable::{make_undumpable, set_dumpable};
pub use fault_handler::{SENT_STATUS, install as install_fault_handler};
pub use fork_server::{FORK_FLAGS, ForkServer, NoVictim};
pub use limits::{Limits, allowed_descriptors, allowed_file_bytes, mapped_bytes, prepare_worker};
pub use memory_rules::{MemoryRules, allows_huge, shared_memory_huge};
pub use namespaces::{clone_worker, give_up_capabilities, own_ipc_namespace};
pub use own_descriptors::{AHEAD, DESCRIPTORS, close_all_but, keep_from_victims, keep_only};
#[cfg(feature = "cli")]
pub use own_end::{die_by, wait_as_parent, without_sigchld};
pub use record::{Budget, NAME_BYTES, Record, SharedRecord, Slot, SlotState, VERDICTS};
pub use sandbox::{
    INSTALL_ARGUMENTS, Sandbox, enter_landlock, install_call_filter, landlock_allow,
    landlock_ruleset, landlock_version,
};
pub use segments::{forget_segment, forget_stale_segments};
pub use signal_self::{PIDFD_SELF_THREAD, can_signal_itself};
pub use sole_thread::{ClaimedElsewhere, SoleThread};
pub use spawn::{Body, fork_grandchild, fork_worker, spawn};
pub use startup::{close_inherited, ignore_sigxfsz};
pub use victim_memory::{STACK_BYTES, set_cursor};
