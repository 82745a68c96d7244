//! Cases run in a world: a process with its own mounts and System V segments, so that the leftovers of a case
//! can be distinguished from the state of the machine.

use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

/// One way to run the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// The name of the world in tests.
    pub name: &'static str,
    /// The arguments of the command, without the cases.
    pub arguments: &'static [&'static str],
    /// The place of the files.
    place: Place,
    /// True if no process can make an IPC namespace. Segments are then removed one by one.
    without_ipc_namespaces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A tmpfs of limited size, mounted for this world.
    Tmpfs,
    /// The folder for temporary files.
    Folder,
    /// No folder at all.
    Memfd,
}

/// Every world.
pub const WORLDS: [World; 5] = [
    World {
        name: "on_a_tmpfs",
        arguments: &[],
        place: Place::Tmpfs,
        without_ipc_namespaces: false,
    },
    World {
        name: "in_memfds",
        arguments: &["--memfd"],
        place: Place::Memfd,
        without_ipc_namespaces: false,
    },
    World {
        name: "in_a_folder",
        arguments: &[],
        place: Place::Folder,
        without_ipc_namespaces: false,
    },
    World {
        name: "strictly_isolated",
        arguments: &["--isolation", "strict"],
        place: Place::Tmpfs,
        without_ipc_namespaces: false,
    },
    World {
        name: "without_ipc_namespaces",
        arguments: &[],
        place: Place::Tmpfs,
        without_ipc_namespaces: true,
    },
];

/// The size of a world's own tmpfs: more than any case may take, and little enough for the machine.
const TMPFS_BYTES: u64 = 2 << 30;

/// A world that this process has entered, with its state before the cases.
#[derive(Debug)]
pub struct Entered {
    pub world: World,
    folder: tempfile::TempDir,
}

impl World {
    /// The world in which a case can reach only its own process.
    pub const SANDBOX: World = WORLDS[3];

    /// Returns the world of that name.
    pub fn named(name: &str) -> Option<World> {
        WORLDS.into_iter().find(|world| world.name == name)
    }

    /// Moves this process, which must have only one thread, into the world.
    pub fn enter(self) -> Result<Entered, String> {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let mut new = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
        // Only the root of a user namespace may limit the namespaces that its processes make.
        let is_named = !user.is_root() || self.without_ipc_namespaces;
        if is_named {
            new |= CloneFlags::CLONE_NEWUSER;
        }
        unshare(new).map_err(|errno| format!("this machine refuses namespaces: {errno}"))?;
        let write = |path: &str, text: String| {
            std::fs::write(path, text).map_err(|error| format!("cannot write {path}: {error}"))
        };
        if is_named {
            write("/proc/self/setgroups", "deny".to_owned())?;
            write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw()))?;
            write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw()))?;
        }
        if self.without_ipc_namespaces {
            write("/proc/sys/user/max_ipc_namespaces", "0".to_owned())?;
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        for name in ["files", "cases"] {
            std::fs::create_dir(folder.path().join(name)).map_err(|error| error.to_string())?;
        }
        let refused = |errno| format!("this machine refuses a mount: {errno}");
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .map_err(refused)?;
        if self.place == Place::Tmpfs {
            let room = std::ffi::CString::new(format!("size={TMPFS_BYTES},mode=1777"))
                .map_err(|error| error.to_string())?;
            let files = folder.path().join("files");
            mount("faultmap-fuzz", &files, "tmpfs", MountFlags::empty(), room.as_c_str())
                .map_err(refused)?;
        }
        nix::sys::prctl::set_child_subreaper(true).map_err(|errno| errno.to_string())?;
        Ok(Entered { world: self, folder })
    }
}

impl Entered {
    /// Returns the folder of the files of the cases.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Returns the folder of the cases themselves.
    pub fn cases(&self) -> PathBuf {
        self.folder.path().join("cases")
    }

    /// Returns the arguments that tell the command the place.
    pub fn place(&self) -> Vec<String> {
        match self.world.place {
            Place::Memfd => Vec::new(),
            _ => vec!["--dir".to_owned(), self.files().display().to_string()],
        }
    }

    /// Returns the tmpfs, if the world has one that only its cases use.
    pub fn tmpfs(&self) -> Option<PathBuf> {
        (self.world.place == Place::Tmpfs).then(|| self.files())
    }

    /// Returns the leftovers of a command that has ended: files, segments, mounts, processes.
    pub fn leftovers(&self, before: &Before) -> Option<String> {
        if let Some(left) = children() {
            return Some(left);
        }
        let files = names(&self.files());
        if !files.is_empty() {
            return Some(format!("files: {}", files.join(", ")));
        }
        let now = Before::look();
        if now.segments != before.segments {
            return Some(format!(
                "shared memory segments: {} beside {}",
                now.segments, before.segments
            ));
        }
        // The kernel unmounts a file system when its folder is removed (rmdir(2)).
        let mut new =
            now.mounts.lines().filter(|line| !before.mounts.lines().any(|own| own == *line));
        new.next().map(|mount| format!("mount: {mount}"))
    }
}

/// The segments and mounts before the command was started, in the namespaces of this world.
#[derive(Debug)]
pub struct Before {
    segments: String,
    mounts: String,
}

impl Before {
    pub fn look() -> Before {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Before { segments: read("/proc/sysvipc/shm"), mounts: read("/proc/self/mounts") }
    }
}

/// Returns the orphans of the command, which this process adopts. They have ten seconds to end, and are
/// killed afterwards.
fn children() -> Option<String> {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(_) => return None,
            Ok(WaitStatus::StillAlive) if std::time::Instant::now() > deadline => break,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(std::time::Duration::from_millis(5)),
            Ok(_) => {}
        }
    }
    let own = std::process::id();
    let pids =
        std::fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
    }
    Some(format!("processes: {pids}"))
}

/// Returns the names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
