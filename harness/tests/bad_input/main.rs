//! A bad case file gives one error with its place, the line and a hint. The exit code is 2, and no case is
//! run.

#[path = "../command/mod.rs"]
mod command;
mod editors;
mod from_c;
mod header;
mod several;
mod too_much;

use command::{case_file, faultmap, run};
use rstest::rstest;

/// Checks the error for this text: its `place` (`line:column`), its `message` and its `hint`. A good case
/// beside the bad one must not be run.
fn refused(text: impl AsRef<[u8]>, place: &str, message: &str, hint: &str) {
    let (dir, path) = case_file(text.as_ref());
    let good = dir.path().join("good.case");
    std::fs::write(&good, "fd = file(1);").unwrap();
    let (code, stdout, stderr) = run(faultmap(&["run"]).arg(&good).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    let first = stderr.lines().next().unwrap_or_default();
    assert!(first.starts_with(&format!("error: {message}")), "{stderr}");
    assert!(stderr.contains(&format!("{}:{place}\n", path.display())), "{place}: {stderr}");
    assert!(stderr.contains(&format!("help: {hint}")), "{hint}: {stderr}");
    let error = faultmap::internals::parse::bytes(text.as_ref()).unwrap_err();
    assert_eq!(format!("{}:{}", error.line, error.column), place, "{error}");
    // The error shows the line up to the first control character.
    let number = place.split(':').next().unwrap_or_default().parse::<usize>().unwrap();
    let source = String::from_utf8_lossy(text.as_ref()).into_owned();
    let line = source.lines().nth(number - 1).unwrap_or_default().trim();
    let line = line.trim_start_matches('\u{feff}'); // a byte order mark is not shown
    let shown: String = line.chars().take_while(|c| !c.is_control()).collect();
    assert!(stderr.contains(&shown), "{stderr}");
}

const MMAP: &str = "fd = file(10);\nmap = mmap(0, 10, PROT_READ, MAP_SHARED, fd, 0);\n";

#[rstest]
#[case::empty("", "1:1", "this case has no steps", "for example")]
#[case::only_a_comment("// nothing\n", "1:1", "this case has no steps", "for example")]
#[case::truncated(
    "fd = file(2200);\nmap = mmap(0, 8192, PROT_READ, MAP_SH",
    "2:32",
    "unknown flag `MAP_SH`",
    "did you mean `MAP_SHARED`?"
)]
#[case::truncated_in_a_block(
    "fork {\n  fd = file(1);\n",
    "1:6",
    "this block is never closed",
    "a `}`"
)]
#[case::truncated_before_the_end(
    "fd = file(1)",
    "1:12",
    "the file ends where `;` belongs",
    "add `;`"
)]
#[case::unknown_step("fd = flie(10);", "1:6", "unknown step `flie`", "did you mean `file`?")]
#[case::unknown_flag(
    "fd = file(1, O_RDNLY);",
    "1:14",
    "unknown flag `O_RDNLY`",
    "did you mean `O_RDONLY`?"
)]
#[case::unknown_access(
    "fd = file(1);\nmap = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0);\nsweep(map, raed);",
    "3:12",
    "unknown access `raed`",
    "did you mean `read`?"
)]
#[case::unknown_name(
    "fd = file(1);\nclose(fb);",
    "2:7",
    "no variable `fb` here",
    "did you mean `fd`?"
)]
#[case::number_overflows(
    "fd = file(99999999999999999999);",
    "1:11",
    "this number does not fit 64 bits",
    "the largest is"
)]
#[case::product_overflows(
    "fd = file(0xffffffffffffffff * 16);",
    "1:11",
    "this number does not fit 64 bits",
    "it must lie between"
)]
#[case::file_too_large(
    "fd = file(68719476736);",
    "1:11",
    "the size of a file is out of bounds",
    "the most is 67108864"
)]
#[case::map_too_large(
    "map = mmap(0, 2147483648, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);",
    "1:15",
    "this length is out of bounds",
    "at most 1073741824"
)]
#[case::file_grows_too_large(
    "fd = file(1);\nftruncate(fd, 1099511627776);",
    "2:15",
    "an offset in a file is out of bounds",
    "at most 1073741824"
)]
#[case::too_wide(
    "fd = file(1);\nmap = mmap(0, 9, PROT_READ, MAP_SHARED, fd, 0);\nmap[0..3];",
    "3:5",
    "no single access is 3 bytes wide",
    "an access is 1, 2, 4 or 8 bytes wide"
)]
#[case::path_outside(
    "fd = open(\"/etc/passwd\", O_RDONLY);",
    "1:11",
    "a case cannot open `/etc/passwd`",
    "`fd = file(SIZE);` makes a file and opens it; a path is one of: /dev/zero"
)]
#[case::bare_address(
    "munmap(0x400000, 4096);",
    "1:8",
    "a bare address could hit memory of the harness",
    "write it relative to a map"
)]
#[case::descriptor_of_the_harness(
    "close(3);",
    "1:7",
    "descriptor 3 could be one of the harness",
    "name the variable"
)]
#[case::pattern_byte_stored(
    "map = mmap(0, 1, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\nmap[0] = 0x80;",
    "2:10",
    "this byte cannot be stored",
    "the most is 0x7e"
)]
#[case::wrong_kind(
    "fd = file(1);\nmunmap(fd, 1);",
    "2:8",
    "`fd` holds a file, not a map",
    "define one first, with a call that gives a map"
)]
#[case::a_constant_as_a_variable(
    "PAGE = file(1);",
    "1:1",
    "`PAGE` is a constant",
    "give the variable another name"
)]
#[case::a_flag_as_a_variable(
    "fd = file(1);\nMAP_SHARED = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0);",
    "2:1",
    "`MAP_SHARED` is a constant",
    "give the variable another name"
)]
#[case::a_signal_as_a_variable(
    "fork { SIGBUS = file(1); }",
    "1:8",
    "`SIGBUS` is a constant",
    "give the variable another name"
)]
#[case::too_few_arguments(
    "fd = file(1);\nmap = mmap(0, 1);",
    "2:16",
    "`mmap` takes 6 arguments",
    "its form is `mmap("
)]
#[case::too_many_arguments(
    "fd = file(1);\nclose(fd, 2);",
    "2:9",
    "`close` takes 1 argument",
    "its form is `close(fd);`"
)]
#[case::missing_semicolon("fd = file(1)\nclose(fd);", "1:12", "expected `;` after this", "as in C")]
#[case::result_written(
    "fd = file(1);\nftruncate(fd, -1) = -1 EINVAL;",
    "2:19",
    "the result of a step is measured, not written",
    "to keep it"
)]
#[case::another_process(
    "fd = file(1);\nprocess { close(fd); }",
    "2:17",
    "`fd` belongs to another process",
    "an unrelated process must open"
)]
#[case::never_closed_quote(
    "fd = file(1);\npwrite(fd, \"abc, 0);",
    "2:12",
    "this quote is never closed",
    "it must be closed"
)]
#[case::control_character(
    "fd = file(1);\n\x1b[31m",
    "2:1",
    "unexpected control character",
    "a case file is plain text"
)]
#[case::flag_by_number(
    "fd = file(1);\nfcntl(fd, 8, 1);",
    "2:11",
    "a name belongs here",
    "one of: F_ADD_SEALS"
)]
#[case::resource_by_number(
    "setrlimit(4, 100);",
    "1:11",
    "a name belongs here",
    "one of: RLIMIT_AS"
)]
#[case::flags_by_number(
    "fd = file(1);\nm = mmap(0, 1, 3, MAP_SHARED, fd, 0);",
    "2:16",
    "a name of a flag belongs here",
    "one of: PROT_NONE"
)]
#[case::limit_raised(
    "setrlimit(RLIMIT_FSIZE, 0xffffffffffff);",
    "1:25",
    "this limit is out of bounds",
    "the most is"
)]
#[case::copy_too_long(
    "fd = file(1);\nm = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0);\nwrite(fd, m, 0x40000000);",
    "3:14",
    "this length is out of bounds",
    "the most is 1048576"
)]
#[case::content_that_varies(
    "fd = open(\"/proc/self/maps\");\npread(fd, 0, 10);",
    "2:1",
    "the content of `fd` varies from run to run",
    "a file of /proc"
)]
#[case::comment_never_closed(
    "fd = file(1);\n/* and so on",
    "2:1",
    "this comment is never closed",
    "a `*/`"
)]
#[case::not_ascii(
    "fd = file(1);\n\u{e9}d;",
    "2:1",
    "unexpected character U+00E9",
    "only a comment may hold"
)]
fn bad_case(#[case] text: &str, #[case] place: &str, #[case] message: &str, #[case] hint: &str) {
    refused(text, place, message, hint);
}

#[test]
fn binary() {
    refused(
        b"fd = file(1);\nf\xff\xfe\x00\x01 = 3;",
        "2:2",
        "this byte is not UTF-8 text",
        "a case file",
    );
}

#[test]
fn the_good_case_alone_is_run() {
    // `refused` relies on this: only the bad case prevents the run of the good one.
    let (code, stdout, _) = command::show(MMAP, &[]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("1 measured"), "{stdout}");
}
