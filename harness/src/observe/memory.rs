//! A test has its memory in many forms: a map, a slice, or a pointer to what no reference may exist to, such as the
//! guard pages of an allocator. The main type is [`Memory`].

use std::ops::Range;

/// Memory of this process: anything that can be borrowed as bytes, or a raw slice
/// (`std::ptr::slice_from_raw_parts(start, length)`), which need not be valid.
pub trait Memory {
    /// Returns it as a raw slice.
    fn bytes(&self) -> *const [u8];
}

impl<T: AsRef<[u8]> + ?Sized> Memory for &T {
    fn bytes(&self) -> *const [u8] {
        (**self).as_ref()
    }
}

impl Memory for *const [u8] {
    fn bytes(&self) -> *const [u8] {
        *self
    }
}

impl Memory for *mut [u8] {
    fn bytes(&self) -> *const [u8] {
        self.cast_const()
    }
}

/// Returns the addresses.
pub(super) fn addresses(memory: impl Memory) -> Range<usize> {
    let bytes = memory.bytes();
    let start = bytes.cast::<u8>().addr();
    start..start.saturating_add(bytes.len())
}
