//! A step may leave no room for the descriptors that the access needs (RLIMIT_NOFILE), so they are made
//! before the first step. They lie at numbers that no step is given, so that the case counts as it would
//! without.
//!
//! The files of /proc show the memory of the process that has opened them. So a process that is forked later
//! opens its own when it needs them: its steps are over then, and there is room in place of descriptor 0,
//! unless no descriptor is allowed at all.

use nix::libc;

use crate::case::Access;
use crate::sys::{AHEAD, Child, set_dumpable};

/// The numbers of the two ends of the pipe through which a byte is copied.
pub(super) const PIPE: Pipe = Pipe { read: AHEAD[0], write: AHEAD[1] };
/// The numbers of the files of /proc that tell where instructions may be fetched, and what lies there.
pub(super) const MEMORY: Memory = Memory { maps: AHEAD[0], content: AHEAD[1] };

pub(super) struct Pipe {
    pub read: usize,
    pub write: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub maps: usize,
    pub content: usize,
}

/// Makes the descriptors that this access needs. Fails with the errno of the kernel.
#[inline(always)]
pub(super) fn prepare(child: &Child, access: Access) -> Result<(), i32> {
    match access {
        Access::CopyFromUser | Access::CopyToUser => {
            let [read, write] = pipe(child)?;
            put_aside(child, read, PIPE.read)?;
            put_aside(child, write, PIPE.write)
        }
        Access::Exec => {
            put_aside(child, open(child, c"/proc/self/maps")?, MEMORY.maps)?;
            set_dumpable(child); // else that file is root's alone
            put_aside(child, open(child, c"/proc/self/mem")?, MEMORY.content)
        }
        Access::Read | Access::Write => Ok(()),
    }
}

/// Makes a pipe. Returns its two ends: that to read from, and that to write to.
#[inline(always)]
pub(super) fn pipe(child: &Child) -> Result<[usize; 2], i32> {
    let ends = std::cell::UnsafeCell::new([0i32; 2]);
    child.call(libc::SYS_pipe2, [ends.get() as usize, 0, 0, 0, 0, 0])?;
    let [read, write] = ends.into_inner();
    Ok([read as usize, write as usize])
}

#[inline(always)]
fn put_aside(child: &Child, descriptor: usize, at: usize) -> Result<(), i32> {
    child.call(libc::SYS_dup3, [descriptor, at, 0, 0, 0, 0])?;
    child.call(libc::SYS_close, [descriptor, 0, 0, 0, 0, 0]).map(drop)
}

/// Opens a file for reading, where the steps are over.
#[inline(always)]
pub(super) fn open_late(child: &Child, path: &std::ffi::CStr) -> Result<usize, i32> {
    match open(child, path) {
        Err(libc::EMFILE) => {
            child.call(libc::SYS_close, [0; 6])?;
            open(child, path)
        }
        opened => opened,
    }
}

#[inline(always)]
fn open(child: &Child, path: &std::ffi::CStr) -> Result<usize, i32> {
    let at = libc::AT_FDCWD as usize;
    child.call(libc::SYS_openat, [at, path.as_ptr() as usize, libc::O_RDONLY as usize, 0, 0, 0])
}
