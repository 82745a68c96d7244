//! Children that a test forks through a supervisor, and that must not outlive it.

use faultmap::sys::Child;
use nix::libc;

/// Runs the body. Afterwards this process has no child and no descriptor that it did not have before.
pub fn none_left_by(body: impl FnOnce()) {
    let descriptors = open_descriptors();
    body();
    assert_eq!(own_children(), "", "children are left");
    assert_eq!(open_descriptors(), descriptors, "descriptors are left");
}

/// Live children and zombies of this process. It adopts orphans.
pub fn own_children() -> String {
    let own = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{own}/children"));
    children.expect("a kernel with CONFIG_PROC_CHILDREN")
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
