//! Programs are compiled by whatever compilers are here, without a warning, and run in a folder of their own.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use tempfile::TempDir;

/// The folder in which programs are built, and make their files.
pub const DIR: &str = env!("CARGO_TARGET_TMPDIR");

/// The compilers: a name, and what starts one. What an access does must not depend on how it is compiled.
pub const COMPILERS: &[(&str, &[&str])] = &[
    ("cc", &["cc", "-O0"]),
    ("optimised", &["cc", "-O2", "-D_FORTIFY_SOURCE=2"]),
    ("clang", &["clang", "-O2"]),
    ("musl", &["musl-gcc", "-O2"]),
];

/// The compiler of most tests.
pub const CC: &[&str] = COMPILERS[0].1;

/// Returns why there is no such compiler, if there is none.
pub fn lacks(compiler: &str) -> Option<String> {
    let is_there = Command::new(compiler).arg("--version").output().is_ok();
    (!is_there).then(|| format!("there is no {compiler} here"))
}

/// What a program prints that has seen nothing else than it expects.
const AGREED: &str = "all is as expected\n";

/// Fails if a program says that anything is not as expected.
pub fn agrees(text: &str) -> Result<(), String> {
    match ran(CC, text) {
        (Some(0), said) if said == AGREED => Ok(()),
        (code, said) => Err(format!("exit code {code:?}\n{said}\n{text}")),
    }
}

/// Compiles a program and runs it. Returns its exit code, and what it has printed.
pub fn ran(compiler: &[&str], text: &str) -> (Option<i32>, String) {
    let dir = compiled(compiler, text);
    let output = Command::new(dir.path().join("it")).current_dir(dir.path()).output();
    let output = output.expect("it can be run");
    assert_eq!((output.status.signal(), output.stderr.as_slice()), (None, &b""[..]));
    let mut left: Vec<_> = std::fs::read_dir(&dir).expect("its folder").flatten().collect();
    left.retain(|entry| entry.file_name().to_string_lossy().starts_with("faultmap"));
    assert!(left.is_empty(), "{left:?} are left");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compiles a program. Returns the folder with `it` in it.
pub fn compiled(compiler: &[&str], text: &str) -> TempDir {
    let dir = TempDir::new_in(DIR).expect("a folder");
    std::fs::write(dir.path().join("it.c"), text).expect("written");
    let mut command = Command::new(compiler[0]);
    command.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", "it"]).args(&compiler[1..]);
    let output = command.arg("it.c").current_dir(&dir).output().expect("it can be started");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    dir
}
