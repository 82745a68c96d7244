//! Processes that descend from a test, and must not outlive it.

use faultmap::sys::Child;
use nix::libc;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};

/// Runs the body. Afterwards this process has no child and no descriptor that it did not have before.
pub fn none_left_by(body: impl FnOnce()) {
    let descriptors = open_descriptors();
    body();
    assert_eq!(own_children(), "", "children are left");
    assert_eq!(open_descriptors(), descriptors, "descriptors are left");
}

/// Live children and zombies of this process.
pub fn own_children() -> String {
    let own = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{own}/children"));
    children.expect("a kernel with CONFIG_PROC_CHILDREN")
}

/// From here on orphans of any process that descends from this one become its children.
pub fn adopt_orphans() {
    set_child_subreaper(Some(getpid())).expect("Linux 3.4");
}

/// Reaps all of its children that have ended.
pub fn reap() {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while matches!(waitid(WaitId::All, options), Ok(Some(_))) {}
}

/// Children of a process of one thread.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)).collect()
}

/// Children, their children, and so on.
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

/// A child that waits for a signal, for ever.
pub fn pause(child: &Child) -> ! {
    loop {
        let _ = child.call(libc::SYS_ppoll, [0; 6]);
    }
}
