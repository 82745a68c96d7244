//! Where files cannot live and processes cannot be forked: a clear message and the right exit code.

mod command;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use command::{faultmap, run};

const CASE: &str = "fd = file(10000);\nmap = mmap(0, 10000, PROT_READ, MAP_SHARED, fd, 0);\n\
                    sweep(map, read);\n";
/// An ordinary user for what root is not held to.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A reason to be read even where the test passes: the macros of std would be captured.
fn skip(test: &str, reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// A folder that anyone can look into, with the command and a case in it.
fn open_to_all() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_faultmap"), dir.path().join("faultmap")).unwrap();
    std::fs::write(dir.path().join("it.case"), CASE).unwrap();
    dir
}

/// A shell line as an ordinary user, with `faultmap` and `it.case` in its folder.
fn as_ordinary_user(dir: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(dir).env("NO_COLOR", "1");
    if is_root() {
        command.gid(NOBODY).uid(NOBODY);
    }
    command
}

#[test]
fn a_folder_that_is_not_there() {
    let (code, stdout, stderr) =
        run(&mut faultmap(&["run", "notes/map_of_empty_file", "--dir", "/no/such/folder"]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("cannot make a file in /no/such/folder"), "{stderr}");
    assert!(stderr.contains("--dir DIR names another folder"), "{stderr}");
}

#[test]
fn a_folder_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = faultmap(&["run", "notes/map_of_empty_file", "--dir"]);
    let (code, stdout, stderr) = run(command.arg(file.path()));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("Not a directory"), "{stderr}");
}

#[test]
fn a_folder_that_may_not_be_written_to() {
    let dir = open_to_all();
    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let line = "exec ./faultmap show it.case --dir closed";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("cannot make a file in closed: Permission denied"), "{stderr}");
}

#[test]
fn a_full_file_system() {
    let dir = open_to_all();
    std::fs::create_dir(dir.path().join("small")).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // A mount of its own, in namespaces of its own: as any user, where the machine lets one.
    let unshare = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", line]);
        command.current_dir(dir.path()).env("NO_COLOR", "1");
        command
    };
    let mount = "mount -t tmpfs -o size=4k none small";
    match unshare(mount).output() {
        Ok(output) if output.status.success() => {}
        _ => return skip("a_full_file_system", "no mount can be made here"),
    }
    for (filled, says) in [
        // No room at all: nothing is begun.
        ("head -c 4096 /dev/zero > small/filler", "cannot make a file in small: No space left"),
        // Room for a byte, but not for the files of the case.
        ("true", "cannot make a file of 10000 bytes in small: No space left"),
    ] {
        let line = format!("{mount}; {filled}; ./faultmap show it.case --dir small");
        let (code, stdout, stderr) = run(&mut unshare(&line));
        assert_eq!(code, Some(3), "{stdout}{stderr}");
        assert!(format!("{stdout}{stderr}").contains(says), "{stdout}{stderr}");
    }
}

#[test]
fn no_permission_to_fork() {
    let dir = open_to_all();
    // bash and others call the limit -u, dash calls it -p.
    let line = "ulimit -u 0 2>/dev/null || ulimit -p 0; exec ./faultmap show it.case";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("cannot fork: Resource temporarily unavailable"), "{stderr}");
    assert!(stderr.contains("ulimit -u"), "{stderr}");
}

#[test]
fn an_ordinary_user_needs_nothing_more() {
    let dir = open_to_all();
    let line = "exec ./faultmap show it.case --memfd";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("SIGSEGV MAPERR"), "{stdout}");
}

#[test]
fn nobody_reads_the_output() {
    let line = format!("{} run --jobs 1 | head -n 1", env!("CARGO_BIN_EXE_faultmap"));
    let mut command = Command::new("sh");
    let (code, stdout, stderr) = run(command.args(["-c", &line]).current_dir(command::root()));
    assert_eq!((code, stdout.lines().count(), stderr.as_str()), (Some(0), 1, ""));
}
