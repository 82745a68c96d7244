//! Files that need a name because a step of their case removes it; and the removal of such files
//! where a killed run has left them.
//!
//! A file is locked (flock(2)) for as long as any process has it open. A file without a lock was
//! left by a run that was killed; this holds across containers too. On a file system without such
//! locks, no file is removed. Many users share a directory such as /tmp: a file is removed only
//! where this module gave its name, and where it is a regular file of this user without a second
//! name. The main type is [`NamedFile`].

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use tempfile::TempPath;

use crate::sys::NAME_BYTES;

/// A name consists of a beginning, of random letters and digits, and of an ending.
const BEGINNING: &str = ".faultmap-";
const BY_CHANCE: usize = 9;
const ENDING: &str = ".tmp";
const _: () = assert!(BEGINNING.len() + BY_CHANCE + ENDING.len() < NAME_BYTES);

/// The number of files after which `make` gives up, where another process locks each one first.
const TRIES: usize = 16;

/// The name of a file, in the form that a victim can use. The name is removed on drop.
#[derive(Debug)]
pub struct NamedFile {
    /// The directory.
    pub folder: OwnedFd,
    /// The name within the directory, followed by a NUL.
    pub bytes: [u8; NAME_BYTES],
    _path: TempPath,
}

/// Makes a file with a name. Fails as open(2) does, or with EWOULDBLOCK where another process locks
/// each file that is made.
pub fn make(dir: &Path) -> io::Result<(File, NamedFile)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(dir, flags, Mode::empty())?;
    for _ in 0..TRIES {
        let mut builder = tempfile::Builder::new();
        builder.prefix(BEGINNING).rand_bytes(BY_CHANCE).suffix(ENDING);
        let (file, path) = builder.tempfile_in(dir)?.into_parts();
        // Another run may have removed it as a leftover before the lock was taken.
        if lock(&file) != Err(Errno::WOULDBLOCK) && rustix::fs::fstat(&file)?.st_nlink > 0 {
            let mut bytes = [0; NAME_BYTES];
            let name = path.file_name().unwrap_or_default().as_bytes();
            bytes[..name.len()].copy_from_slice(name);
            return Ok((file, NamedFile { folder, bytes, _path: path }));
        }
    }
    Err(Errno::WOULDBLOCK.into())
}

fn lock(file: impl AsFd) -> rustix::io::Result<()> {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Removes the named files of this user in this directory that no process has open.
pub fn remove_stale(dir: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(dir, flags, Mode::empty()) else { return };
    for entry in rustix::fs::Dir::read_from(&folder).into_iter().flatten().flatten() {
        if is_name(entry.file_name().to_bytes()) {
            remove_where_stale(&folder, entry.file_name());
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let rest = name.strip_prefix(BEGINNING.as_bytes());
    let by_chance = rest.and_then(|rest| rest.strip_suffix(ENDING.as_bytes()));
    by_chance.is_some_and(|it| it.len() == BY_CHANCE && it.iter().all(u8::is_ascii_alphanumeric))
}

fn remove_where_stale(folder: &OwnedFd, name: &std::ffi::CStr) {
    let found = || rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    // The kind is checked before open(2), which can have an effect on a device or a pipe.
    if !found().is_ok_and(|found| is_own(&found)) {
        return;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(folder, name, flags, Mode::empty()) else { return };
    let is_same = |opened: Stat, named: Stat| {
        is_own(&opened) && (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
    };
    let is_stale = lock(&file).is_ok()
        && matches!((rustix::fs::fstat(&file), found()), (Ok(a), Ok(b)) if is_same(a, b));
    if is_stale {
        let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
    }
}

fn is_own(file: &Stat) -> bool {
    let own = rustix::process::geteuid().as_raw();
    FileType::from_raw_mode(file.st_mode).is_file() && file.st_uid == own && file.st_nlink == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_made_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (_file, named) = make(dir.path()).unwrap();
        let name = named.bytes.split(|byte| *byte == 0).next().unwrap();
        assert!(is_name(name), "{}", String::from_utf8_lossy(name));
        for other in
            [".faultmap-", ".faultmap-notes", ".faultmap-my-notes.tmp", ".faultmap-12345678.tmp"]
        {
            assert!(!is_name(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_is_in_use_stays() {
        let dir = tempfile::tempdir().unwrap();
        let count = || std::fs::read_dir(dir.path()).unwrap().count();
        let (file, named) = make(dir.path()).unwrap();
        remove_stale(dir.path());
        assert_eq!(count(), 1);
        drop(file);
        remove_stale(dir.path());
        assert_eq!(count(), 0);
        drop(named);
    }
}
