//! The flag words that a case may use, by family, with their values on this machine.

use nix::libc;

use super::{Radix, Size};

/// A set of words that may stand in the same argument.
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

/// One term of an argument of flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagWord {
    /// A word of the family, with its value.
    Name(&'static str, i64),
    /// A bare number, such as `0` or `0600`.
    Number(u64, Radix),
}

impl FlagWord {
    /// The value of the term.
    pub fn value(&self) -> i64 {
        match *self {
            FlagWord::Name(_, value) => value,
            FlagWord::Number(value, _) => value as i64,
        }
    }

    /// The value of terms that are joined by `|`.
    pub fn all(words: &[FlagWord]) -> i64 {
        words.iter().fold(0, |all, word| all | word.value())
    }

    /// True where the term is this word.
    pub fn is(&self, name: &str) -> bool {
        matches!(self, FlagWord::Name(own, _) if *own == name)
    }
}

impl std::fmt::Display for FlagWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            FlagWord::Name(name, _) => f.write_str(name),
            FlagWord::Number(value, radix) => Size::Bytes(value, radix).fmt(f),
        }
    }
}

macro_rules! words {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

/// Words that the libc crate does not define, or not on every target. Their values are those of
/// <asm-generic/mman-common.h>, <linux/mman.h> and <linux/memfd.h>, the same on x86-64 and arm64.
const NEWER_MAP: &[(&str, i64)] = &[("MAP_FILE", 0), ("MAP_DROPPABLE", 0x08)];
const NEWER_ADVICE: &[(&str, i64)] = &[
    ("MADV_DONTNEED_LOCKED", 24),
    ("MADV_COLLAPSE", 25),
    ("MADV_GUARD_INSTALL", 102),
    ("MADV_GUARD_REMOVE", 103),
];
const NEWER_MEMFD: &[(&str, i64)] = &[("MFD_NOEXEC_SEAL", 0x0008), ("MFD_EXEC", 0x0010)];
const NEWER_SEAL: &[(&str, i64)] = &[("F_SEAL_EXEC", 0x0020)];

/// The words of a family.
fn tables(family: Family) -> [&'static [(&'static str, i64)]; 2] {
    match family {
        Family::Protection => {
            [words!(PROT_NONE PROT_READ PROT_WRITE PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP), &[]]
        }
        Family::Map => [
            words!(
                MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_FIXED MAP_FIXED_NOREPLACE
                MAP_ANONYMOUS MAP_ANON MAP_NORESERVE MAP_LOCKED MAP_POPULATE MAP_NONBLOCK MAP_STACK
                MAP_GROWSDOWN MAP_HUGETLB MAP_SYNC MAP_DENYWRITE MAP_EXECUTABLE
            ),
            NEWER_MAP,
        ],
        Family::Remap => [words!(MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP), &[]],
        Family::Advice => [
            words!(
                MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE
                MADV_REMOVE MADV_DONTFORK MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE
                MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK
                MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE
            ),
            NEWER_ADVICE,
        ],
        Family::Sync => [words!(MS_ASYNC MS_SYNC MS_INVALIDATE), &[]],
        Family::Open => [
            words!(
                O_RDONLY O_WRONLY O_RDWR O_APPEND O_TRUNC O_DIRECT O_PATH O_NONBLOCK O_SYNC
                O_CLOEXEC
            ),
            &[],
        ],
        Family::Fallocate => [
            words!(
                FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_COLLAPSE_RANGE
                FALLOC_FL_ZERO_RANGE FALLOC_FL_INSERT_RANGE FALLOC_FL_UNSHARE_RANGE
            ),
            &[],
        ],
        Family::Memfd => [words!(MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB), NEWER_MEMFD],
        Family::Fcntl => [words!(F_ADD_SEALS), &[]],
        Family::Seal => [
            words!(F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE F_SEAL_FUTURE_WRITE),
            NEWER_SEAL,
        ],
        Family::Key => [words!(IPC_PRIVATE), &[]],
        Family::Shmget => [words!(IPC_CREAT IPC_EXCL SHM_HUGETLB SHM_NORESERVE), &[]],
        Family::Shmat => [words!(SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC), &[]],
        Family::Shmctl => [words!(IPC_RMID), &[]],
        Family::Signal => [
            words!(
                SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV
                SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGCONT SIGSTOP SIGTSTP SIGXCPU SIGXFSZ
                SIGSYS
            ),
            &[],
        ],
        Family::Disposition => [words!(SIG_IGN SIG_DFL), &[]],
        Family::MaskHow => [words!(SIG_BLOCK SIG_UNBLOCK SIG_SETMASK), &[]],
        Family::Resource => [
            words!(RLIMIT_AS RLIMIT_DATA RLIMIT_FSIZE RLIMIT_MEMLOCK RLIMIT_NOFILE RLIMIT_STACK),
            &[],
        ],
    }
}

/// The word with this name in a family.
pub fn lookup(family: Family, name: &str) -> Option<FlagWord> {
    let mut words = tables(family).into_iter().flatten();
    words.find(|(own, _)| *own == name).map(|(own, value)| FlagWord::Name(own, *value))
}

/// The names of a family, for suggestions.
pub fn names_of(family: Family) -> impl Iterator<Item = &'static str> {
    tables(family).into_iter().flatten().map(|(name, _)| *name)
}
