//! A kernel may refuse a system call, as with the filter of a container.

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Makes the call fail with this errno in this process and in all processes that it starts.
pub fn refuse_call(call: libc::c_long, errno: i32) {
    rustix::thread::set_no_new_privs(true).expect("any kernel has that");
    let (refused, allowed) = (SeccompAction::Errno(errno as u32), SeccompAction::Allow);
    let here = std::env::consts::ARCH.try_into().expect("a filter can be made here");
    let rules = [(call, Vec::new())].into_iter().collect();
    let filter = SeccompFilter::new(rules, allowed, refused, here).expect("a filter");
    let filter = BpfProgram::try_from(filter).expect("a program");
    seccompiler::apply_filter(&filter).expect("it is taken");
}
