//! An allocator for tests: behind each allocation, as near as its alignment allows, a page without access begins, and a
//! page that was freed is mapped no more.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;

/// The allocator.
pub struct Guarded;

impl Guarded {
    /// Returns the length of the pages of an allocation, without its guard pages.
    pub fn length(layout: Layout) -> usize {
        layout.size().next_multiple_of(crate::page()).max(crate::page())
    }

    /// Returns the first of the pages of an allocation.
    fn first(at: *mut u8) -> *mut u8 {
        at.map_addr(|address| address / crate::page() * crate::page())
    }
}

// SAFETY: each allocation has pages of its own. A layout that is aligned to more than a page is refused.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (page, length) = (crate::page(), Guarded::length(layout));
        if layout.align() > page {
            return null_mut();
        }
        // SAFETY: new pages, and those in their middle.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let all = libc::mmap(null_mut(), length + 2 * page, libc::PROT_NONE, flags, -1, 0);
            if all == libc::MAP_FAILED {
                return null_mut();
            }
            let first = all.byte_add(page);
            libc::mprotect(first, length, libc::PROT_READ | libc::PROT_WRITE);
            let used = layout.size().next_multiple_of(layout.align());
            first.byte_add(length - used).cast()
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let page = crate::page();
        // SAFETY: `alloc` has mapped these pages for this allocation alone.
        unsafe {
            let all = Guarded::first(at).byte_sub(page);
            libc::munmap(all.cast(), Guarded::length(layout) + 2 * page);
        }
    }
}
