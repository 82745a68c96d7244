//! `--isolation strict`, as a user has it: the same pictures, or a skip with its reason. What a child
//! cannot reach is in shut_in.rs.

mod command;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use command::{allows_strict, faultmap, root, run, show};
use rstest::rstest;
use serde_json::Value;

const STRICT: [&str; 2] = ["--isolation", "strict"];
/// An ordinary user, where root runs the tests.
const NOBODY: u32 = 65534;

/// A reason to be read even where the test passes: the macros of std would be captured.
fn skip(test: &str, reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Every line that `run --json` prints.
fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn all_agree((code, stdout, stderr): (Option<i32>, String, String)) {
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let lines = lines(&stdout);
    assert!(lines.len() > 100, "{} cases", lines.len());
    for line in lines {
        assert_eq!(line["isolation"], "strict", "{line}");
        match line["verdict"].as_str() {
            Some("same") => {}
            // What this machine does not have, as in any other run.
            Some("skipped") => {
                let reason = line["reason"].as_str().unwrap_or_default();
                assert!(!reason.contains("isolation"), "{line}");
            }
            _ => panic!("{line}"),
        }
    }
}

#[rstest]
#[case::on_disk(&[])]
#[case::on_memfds(&["--memfd"])]
fn every_case_is_as_its_snapshot(#[case] place: &[&str]) {
    if !allows_strict() {
        return skip("every_case_is_as_its_snapshot", "this machine refuses strict isolation");
    }
    all_agree(run(faultmap(&["run", "--json"]).args(STRICT).args(place)));
}

/// A folder that anyone can look into, with the command, all cases and their snapshots in it.
fn open_to_all() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // By another process, see places.rs.
    let mut copy = Command::new("cp");
    copy.args(["-r", env!("CARGO_BIN_EXE_faultmap"), "cases", "snapshots"]).arg(dir.path());
    assert!(copy.current_dir(root()).status().unwrap().success());
    dir
}

#[test]
fn every_case_is_as_its_snapshot_for_an_ordinary_user() {
    if !allows_strict() || !nix::unistd::geteuid().is_root() {
        let reason = "root runs it, where strict isolation is allowed";
        return skip("every_case_is_as_its_snapshot_for_an_ordinary_user", reason);
    }
    let dir = open_to_all();
    let files = dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::os::unix::fs::chown(&files, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(dir.path().join("faultmap"));
    command.args(["run", "--json", "--dir", "files"]).args(STRICT).current_dir(dir.path());
    all_agree(run(command.gid(NOBODY).uid(NOBODY)));
}

#[test]
fn one_probe_and_the_words_to_repeat_it() {
    if !allows_strict() {
        return skip(
            "one_probe_and_the_words_to_repeat_it",
            "this machine refuses strict isolation",
        );
    }
    let text =
        "fd = file(100); map = mmap(0, 100, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);";
    let at = ["--access", "read", "--at", "PAGE", "--isolation", "strict"];
    let (code, stdout, _) = show(text, &at);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("SIGSEGV MAPERR"), "{stdout}");
    // A child that is killed for it, and the line that does the same again.
    let (code, stdout, _) = show("raise(SIGKILL);", &STRICT);
    assert_eq!(code, Some(3), "{stdout}");
    assert!(
        stdout.contains("to repeat it: ") && stdout.contains(" --isolation strict\n"),
        "{stdout}"
    );
}

#[test]
fn what_root_alone_may_do_is_skipped() {
    if !allows_strict() || !nix::unistd::geteuid().is_root() {
        let reason = "root runs it, where strict isolation is allowed";
        return skip("what_root_alone_may_do_is_skipped", reason);
    }
    let text = "requires(root);\nfd = file(1);";
    assert_eq!(show(text, &[]).0, Some(0));
    let (code, stdout, _) = show(text, &STRICT);
    assert_eq!(code, Some(4), "{stdout}");
    assert!(
        stdout.contains("requires root; isolation strict leaves root in name only"),
        "{stdout}"
    );
}

/// A shell line in a user namespace, in which this user is root.
fn as_root_of_a_namespace(options: &[&str], line: &str) -> Option<Command> {
    let shell = |line: &str| {
        let mut command = Command::new("unshare");
        command.arg("--user").args(options).args(["sh", "-c", line]).arg(command::BIN);
        command.current_dir(root()).env("NO_COLOR", "1");
        command
    };
    let setup = line.split("exec").next().unwrap_or_default();
    (run(&mut shell(&format!("{setup} true"))).0 == Some(0)).then(|| shell(line))
}

