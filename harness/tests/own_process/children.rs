//! The descendants of a test must not outlive it.

use faultmap::internals::sys::Child;
use nix::libc;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};

/// Runs the body. Fails if this process then has a child or a descriptor that it did not have before.
pub fn none_left_by(body: impl FnOnce()) {
    let descriptors = open_descriptors();
    body();
    assert_eq!(own_children(), "", "children are left");
    assert_eq!(open_descriptors(), descriptors, "descriptors are left");
}

/// Returns the live children and zombies of this process.
pub fn own_children() -> String {
    let own = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{own}/children"));
    children.expect("a kernel with CONFIG_PROC_CHILDREN")
}

/// Makes this process adopt all orphans among its descendants.
pub fn adopt_orphans() {
    set_child_subreaper(Some(getpid())).expect("Linux 3.4");
}

/// Reaps all children that have ended.
pub fn reap() {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while matches!(waitid(WaitId::All, options), Ok(Some(_))) {}
}

/// Returns the children of a process with one thread.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)).collect()
}

/// Returns all descendants.
pub fn offspring(parent: Pid) -> Vec<Pid> {
    let mut all = children_of(parent);
    let mut next = 0;
    while next < all.len() {
        all.extend(children_of(all[next]));
        next += 1;
    }
    all
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}

/// Waits for a signal in a child, forever.
pub fn pause(child: &Child) -> ! {
    loop {
        let _ = child.call(libc::SYS_ppoll, [0; 6]);
    }
}
