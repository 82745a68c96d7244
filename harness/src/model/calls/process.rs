//! The model must predict how setrlimit changes the limits of a process, and that _exit ends it.

use crate::case::Arg;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::vocabulary::linux;

/// Descriptors that a process may be allowed at most, on any Linux. (proc_sys_fs(5): nr_open)
const DESCRIPTORS: u64 = 1 << 20;

pub(super) const CALLS: &[(&str, Predict)] =
    &[("setrlimit", |p, args| p.setrlimit(args)), ("_exit", |_, _| Ok(Returned::Exits))];

impl Interpreter<'_> {
    fn setrlimit(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let (resource, limit) = (Self::flags(args, 0), self.number(args, 1) as u64);
        let hard = self.state.environment.limits.hard.get(&resource).copied();
        let raises = self.limit(resource).or(hard).is_some_and(|before| limit > before);
        if resource == linux::RLIMIT_NOFILE as i64 && limit > DESCRIPTORS {
            return Err(Unmodelled("more descriptors than this kernel may allow any process"));
        }
        if raises
            && !self.state.environment.limits.raises
            && self.state.holds(Rule::RaisingALimitIsEperm)
        {
            return Err(Errno(linux::EPERM));
        }
        self.process().limits.insert(resource, limit);
        Ok(Returned::Nothing)
    }
}
