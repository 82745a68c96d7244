//! setrlimit(2): what a process may still have.
//!
//! How much memory a process has beside its maps is not the model's to know. So what is asked for fails
//! for certain where it alone is more than the limit, and beyond that the model says nothing. What it
//! has locked are its locked maps, and no others.

use std::ops::Range;

use nix::libc;

use super::Unmodelled;
use super::address_space::AddressSpace;
use super::interpreter::Interpreter;
use super::rule::Rule;

impl Interpreter<'_> {
    /// A limit that the case has set.
    pub(super) fn limit(&self, resource: i64) -> Option<u64> {
        self.processes.last()?.limits.get(&resource).copied()
    }

    /// Whether so many more bytes of memory exceed a limit; `data` for private memory that can be
    /// stored to. (setrlimit(2): RLIMIT_AS, RLIMIT_DATA)
    pub(super) fn exceeds(&self, bytes: u64, data: bool) -> Result<bool, Unmodelled> {
        let resources = [(libc::RLIMIT_AS as i64, true), (libc::RLIMIT_DATA as i64, data)];
        for (resource, counts) in resources {
            match self.limit(resource).filter(|_| counts && bytes > 0) {
                None => {}
                Some(limit) if bytes >= limit => {
                    return Ok(self.state.holds(Rule::BeyondLimitIsEnomem));
                }
                Some(_) => return Err(Unmodelled::new("what a process has below its limit")),
            }
        }
        Ok(false)
    }

    /// Whether so many more bytes may be locked; `Err` with EPERM where none may, and with `beyond` where
    /// these are too many. (mlock(2), mmap(2), mremap(2): ERRORS)
    pub(super) fn may_lock(&self, bytes: u64, beyond: i32) -> Result<(), i32> {
        let space = self.processes.last().map(|process| &process.space);
        let locked = space.map_or(0, |space| locked_within(space, &(0..u64::MAX)));
        let page = self.state.page();
        match self.lockable() {
            None => Ok(()),
            Some(0) => Err(libc::EPERM),
            Some(limit) if bytes.saturating_add(locked) > limit / page * page => Err(beyond),
            Some(_) => Ok(()),
        }
    }

    /// The same for mlock, which counts twice what is locked already only as long as that fits, and looks at the
    /// length before it sees that the range has no end. (Linux: do_mlock)
    pub(super) fn may_mlock(&self, range: &Range<u64>, length: u64) -> Result<(), i32> {
        let space = self.processes.last().map(|process| &process.space);
        let twice = space.map_or(0, |space| locked_within(space, range));
        self.may_lock(length.saturating_sub(twice), libc::ENOMEM)
    }

    /// How many bytes the process may lock; none where it may lock all.
    pub(super) fn lockable(&self) -> Option<u64> {
        if self.state.environment.limits.locks || !self.state.holds(Rule::LocksAreLimited) {
            return None;
        }
        let own = self.limit(libc::RLIMIT_MEMLOCK as i64);
        Some(own.unwrap_or(self.state.environment.limits.lockable))
    }
}

/// How many bytes of these addresses are locked.
fn locked_within(space: &AddressSpace, range: &Range<u64>) -> u64 {
    let parts = space.touching(range).filter(|own| own.locked);
    parts.map(|own| own.range.end.min(range.end) - own.range.start.max(range.start)).sum()
}
