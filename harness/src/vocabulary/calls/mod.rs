//! Every call, one value each, in a file for each family.

mod advice;
mod file;
mod mmap;
mod process;
mod range;
mod remap;
mod remap_pages;
mod resize;
mod shm;
mod signal;
mod transfer;

use super::Syscall;

/// The calls, file by file, in the order of the documentation.
pub const FAMILIES: &[&[Syscall]] = &[
    file::CALLS,
    resize::CALLS,
    transfer::CALLS,
    mmap::CALLS,
    range::CALLS,
    remap::CALLS,
    remap_pages::CALLS,
    advice::CALLS,
    shm::CALLS,
    signal::CALLS,
    process::CALLS,
];
