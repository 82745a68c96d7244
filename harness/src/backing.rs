//! The place of a case's files, and the needs of a case that this place does not meet.

mod mount;
mod named_file;
mod surveyed;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use named_file::NamedFile;
use procfs_core::{CpuInfo, FromRead as _};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
pub use surveyed::{Surveyed, Unexecutable};

use crate::case::{Access, Arg, CPU_FLAGS, Case, Pattern, Requirement, Step};
use crate::printable::escaped;
use crate::victim::{FileHandle, FileSpec, Fill};
use crate::vocabulary::{Action, Syscall};

/// A place for the files of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// Files in this directory, without names unless the case needs one.
    Directory(PathBuf),
    /// memfds, which are in no directory.
    Memfd,
}

/// A file that was made for one probe. It is gone when this value is dropped.
#[derive(Debug)]
pub struct MadeFile {
    /// The descriptor, or the errno where the kernel refuses such a memfd, which is an answer.
    descriptor: Result<OwnedFd, i32>,
    name: Option<NamedFile>,
}

impl MadeFile {
    /// The descriptor and the name, in the form in which a victim gets them.
    pub fn handle(&self) -> FileHandle {
        let name = self.name.as_ref().map(|name| (name.folder.as_raw_fd(), name.bytes));
        let descriptor = self.descriptor.as_ref().map_or_else(|errno| -errno, AsRawFd::as_raw_fd);
        FileHandle { descriptor, name }
    }
}

impl Backing {
    /// Makes a file with this content.
    pub fn make(&self, spec: &FileSpec, content: &[u8]) -> io::Result<MadeFile> {
        if let Some(flags) = spec.memfd {
            let descriptor = match asked_for_memfd(flags, content) {
                // These two say that the harness has too many files open: they are no answer of the
                // case.
                Err(error @ (Errno::MFILE | Errno::NFILE)) => return Err(error.into()),
                made => made.map_err(Errno::raw_os_error),
            };
            return Ok(MadeFile { descriptor, name: None });
        }
        let (file, name) = match self {
            Backing::Memfd => (File::from(memfd(MemfdFlags::empty())?), None),
            Backing::Directory(dir) if spec.named => {
                let (file, name) = named_file::make(dir)?;
                (file, Some(name))
            }
            Backing::Directory(dir) => (tempfile::tempfile_in(dir)?, None),
        };
        // pwrite leaves the offset of the descriptor at 0, where that of a newly opened file is.
        file.write_all_at(content, 0)?;
        Ok(MadeFile { descriptor: Ok(file.into()), name })
    }

    /// Checks that a file can be made here.
    pub fn check(&self) -> io::Result<()> {
        let spec = FileSpec { size: 1, memfd: None, named: false };
        self.make(&spec, &Fill::Pattern(Pattern::First).content(0, 1)).map(drop)
    }

    /// Removes the named files that a killed run has left: those that no process has open.
    pub fn remove_stale(&self) {
        if let Backing::Directory(dir) = self {
            named_file::remove_stale(dir);
        }
    }

    /// The place for messages: [`Backing::place`], with the characters escaped that a terminal would act
    /// upon.
    pub fn describe(&self) -> String {
        escaped(&self.place()).into_owned()
    }

    /// The directory, or `memfd`.
    pub fn place(&self) -> String {
        match self {
            Backing::Directory(dir) => dir.display().to_string(),
            Backing::Memfd => "memfd".to_owned(),
        }
    }
}

/// Makes a memfd with these flags and this content. Fails where the kernel refuses either.
fn asked_for_memfd(flags: u32, content: &[u8]) -> Result<OwnedFd, Errno> {
    // MFD_ALLOW_SEALING is passed on: without it, the memfd has F_SEAL_SEAL set (memfd_create(2)).
    let flags = MemfdFlags::from_bits_retain(flags);
    let file = memfd(flags)?;
    if flags.contains(MemfdFlags::HUGETLB) {
        rustix::fs::ftruncate(&file, content.len() as u64)?;
        crate::sys::huge_file::fill(&file, content)?;
        return Ok(file);
    }
    let mut at = 0;
    while at < content.len() {
        at += rustix::io::pwrite(&file, &content[at..], at as u64)?;
    }
    Ok(file)
}

fn memfd(flags: MemfdFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::memfd_create(c"faultmap", flags | MemfdFlags::CLOEXEC)
}

/// The reason why the case cannot be run in this place, which was surveyed; `None` where its needs are met.
pub fn missing(case: &Case, backing: &Backing, surveyed: &Surveyed) -> Option<String> {
    let named = case.requires.iter().find_map(|requirement| lacks(requirement, surveyed));
    named
        .or_else(|| exec_needs_proc(case))
        .or_else(|| opening_needs_proc(case))
        .or_else(|| path_not_there(case))
        .or_else(|| {
            (needs_a_name(case) && *backing == Backing::Memfd)
                .then(|| "a memfd has no name to unlink".to_owned())
        })
}

