//! A file of huge pages has no write(2): it can be filled through a map alone.

use std::os::fd::AsFd;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Copies `content` to the beginning of the file, which is as long. Fails with ENOMEM where there are not
/// enough huge pages, as each map of the file would.
pub fn fill(file: impl AsFd, content: &[u8]) -> Result<(), rustix::io::Errno> {
    if content.is_empty() {
        return Ok(());
    }
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
    // SAFETY: a new mapping at an address of the kernel's choice, as long as the content, of a file that nobody
    // else has; the pages are reserved when it is made, so that none is missing. It is given back at once.
    unsafe {
        let at = mmap(std::ptr::null_mut(), content.len(), protection, flags, file, 0)?;
        std::ptr::copy_nonoverlapping(content.as_ptr(), at.cast(), content.len());
        munmap(at, content.len())
    }
}
