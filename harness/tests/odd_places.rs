//! Some folders and outputs cannot do what the command needs. It then ends with the right exit code, and
//! removes only files of its own.
//!
//! Each test has a process of its own, because some tests change the rights of their process.

mod command;
mod fuse;
mod own_process;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use command::{BIN, case_file, faultmap, run};
use fuse::{Silent, answer_init, beside_fuse};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use own_process::refusal;
use own_process::refused_call::refuse_call;
use own_process::{Test, table, test};

const UNLINKS: &str = "fd = file(10);\nunlink(fd);\nftruncate(fd, 1);\n";

fn main() -> ExitCode {
    let errors = [("enosys", libc::ENOSYS), ("eperm", libc::EPERM), ("enolck", libc::ENOLCK)];
    let mut tests: Vec<Test> =
        table("a_file_system_without_locks", &errors, a_file_system_without_locks).collect();
    tests.push(test("a_lock_that_is_always_taken", a_lock_that_is_always_taken));
    let outputs: [(&str, &[&str]); 5] = [
        ("run", &["run", "notes/map_of_empty_file"]),
        ("wrong_folder", &["run", "--dir", "/nonexistent"]),
        ("wrong_option", &["run", "--bogus"]),
        ("no_such_case", &["show", "/nonexistent.case"]),
        ("explore", &["explore", "--count", "1", "--out", "/nonexistent"]),
    ];
    tests.extend(table("stderr_that_is_full", &outputs, stderr_that_is_full));
    tests.extend(table("a_file_size_limit_of_0", &outputs, a_file_size_limit_of_0));
    let rest: [(&str, fn()); 5] = [
        ("a_case_that_is_a_loop_of_links", a_case_that_is_a_loop_of_links),
        ("a_folder_with_a_newline_in_its_name", a_folder_with_a_newline_in_its_name),
        ("files_of_others_stay", files_of_others_stay),
        ("an_empty_tmpdir_is_none", an_empty_tmpdir_is_none),
        ("a_folder_for_splits_is_looked_at_first", a_folder_for_splits_is_looked_at_first),
    ];
    tests.extend(rest.into_iter().map(|(name, body)| -> Test { test(name, body) }));
    let silent = [("from_the_start", false), ("after_its_first_answer", true)];
    let hangs = [("ctrl_c", (Signal::SIGINT, 130)), ("sigterm", (Signal::SIGTERM, 143))];
    for (word, answers) in silent {
        let name = |test: &str| format!("a_file_system_that_is_silent_{word}::{test}");
        for (signal, row) in hangs {
            let test = beside_fuse(test(name(signal), move || ends_on_a_signal(answers, row)));
            tests.push(if signal == "ctrl_c" { test.unless(refusal::interrupts) } else { test });
        }
        tests.push(beside_fuse(test(name("explore"), move || explore_ends(answers))));
    }
    own_process::run(tests)
}

fn show(files: &Path, text: &str) -> (Option<i32>, String, String) {
    let (_dir, case) = case_file(text);
    run(faultmap(&["show"]).arg(case).arg("--dir").arg(files))
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("it is there").count()
}

/// The command makes the file without a lock. It removes no file that may belong to another run.
fn a_file_system_without_locks(errno: i32) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".faultmap-123456789.tmp"), "").unwrap();
    refuse_call(libc::SYS_flock, errno);
    let (code, stdout, stderr) = show(dir.path(), UNLINKS);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(count(dir.path()), 1);
}

fn a_lock_that_is_always_taken() {
    let dir = tempfile::tempdir().unwrap();
    refuse_call(libc::SYS_flock, libc::EWOULDBLOCK);
    let (code, stdout, stderr) = show(dir.path(), UNLINKS);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stdout.contains("Resource temporarily unavailable"), "{stdout}");
    assert_eq!(count(dir.path()), 0);
}

fn stderr_that_is_full(arguments: &[&str]) {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("any machine has it");
    let status = faultmap(arguments).stdout(full()).stderr(full()).status().unwrap();
    assert!(matches!(status.code(), Some(2 | 3)), "{status}");
}

fn a_file_size_limit_of_0(arguments: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| Stdio::from(File::create(dir.path().join(name)).unwrap());
    let command = faultmap(arguments);
    let mut limited = Command::new("prlimit");
    limited.arg("--fsize=0").arg(command.get_program()).args(command.get_args());
    limited.current_dir(command::root()).stdout(file("out")).stderr(file("err"));
    let status = limited.status().expect("prlimit(1)");
    assert!(matches!(status.code(), Some(2 | 3)), "{status}");
}

