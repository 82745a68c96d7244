//! The picture of a live map: of a file, of an allocator's guard pages, of an arena that was sealed.

#![expect(unsafe_code, reason = "maps of a program's own, as strangers make them")]

use std::fs::File;

use faultmap::observe::Memory;
use faultmap::{assert_fault, fault_map};
use memmap2::{Mmap, MmapMut, MmapOptions};
use nix::libc;

fn page() -> usize {
    rustix::param::page_size()
}

fn file(bytes: usize) -> File {
    let file = tempfile::tempfile().expect("a file");
    file.set_len(bytes as u64).expect("room");
    file
}

/// The picture, with `A` to `D` for offsets of 0 to 3 pages, so that it is the same for each page size.
fn picture(memory: impl Memory) -> String {
    let text = fault_map(memory).to_string();
    let (head, rows) = text.split_once('\n').expect("a header");
    let mut head: Vec<String> = head.split_whitespace().map(str::to_owned).collect();
    for offset in &mut head {
        let at: usize = offset.parse().expect("a number");
        assert_eq!(at % page(), 0, "{text}");
        *offset = char::from(b'A' + (at / page()) as u8).to_string();
    }
    let cells = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = rows.lines().map(cells).collect();
    format!("{}\n{}\n", head.join(" "), rows.join("\n"))
}

#[test]
fn a_file_that_ends_within_its_map() {
    let file = file(3 * page());
    // SAFETY: nobody else has the file.
    let mut map = unsafe { MmapMut::map_mut(&file) }.expect("a map");
    map[5] = b'x';
    file.set_len(page() as u64 + 1).expect("it is shorter");
    insta::assert_snapshot!(picture(&map), @r"
    A C
    read | ok | SIGBUS ADRERR
    write | ok | SIGBUS ADRERR
    copy_from_user | ok | EFAULT
    copy_to_user | ok | EFAULT
    ");
    assert_eq!((map[5], map[6]), (b'x', 0), "what is stored is what was there");
    // A part of a map that begins and ends within pages: the pages are drawn.
    insta::assert_snapshot!(picture(&map[page() + 7..2 * page() + 1]), @r"
    A B
    read | ok | SIGBUS ADRERR
    write | ok | SIGBUS ADRERR
    copy_from_user | ok | EFAULT
    copy_to_user | ok | EFAULT
    ");
}

#[test]
fn a_map_that_is_read_only() {
    let file = file(1);
    // SAFETY: nobody else has the file.
    let map = unsafe { Mmap::map(&file) }.expect("a map");
    insta::assert_snapshot!(picture(&map), @r"
    A
    read | ok
    write | SIGSEGV ACCERR
    copy_from_user | ok
    copy_to_user | EFAULT
    ");
    file.set_len(0).expect("it is shorter");
    // The kernel checks the protection first: a store is told as one.
    insta::assert_snapshot!(picture(&map), @r"
    A
    read | SIGBUS ADRERR
    write | SIGSEGV ACCERR
    copy_from_user | EFAULT
    copy_to_user | EFAULT
    ");
    file.set_len(1).expect("it is longer");
    // SAFETY: as above.
    let private = unsafe { MmapOptions::new().map_copy(&file) }.expect("a map");
    assert!(!picture(&private).contains("SIG"), "{}", fault_map(&private));
}

/// An allocator that puts a guard page on either side of each allocation.
#[test]
fn an_allocator_with_guard_pages() {
    let map = MmapMut::map_anon(3 * page()).expect("memory");
    // No reference may exist to what cannot be read.
    let memory = std::ptr::slice_from_raw_parts(map.as_ptr(), map.len());
    for guard in [0, 2 * page()] {
        let guard = map.as_ptr().wrapping_add(guard).cast_mut().cast();
        // SAFETY: the page is that of the map.
        assert_eq!(unsafe { libc::mprotect(guard, page(), libc::PROT_NONE) }, 0);
    }
    insta::assert_snapshot!(picture(memory), @r"
    A B C
    read | SIGSEGV ACCERR | ok | SIGSEGV ACCERR
    write | SIGSEGV ACCERR | ok | SIGSEGV ACCERR
    copy_from_user | EFAULT | ok | EFAULT
    copy_to_user | EFAULT | ok | EFAULT
    ");
    // SAFETY: none: it is observed.
    let past = || unsafe { map.as_ptr().add(2 * page()).read_volatile() };
    let fault = assert_fault!(SIGSEGV, SEGV_ACCERR, past);
    assert_eq!(fault.offset_in(memory), Some(2 * page()));
}

/// An arena that must not be written to once it is sealed.
#[test]
fn an_arena_that_was_sealed() {
    let mut arena = MmapMut::map_anon(page()).expect("memory");
    arena[..5].copy_from_slice(b"value");
    let sealed = arena.make_read_only().expect("it can be");
    // SAFETY: none: it is observed.
    assert_fault!(SIGSEGV, SEGV_ACCERR, || unsafe {
        sealed.as_ptr().cast_mut().write_volatile(b'V');
    });
    assert_eq!(&sealed[..5], b"value");
    assert!(picture(&sealed).contains("write | SIGSEGV ACCERR"));
}
