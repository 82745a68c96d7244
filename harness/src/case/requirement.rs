//! The needs that a case may state, of the machine and of the file system of its files.

use std::fmt;

/// A need of a case. Where it is not met, the case is skipped, with the need as the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `fs == tmpfs`: the files are on this file system, one of [`FILE_SYSTEMS`].
    FileSystem(String),
    /// `fs != tmpfs`: the files are on any other file system.
    NotFileSystem(String),
    /// `root`: effective user id 0.
    Root,
    /// `page == 4096`: the page size in bytes.
    Page(u64),
    /// `kernel >= 6.13`: major and minor version.
    Kernel(u32, u32),
    /// `arch == x86_64`: the instruction set, one of [`ARCHITECTURES`].
    Arch(String),
    /// `cpu == ospke`: /proc/cpuinfo lists this flag, one of [`CPU_FLAGS`].
    Cpu(String),
    /// `cpu != ospke`: /proc/cpuinfo does not list this flag.
    NotCpu(String),
    /// `exec`: the files may be mapped PROT_EXEC, because their mount is not `noexec`.
    Exec,
}

/// The `f_type` of each file system (statfs(2)), and its name in cases and in variants of
/// snapshots. Where several have one number, /proc/self/mountinfo tells them apart, and the first is the one that is
/// assumed without it.
pub const FILE_SYSTEMS: &[(u64, &str)] = &[
    (0xef53, "ext4"),
    (0xef53, "ext2"),
    (0xef53, "ext3"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlay"),
    (0x6969, "nfs"),
    (0x6573_5546, "fuse"),
    (0x2fc1_2fc1, "zfs"),
    (0xf2f5_2010, "f2fs"),
    (0x0102_1997, "v9fs"),
    (0x9584_58f6, "hugetlbfs"),
    (0xf15f, "ecryptfs"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x8584_58f6, "ramfs"),
    (0xca45_1a4e, "bcachefs"),
];

/// The 64-bit instruction sets of Linux, as Rust spells them.
pub const ARCHITECTURES: &[&str] =
    &["x86_64", "aarch64", "riscv64", "powerpc64", "s390x", "loongarch64", "mips64", "sparc64"];

/// The flags of /proc/cpuinfo that change a picture. `ospke`: the kernel uses protection keys, with
/// which memory that is PROT_EXEC alone cannot be read (pkeys(7)).
pub const CPU_FLAGS: &[&str] = &[PROTECTION_KEYS];
/// The flag of a CPU whose protection keys the kernel uses.
pub const PROTECTION_KEYS: &str = "ospke";

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::FileSystem(name) => write!(f, "fs == {name}"),
            Requirement::NotFileSystem(name) => write!(f, "fs != {name}"),
            Requirement::Root => f.write_str("root"),
            Requirement::Page(size) => write!(f, "page == {size}"),
            Requirement::Kernel(major, minor) => write!(f, "kernel >= {major}.{minor}"),
            Requirement::Arch(name) => write!(f, "arch == {name}"),
            Requirement::Cpu(flag) => write!(f, "cpu == {flag}"),
            Requirement::NotCpu(flag) => write!(f, "cpu != {flag}"),
            Requirement::Exec => f.write_str("exec"),
        }
    }
}
