//! A file system may never answer: [`Silent`] is one whose server is the test.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use crate::own_process::Test;

/// A mounted file system whose server answers nothing, as long as nobody does it. It is unmounted when this is
/// dropped.
pub struct Silent {
    dir: tempfile::TempDir,
    pub server: File,
}

/// Runs a test where it can mount such a file system. The mount goes with its namespace.
pub fn beside_fuse(test: Test) -> Test {
    test.inside(&["--user", "--map-root-user", "--mount"]).unless(|| {
        let opened = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        opened.err().map(|error| format!("cannot open /dev/fuse: {error}"))
    })
}

impl Silent {
    pub fn mount() -> Silent {
        let dir = tempfile::tempdir().unwrap();
        let server = OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
        let data = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        let data = std::ffi::CString::new(data).unwrap();
        let flags = rustix::mount::MountFlags::NOSUID | rustix::mount::MountFlags::NODEV;
        rustix::mount::mount("silent", dir.path(), "fuse", flags, &*data).unwrap();
        Silent { dir, server }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // The server does not answer, so the file system is detached. Then the folder below can be removed.
        rustix::mount::unmount(self.dir.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

/// A request of the kernel. (linux/fuse.h: struct fuse_in_header)
pub struct Request {
    pub operation: u32,
    number: [u8; 8],
}

/// Operations. (linux/fuse.h: enum fuse_opcode)
pub const LOOKUP: u32 = 1;
pub const FORGET: u32 = 2;
pub const GETATTR: u32 = 3;
pub const OPEN: u32 = 14;
pub const INIT: u32 = 26;

impl Request {
    pub fn next(mut server: &File) -> Request {
        let mut request = vec![0; 1 << 16];
        let read = server.read(&mut request).unwrap();
        assert!(read >= 40, "a request has a header");
        let operation = u32::from_ne_bytes(request[4..8].try_into().unwrap());
        Request { operation, number: request[8..16].try_into().unwrap() }
    }

    /// Answers with these bytes, or with an errno.
    pub fn answer(&self, mut server: &File, answer: Result<&[u8], i32>) {
        let bytes = answer.unwrap_or_default();
        let length = 16 + bytes.len();
        let mut message = (length as u32).to_ne_bytes().to_vec();
        message.extend(answer.err().map_or(0, |errno| -errno).to_ne_bytes());
        message.extend(self.number);
        message.extend(bytes);
        assert_eq!(server.write(&message).unwrap(), length);
    }
}

/// Answers FUSE_INIT for version 7.31, without optional features.
pub fn answer_init(server: &File) {
    let request = Request::next(server);
    assert_eq!(request.operation, INIT, "it is the first one");
    let words = [7u32, 31, 4096, 0, 0, 4096, 1];
    let mut answer: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    answer.resize(64, 0);
    request.answer(server, Ok(&answer));
}
