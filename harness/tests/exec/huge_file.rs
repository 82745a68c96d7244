//! Programs that map a file of hugetlbfs. They need no huge page: MAP_NORESERVE lets the map be made without one.

use std::fs::{File, OpenOptions};

use nix::libc;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::programs::{map, store};

/// Bytes of a page.
const HUGE: usize = 2 << 20;

/// Returns the reason why the programs cannot be run here.
pub fn refused() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("only root can mount".to_owned());
    }
    let there = std::path::Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").is_dir();
    (!there).then(|| "this kernel has no huge pages of 2 MiB".to_owned())
}

/// Maps two huge pages of a file that has so many bytes. The mount is gone with this process.
fn mapped(bytes: usize) -> (File, usize) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("root may");
    let own = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", own).expect("root may");
    std::fs::create_dir_all("huge").expect("the test has made the folder");
    mount("hugetlbfs", "huge", "hugetlbfs", MountFlags::empty(), Some(c"pagesize=2M"))
        .expect("root may");
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).open("huge/data.db");
    let file = file.expect("a new mount");
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    let at = map(2 * HUGE, libc::PROT_READ | libc::PROT_WRITE, flags, Some(&file), 0);
    // A map that can be written to has made the file as long as itself. (fs/hugetlbfs/inode.c: hugetlbfs_file_mmap)
    file.set_len(bytes as u64).expect("whole huge pages");
    (file, at)
}

pub fn past_its_end() {
    let (_file, at) = mapped(HUGE);
    store(at + HUGE + 5);
}

pub fn without_a_page() {
    let (_file, at) = mapped(2 * HUGE);
    store(at + HUGE + 5);
}