fn files_of_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let ours = ".faultmap-111111111.tmp";
    std::fs::write(at(ours), "").unwrap();
    // These files of a user have other names.
    let mut kept = vec![".faultmap-notes", ".faultmap-my-notes.tmp", ".faultmap-"];
    kept.iter().for_each(|name| std::fs::write(at(name), "mine").unwrap());
    // These have a name as ours, but are no regular file, or have a second name.
    std::fs::create_dir(at(".faultmap-222222222.tmp")).unwrap();
    symlink(at(".faultmap-notes"), at(".faultmap-333333333.tmp")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at(".faultmap-444444444.tmp"), 0o600.into()).unwrap();
    std::fs::write(at(".faultmap-555555555.tmp"), "two names").unwrap();
    std::fs::hard_link(at(".faultmap-555555555.tmp"), at("second")).unwrap();
    kept.extend([".faultmap-222222222.tmp", ".faultmap-333333333.tmp", ".faultmap-444444444.tmp"]);
    kept.extend([".faultmap-555555555.tmp", "second"]);
    if nix::unistd::geteuid().is_root() {
        std::fs::write(at(".faultmap-666666666.tmp"), "somebody else's").unwrap();
        std::os::unix::fs::chown(at(".faultmap-666666666.tmp"), Some(65534), None).unwrap();
        kept.push(".faultmap-666666666.tmp");
    }
    let (code, stdout, stderr) = show(dir.path(), UNLINKS);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(!at(ours).exists());
    for name in kept {
        assert!(at(name).symlink_metadata().is_ok(), "{name} is gone");
    }
}

fn a_case_that_is_a_loop_of_links() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it.case");
    symlink(&path, &path).unwrap();
    let cause = path.metadata().expect_err("it leads to itself");
    let (code, stdout, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains(&cause.to_string()), "{stderr}");
}

fn a_folder_with_a_newline_in_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = show(&dir.path().join("two\nlines"), UNLINKS);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("two\\nlines") && !stderr.contains("two\nlines"), "{stderr}");
}

fn an_empty_tmpdir_is_none() {
    let (_dir, case) = case_file(UNLINKS);
    let here = tempfile::tempdir().unwrap();
    let mut command = Command::new(BIN);
    command.arg("show").arg(case).env("TMPDIR", "").current_dir(here.path());
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains(" in /tmp, "), "{stdout}");
}

fn a_folder_for_splits_is_looked_at_first() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let out = dir.path().join(name);
        let (code, stdout, stderr) = run(faultmap(&["explore", "--count", "1", "--out"]).arg(&out));
        assert_eq!((code, stdout), (Some(2), String::new()), "{stderr}");
        assert!(stderr.contains("cannot write cases to "), "{stderr}");
    }
    let (code, _, stderr) = run(faultmap(&["explore", "--count", "1", "--out"]).arg(dir.path()));
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(count(dir.path()), 1, "nothing of the look is left");
}

/// A file system whose server answers nothing, or only the first request.
fn silent_after_an_answer(answers: bool) -> Silent {
    let silent = Silent::mount();
    if answers {
        answer_init(&silent.server);
    }
    silent
}

fn ends_on_a_signal(answers: bool, (signal, code): (Signal, i32)) {
    let silent = silent_after_an_answer(answers);
    let mut command = faultmap(&["run", "notes/map_of_empty_file", "--dir"]);
    command.arg(silent.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    let pid = running.id();
    // The command watches for signals before it checks the folder.
    let list = format!("/proc/{pid}/task/{pid}/children");
    while std::fs::read_to_string(&list).unwrap_or_default().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kill(Pid::from_raw(pid as i32), signal).unwrap();
    let output = running.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(&format!("{signal} ended the run before ")), "{stderr}");
}

fn explore_ends(answers: bool) {
    let out = tempfile::tempdir().expect("a folder for temporary files");
    let silent = silent_after_an_answer(answers);
    let (code, stdout, stderr) = run(faultmap(&["explore", "--for", "1s", "--out"])
        .arg(out.path())
        .arg("--dir")
        .arg(silent.path()));
    assert_eq!((code, stdout), (Some(3), String::new()), "{stderr}");
    assert!(stderr.contains(" did not answer within 1s"), "{stderr}");
}
