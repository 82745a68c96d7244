//! A core file has addresses, and the names of functions are in the program's file. That may have been built anew since
//! the crash: the addresses then belong to other functions and other lines. [`mismatch`] compares the file with what the
//! core file holds of it.

use std::time::{Duration, SystemTime};

use object::Endianness;
use object::elf::{FileHeader64, NT_GNU_BUILD_ID, PT_NOTE};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use serde::{Deserialize, Serialize};

/// Why a file is not the one that has crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mismatch {
    /// It has another build ID, or another beginning where it has none.
    OtherFile,
    /// Neither has a build ID, and the file was changed after the core file was written.
    NewerFile,
}

impl Mismatch {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mismatch::OtherFile => "other_file",
            Mismatch::NewerFile => "newer_file",
        }
    }
}

/// The most bytes of the beginning of a file that are compared. The kernel dumps its first page. (core(5),
/// coredump_filter, bit 4)
pub const HEAD: usize = 4096;

/// Compares the first bytes of a file in the core file with those that the file has now. Neither is there where it could
/// not be read. `age` is the time since the file was changed, and `written` the time of the core file.
pub fn mismatch(
    crashed: &[u8],
    now: &[u8],
    age: Option<Duration>,
    written: Option<SystemTime>,
) -> Option<Mismatch> {
    match (build_id(crashed), build_id(now)) {
        (Some(crashed), Some(now)) if crashed == now => return None,
        (Some(_), Some(_)) => return Some(Mismatch::OtherFile),
        _ => {}
    }
    if !(now.starts_with(crashed) || crashed.starts_with(now)) {
        return Some(Mismatch::OtherFile);
    }
    let changed = SystemTime::now().checked_sub(age?)?;
    (changed > written?).then_some(Mismatch::NewerFile)
}

/// The build ID in the first bytes of an ELF file. (ld(1), --build-id)
fn build_id(head: &[u8]) -> Option<&[u8]> {
    let header = FileHeader64::<Endianness>::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let parts = header.program_headers(endian, head).ok()?;
    parts.iter().filter(|part| part.p_type(endian) == PT_NOTE).find_map(|part| {
        let mut notes = part.notes(endian, head).ok()??;
        while let Ok(Some(note)) = notes.next() {
            if note.n_type(endian) == NT_GNU_BUILD_ID && note.name() == b"GNU" {
                return Some(note.desc());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 64-bit ELF file whose only part is a note with this build ID, or none, and these bytes behind it.
    fn elf(id: Option<&[u8; 4]>, rest: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        bytes[16] = 3; // ET_DYN
        bytes[18] = 62; // EM_X86_64
        bytes[20] = 1;
        bytes[32] = 64; // e_phoff
        bytes[52] = 64; // e_ehsize
        bytes[54] = 56; // e_phentsize
        bytes[56] = 1; // e_phnum
        let note =
            id.map_or(Vec::new(), |id| [b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0", &id[..]].concat());
        let mut part = [0; 56];
        part[0] = 4; // PT_NOTE
        part[8] = 120; // p_offset
        part[32] = note.len() as u8; // p_filesz
        part[48] = 4; // p_align
        bytes.extend(part);
        bytes.extend(note);
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn the_build_id_decides_and_the_bytes_where_there_is_none() {
        let old = SystemTime::now() - Duration::from_secs(1000);
        let is = |crashed: &[u8], now: &[u8], age| {
            mismatch(crashed, now, Some(Duration::from_secs(age)), Some(old))
        };
        let (one, two) = (Some(b"1111"), Some(b"2222"));
        assert_eq!(is(&elf(one, b"a"), &elf(two, b"a"), 5000), Some(Mismatch::OtherFile));
        // One that was stripped since, or copied.
        assert_eq!(is(&elf(one, b"a"), &elf(one, b"b"), 10), None);
        assert_eq!(is(&elf(None, b"a"), &elf(None, b"b"), 5000), Some(Mismatch::OtherFile));
        assert_eq!(is(&elf(None, b"a"), &elf(None, b"a"), 5000), None);
        assert_eq!(is(&elf(None, b"a"), &elf(None, b"a"), 10), Some(Mismatch::NewerFile));
        assert_eq!(is(&elf(one, b"a"), &elf(None, b"a"), 5000), Some(Mismatch::OtherFile));
        // Bytes that the core file does not hold tell nothing.
        assert_eq!(is(&[], &elf(one, b"a"), 5000), None);
        assert_eq!(is(&[], &elf(one, b"a"), 10), Some(Mismatch::NewerFile));
        assert_eq!(is(&elf(one, b"a"), &[], 5000), None);
        assert_eq!(mismatch(&[], &[], None, None), None);
    }
}
