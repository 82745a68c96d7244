//! A core file tells the same as the process had told, as far as it goes.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::libc;
use serde_json::Value;

use crate::own_process::{Test, refused_call, test};
use crate::programs::PROGRAMS;
use crate::{Ran, command, exec, missing, ran, this_program};

pub fn tests() -> Vec<Test> {
    vec![
        test("core::tells_what_the_process_told", same_as_live).unless(no_core),
        test("core::tells_guard_pages_and_stacks", guards).unless(no_core),
        test("core::is_read_from_a_pipe", from_a_pipe).unless(no_core),
        test("core::is_read_where_tracing_is_refused", where_refused).unless(no_core),
        test("core::other_files_are_refused", other_files),
        test("core::nothing_is_read_in_a_program_that_was_built_anew", built_anew)
            .unless(no_core)
            .unless(|| missing("gcc")),
        test("core::the_caller_of_a_wild_jump_is_told", caller_of_a_jump).unless(no_core),
    ]
}

/// The reason why no core file is written to the current folder. (core(5))
fn no_core() -> Option<String> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    (pattern.trim_end() != "core").then(|| "core_pattern names another place".to_owned())
}

/// Runs a program that leaves its core file in its folder.
fn dumped(name: &str) -> (Ran, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut program = Command::new(this_program());
    program.args(["--program", name]);
    dumped_by(program, folder)
}

fn dumped_by(mut program: Command, folder: tempfile::TempDir) -> (Ran, Vec<u8>) {
    allow_cores(&mut program);
    let ran = ran(program.current_dir(&folder), folder);
    let core = std::fs::read_dir(&ran.folder).expect("it is there").flatten();
    let core = core.map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))
    });
    let core = std::fs::read(core.expect("a core file")).expect("it can be read");
    (ran, core)
}

fn allow_cores(program: &mut Command) {
    // SAFETY: setrlimit(2) is a system call and no more.
    unsafe {
        program.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 1 << 30, rlim_max: libc::RLIM_INFINITY };
            libc::setrlimit(libc::RLIMIT_CORE, &limit);
            Ok(())
        })
    };
}

