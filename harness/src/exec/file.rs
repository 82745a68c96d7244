//! A map says nothing of the size of its file: this module looks at the file behind a map of a process.

use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, SealFlags, StatxFlags, fcntl_get_seals, openat, statfs,
    statvfs, statx,
};

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
    let link = own_link(process, map);
    let open =
        || open_files(process).find(|link| std::fs::metadata(link).is_ok_and(|file| is_it(&file)));
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

/// What the kernel remembers of the file behind a map: its file system is not asked. (statx(2), AT_STATX_DONT_SYNC)
pub fn remembered(process: i32, map: &Map) -> Option<MappedFile> {
    let mut own = MappedFile::of_map(map.file()?);
    let look = |path: PathBuf| {
        let looked = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::BASIC_STATS).ok()?;
        let is_it = looked.stx_ino == map.inode;
        (is_it && is_regular(looked.stx_mode)).then_some(looked.stx_size)
    };
    own.size = look(own_link(process, map)).or_else(|| open_files(process).find_map(look));
    Some(own)
}

fn is_regular(mode: u16) -> bool {
    FileType::from_raw_mode(mode.into()) == FileType::RegularFile
}

/// The kernel's own link to the file behind a map.
fn own_link(process: i32, map: &Map) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/map_files/{:x}-{:x}", map.start, map.end))
}

/// The links to the files that a process has open.
fn open_files(process: i32) -> impl Iterator<Item = PathBuf> {
    let folder = std::fs::read_dir(format!("/proc/{process}/fd"));
    folder.into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Looks at the file of this name, which a core file tells. It may be another one by now.
pub fn of_name(path: &Path) -> MappedFile {
    let mut own = MappedFile::of_map(path);
    if !own.is_deleted {
        own.look(path);
    }
    own
}

impl MappedFile {
    /// A file of which only the name is known that its map has.
    pub fn of_map(path: &Path) -> MappedFile {
        let (path, is_deleted) = name(path);
        MappedFile { path, is_deleted, ..MappedFile::default() }
    }

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

/// The inode of the file that a descriptor of a process names, and its size as far as the kernel knows it: the file
/// system is not asked, as it may not answer.
pub fn of_descriptor(process: i32, descriptor: i32) -> Option<(u64, u64)> {
    let link = format!("/proc/{process}/fd/{descriptor}");
    let file = statx(CWD, link, AtFlags::STATX_DONT_SYNC, StatxFlags::BASIC_STATS).ok()?;
    is_regular(file.stx_mode).then_some((file.stx_ino, file.stx_size))
}
