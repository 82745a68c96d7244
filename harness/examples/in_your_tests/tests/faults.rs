//! Faults that must come, at the byte where they must come. The tests run beside each other, in threads.

use std::alloc::{GlobalAlloc as _, Layout};
use std::fs::File;

use faultmap::{Ending, assert_fault, fault_map, observe};
use in_your_tests::arena::Arena;
use in_your_tests::guarded::Guarded;
use in_your_tests::records::Records;
use in_your_tests::recovery;

/// Bytes of a page, on the machines that this is tested on.
const PAGE: usize = 4096;

/// A file of two pages, and the records in it.
fn records() -> (File, Records) {
    let file = tempfile::tempfile().expect("a file");
    file.set_len(2 * PAGE as u64).expect("room");
    // SAFETY: nobody else has the file, and this test reads the map in children only.
    let records = unsafe { Records::open(&file) }.expect("a map");
    (file, records)
}

#[test]
fn a_record_of_a_file_that_was_cut_short() {
    let (file, records) = records();
    file.set_len(100).expect("it is shorter");
    insta::assert_snapshot!(observe(|| records.get(0)), @"returned Some(0)");
    // The last page of the file is whole, and zero past its end.
    insta::assert_snapshot!(observe(|| records.get(PAGE / 8 - 1)), @"returned Some(0)");
    let seen = observe(|| records.get(PAGE / 8));
    insta::assert_snapshot!(seen, @"SIGBUS BUS_ADRERR");
    let fault = seen.fault().expect("a fault");
    assert_eq!(fault.offset_in(records.bytes()), Some(PAGE));
    let past = fault.map().and_then(|place| place.past_end());
    assert_eq!(past, Some((PAGE - 100) as u64), "{}", seen.explain());
}

#[test]
fn where_the_map_of_such_a_file_can_be_accessed() {
    let (file, records) = records();
    file.set_len(100).expect("it is shorter");
    insta::assert_snapshot!(fault_map(records.bytes()), @r"
                   0              4096
    read           | ok           | SIGBUS ADRERR
    write          | SIGSEGV ACCERR
    copy_from_user | ok           | EFAULT
    copy_to_user   | EFAULT
    ");
}

#[test]
fn a_number_that_is_too_large_is_no_fault() {
    let (_file, records) = records();
    insta::assert_snapshot!(observe(|| records.get(usize::MAX)), @"returned None");
}

/// The handler is installed in the child: the other tests of this process expect to die of SIGBUS.
#[test]
fn a_handler_recovers() {
    let (file, records) = records();
    file.set_len(0).expect("it is empty");
    let seen = observe(|| {
        recovery::install();
        (records.get(0), records.get(PAGE / 8), records.get(1), recovery::recovered())
    });
    insta::assert_snapshot!(seen, @"returned (Some(0), Some(0), Some(0), 2)");
    assert_fault!(SIGBUS, BUS_ADRERR, || records.get(0));
}

#[test]
fn an_allocation_that_is_overrun() {
    let layout = Layout::array::<u8>(10).expect("a layout");
    // SAFETY: the layout has a size.
    let at = unsafe { Guarded.alloc(layout) };
    let allocated = std::ptr::slice_from_raw_parts(at, 10);
    insta::assert_snapshot!(observe(|| unsafe { at.add(9).write_volatile(1) }), @"returned ()");
    let fault = assert_fault!(SIGSEGV, SEGV_ACCERR, || unsafe { at.add(10).write_volatile(1) });
    assert_eq!(fault.offset_in(allocated), None);
    assert_eq!(fault.address(), Some(at.addr() + 10));
    // No reference may exist to guard pages; a raw slice may.
    let length = 2 * PAGE + Guarded::length(layout);
    let pages = std::ptr::slice_from_raw_parts(at.wrapping_sub(2 * PAGE - 10), length);
    insta::assert_snapshot!(fault_map(pages), @r"
                   0                 4096           8192
    read           | SIGSEGV ACCERR  | ok           | SIGSEGV ACCERR
    write          | SIGSEGV ACCERR  | ok           | SIGSEGV ACCERR
    copy_from_user | EFAULT          | ok           | EFAULT
    copy_to_user   | EFAULT          | ok           | EFAULT
    ");
    // SAFETY: allocated above, by this layout.
    unsafe { Guarded.dealloc(at, layout) };
}

/// It is freed in the child, where no other thread can map something else there.
#[test]
fn an_allocation_that_was_freed() {
    let layout = Layout::new::<[u64; 4]>();
    // SAFETY: the layout has a size.
    let at = unsafe { Guarded.alloc(layout) };
    assert_fault!(SIGSEGV, SEGV_MAPERR, || unsafe {
        Guarded.dealloc(at, layout);
        at.read_volatile()
    });
    // SAFETY: allocated above, by this layout, and still there in this process.
    unsafe { Guarded.dealloc(at, layout) };
}

#[test]
fn an_arena_that_was_sealed() {
    let mut arena = Arena::new(PAGE).expect("memory");
    let place = arena.push(b"for good").expect("room");
    let sealed = arena.seal().expect("it can be");
    let bytes = &sealed.as_ref()[place];
    let at = bytes.as_ptr().cast_mut();
    let fault = assert_fault!(SIGSEGV, SEGV_ACCERR, || unsafe { at.write_volatile(b'F') });
    assert_eq!(fault.offset_in(&sealed), Some(0));
    assert_eq!(bytes, b"for good");
    insta::assert_snapshot!(fault_map(&sealed), @r"
                   0
    read           | ok
    write          | SIGSEGV ACCERR
    copy_from_user | ok
    copy_to_user   | EFAULT
    ");
}

#[test]
fn a_closure_that_panics_is_no_fault() {
    let seen = observe(|| -> u8 { panic!("the index is {}", 7) });
    let Ending::Panicked(message) = &seen.ending else { panic!("{}", seen.explain()) };
    assert!(message.ends_with(": the index is 7"), "{message}");
}
