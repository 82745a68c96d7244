//! A report must be made of facts, whether a process stands still before its death or only a core file is left: a
//! [`Scene`] holds them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::crashed_file::Mismatch;
use super::maps::{Map, MapFlags, Maps, path_bytes};
use super::registers::Registers;
use crate::case::Signal;
use crate::vocabulary::linux::SEGV_MAPERR;

/// All that is known of a fault.
#[derive(Debug, Clone)]
pub struct Scene {
    pub signal: Signal,
    /// `si_code`.
    pub code: i32,
    /// The address that could not be accessed: `si_addr`, or the operand of the instruction where the CPU tells none.
    pub address: Option<u64>,
    /// The process that has sent the signal, where no access has raised it.
    pub sender: Option<i32>,
    pub process: Process,
    pub thread: Thread,
    pub registers: Registers,
    /// What the instruction did; `None` where it could not be decoded.
    pub access: Option<Access>,
    pub maps: Maps,
    /// Flags of the VMA at the address.
    pub flags: MapFlags,
    /// The page was made a guard (MADV_GUARD_INSTALL); `None` where nothing tells.
    pub is_guard: Option<bool>,
    /// The file behind the map at the address.
    pub file: Option<MappedFile>,
    /// The function of the instruction.
    pub function: Option<Place>,
    /// The caller of a function of the C library that accesses memory for others, such as memcpy.
    pub caller: Option<Place>,
    /// RLIMIT_STACK, in bytes.
    pub stack_limit: Option<u64>,
    /// Bytes of a page.
    pub page: u64,
    /// The instruction before has made a system call, so that the kernel may be the one that has failed.
    pub is_after_system_call: bool,
    /// The signal whose handler was running, where it was raised by a fault as well.
    pub within_handler: Option<Signal>,
    /// The scene is that of a core file, which lacks some of it.
    pub is_of_core: bool,
    pub fate: Fate,
}

/// The effect of a fault on its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It ends the process.
    Ends,
    /// It ends the process, which has a handler for it: the kernel could not write the signal frame.
    HandlerHasNoStack,
    /// It is handled, and the process goes on.
    IsHandled,
    /// It was handled, and the process has ended all the same.
    WasHandled {
        /// The handler had not returned.
        is_running: bool,
        /// `exited with 1`, `was ended by SIGABRT`.
        ending: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    /// The name of its program.
    pub name: String,
    /// The time since it was started.
    pub age: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub tid: i32,
    pub name: String,
}

/// The access of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub kind: Kind,
    /// The address of the first byte; `None` where the operand is not known.
    pub address: Option<u64>,
    /// Bytes; 0 where the instruction does not say.
    pub bytes: u64,
    /// The alignment in bytes that the CPU may demand of the address.
    pub alignment: u64,
    /// The values of the registers of which the address is the sum, beside a constant: of the base, and of the index
    /// where that is not multiplied.
    pub pointers: [Option<u64>; 2],
}

impl Access {
    /// An access of which no more is known.
    pub fn at(kind: Kind, address: Option<u64>) -> Access {
        Access { kind, address, bytes: 0, alignment: 1, pointers: [None; 2] }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Load,
    Store,
    /// The instruction itself could not be fetched.
    Fetch,
    /// It loads and stores, or it is not known which.
    Access,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Load => "load",
            Kind::Store => "store",
            Kind::Fetch => "fetch",
            Kind::Access => "access",
        })
    }
}

/// The file behind a map, as it was right after the fault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MappedFile {
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    /// The name is gone, or is that of another file now.
    pub is_deleted: bool,
    /// Another file has the name.
    pub is_replaced: bool,
    /// Bytes; `None` where the file was not found.
    pub size: Option<u64>,
    /// The size is that of the pages that could be read, and the file ends within the last one: it has no name any more,
    /// and nobody has it open.
    pub is_at_most: bool,
    /// Bytes when it was mapped, if that was watched.
    pub size_when_mapped: Option<u64>,
    /// The time since its content or its size was changed.
    pub changed: Option<Duration>,
    /// Bytes that it takes on the disk.
    pub allocated: Option<u64>,
    /// Bytes of the file system, and those of them that are free for this user.
    pub total_and_free: Option<(u64, u64)>,
    /// Bytes of a page of hugetlbfs, if the file is there.
    pub huge_page: Option<u64>,
    /// Seals of a memfd that forbid writing.
    pub is_write_sealed: bool,
    /// Its file system does not answer. The size is what the kernel remembers, if it is known.
    pub is_silent: bool,
}

/// A place in the code of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The name of the function, and the bytes from its start.
    pub function: Option<(String, u64)>,
    /// The name of the program or the library.
    pub object: Option<String>,
    /// `store.c:17`, where there is debug information.
    pub line: Option<String>,
    pub address: u64,
    /// There is a map without a file.
    pub is_anonymous: bool,
    /// The file system of the program or the library does not answer, so that no name was found.
    pub is_silent: bool,
    /// The file of the program or the library is not the one that has crashed, so that no name was looked for.
    pub mismatch: Option<Mismatch>,
}

