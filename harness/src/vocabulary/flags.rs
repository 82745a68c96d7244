//! The flags that a case may say, by family: each with its name, its value and what it makes of a call.

use linux_raw_sys::general as header;

use super::linux;

/// A set of flags that may stand in the same argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `PROT_READ | PROT_WRITE`
    Protection,
    /// `MAP_SHARED | MAP_ANONYMOUS`
    Map,
    /// `MREMAP_MAYMOVE`
    Remap,
    /// `MADV_DONTNEED`
    Advice,
    /// `MS_SYNC`
    Sync,
    /// `O_RDONLY`
    Open,
    /// `FALLOC_FL_PUNCH_HOLE`
    Fallocate,
    /// `MFD_ALLOW_SEALING`
    Memfd,
    /// `F_ADD_SEALS`
    Fcntl,
    /// `F_SEAL_SHRINK`
    Seal,
    /// `IPC_PRIVATE`
    Key,
    /// `IPC_CREAT | 0600`
    Shmget,
    /// `SHM_RDONLY`
    Shmat,
    /// `IPC_RMID`
    Shmctl,
    /// `SIGBUS`
    Signal,
    /// `SIG_IGN`
    Disposition,
    /// `SIG_BLOCK`
    MaskHow,
    /// `RLIMIT_AS`
    Resource,
}

/// The property that a flag gives its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// Nothing that another stage has to know.
    None,
    /// Pages are brought in at once.
    Fills,
    /// Memory is locked.
    Locks,
    /// Memory comes in huge pages.
    Huge,
    /// The map lies at its address, or nowhere.
    Fixed,
    /// The address is a hint.
    Hints,
    /// No file is mapped.
    Anonymous,
    /// The map, or the range, goes on to where a map ends.
    Grows,
    /// The address is rounded down.
    RoundsDown,
    /// Other maps are replaced.
    Replaces,
    /// Blocks are removed from a file, and none is added.
    Frees,
    /// Blocks of a file are moved, and none is filled.
    Moves,
    /// Blocks may lie beyond the end of the file.
    KeepsSize,
    /// Writes go to the end of the file.
    Appends,
    /// The process stops until another one lets it go on.
    Stops,
    /// The signal does nothing by default. (signal(7))
    Harmless,
    /// A child does not have the memory.
    NotForked,
}

/// A flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name.
    pub name: &'static str,
    /// Its value on this machine.
    pub value: i64,
    /// The property that it gives its call.
    pub facet: Facet,
}

/// Flags that are constants of a module, each with the property that it gives its call where that matters.
macro_rules! flags {
    ($($from:ident: $($name:ident $(= $facet:ident)?),*;)*) => {
        &[$($(Flag {
            name: stringify!($name),
            value: $from::$name as i64,
            facet: flags!(@facet $($facet)?),
        },)*)*]
    };
    (@facet) => { Facet::None };
    (@facet $facet:ident) => { Facet::$facet };
}

/// The flags of a family. [`linux`] has those that linux-raw-sys lacks.
pub fn flags(family: Family) -> &'static [Flag] {
    match family {
        Family::Protection => flags![header: PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC,
            PROT_GROWSDOWN = Grows, PROT_GROWSUP = Grows;],
        Family::Map => flags![
            header: MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_FIXED = Fixed,
                MAP_FIXED_NOREPLACE = Fixed, MAP_ANONYMOUS = Anonymous;
            linux: MAP_ANON = Anonymous;
            header: MAP_NORESERVE, MAP_LOCKED = Locks, MAP_POPULATE = Fills, MAP_NONBLOCK,
                MAP_STACK, MAP_GROWSDOWN = Grows, MAP_HUGETLB = Huge, MAP_SYNC, MAP_DENYWRITE,
                MAP_EXECUTABLE, MAP_FILE, MAP_DROPPABLE;
        ],
        Family::Remap => {
            flags![header: MREMAP_MAYMOVE, MREMAP_FIXED = Fixed, MREMAP_DONTUNMAP = Hints;]
        }
        Family::Advice => flags![
            header: MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED = Fills,
                MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK = NotForked, MADV_DOFORK, MADV_MERGEABLE,
                MADV_UNMERGEABLE, MADV_HUGEPAGE = Huge, MADV_NOHUGEPAGE, MADV_DONTDUMP,
                MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
                MADV_POPULATE_READ = Fills, MADV_POPULATE_WRITE = Fills, MADV_DONTNEED_LOCKED,
                MADV_COLLAPSE = Fills, MADV_GUARD_INSTALL, MADV_GUARD_REMOVE;
        ],
        Family::Sync => flags![header: MS_ASYNC, MS_SYNC, MS_INVALIDATE;],
        Family::Open => flags![header: O_RDONLY, O_WRONLY, O_RDWR, O_APPEND = Appends, O_TRUNC,
            O_DIRECT, O_PATH, O_NONBLOCK, O_SYNC, O_CLOEXEC;],
        Family::Fallocate => flags![header: FALLOC_FL_KEEP_SIZE = KeepsSize,
            FALLOC_FL_PUNCH_HOLE = Frees, FALLOC_FL_COLLAPSE_RANGE = Moves, FALLOC_FL_ZERO_RANGE,
            FALLOC_FL_INSERT_RANGE = Moves, FALLOC_FL_UNSHARE_RANGE;],
        Family::Memfd => flags![header: MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB = Huge,
            MFD_NOEXEC_SEAL, MFD_EXEC;],
        Family::Fcntl => flags![header: F_ADD_SEALS;],
        Family::Seal => flags![header: F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE,
            F_SEAL_FUTURE_WRITE, F_SEAL_EXEC;],
        Family::Key => flags![linux: IPC_PRIVATE;],
        Family::Shmget => flags![linux: IPC_CREAT, IPC_EXCL, SHM_HUGETLB = Huge, SHM_NORESERVE;],
        Family::Shmat => flags![linux: SHM_RDONLY, SHM_RND = RoundsDown, SHM_REMAP = Replaces,
            SHM_EXEC;],
        Family::Shmctl => flags![linux: IPC_RMID;],
        Family::Signal => flags![header: SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
            SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCONT = Harmless,
            SIGSTOP = Stops, SIGTSTP = Stops, SIGXCPU, SIGXFSZ, SIGSYS;],
        Family::Disposition => flags![linux: SIG_IGN, SIG_DFL;],
        Family::MaskHow => flags![header: SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK;],
        Family::Resource => flags![header: RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_MEMLOCK,
            RLIMIT_NOFILE, RLIMIT_STACK;],
    }
}

