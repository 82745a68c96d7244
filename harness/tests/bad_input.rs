//! A case file that is no case: one error with its place, the line shown, what to do, exit code 2,
//! and no case run.

mod command;

use command::{case_file, faultmap, run};
use rstest::rstest;

/// The error for this text must be about `place` (`line:column`), say `message`, and give a hint.
/// A good case beside the bad one must not be run.
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
    // The line itself, as far as it can be shown.
    let number = place.split(':').next().unwrap_or_default().parse::<usize>().unwrap();
    let source = String::from_utf8_lossy(text.as_ref()).into_owned();
    let line = source.lines().nth(number - 1).unwrap_or_default().trim();
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
    "is the file whole?"
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
#[case::unknown_requirement(
    "requires(rooot);\nfd = file(1);",
    "1:10",
    "unknown requirement `rooot`",
    "one of: fs == NAME"
)]
#[case::unknown_file_system(
    "requires(fs == tmpsf);\nfd = file(1);",
    "1:16",
    "unknown file system `tmpsf`",
    "did you mean `tmpfs`?"
)]
#[case::unknown_architecture(
    "requires(arch == x86);\nfd = file(1);",
    "1:18",
    "unknown architecture `x86`",
    "did you mean `x86_64`?"
)]
#[case::page_of_no_machine(
    "requires(page == 4095);\nfd = file(1);",
    "1:18",
    "no machine has pages of this size",
    "a power of two"
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
    "what a step returns is measured, not written",
    "to keep it"
)]
#[case::another_process(
    "fd = file(1);\nprocess { close(fd); }",
    "2:17",
    "`fd` belongs to another process",
    "an unrelated process opens"
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
    "a control character",
    "a case file is plain text"
)]
#[case::timeout_without_unit(
    "timeout(200);\nfd = file(1);",
    "1:9",
    "a timeout has a unit",
    "timeout(200ms);"
)]
#[case::timeout_too_long(
    "timeout(100s);\nfd = file(1);",
    "1:9",
    "this timeout is out of bounds",
    "from 100ms"
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
    "what stands in `fd` varies from run to run",
    "a file of /proc"
)]
#[case::timeout_twice(
    "timeout(200ms); timeout(300ms);\nfd = file(1);",
    "1:17",
    "`timeout` stands twice",
    "one is enough"
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
    "outside of comments"
)]
#[case::c_type(
    "int fd = file(1);",
    "1:1",
    "a case has no declarations",
    "leave the type out: `fd = ...`"
)]
#[case::c_pointer(
    "char *p = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);",
    "1:1",
    "a case has no declarations",
    "leave the type out: `p = ...`"
)]
#[case::c_declaration("struct stat st;", "1:1", "a case has no declarations", "leave it out")]
#[case::c_main(
    "int main(void) {\n}",
    "1:1",
    "a case has no declarations",
    "leave it out: the steps"
)]
#[case::c_cast("p = (char *)mmap(0);", "1:1", "a case has no casts", "leave the cast out")]
#[case::c_load("x = m[0];", "1:1", "a load gives nothing to keep", "write the load alone: `m[0];`")]
#[case::c_number("len = 4096;", "1:1", "a variable holds no number", "write the number where")]
#[case::c_store(
    "*p = 'x';",
    "1:1",
    "a pointer cannot be followed here",
    "name the byte: `p[0];` to load it, `p[0] = 'x';` to store"
)]
#[case::c_fork("pid = fork();", "1:7", "unknown step `fork`", "write the child's steps in a block")]
#[case::c_if_fork("if (fork() == 0) {\n}", "1:1", "a case has no `if`", "write the child's steps")]
#[case::c_wait("wait(0);", "1:1", "unknown step `wait`", "leave it out: the steps behind `fork {")]
#[case::c_for(
    "for (i = 0; i < 10; i++) {\n}",
    "1:1",
    "a case has no `for`",
    "every step is performed once"
)]
#[case::c_open(
    "fd = open(\"x\", O_RDWR | O_CREAT);",
    "1:11",
    "a case cannot open `x`",
    "`fd = file(SIZE);` makes a file and opens it"
)]
#[case::c_creat(
    "fd = file(1, O_RDWR | O_CREAT);",
    "1:23",
    "unknown flag `O_CREAT`",
    "write `fd = file(SIZE);`"
)]
#[case::c_sizeof("fd = file(sizeof(int));", "1:11", "`sizeof` is no number", "write the number of")]
#[case::c_page_size(
    "fd = file(sysconf(_SC_PAGESIZE));",
    "1:11",
    "`sysconf` is no number",
    "write `PAGE`"
)]
#[case::c_page_size_kept(
    "n = sysconf(_SC_PAGESIZE);",
    "1:5",
    "unknown step `sysconf`",
    "write `PAGE`"
)]
#[case::c_printf(
    "printf(\"%d\\n\", fd);",
    "1:1",
    "unknown step `printf`",
    "leave it out: the picture"
)]
#[case::c_return(
    "fd = file(1);\nreturn 0;",
    "2:1",
    "a case has no `return`",
    "leave it out: a case ends"
)]
#[case::c_include("#include <stdio.h>", "1:1", "a case has no preprocessor", "leave the line out")]
#[case::c_pread(
    "fd = file(1);\npread(fd, buf, 10, 0);",
    "2:11",
    "a `pread` has no buffer here",
    "leave the buffer out, and write the offset before the count: `pread(fd, 0, 10);`"
)]
#[case::c_pread_kept("n = pread(fd, buf, 10, 0);", "1:15", "a `pread` has no buffer", "leave the")]
#[case::c_sum_kept(
    "m = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\np = m + 10;",
    "2:1",
    "a variable holds what a call gives",
    "write `m` where it is needed, such as `m + 10`"
)]
#[case::c_kill("kill(0, SIGBUS);", "1:1", "unknown step `kill`", "write `raise(SIGBUS);`")]
#[case::c_sleep("sleep(1);", "1:1", "unknown step `sleep`", "leave it out")]
#[case::c_memfd(
    "fd = memfd_create(0);",
    "1:6",
    "unknown step `memfd_create`",
    "write `fd = memfd("
)]
#[case::c_address_of(
    "fd = file(1);\nread(fd, &b, 1);",
    "2:10",
    "a case has no addresses",
    "name a map"
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
fn over_long() {
    let text = "// and so on\n".repeat(6000);
    refused(text, "5042:3", "the case file is too long", "a case has at most 65536 bytes");
}

#[test]
fn over_long_in_the_middle_of_a_letter() {
    let text = format!("//{}", "\u{1f600}".repeat(17_000));
    let (_dir, path) = case_file(&text);
    let (code, stdout, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("the case file is too long"), "{stderr}");
}

#[test]
fn too_many_maps() {
    let map = "m = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";
    refused(map.repeat(49), "49:5", "too many maps", "a case makes at most 48");
}

#[test]
fn too_many_steps() {
    let text = format!("fd = file(1);\n{}", "fsync(fd);\n".repeat(100));
    refused(text, "101:1", "too many steps", "a case has at most 100");
}

#[test]
fn too_many_processes() {
    let text = format!("fd = file(1);\n{}", "fork { fsync(fd); }\n".repeat(9));
    refused(text, "10:1", "too many processes", "a case has at most 8 blocks");
}

#[test]
fn too_large_together() {
    let map = "m = mmap(0, 1073741824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";
    refused(map.repeat(3), "2:5", "the maps are too large together", "at most 1073741824 bytes");
}

#[test]
fn the_good_case_alone_is_run() {
    // `refused` relies on this: it is the bad case that keeps the good one from being run.
    let (code, stdout, _) = command::show(MMAP, &[]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("1 measured"), "{stdout}");
}
