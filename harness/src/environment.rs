//! The model's answers depend on the machine, the user, and the place of the files: this module reads those. The main
//! function is [`of`].

use std::collections::BTreeMap;
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use procfs_core::process::MountInfo;
use rustix::fs::{MemfdFlags, StatVfsMountFlags};
use rustix::thread::{CapabilitySet, capabilities};
use serde::{Deserialize, Serialize};

use crate::backing::{self, Backing};
use crate::case::limits::FILE_BYTES;
use crate::confine::Isolation;
use crate::model::{Environment, Limits, Noexec};
use crate::sys;

/// The limits that a case can set.
const RESOURCES: &[Resource] = &[
    Resource::RLIMIT_AS,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_STACK,
];

/// The facts about the place of the files, found before anything is run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Surveyed {
    /// The name of the file system, see [`Backing::file_system`].
    pub file_system: String,
    /// The bytes of a block, where the file system tells them.
    pub block: Option<u64>,
    /// The type and the options of the mount, where the files are in a folder and /proc tells.
    pub mount: Option<String>,
    /// Bytes that are free, where there is a bound.
    pub free_bytes: Option<u64>,
    /// Nothing may be executed there. (mount(8): noexec)
    pub no_exec: bool,
    /// Files may have more memory than their size says.
    pub large_pages: bool,
}

impl Surveyed {
    /// Surveys the place, which may never answer: a process that can be killed has to do it.
    pub fn of(backing: &Backing) -> Surveyed {
        let mount = backing.mount();
        Surveyed {
            file_system: backing.file_system_by(|| mount.clone()),
            block: backing.block(),
            mount: mount.as_ref().map(backing::mount_words),
            free_bytes: backing.free_bytes(),
            no_exec: backing.no_exec(),
            large_pages: has_large_pages(mount.as_ref()),
        }
    }
}

/// Returns the environment of cases that so many workers measure at once, so isolated, with their files in this place.
pub fn of(jobs: usize, isolation: Isolation, surveyed: &Surveyed) -> Environment {
    let wanted = FILE_BYTES.saturating_mul(jobs as u64);
    Environment {
        page: rustix::param::page_size() as u64,
        instruction_bytes: sys::instruction_bytes() as u64,
        kernel: Some(backing::kernel()),
        file_system: Some(surveyed.file_system.clone()),
        block: surveyed.block,
        limits: limits(isolation),
        noexec: Noexec {
            files: surveyed.no_exec,
            devices: is_noexec(Path::new("/dev/zero")),
            root: is_noexec(Path::new("/")),
        },
        little_disk: surveyed.free_bytes.is_some_and(|free| free < wanted),
        large_pages: surveyed.large_pages,
        without: Vec::new(),
    }
}

/// Returns what this kernel or this root lacks and the harness does without, each with the reason: `memfd: ...`. A case
/// that needs it is skipped.
pub fn without() -> Vec<String> {
    let proc = rustix::fs::stat("/proc/self").err().map(|errno| ("/proc", errno));
    let memfd = rustix::fs::memfd_create(c"faultmap", MemfdFlags::CLOEXEC).err();
    let missing = proc.into_iter().chain(memfd.map(|errno| ("memfd", errno)));
    missing.map(|(what, errno)| format!("{what}: {}", std::io::Error::from(errno))).collect()
}

fn is_noexec(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// Returns the limits that bind this user. A user who is root only in a user namespace is bound like any
/// other.
fn limits(isolation: Isolation) -> Limits {
    let hard = |resource: &Resource| {
        let (_, hard) = getrlimit(*resource).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
        (*resource as i64, hard)
    };
    let hard: BTreeMap<i64, u64> = RESOURCES.iter().map(hard).collect();
    let soft = |resource| getrlimit(resource).map_or(RLIM_INFINITY, |(soft, _)| soft);
    let finite = [Resource::RLIMIT_AS, Resource::RLIMIT_DATA].map(|own| soft(own) < RLIM_INFINITY);
    let never_overcommits = read("/proc/sys/vm/overcommit_memory").trim() == "2";
    Limits {
        raises: isolation == Isolation::Default && may(CapabilitySet::SYS_RESOURCE),
        locks: isolation == Isolation::Default && may(CapabilitySet::IPC_LOCK),
        hard,
        lockable: soft(Resource::RLIMIT_MEMLOCK),
        little_memory: finite.contains(&true) || never_overcommits,
    }
}

/// True if this process has a capability, and not only in a user namespace of its own.
fn may(capability: CapabilitySet) -> bool {
    let map = read("/proc/self/uid_map");
    // Without user namespaces, or without /proc, there is no such file.
    let is_whole = map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"]);
    is_whole && capabilities(None).is_ok_and(|own| own.effective.contains(capability))
}

/// True where tmpfs may use huge pages: a file can then have more memory than its size says
/// (tmpfs(5): huge; Documentation/admin-guide/mm/transhuge.rst).
fn has_large_pages(mount: Option<&MountInfo>) -> bool {
    mount.is_some_and(sys::may_be_huge) || sys::shared_memory_may_be_huge()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
