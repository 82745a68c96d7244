//! A single access may bring in more memory than a page: the kernel may take a huge page for it
//! (Documentation/admin-guide/mm/transhuge.rst). This module finds out how much that is here, and how much
//! memory may be locked.
//!
//! A worker that is shut in cannot read that any more, so it is found out once, before the fork. The main
//! type is [`MemoryRules`].

use std::fs::read_to_string;
use std::sync::OnceLock;

use procfs_core::process::{MountInfo, MountInfos};
use procfs_core::{FromRead as _, Meminfo};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities};

/// When the kernel takes a huge page for memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Never,
    /// In maps for which madvise(2) asks for it.
    Asked,
    Always,
}

/// The most bytes that one access may bring in, and the bytes that may be locked.
#[derive(Debug, Clone, Copy)]
pub struct MemoryRules {
    page: u64,
    huge: u64,
    anonymous: When,
    /// Memory that processes share, and memfds.
    shared: bool,
    files: bool,
    huge_page: u64,
    lockable: u64,
}

const FOLDER: &str = "/sys/kernel/mm/transparent_hugepage";

/// When memfds and shared memory may have huge pages, in the word of the kernel: `never`, `advise`, `always`, ...
/// `None` where it does not tell.
pub fn shared_memory_huge() -> Option<String> {
    chosen(&told("shmem_enabled"))
}

/// Returns the word of a setting that is chosen: it stands in brackets.
fn chosen(setting: &str) -> Option<String> {
    let (_, chosen) = setting.split_once('[')?;
    Some(chosen.split_once(']')?.0.to_owned())
}

/// True where such a word allows some.
pub fn allows_huge(word: &str) -> bool {
    !["never", "deny"].contains(&word)
}

/// True if the files of this mount may have huge pages. (tmpfs(5): huge)
fn may_be_huge(mount: &MountInfo) -> bool {
    mount.super_options.get("huge").is_some_and(|word| word.as_deref().is_none_or(allows_huge))
}

/// Returns a setting of transparent huge pages; nothing where the kernel does not tell.
fn told(name: &str) -> String {
    read_to_string(format!("{FOLDER}/{name}")).unwrap_or_default()
}

/// Returns the bytes of a page of MAP_HUGETLB, unless the kernel does not tell. (proc_meminfo(5): Hugepagesize)
fn huge_page() -> Option<u64> {
    let size = Meminfo::from_file("/proc/meminfo").ok()?.hugepagesize?;
    size.is_power_of_two().then_some(size)
}

/// Returns the number of bytes that a process with these capabilities can lock, below this hard limit: it may set
/// the soft one anew. (RLIMIT_MEMLOCK in getrlimit(2); CAP_IPC_LOCK and CAP_SYS_RESOURCE in capabilities(7))
fn lockable(hard: Option<u64>, own: Option<CapabilitySets>) -> u64 {
    let any = CapabilitySet::IPC_LOCK | CapabilitySet::SYS_RESOURCE;
    let is_limited = own.is_none_or(|own| !own.effective.intersects(any));
    hard.filter(|_| is_limited).unwrap_or(u64::MAX)
}

/// Returns the words that are chosen for all huge pages, and for each of their sizes.
fn all_chosen(name: &str) -> Vec<String> {
    let sizes = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let sizes =
        sizes.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"hugepages-"));
    let each = sizes.map(|entry| read_to_string(entry.path().join(name)).unwrap_or_default());
    std::iter::once(told(name)).chain(each).filter_map(|setting| chosen(&setting)).collect()
}

impl MemoryRules {
    /// Returns the rules of this machine. Asks the kernel the first time. Where it does not tell, memory has
    /// no huge pages, and files may.
    pub fn here() -> MemoryRules {
        static HERE: OnceLock<MemoryRules> = OnceLock::new();
        *HERE.get_or_init(MemoryRules::find)
    }

    fn find() -> MemoryRules {
        let page = rustix::param::page_size() as u64;
        let enabled = all_chosen("enabled");
        let says = |word: &str| enabled.iter().any(|own| own == word);
        let anonymous = match says("always") {
            true => When::Always,
            false if says("madvise") => When::Asked,
            false => When::Never,
        };
        // `inherit` is what is chosen for all of them.
        let shared = all_chosen("shmem_enabled");
        let shared = shared.iter().any(|word| word != "inherit" && allows_huge(word));
        // Where the kernel does not tell, there may be such a mount.
        let mounted = MountInfos::from_file("/proc/self/mountinfo")
            .map_or(true, |mounts| mounts.iter().any(may_be_huge));
        let huge = told("hpage_pmd_size").trim().parse().unwrap_or(page).max(page);
        MemoryRules {
            page,
            huge,
            anonymous,
            shared,
            files: mounted || shared,
            huge_page: huge_page().unwrap_or(huge),
            lockable: lockable(getrlimit(Resource::Memlock).maximum, capabilities(None).ok()),
        }
    }

    /// Returns the number of bytes that may be locked.
    pub fn lockable(&self) -> u64 {
        self.lockable
    }

    /// Returns the bytes that an access to memory may bring in, in a case that asks for huge pages or does
    /// not.
    pub fn of_memory(&self, asked: bool) -> u64 {
        match self.anonymous {
            When::Always => self.huge,
            When::Asked if asked => self.huge,
            _ if self.shared => self.huge,
            _ => self.page,
        }
    }

    /// Returns the bytes of the largest folio of a file: the kernel makes large ones, up to a huge page, where a
    /// file is read ahead. (Linux: include/linux/pagemap.h, MAX_PAGECACHE_ORDER)
    pub fn of_folios(&self) -> u64 {
        self.huge
    }

    /// Returns the bytes of a page of MAP_HUGETLB.
    pub fn of_huge_pages(&self) -> u64 {
        self.huge_page
    }

    /// Returns the bytes that an access to a hole of a file may bring in.
    pub fn of_files(&self) -> u64 {
        if self.files { self.huge } else { self.page }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_bounds_what_is_locked_unless_a_capability_lifts_it() {
        let none = CapabilitySet::empty();
        let of = |effective| Some(CapabilitySets { effective, permitted: none, inheritable: none });
        for (hard, own, lockable_bytes) in [
            (Some(8192), of(none), 8192),
            (Some(8192), None, 8192),
            (None, of(none), u64::MAX),
            (Some(8192), of(CapabilitySet::IPC_LOCK), u64::MAX),
            (Some(8192), of(CapabilitySet::SYS_RESOURCE), u64::MAX),
            (Some(8192), of(CapabilitySet::SYS_ADMIN), 8192),
        ] {
            assert_eq!(lockable(hard, own), lockable_bytes, "{hard:?}");
        }
    }
}
