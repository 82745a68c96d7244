//! The address of a fault means nothing without what is mapped there and around it: [`Maps`].

use std::path::{Path, PathBuf};

use procfs_core::FromRead as _;
use procfs_core::process::{MMPermissions, MMapPath, MemoryMap, MemoryMaps};
use serde::{Deserialize, Serialize};

/// A VMA of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    pub start: u64,
    pub end: u64,
    pub read: bool,
    pub write: bool,
    pub exec: bool,
    /// MAP_SHARED; `None` where a core file does not tell.
    pub shared: Option<bool>,
    /// The number of the file's byte at the start.
    pub offset: u64,
    pub inode: u64,
    pub what: What,
}

/// What a map shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// This file. One that has no name any more has ` (deleted)` behind it.
    File(#[serde(with = "path_bytes")] PathBuf),
    Anonymous,
    Heap,
    /// The stack of the first thread.
    Stack,
    /// What the kernel has mapped, with its name.
    Kernel(String),
}

/// The VMAs of a process, in the order of their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maps(pub Vec<Map>);

impl Map {
    pub fn holds(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Bytes, whole pages.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    pub fn file(&self) -> Option<&Path> {
        match &self.what {
            What::File(path) => Some(path),
            _ => None,
        }
    }

    /// True if no access is allowed.
    pub fn is_closed(&self) -> bool {
        !(self.read || self.write || self.exec)
    }

    fn of(map: &MemoryMap) -> Map {
        let has = |permission| map.perms.contains(permission);
        let what = match &map.pathname {
            // MAP_ANONYMOUS with MAP_SHARED, and with MAP_HUGETLB. (mm/shmem.c: shmem_zero_setup; mm/hugetlb.c)
            MMapPath::Path(path)
                if path.as_os_str() == "/dev/zero (deleted)"
                    || path.as_os_str() == "/anon_hugepage (deleted)" =>
            {
                What::Anonymous
            }
            MMapPath::Path(path) => What::File(unescaped(path)),
            MMapPath::Heap => What::Heap,
            MMapPath::Stack | MMapPath::TStack(_) => What::Stack,
            MMapPath::Anonymous => What::Anonymous,
            MMapPath::Vdso => What::Kernel("vdso".to_owned()),
            MMapPath::Vvar => What::Kernel("vvar".to_owned()),
            MMapPath::Vsyscall => What::Kernel("vsyscall".to_owned()),
            // A System V segment has a name as a file has, and no file.
            MMapPath::Vsys(_) => What::Anonymous,
            MMapPath::Other(name) if name.starts_with("anon") => What::Anonymous,
            MMapPath::Other(name) => What::Kernel(name.clone()),
            MMapPath::Rollup => What::Anonymous,
        };
        Map {
            start: map.address.0,
            end: map.address.1,
            read: has(MMPermissions::READ),
            write: has(MMPermissions::WRITE),
            exec: has(MMPermissions::EXECUTE),
            shared: Some(has(MMPermissions::SHARED)),
            offset: map.offset,
            inode: map.inode,
            what,
        }
    }
}

/// The kernel writes a newline in a name as `\012`. (fs/proc/task_mmu.c: show_map_vma)
fn unescaped(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(name) if name.contains("\\012") => PathBuf::from(name.replace("\\012", "\n")),
        _ => path.to_owned(),
    }
}

impl Maps {
    /// Reads the maps of a process. Those that cannot be read are left out.
    pub fn of_process(process: i32) -> Maps {
        let text = std::fs::read(format!("/proc/{process}/maps")).unwrap_or_default();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        // The name of a file may be no UTF-8. Then it is told with U+FFFD, and the file is found by its inode.
        let lines = lines.map(String::from_utf8_lossy);
        let read = lines.filter_map(|line| MemoryMaps::from_read(line.as_bytes()).ok());
        Maps(read.flat_map(|maps| maps.0).map(|map| Map::of(&map)).collect())
    }

    pub fn at(&self, address: u64) -> Option<&Map> {
        self.0.iter().find(|map| map.holds(address))
    }

