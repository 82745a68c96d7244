//! setrlimit(2): what a process may still have.
//!
//! How much a process has beside its maps is not the model's to know. So what is asked for fails for
//! certain where it alone is more than the limit, and beyond that the model says nothing.

use nix::libc;

use super::Unmodelled;
use super::rule::Rule;
use super::steps::{Performance, Returned};
use crate::case::Arg;

/// What every Linux lets any process lock. (mlock(2): RLIMIT_MEMLOCK, 64 KiB since 2.6.9)
pub(super) const LOCKABLE: u64 = 64 * 1024;

impl Performance<'_> {
    pub(super) fn setrlimit(&mut self, args: &[Arg]) -> Result<Returned, Unmodelled> {
        let (resource, limit) = (Self::flags(args, 0), self.number(args, 1) as u64);
        let raises = self.limit(resource).is_some_and(|before| limit > before);
        if raises || (resource == libc::RLIMIT_MEMLOCK as i64 && limit > LOCKABLE) {
            return Err(Unmodelled::new("whether a limit may be raised"));
        }
        self.process().limits.insert(resource, limit);
        Ok(Returned::Nothing)
    }

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
                    return Ok(self.world.on(Rule::BeyondLimitIsEnomem));
                }
                Some(_) => return Err(Unmodelled::new("what a process has below its limit")),
            }
        }
        Ok(false)
    }

    /// Whether a lock can be told from the limit: with privilege there is none.
    pub(super) fn may_lock(&self) -> Result<(), Unmodelled> {
        match self.limit(libc::RLIMIT_MEMLOCK as i64) {
            Some(_) => Err(Unmodelled::new("whether a process may lock beyond RLIMIT_MEMLOCK")),
            None => Ok(()),
        }
    }
}