impl Place {
    /// A place of which the map is all that is known.
    pub fn of_map(map: &Map, address: u64) -> Place {
        let name = map.file().and_then(|path| path.file_name());
        let object = name.map(|name| name.to_string_lossy().into_owned());
        Place { object, address, is_anonymous: map.file().is_none(), ..Place::default() }
    }
}

impl Scene {
    /// The map at the address.
    pub fn map(&self) -> Option<&Map> {
        self.maps.at(self.address?)
    }

    /// The number of the file's byte at the address, for a map of a file.
    pub fn offset_in_file(&self) -> Option<u64> {
        let map = self.map()?;
        map.file()?;
        map.offset.checked_add(self.address? - map.start)
    }

    /// True for a page that is a guard (MADV_GUARD_INSTALL), as far as it can be known. A core file does not tell. But
    /// in a map the kernel says SEGV_MAPERR of guards alone, unless another thread has made the map since.
    pub fn may_be_guard(&self) -> bool {
        self.is_guard.unwrap_or(self.is_of_core && self.code == SEGV_MAPERR && self.map().is_some())
    }

    /// MAP_FAILED of the program: its last address.
    pub fn map_failed(&self) -> u64 {
        self.registers.last_address()
    }

    /// A signal frame that cannot be written is no matter of the instruction at which the thread stands.
    pub fn without_access_for_a_frame(self) -> Scene {
        match Cause::of(&self) {
            Cause::NoSignalFrame => Scene { access: None, address: None, file: None, ..self },
            _ => self,
        }
    }

    /// What the instruction did, or `access` where that is not known.
    pub fn kind(&self) -> Kind {
        self.access.map_or(Kind::Access, |access| access.kind)
    }
}

impl fmt::Display for Place {
    /// `hash_block+0x42 in libstore.so (hash.c:17)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some((name, offset)) => write!(f, "{name}+{offset:#x}")?,
            None => write!(f, "{:#x}", self.address)?,
        }
        match &self.object {
            Some(object) => write!(f, " in {object}")?,
            None if self.is_anonymous => f.write_str(" in memory without a file")?,
            // No map is there, or the maps cannot be read.
            None => {}
        }
        if self.is_silent {
            f.write_str(", whose file system does not answer")?;
        }
        match self.mismatch {
            Some(Mismatch::OtherFile) => f.write_str(", which is not the file that has crashed")?,
            Some(Mismatch::NewerFile) => f.write_str(", which is newer than the core file")?,
            None => {}
        }
        match &self.line {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::exec::maps::What;

    pub const PAGE: u64 = 4096;
    pub const START: u64 = 0x7000_0000;

    /// A map of a file, from this offset.
    pub fn map(length: u64, offset: u64, shared: bool, (read, write): (bool, bool)) -> Map {
        Map {
            start: START,
            end: START + length,
            read,
            write,
            exec: false,
            shared: Some(shared),
            offset,
            inode: 1,
            what: What::File("/data".into()),
        }
    }

    /// A load of a byte of this map, of a file that has so many bytes.
    pub fn load(map: Map, byte: u64, size: u64) -> Scene {
        let address = Some(map.start + byte);
        Scene {
            signal: Signal(nix::libc::SIGBUS),
            code: 2,
            address,
            sender: None,
            process: Process { pid: 1, name: String::new(), age: None },
            thread: Thread { tid: 1, name: String::new() },
            registers: Registers::default(),
            access: Some(Access { bytes: 1, ..Access::at(Kind::Load, address) }),
            maps: Maps(vec![map]),
            flags: MapFlags::default(),
            is_guard: None,
            file: Some(MappedFile { size: Some(size), ..MappedFile::default() }),
            function: None,
            caller: None,
            stack_limit: None,
            page: PAGE,
            is_after_system_call: false,
            within_handler: None,
            is_of_core: false,
            fate: Fate::Ends,
        }
    }

    #[test]
    fn a_place_is_in_memory_only_where_a_map_is_known() {
        let map = map(PAGE, 0, true, (true, false));
        let anonymous = Map { what: What::Anonymous, ..map.clone() };
        let at = |place: Place| place.to_string();
        assert_eq!(at(Place::of_map(&map, START)), "0x70000000 in data");
        assert_eq!(at(Place::of_map(&anonymous, START)), "0x70000000 in memory without a file");
        assert_eq!(at(Place { address: START, ..Place::default() }), "0x70000000");
        let silent = Place { is_silent: true, ..Place::of_map(&map, START) };
        assert_eq!(at(silent), "0x70000000 in data, whose file system does not answer");
        let other = Place { mismatch: Some(Mismatch::OtherFile), ..Place::of_map(&map, START) };
        assert_eq!(at(other), "0x70000000 in data, which is not the file that has crashed");
    }

    impl Map {
        /// The same map at another address.
        pub fn at(self, start: u64) -> Map {
            Map { start, end: start + self.length(), ..self }
        }
    }
}