    /// The last map that ends at or below an address.
    pub fn below(&self, address: u64) -> Option<&Map> {
        self.0.iter().rfind(|map| map.end <= address)
    }

    /// The map at an address, or one that ends less than a page before it.
    pub fn at_or_right_below(&self, address: u64, page: u64) -> Option<&Map> {
        let below = || self.below(address).filter(|map| address - map.end < page);
        self.at(address).or_else(below)
    }

    /// The first map that begins above an address.
    pub fn above(&self, address: u64) -> Option<&Map> {
        self.0.iter().find(|map| map.start > address)
    }
}

/// A path as JSON holds it: it may be no UTF-8.
pub mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(from).map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }
}

/// What /proc/PID/smaps tells of one VMA beside its line in /proc/PID/maps. (proc_pid_smaps(5))
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapFlags {
    /// The two letters of each flag in `VmFlags`.
    flags: Vec<String>,
    /// `ProtectionKey`; 0 is that of a map that was given none.
    pub protection_key: u64,
}

impl MapFlags {
    /// Reads what is told of the VMA that starts at this address.
    pub fn of_process(process: i32, start: u64) -> MapFlags {
        let text = std::fs::read(format!("/proc/{process}/smaps")).unwrap_or_default();
        MapFlags::in_text(&String::from_utf8_lossy(&text), start)
    }

    fn in_text(smaps: &str, start: u64) -> MapFlags {
        let mut found = MapFlags::default();
        let head = format!("{start:08x}-");
        let is_head = |line: &str| line.split(' ').next().is_some_and(|word| word.contains('-'));
        let lines = smaps.lines().skip_while(|line| !line.starts_with(&head)).skip(1);
        for line in lines.take_while(|line| !is_head(line)) {
            match line.split_once(':') {
                Some(("VmFlags", flags)) => {
                    found.flags = flags.split_whitespace().map(str::to_owned).collect();
                }
                Some(("ProtectionKey", key)) => {
                    found.protection_key = key.trim().parse().unwrap_or(0);
                }
                _ => {}
            }
        }
        found
    }

    /// The flags of a line `VmFlags`.
    #[cfg(test)]
    pub fn of_letters(letters: &str) -> MapFlags {
        let flags = letters.split(' ').map(str::to_owned).collect();
        MapFlags { flags, ..MapFlags::default() }
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_vma_that_starts_there() {
        let smaps = "00001000-00002000 rw-p 00000000 00:00 0 \nSize: 4 kB\nProtectionKey: 0\nVmFlags: rd wr\n\
            00002000-00003000 r--s 00000000 00:01 7  /a:b\nSize: 4 kB\nProtectionKey: 3\nVmFlags: rd sl um\n";
        let second = MapFlags::in_text(smaps, 0x2000);
        assert_eq!(second.protection_key, 3);
        assert!(second.has("sl") && second.has("um") && !second.has("wr"));
        assert!(MapFlags::in_text(smaps, 0x1000).has("wr"));
        assert_eq!(MapFlags::in_text(smaps, 0x4000), MapFlags::default());
    }

    #[test]
    fn a_map_far_below_an_address_is_no_neighbour() {
        use crate::exec::scene::tests::{PAGE, START, map};
        let maps = Maps(vec![map(PAGE, 0, true, (true, true))]);
        let found = |byte| maps.at_or_right_below(START + byte, PAGE).is_some();
        assert!(found(0) && found(PAGE) && found(2 * PAGE - 1));
        assert!(!found(2 * PAGE));
    }

    #[test]
    fn the_maps_of_this_process_are_in_order() {
        let maps = Maps::of_process(std::process::id() as i32);
        let here = maps.at(&raw const maps as u64).expect("the stack of this thread");
        assert!(here.read && here.write && !here.exec);
        assert!(maps.0.windows(2).all(|pair| pair[0].end <= pair[1].start));
        let code = maps.at(Maps::of_process as fn(i32) -> Maps as usize as u64);
        assert!(code.is_some_and(|map| map.exec));
    }
}
