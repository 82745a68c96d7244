//! The model must predict when a call would exceed what a process may still have, by setrlimit(2).
//!
//! The model does not know how much memory a process has beside its maps. So a request fails for certain
//! where it alone is at least as large as the limit, and about a smaller request the model says nothing. The
//! memory that a process has locked is that of its locked maps, and what Linux has forgotten to unlock.

use std::ops::Range;

use super::address_space::AddressSpace;
use super::interpreter::Interpreter;
use super::returned::Failure;
use super::rule::Rule;
use crate::vocabulary::linux;

impl Interpreter<'_> {
    /// Returns the limit that the case has set.
    pub(super) fn limit(&self, resource: i64) -> Option<u64> {
        self.processes.last()?.limits.get(&resource).copied()
    }

    /// Checks that the process may have so many more bytes of memory, of which `data` are private and can be
    /// stored to. Fails with ENOMEM, or where the model cannot tell. (setrlimit(2): RLIMIT_AS, RLIMIT_DATA)
    pub(super) fn may_have(&self, bytes: u64, data: u64) -> Result<(), Failure> {
        for (resource, bytes) in [(linux::RLIMIT_AS, bytes), (linux::RLIMIT_DATA, data)] {
            match self.limit(resource as i64).filter(|_| bytes > 0) {
                None => {}
                Some(limit) if bytes < limit => {
                    return Err(Failure::Unmodelled(
                        "the amount that a process has used of its limit",
                    ));
                }
                Some(_) if self.state.holds(Rule::BeyondLimitIsEnomem) => {
                    return Err(Failure::Errno(linux::ENOMEM));
                }
                Some(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Checks that the process may lock so many more bytes. Fails with EPERM where it may lock none, and with
    /// `beyond` where these are too many. (mlock(2), mmap(2), mremap(2): ERRORS)
    pub(super) fn may_lock(&self, bytes: u64, beyond: i32) -> Result<(), i32> {
        let locked = self.processes.last().map_or(0, |process| {
            locked_within(&process.space, &(0..u64::MAX)).saturating_add(process.unlocked)
        });
        let page = self.state.page();
        match self.lockable() {
            None => Ok(()),
            Some(0) => Err(linux::EPERM),
            Some(limit) if bytes.saturating_add(locked) > limit / page * page => Err(beyond),
            Some(_) => Ok(()),
        }
    }

    /// Checks the same for mlock. It counts bytes of the range that are locked already a second time only as
    /// long as that fits, and it checks the length before it notices that the range wraps around. (Linux:
    /// do_mlock)
    pub(super) fn may_mlock(&self, range: &Range<u64>, length: u64) -> Result<(), i32> {
        let space = self.processes.last().map(|process| &process.space);
        let twice = space.map_or(0, |space| locked_within(space, range));
        self.may_lock(length.saturating_sub(twice), linux::ENOMEM)
    }

    /// Returns the number of bytes that the process may lock; `None` where it may lock all.
    fn lockable(&self) -> Option<u64> {
        if self.state.environment.limits.locks || !self.state.holds(Rule::LocksAreLimited) {
            return None;
        }
        let own = self.limit(linux::RLIMIT_MEMLOCK as i64);
        Some(own.unwrap_or(self.state.environment.limits.lockable))
    }
}

/// Returns the number of bytes of these addresses that are locked.
fn locked_within(space: &AddressSpace, range: &Range<u64>) -> u64 {
    let parts = space.touching(range).filter(|own| own.locked);
    parts.map(|own| own.range.end.min(range.end) - own.range.start.max(range.start)).sum()
}
