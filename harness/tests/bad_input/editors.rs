//! Editors of other systems write files with a byte order mark, with carriage returns, or in UTF-16.

use faultmap::internals::parse;
use rstest::rstest;

use crate::command::{case_file, faultmap, run};
use crate::refused;

/// A case with all that a line may hold.
const CASE: &str = "// One.\n/* Two.\n   Three. */\nfd = file(10);\nclose(fd);\n";

#[rstest]
#[case::a_byte_order_mark("\u{feff}", "\n")]
#[case::carriage_returns("", "\r\n")]
#[case::both("\u{feff}", "\r\n")]
fn the_case_is_the_same(#[case] mark: &str, #[case] end: &str) {
    let written = format!("{mark}{CASE}").replace('\n', end);
    assert_eq!(parse::bytes(written.as_bytes()), parse::case(CASE), "{written:?}");
    assert_eq!(parse::step_lines(written.as_bytes()), [4, 5]);
    // An error has the same place, and its line is shown as it is.
    let wrong = |text: &str| text.replace("file", "flie");
    let (_dir, path) = case_file(wrong(&written));
    let (code, _, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("it.case:4:6\n") && stderr.contains("fd = flie(10);"), "{stderr}");
    let (_dir, plain) = case_file(wrong(CASE));
    let (_, _, expected) = run(faultmap(&["show"]).arg(&plain));
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("it.case:"));
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    assert_eq!(lines(&stderr), lines(&expected));
}

#[test]
fn a_mark_counts_in_no_column() {
    refused("\u{feff}fd = flie(10);\n", "1:6", "unknown step `flie`", "did you mean `file`?");
    refused("\u{feff}", "1:1", "this case has no steps", "for example");
    // Behind the beginning it is a character like any other.
    refused("fd = file(1);\n\u{feff}close(fd);", "2:1", "unexpected character U+FEFF", "only a");
}

#[test]
fn utf_16_is_named() {
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        let text = [mark.as_slice(), b"f\0d\0".as_slice()].concat();
        refused(text, "1:1", "this byte is not UTF-8 text", "the file is UTF-16: save it as UTF-8");
    }
}
