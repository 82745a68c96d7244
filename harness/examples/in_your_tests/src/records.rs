//! Records of eight bytes, in a file that is mapped. A file that is cut short while it is mapped makes a load raise
//! SIGBUS.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Records of eight bytes.
pub struct Records {
    map: Mmap,
}

impl Records {
    /// Bytes of a record.
    pub const BYTES: usize = 8;

    /// Maps a file.
    ///
    /// # Safety
    /// As for [`Mmap::map`]: nobody else may change the file.
    pub unsafe fn open(file: &File) -> io::Result<Records> {
        // SAFETY: as the caller promises.
        Ok(Records { map: unsafe { Mmap::map(file)? } })
    }

    /// Returns the record of this number.
    pub fn get(&self, number: usize) -> Option<u64> {
        let start = number.checked_mul(Records::BYTES)?;
        let bytes = self.map.get(start..start.checked_add(Records::BYTES)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Returns the map.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}
