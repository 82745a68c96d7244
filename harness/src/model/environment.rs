//! The model makes no system call, so it has to be told what depends on the machine and its user: that is an
//! [`Environment`].

use std::collections::BTreeMap;

use super::rule::{Release, Rule};
use crate::case::limits;

/// The facts that the model is told of the machine and of the place where files live.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The page size in bytes.
    pub page: u64,
    /// The length of an instruction where all have the same, 1 elsewhere.
    pub instruction_bytes: u64,
    /// The release of the kernel, where it is known: what holds since one, or until one, is decided by it.
    pub kernel: Option<Release>,
    /// The file system of the files as cases spell it, where it is known.
    pub file_system: Option<String>,
    /// The bytes of a block of that file system, where they are known.
    pub block: Option<u64>,
    /// The limits of the user.
    pub limits: Limits,
    /// The things that may not be executed.
    pub noexec: Noexec,
    /// True if the disk may be full before a case has what it asks for.
    pub little_disk: bool,
    /// True if files may have more memory than their size says: tmpfs with huge pages.
    pub large_pages: bool,
    /// True on a CPU with protection keys, which keep loads and stores from memory that is PROT_EXEC alone. (pkeys(7))
    pub protection_keys: bool,
    /// The rules that do not hold: open ones, or one that a test has broken to show that it is needed.
    pub without: Vec<Rule>,
}

impl Environment {
    /// Returns an x86-64 machine with pages of `page` bytes, on which root lacks nothing. Its kernel and its file
    /// system are not known, so that open rules are open.
    ///
    /// # Panics
    /// Where no Linux machine has such pages: a page is a power of two, from 4096 bytes to 65536.
    pub fn with_pages_of(page: u64) -> Environment {
        let own = Limits {
            raises: true,
            locks: true,
            hard: BTreeMap::new(),
            lockable: u64::MAX,
            little_memory: false,
        };
        assert!(limits::is_page_size(page), "no machine has pages of {page} bytes");
        Environment {
            page,
            instruction_bytes: 1,
            kernel: None,
            file_system: None,
            block: None,
            limits: own,
            noexec: Noexec::default(),
            little_disk: false,
            large_pages: false,
            protection_keys: false,
            without: Vec::new(),
        }
    }

    /// Returns the same environment, without these rules as well.
    pub fn without(&self, rules: &[Rule]) -> Environment {
        let without = self.without.iter().chain(rules).copied().collect();
        Environment { without, ..self.clone() }
    }
}

/// The limits of a process, see setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// True if the user may raise hard limits: CAP_SYS_RESOURCE.
    pub raises: bool,
    /// True if the user may lock more than RLIMIT_MEMLOCK: CAP_IPC_LOCK.
    pub locks: bool,
    /// The hard limits by resource; a resource without an entry has none.
    pub hard: BTreeMap<i64, u64>,
    /// The number of bytes that the user may lock.
    pub lockable: u64,
    /// True if memory may be refused at any time.
    pub little_memory: bool,
}

/// The things that lie on a mount where nothing may be executed. (mount(8): noexec)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Noexec {
    /// True if the files of cases do.
    pub files: bool,
    /// True if devices do.
    pub devices: bool,
    /// True if the directory that `dir()` opens does.
    pub root: bool,
}
