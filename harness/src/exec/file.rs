//! A map says nothing of the size of its file: this module looks at the file behind a map of a process.

use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, SealFlags, fcntl_get_seals, openat, statfs, statvfs};

use super::maps::Map;
use super::scene::MappedFile;

/// The number of hugetlbfs in statfs(2).
const HUGETLBFS: u32 = 0x9584_58f6;

/// Looks at the file behind a map; `None` for a map that shows no file.
///
/// The kernel's own link to it needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (proc_pid_map_files(5)). Otherwise the
/// file is one that has the map's name and inode, or that the process has open.
pub fn behind(process: i32, map: &Map) -> Option<MappedFile> {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    let below_root = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let is_it = |file: &Metadata| file.ino() == map.inode;
    let told = map.file()?;
    let (path, is_deleted) = match name(told) {
        // A file may have such a name, too.
        (_, true) if std::fs::metadata(below_root(told)).is_ok_and(|file| is_it(&file)) => {
            (told.to_owned(), false)
        }
        named => named,
    };
    let named = below_root(&path);
    let by_name = std::fs::metadata(&named).ok();
    let link = PathBuf::from(format!("/proc/{process}/map_files/{:x}-{:x}", map.start, map.end));
    let open = || {
        let folder = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?;
        let links = folder.flatten().map(|entry| entry.path());
        links.into_iter().find(|link| std::fs::metadata(link).is_ok_and(|file| is_it(&file)))
    };
    let found = match (std::fs::metadata(&link).is_ok(), &by_name) {
        (true, _) => Some(link),
        (false, Some(file)) if is_it(file) => Some(named.clone()),
        _ => open(),
    };
    let is_replaced = by_name.is_some_and(|file| !is_it(&file));
    let mut own = MappedFile { path, is_deleted, is_replaced, ..MappedFile::default() };
    if let Some(found) = found {
        own.look(&found);
    }
    Some(own)
}

/// Looks at the file of this name, which a core file tells. It may be another one by now.
pub fn of_name(path: &Path) -> MappedFile {
    let (path, is_deleted) = name(path);
    let mut own = MappedFile { path: path.clone(), is_deleted, ..MappedFile::default() };
    if !is_deleted {
        own.look(&path);
    }
    own
}

impl MappedFile {
    fn look(&mut self, found: &Path) {
        let Ok(file) = std::fs::metadata(found) else { return };
        // A device has no size.
        if !file.is_file() {
            return;
        }
        self.size = Some(file.len());
        self.allocated = Some(file.blocks() * 512);
        self.changed = changed(&file);
        if let Ok(room) = statvfs(found) {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            self.total_and_free = Some((room.f_blocks.saturating_mul(room.f_frsize), free));
        }
        if let Ok(system) = statfs(found) {
            self.huge_page = (i128::from(system.f_type) == i128::from(HUGETLBFS))
                .then_some(system.f_bsize as u64);
        }
        let opened = openat(CWD, found, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let seals = opened.and_then(fcntl_get_seals);
        let write = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        self.is_write_sealed = seals.is_ok_and(|seals| seals.intersects(write));
    }

    /// The name without its folders.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// The time since the content or the size was changed. (inode(7), mtime)
fn changed(file: &Metadata) -> Option<Duration> {
    SystemTime::now().duration_since(file.modified().ok()?).ok()
}

/// The name of a mapped file, and true if the kernel says that it is gone.
fn name(path: &Path) -> (PathBuf, bool) {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) => (PathBuf::from(std::ffi::OsString::from_vec(name.to_vec())), true),
        None => (path.to_owned(), false),
    }
}

/// The inode of the file that a descriptor of a process names, and its size.
pub fn of_descriptor(process: i32, descriptor: i32) -> Option<(u64, u64)> {
    let file = std::fs::metadata(format!("/proc/{process}/fd/{descriptor}")).ok()?;
    file.is_file().then(|| (file.ino(), file.len()))
}
