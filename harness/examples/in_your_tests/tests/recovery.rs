//! The handler for the whole process: the tests of this file are a program of their own.

use faultmap::observe;
use in_your_tests::records::Records;
use in_your_tests::recovery;

#[test]
fn a_handler_that_was_installed_before() {
    recovery::install();
    let file = tempfile::tempfile().expect("a file");
    file.set_len(4096).expect("room");
    // SAFETY: nobody else has the file.
    let records = unsafe { Records::open(&file) }.expect("a map");
    file.set_len(0).expect("it is empty");
    let seen = observe(|| (records.get(0), recovery::recovered()));
    insta::assert_snapshot!(seen, @"returned (Some(0), 1)");
    // A child ends with what it has done to its memory: this process has its own page to lose, and still does.
    assert_eq!(recovery::recovered(), 0);
    assert_eq!((records.get(0), recovery::recovered()), (Some(0), 1));
}
