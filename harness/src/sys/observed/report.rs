//! A supervisor tells the process that observes how a child has ended. The main type is [`Report`].
//!
//! It lies in memory that both share, and that the child does not: or, where a supervisor could not be made so, that
//! the child unmaps before it runs the closure.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32};

/// No child could be forked: the value is an errno.
pub const NOT_FORKED: u32 = 1;
/// No child came to the closure.
pub const NOT_STARTED: u32 = 2;
/// The child has ended: the value is its wait status.
pub const ENDED: u32 = 3;
/// The child was still there at the deadline, and was killed.
pub const LATE: u32 = 4;
/// The child was killed, and is still there.
pub const STUCK: u32 = 5;

/// [`Report::system_call`] of a child that is in none.
pub const RUNNING: i64 = -1;
/// [`Report::system_call`] where the kernel does not tell.
pub const UNTOLD: i64 = -2;

/// The end of a child.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Report {
    /// One of the constants above.
    pub kind: AtomicU32,
    pub value: AtomicI32,
    /// The number of the system call that a late child was in.
    pub system_call: AtomicI64,
    /// 1 where a signal had stopped a late child.
    pub stopped: AtomicU32,
    /// The number of processes that the child left, and that were killed.
    pub left: AtomicU32,
}
