//! The file system of a case's files decides what a call answers: it is looked at once, before anything is run. The
//! main type is [`Surveyed`].

use std::path::Path;

use procfs_core::process::MountInfo;
use rustix::fs::{StatVfs, StatVfsMountFlags};
use serde::{Deserialize, Serialize};

use super::Backing;
use super::mount::{mount_of, words};
use crate::case::FILE_SYSTEMS;
use crate::sys::{allows_huge, shared_memory_huge};

/// The facts about the place of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surveyed {
    /// The folder of the files, or `memfd`.
    pub place: String,
    /// The name of the file system in `requires(fs == ...)` and in variants of snapshots.
    pub file_system: String,
    /// The type and the options of the mount; `None` for memfds, and without /proc.
    #[serde(default)]
    pub mount: Option<String>,
    /// The subtype of a FUSE file system, which is mostly the name of its server: `bindfs` of `fuse.bindfs`.
    #[serde(default)]
    pub fuse_subtype: Option<String>,
    /// The bytes of a block; `None` for memfds, or where the file system does not tell.
    #[serde(default)]
    pub block_size: Option<u64>,
    /// Bytes that are free; `None` for memfds, or where the file system does not tell.
    #[serde(default)]
    pub free_bytes: Option<u64>,
    /// When its files may have huge pages, in the words of tmpfs(5), `huge`: `never`, `always`, ... `None` on other
    /// file systems.
    #[serde(default)]
    pub huge: Option<String>,
    /// What cannot be mapped PROT_EXEC here.
    #[serde(default)]
    pub noexec: Vec<Unexecutable>,
}

/// A thing that lies on a mount where nothing may be executed. (mount(8): noexec)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unexecutable {
    /// The files of cases.
    Files,
    /// /dev/zero and its neighbours.
    Devices,
    /// The folder that `dir()` opens.
    Root,
}

impl Surveyed {
    /// Surveys the place, which may never answer: a process that can be killed has to do it.
    pub fn of(backing: &Backing) -> Surveyed {
        let folder = match backing {
            Backing::Directory(folder) => Some(folder.as_path()),
            Backing::Memfd => None,
        };
        let mount = folder.and_then(mount_of);
        let stat = folder.and_then(|folder| rustix::fs::statvfs(folder).ok());
        let [devices, root] = ["/dev/zero", "/"].map(|path| rustix::fs::statvfs(path).ok());
        let noexec = [
            (&stat, Unexecutable::Files),
            (&devices, Unexecutable::Devices),
            (&root, Unexecutable::Root),
        ];
        let noexec = noexec.into_iter().filter(|(stat, _)| stat.as_ref().is_some_and(is_noexec));
        Surveyed {
            place: backing.place(),
            file_system: file_system(folder, mount.as_ref()),
            mount: mount.as_ref().map(words),
            fuse_subtype: mount.as_ref().and_then(fuse_subtype),
            block_size: stat.as_ref().map(|stat| stat.f_bsize).filter(|block| *block > 0),
            free_bytes: stat.as_ref().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize)),
            huge: match folder {
                Some(_) => mount.as_ref().and_then(huge),
                None => shared_memory_huge(),
            },
            noexec: noexec.map(|(_, own)| own).collect(),
        }
    }

    /// What is special about the file system, for people: ` (noexec, huge=always)`; nothing where nothing is.
    pub fn about(&self) -> String {
        let noexec = self.noexec.contains(&Unexecutable::Files).then(|| "noexec".to_owned());
        let huge = self.huge.as_ref().filter(|word| allows_huge(word));
        let huge = huge.map(|word| format!("huge={word}"));
        let parts: Vec<String> =
            [self.fuse_subtype.clone(), noexec, huge].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }
}

fn is_noexec(stat: &StatVfs) -> bool {
    stat.f_flag.contains(StatVfsMountFlags::NOEXEC)
}

/// The name of the file system of a folder on this mount, or of memfds.
fn file_system(folder: Option<&Path>, mount: Option<&MountInfo>) -> String {
    // memfds are files of a tmpfs in the kernel.
    let Some(folder) = folder else { return "tmpfs".to_owned() };
    let magic = rustix::fs::statfs(folder).map_or(0, |stat| stat.f_type as u64);
    let same = FILE_SYSTEMS.iter().filter(|(number, _)| *number == magic & 0xffff_ffff);
    let names: Vec<&str> = same.map(|(_, name)| *name).collect();
    match names.as_slice() {
        [] => format!("fs_{magic:x}"),
        [only] => (*only).to_owned(),
        [first, ..] => {
            let mounted = mount.map(|mount| mount.fs_type.as_str());
            mounted.filter(|name| names.contains(name)).unwrap_or(*first).to_owned()
        }
    }
}

/// The subtype behind the dot of `fuse.bindfs`, which its server has given it. (mount.fuse3(8): subtype)
fn fuse_subtype(mount: &MountInfo) -> Option<String> {
    let (kind, server) = mount.fs_type.split_once('.')?;
    kind.starts_with("fuse").then(|| server.to_owned())
}

/// The option of the mount. A tmpfs does not name it where it is `never`. (Linux: shmem_show_options)
fn huge(mount: &MountInfo) -> Option<String> {
    let never = (mount.fs_type == "tmpfs").then(|| "never".to_owned());
    mount.super_options.get("huge").cloned().flatten().or(never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_tells_its_subtype_and_its_huge_pages() {
        for (mount, subtype, pages) in [
            ("fuse.bindfs /lower rw,user_id=0", Some("bindfs"), None),
            ("fuseblk.ntfs-3g /dev/sda1 rw", Some("ntfs-3g"), None),
            ("fuse /dev/fuse rw", None, None),
            ("ext4 /dev/sda1 rw", None, None),
            ("tmpfs none rw,size=4k", None, Some("never")),
            ("tmpfs none rw,huge=within_size", None, Some("within_size")),
        ] {
            let line = format!("36 35 0:40 / /mnt rw,relatime - {mount}");
            let own = MountInfo::from_line(&line).expect("as proc_pid_mountinfo(5) has it");
            assert_eq!(fuse_subtype(&own).as_deref(), subtype, "{mount}");
            assert_eq!(huge(&own).as_deref(), pages, "{mount}");
        }
    }
}