fn lacks(requirement: &Requirement, surveyed: &Surveyed) -> Option<String> {
    let own = &surveyed.file_system;
    let (met, here) = match requirement {
        Requirement::FileSystem(name) => (own == name, format!("the files are on {own}")),
        Requirement::NotFileSystem(name) => (own != name, format!("the files are on {own}")),
        Requirement::Root => {
            (rustix::process::geteuid().is_root(), "this user is not root".to_owned())
        }
        Requirement::Page(size) => {
            let page = rustix::param::page_size() as u64;
            (page == *size, format!("pages have {page} bytes here"))
        }
        Requirement::Kernel(major, minor) => {
            let own = kernel();
            (own >= (*major, *minor), format!("this is Linux {}.{}", own.0, own.1))
        }
        Requirement::Cpu(flag) => {
            (cpu_flags().contains(&flag.as_str()), "this CPU does not have it".to_owned())
        }
        Requirement::NotCpu(flag) => {
            (!cpu_flags().contains(&flag.as_str()), "this CPU has it".to_owned())
        }
        Requirement::Exec => (
            !surveyed.noexec.contains(&Unexecutable::Files),
            "the files are on a noexec mount".to_owned(),
        ),
        Requirement::Arch(name) => {
            let own = std::env::consts::ARCH;
            (own == name, format!("this is {own}"))
        }
    };
    (!met).then(|| format!("requires {requirement}; {here}"))
}

/// The flags of [`CPU_FLAGS`] that /proc/cpuinfo lists for the first CPU; none without /proc. It is read once, as it is
/// long where there are many CPUs.
pub fn cpu_flags() -> &'static [&'static str] {
    static FLAGS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let Ok(info) = CpuInfo::from_file("/proc/cpuinfo") else { return Vec::new() };
        let flags = info.get_field(0, "flags").or_else(|| info.get_field(0, "Features"));
        let all: Vec<&str> = flags.unwrap_or_default().split_whitespace().collect();
        CPU_FLAGS.iter().copied().filter(|flag| all.contains(flag)).collect()
    });
    &FLAGS
}

/// The major and the minor number of this kernel's release (uname(2)).
pub fn kernel() -> (u32, u32) {
    version(&rustix::system::uname().release().to_string_lossy())
}

/// The first two numbers of a kernel release such as `6.18.44-generic`.
pub fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The reason where an exec row cannot be measured: before it jumps, the victim reads
/// /proc/self/maps and /proc/self/mem.
fn exec_needs_proc(case: &Case) -> Option<String> {
    let executes = case.walk().any(|(_, _, step)| {
        matches!(step, Step::Sweep { accesses, .. } if accesses.contains(&Access::Exec))
    });
    if !executes {
        return None;
    }
    let readable = ["/proc/self/maps", "/proc/self/mem"]
        .iter()
        .all(|path| File::open(Path::new(path)).is_ok());
    (!readable).then(|| "exec needs /proc/self/maps and /proc/self/mem".to_owned())
}

/// The reason where a file of the harness cannot be opened again: that needs its path in
/// /proc/self/fd.
fn opening_needs_proc(case: &Case) -> Option<String> {
    let opens = |(call, args): (&Syscall, &[Arg])| match call.action {
        Action::MakeFile => args.len() > 1,
        Action::Open => !matches!(args.first(), Some(Arg::Text(_))),
        _ => false,
    };
    (case.calls().any(opens) && !Path::new("/proc/self/fd").exists())
        .then(|| "a file can be opened again only through /proc/self/fd".to_owned())
}

/// The reason where a file of /dev or /proc that the case opens does not exist here.
fn path_not_there(case: &Case) -> Option<String> {
    let path = |(call, args): (&Syscall, &[Arg])| match (call.action, args.first()) {
        (Action::OpenPath(path, _), _) => Some(path.to_owned()),
        (Action::Open, Some(Arg::Text(path))) => Some(String::from_utf8_lossy(path).into_owned()),
        _ => None,
    };
    let paths = case.calls().filter_map(path);
    paths
        .into_iter()
        .find(|path| !Path::new(path).exists())
        .map(|path| format!("there is no {path} here"))
}

/// True where a step unlinks a file, so that the files of the case need names.
pub fn needs_a_name(case: &Case) -> bool {
    case.calls().any(|(call, _)| call.action == Action::Unlink)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_kernel_release_begins_with_two_numbers() {
        assert_eq!(super::version("6.18.44-fc"), (6, 18));
        assert_eq!(super::version("7.0"), (7, 0));
        assert_eq!(super::version("odd"), (0, 0));
    }
}