fn explained(core: &[u8]) -> (Option<i32>, String, String) {
    let mut command = Command::new(command::BIN);
    command.args(["exec", "--json", "--core", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    // It may be refused before it is read to its end.
    let _ = child.stdin.take().expect("a pipe").write_all(core);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn same_as_live() {
    // A guard page looks like any other in a core file, and a stack like other memory.
    let unknown = ["guard_page", "stack_overflow", "protection_key", "full_disk", "no_huge_page"];
    let own_end = [
        "handler_exits",
        "handler_aborts",
        "handler_raises_again",
        "a_child",
        // The kernel says SI_KERNEL of the signal that has ended it.
        "overflow_with_a_handler",
    ];
    let rows = PROGRAMS.iter().filter(|row| (row.refused)().is_none());
    for row in rows.filter(|row| !unknown.contains(&row.name) && !own_end.contains(&row.name)) {
        let live = exec(&["--json"], row.name).report();
        let (ran, core) = dumped(row.name);
        let (code, told, error) = explained(&core);
        assert_eq!(code, Some(0), "{}: {error}", row.name);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        for field in ["signal", "code", "access", "bytes"] {
            assert_eq!(told[field], live[field], "{}: {field}", row.name);
        }
        assert_eq!(told["function"]["function"], live["function"]["function"], "{}", row.name);
        assert_eq!(told["map"]["byte"], live["map"]["byte"], "{}: {told}", row.name);
        if !ran.announced().is_empty() {
            assert_eq!(told["address"], ran.announced(), "{}", row.name);
        }
    }
}

/// A page without any access has a part of the core file, and one that is a guard has none.
fn guards() {
    for name in [
        "between_maps",
        "thread_overflow",
        "stack_overflow",
        "overflow_with_a_handler",
        "no_access",
        "guard_page",
    ] {
        let row = PROGRAMS.iter().find(|row| row.name == name).expect("a program of this name");
        if (row.refused)().is_some() {
            continue;
        }
        let (_, core) = dumped(name);
        let (code, told, error) = explained(&core);
        assert_eq!(code, Some(0), "{name}: {error}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["cause"], row.cause, "{name}: {told}");
    }
}

fn from_a_pipe() {
    let (ran, core) = dumped("past_end_of_file");
    let (_, told, _) = explained(&core);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["cause"], "past_end_of_file", "{told}");
    assert_eq!(told["file"]["size"], 2200, "{told}");
    let path = ran.folder.path().join("core");
    if path.is_file() {
        let arguments = ["exec", "--core", path.to_str().expect("UTF-8"), "--expect", "SIGSEGV"];
        let output = Command::new(command::BIN).args(arguments).output();
        assert_eq!(output.expect("it can be started").status.code(), Some(1));
    }
}

/// Builds a program in C, in which this function stores to NULL.
fn build(folder: &Path, function: &str, option: &str) {
    let text = format!(
        "int {function}(int *at) {{ *at = 1; return 2; }}\nint main() {{ return {function}(0); }}\n"
    );
    std::fs::write(folder.join("program.c"), text).expect("room");
    let arguments = ["-g", "-O0", option, "program.c", "-o", "program"];
    let built = Command::new("gcc").args(arguments).current_dir(folder).status();
    assert!(built.expect("it is installed").success());
}

fn built_anew() {
    for option in ["-Wl,--build-id=sha1", "-Wl,--build-id=none"] {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        build(folder.path(), "one", option);
        let program = Command::new(folder.path().join("program"));
        let (ran, core) = dumped_by(program, folder);
        let (_, told, error) = explained(&core);
        let same: Value = serde_json::from_str(&told).expect(&error);
        assert_eq!(same["function"]["function"], "one", "{option}: {same}");
        assert_eq!(same["access"], "store", "{option}: {same}");
        assert_eq!(same["function"]["mismatch"], Value::Null, "{option}: {same}");
        // A core file has the name of the process alone.
        assert_eq!(same["thread"]["name"], Value::Null, "{same}");
        assert_eq!(same["process"]["name"], "program", "{same}");
        build(ran.folder.path(), "another_function_of_a_longer_name", option);
        let (_, told, error) = explained(&core);
        let other: Value = serde_json::from_str(&told).expect(&error);
        for field in ["function", "line"] {
            assert_eq!(other["function"][field], Value::Null, "{option}: {other}");
        }
        assert_eq!(other["access"], Value::Null, "{option}: {other}");
        assert_eq!(other["function"]["mismatch"], "other_file", "{option}: {other}");
        assert_eq!(other["function"]["address"], same["function"]["address"], "{option}");
    }
}

fn caller_of_a_jump() {
    for name in ["calls_null", "jumps_into_data"] {
        let live = exec(&["--json"], name).report();
        let (_, core) = dumped(name);
        let (_, told, error) = explained(&core);
        let told: Value = serde_json::from_str(&told).expect(&error);
        assert!(live["caller"]["function"].is_string(), "{name}: {live}");
        assert_eq!(told["caller"]["function"], live["caller"]["function"], "{name}: {told}");
    }
}

fn where_refused() {
    refused_call::refuse_call(libc::SYS_ptrace, libc::EPERM);
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut program = Command::new(command::BIN);
    program.args(["exec", "--"]).arg(this_program()).args(["--program", "past_end_of_file"]);
    program.current_dir(&folder);
    allow_cores(&mut program);
    let ran = ran(&mut program, folder);
    assert_eq!(ran.signal, Some(libc::SIGBUS), "{}", ran.told);
    assert!(ran.told.contains("SIGBUS BUS_ADRERR: load of 1 byte at byte"), "{}", ran.told);
}

fn other_files() {
    for (bytes, reason) in [
        (&b""[..], "no core file"),
        (b"#!/bin/sh\n", "no core file"),
        (&std::fs::read(command::BIN).expect("the command"), "is an ELF file, and no core file"),
    ] {
        let (code, told, error) = explained(bytes);
        assert_eq!((code, &*told), (Some(125), ""), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let output = Command::new(command::BIN).args(["exec", "--core", "/dev/zero"]).output();
    let output = output.expect("it can be started");
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no regular file"));
    // The first bytes of one tell only that it is one.
    if no_core().is_none() {
        let (_, core) = dumped("null");
        let (code, _, error) = explained(&core[..1024]);
        assert_eq!(code, Some(125), "{error}");
        assert!(error.contains("is a core file that was cut short: it has 1024 bytes"), "{error}");
    }
    // Half a core file is no reason to crash.
    if no_core().is_none() {
        let (_, core) = dumped("past_end_of_file");
        for cut in [64, 100, 1000, 5000, core.len() / 2, core.len() - 1] {
            let (code, _, error) = explained(&core[..cut]);
            assert!(matches!(code, Some(0 | 125)), "{cut} bytes: {code:?} {error}");
        }
    }
}
