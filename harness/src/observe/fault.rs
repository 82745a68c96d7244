//! A fault has an address, and somebody who looks for its cause wants to know what lies there: which map, of which
//! file, and how far past its end. The main type is [`Fault`].

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs_core::FromRead as _;
use procfs_core::process::{MMPermissions, MMapPath, MemoryMap, MemoryMaps};

use super::memory::{Memory, addresses};
use crate::case::{Signal, code_name};
use crate::sys::observed::Told;

/// A signal that an instruction raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    signal: Signal,
    code: i32,
    address: Option<usize>,
    map: Option<MapPlace>,
    /// The bytes from the end of the last map below the address, and the last byte of that map; `None` where
    /// something was mapped, or nothing below.
    pub(super) behind: Option<(usize, MapPlace)>,
    /// The address is in the page below the stack of the closure.
    pub(super) overflows: bool,
    /// The kernel has told what was mapped.
    pub(super) knows_maps: bool,
}

/// A place in the memory of a child: in a VMA, which may hold several maps that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapPlace {
    /// The number of the byte in the map.
    pub offset: usize,
    /// The length of the map in bytes, whole pages.
    pub length: usize,
    /// The file, if the map is of one.
    pub file: Option<PathBuf>,
    /// The number of the byte in the file.
    pub offset_in_file: u64,
    /// The size of the file in bytes after the fault; `None` where it was not found.
    pub file_size: Option<u64>,
    /// The map is MAP_SHARED.
    pub is_shared: bool,
    /// The protection: `r-x`.
    pub protection: String,
}

impl Fault {
    /// Returns the last fault that a child has noted.
    pub(super) fn of(told: &Told) -> Option<Fault> {
        let (signal, code, address) = told.fault?;
        let mut fault = Fault {
            signal: Signal(signal),
            code,
            address: None,
            map: None,
            behind: None,
            overflows: false,
            knows_maps: false,
        };
        // SI_KERNEL: the CPU tells no address, of a non-canonical one for example.
        if code <= 0 || code == nix::libc::SI_KERNEL || signal == nix::libc::SIGSYS {
            return Some(fault);
        }
        fault.address = Some(address);
        fault.overflows = told.guard.contains(&address);
        // Line by line: one that cannot be read, or was cut, takes none of the others away.
        let lines = told.maps.split_inclusive(|byte| *byte == b'\n');
        let read = lines.filter_map(|line| MemoryMaps::from_read(line).ok());
        let maps: Vec<MemoryMap> = read.flat_map(|maps| maps.0).collect();
        fault.knows_maps = !maps.is_empty();
        let bounds = |map: &MemoryMap| map.address.0 as usize..map.address.1 as usize;
        let hit = maps.iter().find(|map| bounds(map).contains(&address));
        fault.map = hit.map(|map| MapPlace::of(map, address));
        if hit.is_none() {
            // What the loader and the kernel have mapped is no neighbour that anybody knows.
            let is_known = |map: &&MemoryMap| match &map.pathname {
                MMapPath::Path(path) => !path.to_string_lossy().contains(".so"),
                name => *name == MMapPath::Anonymous || *name == MMapPath::Heap,
            };
            let below = maps.iter().rfind(|map| bounds(map).end <= address);
            let place = |map| (address - bounds(map).end, MapPlace::of(map, bounds(map).end - 1));
            fault.behind = below.filter(is_known).map(place);
        }
        Some(fault)
    }

    /// True if an instruction has raised it, and no process has sent it. (sigaction(2): si_code)
    pub(super) fn is_raised(&self) -> bool {
        self.code > 0
    }

    /// Returns the signal.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Returns `si_code`.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// Returns the name of `si_code`, such as `BUS_ADRERR`; its number where it has no name.
    pub fn code_name(&self) -> String {
        code_name(self.signal, self.code)
    }

    /// Returns `si_addr`; `None` where the CPU tells none. On s390x it is the start of the page.
    pub fn address(&self) -> Option<usize> {
        self.address
    }

    /// Returns the number of the byte in this memory at which the fault was; `None` if it was elsewhere.
    pub fn offset_in(&self, memory: impl Memory) -> Option<usize> {
        let (address, own) = (self.address?, addresses(memory));
        own.contains(&address).then(|| address - own.start)
    }

    /// Returns the place of the address in the child's memory; `None` where nothing was mapped.
    pub fn map(&self) -> Option<&MapPlace> {
        self.map.as_ref()
    }
}

impl fmt::Display for Fault {
    /// `SIGBUS BUS_ADRERR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.signal, self.code_name())
    }
}

impl MapPlace {
    fn of(map: &MemoryMap, address: usize) -> MapPlace {
        let (start, end) = (map.address.0 as usize, map.address.1 as usize);
        let file = match &map.pathname {
            // The name of shared memory that no file is behind.
            MMapPath::Path(path) if path.as_os_str() == "/dev/zero (deleted)" => None,
            MMapPath::Path(path) => Some(path),
            _ => None,
        };
        let has = |permission, letter| if map.perms.contains(permission) { letter } else { '-' };
        MapPlace {
            offset: address - start,
            length: end - start,
            file: file.cloned(),
            offset_in_file: map.offset + (address - start) as u64,
            file_size: file.and_then(|path| size_of(path, map.inode)),
            is_shared: map.perms.contains(MMPermissions::SHARED),
            protection: [
                has(MMPermissions::READ, 'r'),
                has(MMPermissions::WRITE, 'w'),
                has(MMPermissions::EXECUTE, 'x'),
            ]
            .iter()
            .collect(),
        }
    }

    /// Returns the number of bytes from the end of the file to this byte; `None` for a byte of the file, and where
    /// the size of the file is not known.
    pub fn past_end(&self) -> Option<u64> {
        self.offset_in_file.checked_sub(self.file_size?)
    }
}

/// The size of a mapped file: of the one that has this path and this inode, or of one that this process has open
/// under that name. A file that was deleted has a name with ` (deleted)` behind it.
fn size_of(path: &Path, inode: u64) -> Option<u64> {
    let is_it = |file: &Metadata| file.ino() == inode;
    if let Some(file) = std::fs::metadata(path).ok().filter(is_it) {
        return Some(file.len());
    }
    let open = std::fs::read_dir("/proc/self/fd").ok()?.flatten().map(|entry| entry.path());
    let mut named = open.filter(|link| std::fs::read_link(link).is_ok_and(|name| name == path));
    named.find_map(|link| std::fs::metadata(link).ok().filter(is_it)).map(|file| file.len())
}
