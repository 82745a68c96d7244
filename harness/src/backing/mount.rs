//! statfs(2) gives ext2, ext3 and ext4 one number, and tells nothing of the options of a mount:
//! /proc/self/mountinfo does. The main function is [`mount_of`].

use std::collections::HashMap;
use std::path::Path;

use procfs_core::FromRead as _;
use procfs_core::process::{MountInfo, MountInfos};

/// The mount that a folder is on: of those above it the one that is nearest, and the last one there.
/// (proc_pid_mountinfo(5)) None without /proc.
pub fn mount_of(dir: &Path) -> Option<MountInfo> {
    let dir = std::fs::canonicalize(dir).ok()?;
    let mounts = MountInfos::from_file("/proc/self/mountinfo").ok()?;
    let above = mounts.into_iter().filter(|mount| dir.starts_with(&mount.mount_point));
    above.max_by_key(|mount| mount.mount_point.as_os_str().len())
}

/// The type and the options of a mount, each kind of them in order: `ext4 relatime,rw`.
pub fn words(mount: &MountInfo) -> String {
    let options = |of: &HashMap<String, Option<String>>| {
        let mut all: Vec<String> = of
            .iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            })
            .collect();
        all.sort();
        all
    };
    let mut all = options(&mount.mount_options);
    let of_file_system = options(&mount.super_options);
    all.extend(of_file_system.into_iter().filter(|own| own != "rw" && own != "ro"));
    format!("{} {}", mount.fs_type, all.join(","))
}
