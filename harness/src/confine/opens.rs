//! A victim may open only the files that its case names: Landlock restricts it, where the kernel has that.
//!
//! A seccomp filter sees the address of a path, and not the path. A Landlock domain sees the file (landlock(7)).
//! Each case gets a ruleset of its own: it forbids to open, make, rename, remove and truncate files anywhere, but
//! for those that the words of the case name. Files that are open already are not looked at again, and those
//! without a directory (memfds) not at all. A domain also keeps its processes from looking into any that is not
//! in it (ptrace(2), /proc/PID/mem), and, from its sixth version on, from sending those a signal.
//!
//! A victim can open directories, but list them only by a call that no case has: the ruleset does not handle
//! them.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use linux_raw_sys::landlock::*;
use nix::errno::Errno;
use rustix::fs::{Mode, OFlags};

use super::refusal::Refusal;
use crate::backing::Backing;
use crate::sys;
use crate::victim::Opened;

const READ: u32 = LANDLOCK_ACCESS_FS_READ_FILE;
const WRITE: u32 = LANDLOCK_ACCESS_FS_WRITE_FILE;

/// The accesses that are forbidden unless a rule allows them, by the first version of Landlock that has them.
const HANDLED: &[(i32, u32)] = &[
    (
        1,
        READ | WRITE
            | LANDLOCK_ACCESS_FS_EXECUTE
            | LANDLOCK_ACCESS_FS_REMOVE_DIR
            | LANDLOCK_ACCESS_FS_REMOVE_FILE
            | LANDLOCK_ACCESS_FS_MAKE_CHAR
            | LANDLOCK_ACCESS_FS_MAKE_DIR
            | LANDLOCK_ACCESS_FS_MAKE_REG
            | LANDLOCK_ACCESS_FS_MAKE_SOCK
            | LANDLOCK_ACCESS_FS_MAKE_FIFO
            | LANDLOCK_ACCESS_FS_MAKE_BLOCK
            | LANDLOCK_ACCESS_FS_MAKE_SYM,
    ),
    (2, LANDLOCK_ACCESS_FS_REFER),
    (3, LANDLOCK_ACCESS_FS_TRUNCATE),
    (5, LANDLOCK_ACCESS_FS_IOCTL_DEV),
];
/// The version from which on signals can be kept inside.
const SCOPES_SIGNALS: i32 = 6;

/// Returns the version of Landlock here. Fails with the reason where there is none.
pub(super) fn version() -> Result<i32, Refusal> {
    sys::landlock_version().map_err(|errno| match errno {
        Errno::ENOSYS => Refusal::Missing("this kernel was built without it".to_owned()),
        Errno::EOPNOTSUPP => {
            Refusal::Missing("it is not switched on (lsm= on the kernel's command line)".to_owned())
        }
        _ => Refusal::Missing(std::io::Error::from(errno).to_string()),
    })
}

/// Returns a ruleset that allows to open these files. Fails with the reason.
pub(super) fn ruleset(
    version: i32,
    backing: &Backing,
    opened: &[Opened<'_>],
) -> Result<OwnedFd, Refusal> {
    let handled = HANDLED.iter().filter(|(since, _)| *since <= version);
    let handled = handled.fold(0, |all, (_, access)| all | access);
    let scoped = if version >= SCOPES_SIGNALS { LANDLOCK_SCOPE_SIGNAL } else { 0 };
    let attributes = landlock_ruleset_attr {
        handled_access_fs: u64::from(handled),
        handled_access_net: 0,
        scoped: u64::from(scoped),
    };
    let ruleset =
        sys::landlock_ruleset(&attributes).map_err(Refusal::of("make a Landlock ruleset"))?;
    for opened in opened {
        let Some((path, access)) = rule(backing, *opened) else { continue };
        let beneath = match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(beneath) => beneath,
            // Opening it fails for the case as well, as it would without Landlock.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => continue,
            Err(rustix::io::Errno::ACCESS | rustix::io::Errno::LOOP) => continue,
            Err(errno) => return Err(Refusal::of("open the file of a Landlock rule")(errno)),
        };
        let access = u64::from(access & handled);
        sys::landlock_allow(ruleset.as_fd(), beneath.as_fd(), access)
            .map_err(Refusal::of("make a Landlock rule"))?;
    }
    sys::keep_from_victims(ruleset).map_err(Refusal::of("keep a ruleset"))
}

/// Returns a path and the accesses that are allowed below it; `None` where no rule is needed.
fn rule<'a>(backing: &'a Backing, opened: Opened<'a>) -> Option<(&'a Path, u32)> {
    let directory = match backing {
        Backing::Directory(directory) => Some(directory.as_path()),
        Backing::Memfd => None,
    };
    match opened {
        Opened::Made => Some((directory?, READ | WRITE | LANDLOCK_ACCESS_FS_TRUNCATE)),
        Opened::Names => Some((directory?, LANDLOCK_ACCESS_FS_REMOVE_FILE)),
        Opened::Path(path) if path == c"/" => None,
        Opened::Path(path) => Some((Path::new(OsStr::from_bytes(path.to_bytes())), READ | WRITE)),
        // As a whole: the kernel makes its inodes anew when it likes, and a rule is bound to one.
        // O_TRUNC of a file there does nothing, where the user may ask for it.
        Opened::Proc => Some((Path::new("/proc"), READ | LANDLOCK_ACCESS_FS_TRUNCATE)),
    }
}