/// The flag of this name in a family.
pub fn flag(family: Family, name: &str) -> Option<&'static Flag> {
    flags(family).iter().find(|flag| flag.name == name)
}

/// Flags of a family as programs say them, the most common first; none where any is as likely as another.
pub fn usual(family: Family) -> &'static [&'static str] {
    match family {
        Family::Protection => &[
            "PROT_READ | PROT_WRITE",
            "PROT_READ",
            "PROT_NONE",
            "PROT_WRITE",
            "PROT_READ | PROT_EXEC",
            "PROT_READ | PROT_WRITE | PROT_EXEC",
        ],
        Family::Map => &[
            "MAP_SHARED",
            "MAP_PRIVATE",
            "MAP_PRIVATE | MAP_ANONYMOUS",
            "MAP_SHARED | MAP_ANONYMOUS",
            "MAP_PRIVATE | MAP_POPULATE",
            "MAP_SHARED | MAP_LOCKED",
            "MAP_SHARED | MAP_FIXED",
            "MAP_PRIVATE | MAP_FIXED",
            "MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED",
            "MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE",
        ],
        Family::Remap => &[
            "MREMAP_MAYMOVE",
            "0",
            "MREMAP_MAYMOVE | MREMAP_FIXED",
            "MREMAP_MAYMOVE | MREMAP_DONTUNMAP",
        ],
        Family::Advice => &[
            "MADV_DONTNEED",
            "MADV_DONTFORK",
            "MADV_DOFORK",
            "MADV_WIPEONFORK",
            "MADV_KEEPONFORK",
            "MADV_DONTNEED_LOCKED",
            "MADV_REMOVE",
            "MADV_POPULATE_READ",
            "MADV_POPULATE_WRITE",
            "MADV_GUARD_INSTALL",
            "MADV_GUARD_REMOVE",
            "MADV_FREE",
            "MADV_COLD",
            "MADV_WILLNEED",
        ],
        Family::Sync => &["MS_SYNC", "MS_ASYNC", "MS_SYNC | MS_INVALIDATE"],
        Family::Open => &["O_RDWR", "O_RDONLY", "O_WRONLY", "O_RDWR | O_APPEND"],
        Family::Fallocate => &[
            "FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE",
            "0",
            "FALLOC_FL_KEEP_SIZE",
            "FALLOC_FL_ZERO_RANGE",
            "FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE",
            "FALLOC_FL_COLLAPSE_RANGE",
            "FALLOC_FL_INSERT_RANGE",
        ],
        Family::Memfd => &["MFD_ALLOW_SEALING", "0"],
        Family::Seal => &["F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE"],
        Family::Shmget => &["IPC_CREAT | 0600"],
        Family::Shmat => &["0", "SHM_RDONLY"],
        Family::Signal => &["SIGBUS", "SIGSEGV"],
        Family::Fcntl
        | Family::Key
        | Family::Shmctl
        | Family::Disposition
        | Family::MaskHow
        | Family::Resource => &[],
    }
}
