//! Runs the `faultmap` command as a user does.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The path of the command.
pub const BIN: &str = env!("CARGO_BIN_EXE_faultmap");

/// Returns the command with these arguments, in the project's folder.
pub fn faultmap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultmap"));
    command.args(arguments).current_dir(root()).env("NO_COLOR", "1");
    command
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds harness/")
}

/// Runs the command. Returns its exit code, stdout and stderr.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the command can be started");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// Makes a folder that every user can read, with the command and these folders of the project in it.
pub fn open_to_all(folders: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).expect("it is our own");
    // Another process copies them: a file that a thread has open for writing while another thread forks
    // cannot be executed (execve(2), ETXTBSY).
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(BIN).args(folders).arg(dir.path()).current_dir(root());
    assert!(copy.status().expect("cp(1)").success());
    dir
}

/// Makes a folder with this text in `it.case`. Returns it, and the path of the file.
pub fn case_file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let path = dir.path().join("it.case");
    std::fs::write(&path, text).expect("it can be written to");
    (dir, path)
}

/// Runs `show` on a case of this text, with these further arguments.
pub fn show(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let (_dir, path) = case_file(text);
    run(faultmap(&["show"]).arg(path).args(arguments))
}
