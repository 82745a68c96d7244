//! The pictures do not depend on the environment in which the command is started.

mod command;
mod own_process;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use command::{BIN, case_file, root, run};
use own_process::{refusal, table, test};

const CLOSED: &[(&str, &str)] = &[("stdin", "0<&-"), ("stderr", "2>&-"), ("both", "0<&- 2>&-")];
const MOUNTED: &[(&str, &str)] = &[
    (
        "read_only_working_directory",
        "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch x 2> /dev/null",
    ),
    ("tiny_dev_shm", "mount -t tmpfs -o size=4k none /dev/shm"),
    ("no_dev_shm", "mount -t tmpfs -o ro none /dev/shm && ! touch /dev/shm/x 2> /dev/null"),
];
const OWN_MOUNTS: &[&str] = &["--user", "--map-root-user", "--mount"];
const OWN_PROCESSES: &[&str] = &["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];

fn main() -> ExitCode {
    let mounts = || refusal::namespaces(OWN_MOUNTS);
    let processes = || refusal::namespaces(OWN_PROCESSES);
    let mut tests = vec![
        test("closed_stdout", closed_stdout),
        test("small_stack", small_stack),
        test("too_few_descriptors", too_few_descriptors),
        test("others_get_to_run", others_get_to_run),
        test("as_process_1", || as_process_1("default")).unless(processes),
        test("as_process_1_in_strict_isolation", || as_process_1("strict"))
            .unless(processes)
            .unless(refusal::strict_isolation),
        test("process_1_ends_on_sigterm", process_1_ends_on_sigterm).unless(processes),
        test("a_path_that_does_not_exist_is_a_skip", not_there_to_be_opened).unless(mounts),
    ];
    tests.extend(table("closed_streams", CLOSED, closed_streams));
    let mounted = table("mounts_change_no_picture", MOUNTED, mounts_change_no_picture);
    tests.extend(mounted.map(|test| test.unless(mounts)));
    own_process::run(tests)
}

/// A shell line in new namespaces, with the command as $0.
fn in_namespaces(options: &[&str], line: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new("unshare");
    command.args(options).args(["sh", "-c", line, BIN]);
    run(command.current_dir(root()).env("NO_COLOR", "1"))
}

fn all_the_same((code, stdout, stderr): (Option<i32>, String, String)) {
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap_or_default();
    assert!(last.contains(" same, 0 changed, 0 new, "), "{stdout}{stderr}");
    assert!(last.contains(", 0 harness errors; by the model 0 split"), "{stdout}{stderr}");
    assert_eq!(stderr, "");
}

fn closed_streams(closed: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" run notes {closed}"), BIN]).current_dir(root());
    all_the_same(run(&mut command));
}

fn small_stack() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -s 192; exec \"$0\" run notes", BIN]).current_dir(root());
    all_the_same(run(&mut command));
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -H -s 48; ulimit -s 48; exec \"$0\" list", BIN]);
    let (code, _, stderr) = run(command.current_dir(root()));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("the stack is limited to 49152 bytes here"), "{stderr}");
}

fn closed_stdout() {
    // The pictures are lost, and no other output went to the closed descriptor.
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" run notes >&-", BIN]).current_dir(root());
    assert_eq!(run(&mut command), (Some(0), String::new(), String::new()));
}

/// F_DUPFD fails with EINVAL for a number beyond the limit (fcntl(2)). The message must name the limit.
fn too_few_descriptors() {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=20", BIN, "run", "notes/map_of_empty_file"]).current_dir(root());
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    let said = |errno| stdout.contains(&std::io::Error::from_raw_os_error(errno).to_string());
    assert!(!said(nix::libc::EINVAL), "{stdout}{stderr}");
    // A kernel without Landlock gives no such message.
    assert!(said(nix::libc::EMFILE) || !stdout.contains("cannot keep"), "{stdout}{stderr}");
}

/// The command may be process 1 of a container: it must reap orphans, and signals without a handler do not
/// end it.
fn as_process_1(level: &str) {
    let line = format!("test $$ = 1 && exec \"$0\" run notes --isolation {level}");
    all_the_same(in_namespaces(OWN_PROCESSES, &line));
}

fn process_1_ends_on_sigterm() {
    // One shell is process 1 and becomes the command. Another shell sends the signal when the first case has been
    // told; the second case waits for ten seconds.
    let (cases, first) =
        case_file("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n");
    let second = cases.path().join("waits.case");
    std::fs::write(&second, "timeout(10000ms);\npause();\n").expect("it can be written");
    let told = cases.path().join("told");
    let line = format!(
        "(until [ -s {told} ]; do sleep 0.1; done; kill -TERM 1) &
        exec \"$0\" run --verbose --jobs 1 {first} {second} > {told}",
        told = told.display(),
        first = first.display(),
        second = second.display(),
    );
    let (code, _, stderr) = in_namespaces(OWN_PROCESSES, &line);
    let stdout = std::fs::read_to_string(told).expect("what was told");
    assert_eq!(code, Some(143), "{stdout}{stderr}");
    assert!(stdout.contains("not measured because of SIGTERM"), "{stdout}{stderr}");
}

/// A process in another session, such as the shell that must react to Ctrl-C, gets time on the cores during a
/// run: this test must finish its naps before the command has probed all bytes of all cases.
fn others_get_to_run() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut command = Command::new("setsid");
    command.args([BIN, "run", "--exhaustive", "--jobs", &cores]).current_dir(root());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = command.spawn().expect("setsid(1)");
    (0..100).for_each(|_| std::thread::sleep(Duration::from_millis(20)));
    let ended = running.try_wait().expect("it was started");
    running.kill().expect("it is there");
    running.wait().expect("it ends");
    assert_eq!(ended, None, "all was probed before");
}

fn mounts_change_no_picture(mount: &str) {
    all_the_same(in_namespaces(OWN_MOUNTS, &format!("{mount} && exec \"$0\" run notes")));
}

fn not_there_to_be_opened() {
    let line = "mount -t tmpfs -o ro none /dev && exec \"$0\" run --json notes/dev_zero_shared";
    let (code, stdout, stderr) = in_namespaces(OWN_MOUNTS, line);
    assert_eq!(code, Some(4), "{stdout}{stderr}");
    assert!(stdout.contains("\"reason\":\"there is no /dev/zero here\""), "{stdout}{stderr}");
}
