//! A kernel may refuse a system call, as with the filter of a container.

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Makes the call fail with this errno in this process and in all processes that it starts.
pub fn refuse_call(call: libc::c_long, errno: i32) {
    refuse(call, Vec::new(), errno);
}

/// The same for clone(2) with this flag.
pub fn refuse_clone_with(flag: i32, errno: i32) {
    let (length, flag) = (SeccompCmpArgLen::Dword, flag as u64);
    let has = SeccompCondition::new(0, length, SeccompCmpOp::MaskedEq(flag), flag);
    let rule = SeccompRule::new(vec![has.expect("a condition")]).expect("a rule");
    refuse(libc::SYS_clone, vec![rule], errno);
}

/// The same for prctl(2) with this first argument.
pub fn refuse_prctl(option: i32, errno: i32) {
    let (length, option) = (SeccompCmpArgLen::Dword, option as u64);
    let is = SeccompCondition::new(0, length, SeccompCmpOp::Eq, option);
    let rule = SeccompRule::new(vec![is.expect("a condition")]).expect("a rule");
    refuse(libc::SYS_prctl, vec![rule], errno);
}

/// The same for openat(2) with any of these flags.
pub fn refuse_open_with(flags: i32, errno: i32) {
    let (length, flags) = (SeccompCmpArgLen::Dword, flags as u64);
    let has = SeccompCondition::new(2, length, SeccompCmpOp::MaskedEq(flags), flags);
    let rule = SeccompRule::new(vec![has.expect("a condition")]).expect("a rule");
    refuse(libc::SYS_openat, vec![rule], errno);
}

fn refuse(call: libc::c_long, rules: Vec<SeccompRule>, errno: i32) {
    rustix::thread::set_no_new_privs(true).expect("any kernel has that");
    let (refused, allowed) = (SeccompAction::Errno(errno as u32), SeccompAction::Allow);
    let here = std::env::consts::ARCH.try_into().expect("a filter can be made here");
    let rules = [(call, rules)].into_iter().collect();
    let filter = SeccompFilter::new(rules, allowed, refused, here).expect("a filter");
    let filter = BpfProgram::try_from(filter).expect("a program");
    seccompiler::apply_filter(&filter).expect("it is taken");
}
