//! A strictly isolated worker must not reach other files of the machine: it gets a root of its own, and what
//! is not there cannot be opened, listed or looked at.
//!
//! A new tmpfs becomes the root (pivot_root(2)). The directory of the files is bound to the path by
//! which the worker was told of it, so that every message names it as the user did. /proc is mounted
//! anew: it shows the processes of the inside under their numbers there, and cannot be written to, as
//! root's own files in it otherwise could be, kernel settings among them. Containers that hide parts of
//! /proc may refuse that mount (mount_namespaces(7)); the reason is told.
//!
//! Everything in the directory of the files can be reached, as in any other run. A directory with
//! nothing else in it, or `--memfd`, leaves a child nothing to find.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::refusal::Refusal;
use crate::backing::Backing;

/// The files of /dev that a case may open, where the machine has them.
const DEVICES: &[&str] = &["dev/full", "dev/null", "dev/zero"];
/// The path of the former root for as long as it is needed.
const BEFORE: &str = "/before";

/// Leaves all files behind but those of `backing`, of /proc and of [`DEVICES`]. The process must be in a
/// mount namespace of its own, with all capabilities over it.
pub(super) fn enter(backing: &Backing) -> Result<(), Refusal> {
    let directory = match backing {
        Backing::Directory(given) => Some((given, real(given)?)),
        Backing::Memfd => None,
    };
    let here = std::env::current_dir().unwrap_or(PathBuf::from("/"));
    new_root()?;
    let make = |path: &Path| {
        std::fs::create_dir_all(path).map_err(Refusal::of(format!("make {}", path.display())))
    };
    // Relative paths mean the same as before.
    make(&here)?;
    chdir(&here).map_err(Refusal::of("enter the new root"))?;
    own_proc(&make)?;
    devices(&make)?;
    if let Some((given, real)) = directory {
        make(given)?;
        let source = Path::new(BEFORE).join(real.strip_prefix("/").unwrap_or(&real));
        mount_bind_recursive(source, given)
            .map_err(Refusal::of(format!("bind {}", given.display())))?;
    }
    unmount(BEFORE, UnmountFlags::DETACH).map_err(Refusal::of("unmount the old root"))?;
    std::fs::remove_dir(BEFORE).map_err(Refusal::of("remove the old root"))?;
    read_only("/", MountFlags::empty())?;
    no_terminal()
}

fn real(directory: &Path) -> Result<PathBuf, Refusal> {
    directory.canonicalize().map_err(Refusal::of(format!("find {}", directory.display())))
}

/// Makes an empty root, with the former one in [`BEFORE`].
fn new_root() -> Result<(), Refusal> {
    // Any directory that is there will do: it is covered for a moment only.
    const PLACE: &str = "/proc";
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(Refusal::of("make its mounts private"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", PLACE, "tmpfs", flags, c"mode=0755,size=1m")
        .map_err(Refusal::of("mount a new root"))?;
    let before = format!("{PLACE}{BEFORE}");
    std::fs::create_dir(&before).map_err(Refusal::of("make a directory in the new root"))?;
    pivot_root(PLACE, &before).map_err(Refusal::of("change the root"))?;
    chdir("/").map_err(Refusal::of("enter the new root"))
}

fn own_proc(make: &impl Fn(&Path) -> Result<(), Refusal>) -> Result<(), Refusal> {
    make(Path::new("/proc"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(Refusal::of("mount a /proc of its own"))?;
    read_only("/proc", MountFlags::NOEXEC)
}

fn devices(make: &impl Fn(&Path) -> Result<(), Refusal>) -> Result<(), Refusal> {
    make(Path::new("/dev"))?;
    for device in DEVICES {
        let (source, target) = (Path::new(BEFORE).join(device), Path::new("/").join(device));
        if source.exists() {
            std::fs::write(&target, "").map_err(Refusal::of(format!("make /{device}")))?;
            mount_bind(source, &target).map_err(Refusal::of(format!("bind /{device}")))?;
        }
    }
    Ok(())
}

/// Makes the mount alone read-only, not its file system: others may have that mounted as well.
fn read_only(path: &str, further: MountFlags) -> Result<(), Refusal> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount(path, flags | further, c"").map_err(Refusal::of(format!("make {path} read-only")))
}

/// Redirects standard input and output to /dev/null: what a child printed would pass for the command's own.
fn no_terminal() -> Result<(), Refusal> {
    use rustix::fs::{Mode, OFlags, openat};
    let Ok(null) = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) else {
        return Err(Refusal::Missing("cannot open /dev/null".to_owned()));
    };
    rustix::stdio::dup2_stdin(&null).map_err(Refusal::of("close standard input"))?;
    rustix::stdio::dup2_stdout(&null).map_err(Refusal::of("close standard output"))
}
