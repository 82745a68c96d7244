//! Whatever calls itself Linux may lack a system call, /proc, or every folder for temporary files. A run does without,
//! says so in its last line, and answers what it answers elsewhere.
//!
//! Each test has a process of its own, because it takes something away from its process for good.

mod command;
mod own_process;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::process::{Command, ExitCode, Stdio};

use command::{BIN, run};
use nix::libc;
use own_process::refused_call::{refuse_call, refuse_clone_with, refuse_open_with, refuse_prctl};
use own_process::{Test, table, test};
use rustix::mount::{MountFlags, mount};

/// A call that this machine lacks, and what the last line says of that; nothing if it makes no difference.
type Lack = (&'static [libc::c_long], &'static str);

fn main() -> ExitCode {
    let pidfd = &[libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_pidfd_getfd];
    let calls: [(&str, Lack); 10] = [
        ("memfd", (&[libc::SYS_memfd_create], "; without memfd: ")),
        ("seccomp", (&[libc::SYS_seccomp], "; without seccomp: ")),
        ("landlock", (&[libc::SYS_landlock_create_ruleset], "; without Landlock: ")),
        ("pidfd", (pidfd, "")),
        ("close_range", (&[libc::SYS_close_range], "")),
        ("unshare", (&[libc::SYS_unshare], "")),
        ("clone3", (&[libc::SYS_clone3], "")),
        ("openat2", (&[libc::SYS_openat2], "")),
        ("rseq", (&[libc::SYS_rseq], "")),
        ("getrandom", (&[libc::SYS_getrandom], "")),
    ];
    let mut tests: Vec<Test> = table("without", &calls, without_these_calls).collect();
    let mounts: &[&str] = &["--user", "--map-root-user", "--mount"];
    tests.extend([
        test("without::subreaper", without_a_subreaper),
        test("without::namespaces", without_namespaces),
        test("without::files_that_have_no_name", without_files_that_have_no_name),
        test("without::proc", without_proc).inside(mounts),
        test("without::proc_and_dev", without_proc_and_dev).inside(mounts),
        test("without::folders_for_temporary_files", without_temporary_folders).inside(mounts),
        test("with_one_cpu", with_one_cpu),
        test("with_nothing_open", with_nothing_open),
    ]);
    own_process::run(tests)
}

/// The command in `/`, without Cargo's variables: the built-in cases.
fn faultmap(arguments: &[&str]) -> Command {
    let mut command = Command::new(BIN);
    // Without /dev nobody can open /dev/null for it.
    command.args(arguments).current_dir("/").env_clear().stdin(Stdio::inherit());
    command
}

/// Runs a family of cases. Returns the last line, which counts no error and no difference.
fn last_line(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(faultmap(&["run", "-q", "notes"]).args(arguments));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let last = stdout.lines().last().expect("a last line").to_owned();
    assert!(last.contains(" 0 changed, 0 new, ") && last.contains(" 0 harness errors"), "{last}");
    last
}

fn skipped(last: &str) -> usize {
    let (before, _) = last.split_once(" skipped").expect("a number of them");
    before.rsplit(' ').next().expect("a word").parse().expect("a number")
}

fn without_these_calls((calls, says): Lack) {
    calls.iter().for_each(|call| refuse_call(*call, libc::ENOSYS));
    let last = last_line(&["--dir", "/tmp"]);
    assert!(last.contains(says), "{last}");
    assert_eq!(last.contains("; without"), !says.is_empty(), "{last}");
    let lacks_memfd = calls.contains(&libc::SYS_memfd_create);
    assert!(skipped(&last) == 0 || lacks_memfd, "{last}");
}

fn without_a_subreaper() {
    refuse_prctl(libc::PR_SET_CHILD_SUBREAPER, libc::EINVAL);
    let last = last_line(&[]);
    assert!(last.contains("; without orphans: "), "{last}");
}

fn without_namespaces() {
    let all = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC;
    refuse_clone_with(all, libc::EINVAL);
    assert_eq!(skipped(&last_line(&[])), 0);
    let strictly = &["run", "-q", "notes", "--isolation", "strict"];
    let (code, stdout, stderr) = run(&mut faultmap(strictly));
    assert_eq!(code, Some(4), "{stdout}{stderr}");
}

fn without_files_that_have_no_name() {
    refuse_open_with(libc::O_TMPFILE & !libc::O_DIRECTORY, libc::EOPNOTSUPP);
    assert_eq!(skipped(&last_line(&[])), 0);
}

/// Lays an empty file system over a folder, in the namespaces of this test.
fn hide(folder: &str, flags: MountFlags) {
    mount("none", folder, "tmpfs", flags, None).expect("it is allowed in here");
}

fn without_proc() {
    hide("/proc", MountFlags::empty());
    let last = last_line(&[]);
    assert!(last.contains("; without /proc: No such file or directory"), "{last}");
    assert!(skipped(&last) > 0, "{last}");
}

fn without_proc_and_dev() {
    hide("/proc", MountFlags::empty());
    hide("/dev", MountFlags::empty());
    let last = last_line(&[]);
    assert!(last.contains("; without /proc: "), "{last}");
}

fn without_temporary_folders() {
    // The command itself may lie in one of them.
    let own = File::open(BIN).expect("the command");
    hide("/tmp", MountFlags::RDONLY);
    hide("/dev/shm", MountFlags::RDONLY);
    let mut command = Command::new(format!("/proc/self/fd/{}", own.as_raw_fd()));
    command.args(["run", "-q", "notes"]).current_dir("/").env_clear();
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("files on tmpfs in memfd"), "{stdout}");
}

fn with_one_cpu() {
    let mut one = rustix::thread::CpuSet::new();
    one.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &one).expect("it runs there already");
    assert_eq!(skipped(&last_line(&[])), 0);
}

/// Without standard input, output and error, nobody is told; the exit code is what it is elsewhere.
fn with_nothing_open() {
    for (arguments, code) in [("run notes/map_of_empty_file", 0), ("show /nonexistent.case", 2)] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {BIN} {arguments} <&- >&- 2>&-")]).current_dir("/");
        let status = shell.env_clear().status().expect("sh(1)");
        assert_eq!(status.code(), Some(code), "{arguments}");
    }
}