#[rstest]
// None are left.
#[case::by_a_limit(
    &["--map-root-user"], "echo 0 > /proc/sys/user/max_user_namespaces;",
    "user, pid, mount and IPC namespaces cannot be made: No space left on device (os error 28); \
     see the limits in /proc/sys/user"
)]
// As the seccomp profile of a container: here, because this user is nobody (user_namespaces(7)).
#[case::by_permission(
    &[], "",
    "user, pid, mount and IPC namespaces cannot be made: Operation not permitted (os error 1); the seccomp \
     profile of a container"
)]
// A container hides parts of /proc: nobody may mount it once more, and see them.
#[case::by_a_hidden_proc(
    &["--map-root-user", "--mount"], "mount -t tmpfs none /proc/sys;",
    "cannot mount a /proc of its own: Operation not permitted"
)]
fn where_it_is_refused_every_case_is_skipped_with_the_reason(
    #[case] options: &[&str],
    #[case] setup: &str,
    #[case] reason: &str,
) {
    const TEST: &str = "where_it_is_refused_every_case_is_skipped_with_the_reason";
    let memfd = "--memfd --isolation strict";
    let line = format!("{setup} exec \"$0\" run notes --json {memfd}");
    let Some(mut command) = as_root_of_a_namespace(options, &line) else {
        return skip(TEST, "no such namespace can be made here");
    };
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(4), "{stdout}{stderr}");
    for line in lines(&stdout) {
        assert_eq!((&line["verdict"], &line["probes"]), (&"skipped".into(), &0.into()), "{line}");
        let told = line["reason"].as_str().unwrap_or_default();
        assert!(told.starts_with(&format!("isolation strict: {reason}")), "{line}");
    }
    // One probe, and the search.
    for (rest, quiet) in [
        (format!("show notes/map_of_empty_file --access read --at 0 {memfd}"), false),
        (format!("explore --count 1 {memfd}"), true),
    ] {
        let line = format!("{setup} exec \"$0\" {rest}");
        let Some(mut command) = as_root_of_a_namespace(options, &line) else { continue };
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!(code, Some(4), "{stdout}{stderr}");
        assert_eq!(stdout.is_empty(), quiet, "{stdout}");
        assert!(format!("{stdout}{stderr}").contains(reason), "{stdout}{stderr}");
    }
    // What needs none of it goes on.
    let line = format!("{setup} exec \"$0\" show notes/map_of_empty_file --memfd");
    if let Some(mut command) = as_root_of_a_namespace(options, &line) {
        assert_eq!(run(&mut command).0, Some(0));
    }
}

/// Relative, with dots, through a link: the folder is found again below the new root.
#[rstest]
#[case("files")]
#[case("./other/../files")]
#[case("link")]
#[case("other/../../here/files")]
fn a_folder_by_any_name(#[case] name: &str) {
    if !allows_strict() {
        return skip("a_folder_by_any_name", "this machine refuses strict isolation");
    }
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("here");
    for folder in ["files", "other"] {
        std::fs::create_dir_all(here.join(folder)).unwrap();
    }
    std::os::unix::fs::symlink("files", here.join("link")).unwrap();
    std::fs::write(here.join("it.case"), "fd = file(10);\nunlink(fd);\nftruncate(fd, 1);\n")
        .unwrap();
    let mut command = Command::new(command::BIN);
    command.args(["show", "it.case", "--dir", name]).args(STRICT).current_dir(&here);
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains(&format!("in {name}, strictly isolated\n")), "{stdout}");
    assert!(is_empty(&here.join("files")));
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_folder_of_somebody_else() {
    if !allows_strict() || !nix::unistd::geteuid().is_root() {
        let reason = "root runs it, where strict isolation is allowed";
        return skip("a_folder_of_somebody_else", reason);
    }
    // Root may write there, but not root of a user namespace that knows no other user.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let arguments = ["run", "notes/map_of_empty_file", "--dir"];
    let folder = dir.path().to_str().unwrap();
    assert_eq!(run(faultmap(&arguments).arg(folder)).0, Some(0));
    let (code, stdout, _) = run(faultmap(&arguments).arg(folder).args(STRICT));
    assert_eq!(code, Some(4), "{stdout}");
    let reason = format!("cannot make a file in {folder} from a user namespace: Permission denied");
    assert!(stdout.contains(&reason), "{stdout}");
}
