//! All errors of a file are reported, and none that only follows from another.

use faultmap::internals::parse;
use rstest::rstest;

#[rstest]
#[case::two_steps("fd = flie(1);\nclsoe(fd);", &["1:6", "2:1"])]
#[case::a_line_that_is_no_step("requires(rooot);\ntimeout(1);\nfd = flie(1);", &["1:10", "2:9", "3:6"])]
#[case::in_a_block("fork {\n  clsoe(fd);\n}\nfd = flie(1);", &["2:3", "4:6"])]
#[case::the_variable_of_a_wrong_step("map = mmap(0, 1, PROT_RAED);\nsweep(map, read);\nmap[0];", &["1:18"])]
#[case::a_declaration("int fd = file(1);\nread(fd, fd, 1);", &["1:1"])]
#[case::a_missing_semicolon("fd = file(1)\nmap = mmap(0, 1, PROT_READ, MAP_SHARED, fd, 0);\nsweep(map, read);", &["1:12"])]
#[case::a_missing_parenthesis("close(-1;\nclose(-1);\nclsoe(1);", &["1:9", "3:1"])]
#[case::a_missing_brace("fork map[0]; }\nclsoe(1);", &["1:1", "2:1"])]
#[case::a_stray_brace("fd = file(1); }\nclsoe(fd);", &["1:15", "2:1"])]
#[case::an_open_block("clsoe(1);\nfork {\n  close(-1);\n", &["1:1", "2:6"])]
#[case::an_unknown_block("handler(SIGBUS) { foo(); bar(); }\nclsoe(1);", &["1:1", "2:1"])]
#[case::two_branches("if (fork() == 0) { foo(); } else { bar(); }\nclsoe(1);", &["1:1", "2:1"])]
#[case::a_loop("for (i = 0; i < 10; i++) { foo(); }\n", &["1:1"])]
#[case::a_program("#include <stdio.h>\nint main(void) { foo(); }", &["1:1"])]
#[case::a_main("int main(void) {\n  int fd = open(\"x\", O_RDWR);\n  close(fd);\n  return 0;\n}\n", &["1:1"])]
#[case::an_unknown_sign("clsoe(1);\nfd = file(1) ? 2 : 3;", &["1:1", "2:14"])]
#[case::an_unknown_sign_in_a_wrong_step("clsoe(1 ? 2 : 3);", &["1:1"])]
#[case::a_total_that_is_exceeded(&"fd = file(64 * 1024 * 1024);\n".repeat(4), &["2:6"])]
fn each_error_is_reported_once(#[case] text: &str, #[case] places: &[&str]) {
    let place = |at: usize| {
        let before = &text[..at];
        let line = before.matches('\n').count() + 1;
        format!("{line}:{}", at - before.rfind('\n').map_or(0, |end| end + 1) + 1)
    };
    let errors = parse::errors(text.as_bytes());
    let found: Vec<String> = errors.iter().map(|error| place(error.span.start)).collect();
    assert_eq!(found, places, "{errors:#?}");
}

#[test]
fn the_parser_gives_up_after_ten_errors() {
    assert_eq!(parse::errors("clsoe(1);\n".repeat(30).as_bytes()).len(), 10);
}
