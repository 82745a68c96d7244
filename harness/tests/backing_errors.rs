//! Folders that cannot hold files, and limits on processes, end the command with a clear message and exit
//! code.

mod command;
mod own_process;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use command::{faultmap, open_to_all, run};
use own_process::refusal::{self, NOBODY};
use own_process::test;

const CASE: &str = "fd = file(10000);\nmap = mmap(0, 10000, PROT_READ, MAP_SHARED, fd, 0);\n\
                    sweep(map, read);\n";
const OWN_MOUNTS: &[&str] = &["--user", "--map-root-user", "--mount"];

fn main() -> ExitCode {
    let mut tests = vec![
        test("a_folder_that_is_not_there", a_folder_that_is_not_there),
        test("a_folder_that_is_a_file", a_folder_that_is_a_file),
        test("output_without_a_reader", output_without_a_reader),
        test("output_that_is_lost", output_that_is_lost),
        test("too_few_descriptors", too_few_descriptors),
        test("a_limit_on_the_size_of_files", a_limit_on_the_size_of_files),
        test(
            "descriptors_of_the_caller_are_out_of_reach",
            descriptors_of_the_caller_are_out_of_reach,
        ),
        test("the_callers_other_children_live_on", the_callers_other_children_live_on),
        test("a_snapshot_that_is_no_file", a_snapshot_that_is_no_file),
        test(
            "a_file_that_a_killed_run_left_is_cleared_away",
            a_file_that_a_killed_run_left_is_cleared_away,
        ),
    ];
    for (name, body) in [
        ("a_full_file_system", a_full_file_system as fn()),
        (
            "cases_on_a_small_disk_do_not_take_each_others_room",
            cases_on_a_small_disk_do_not_take_each_others_room,
        ),
        ("cases_that_need_proc_are_skipped", cases_that_need_proc_are_skipped),
    ] {
        tests.push(test(name, body).unless(|| refusal::namespaces(OWN_MOUNTS)));
    }
    for (name, body) in [
        ("a_folder_that_may_not_be_written_to", a_folder_that_may_not_be_written_to as fn()),
        ("no_permission_to_fork", no_permission_to_fork),
        ("an_ordinary_user_needs_nothing_more", an_ordinary_user_needs_nothing_more),
        ("an_ordinary_user_gains_no_rights", an_ordinary_user_gains_no_rights),
    ] {
        tests.push(test(name, body).unless(refusal::ordinary_user));
    }
    own_process::run(tests)
}

/// A folder that every user can read, with the command and a case in it.
fn folder() -> tempfile::TempDir {
    let dir = open_to_all(&[]);
    std::fs::write(dir.path().join("it.case"), CASE).unwrap();
    dir
}

/// A shell line as an ordinary user, with `faultmap` and `it.case` in its folder.
fn as_ordinary_user(dir: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(dir).env("NO_COLOR", "1");
    if nix::unistd::geteuid().is_root() {
        command.gid(NOBODY).uid(NOBODY);
    }
    command
}

fn a_folder_that_is_not_there() {
    let (code, stdout, stderr) =
        run(&mut faultmap(&["run", "notes/map_of_empty_file", "--dir", "/no/such/folder"]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("cannot make a file in /no/such/folder"), "{stderr}");
    assert!(stderr.contains("--dir DIR names another folder"), "{stderr}");
}

fn a_folder_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = faultmap(&["run", "notes/map_of_empty_file", "--dir"]);
    let (code, stdout, stderr) = run(command.arg(file.path()));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("Not a directory"), "{stderr}");
}

fn a_folder_that_may_not_be_written_to() {
    let dir = folder();
    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let line = "exec ./faultmap show it.case --dir closed";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("cannot make a file in closed: Permission denied"), "{stderr}");
}

fn a_full_file_system() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("small")).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // In new namespaces any user may mount a file system, unless the machine forbids it.
    let unshare = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(OWN_MOUNTS).args(["sh", "-c", line]);
        command.current_dir(dir.path()).env("NO_COLOR", "1");
        command
    };
    let mount = "mount -t tmpfs -o size=4k none small";
    for (filled, says) in [
        // Without any room the run does not begin.
        ("head -c 4096 /dev/zero > small/filler", "cannot make a file in small: No space left"),
        // There is room for a byte, but not for the files of the case.
        ("true", "cannot make a file of 10000 bytes in small: No space left"),
    ] {
        let line = format!("{mount}; {filled}; ./faultmap show it.case --dir small");
        let (code, stdout, stderr) = run(&mut unshare(&line));
        assert_eq!(code, Some(3), "{stdout}{stderr}");
        assert!(format!("{stdout}{stderr}").contains(says), "{stdout}{stderr}");
    }
}

fn cases_on_a_small_disk_do_not_take_each_others_room() {
    let dir = folder();
    // Each probe of each case needs all the room.
    let text = "fd = file(0); ftruncate(fd, 256 * PAGE);
                map = mmap(0, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                map[0] = 'a'; map[PAGE] = 'a'; map[2 * PAGE] = 'a'; map[3 * PAGE] = 'a';
                map[4 * PAGE] = 'a'; map[5 * PAGE] = 'a'; sweep(map, read, write);";
    std::fs::create_dir_all(dir.path().join("all/cases")).unwrap();
    for name in ["a", "b", "c", "d"] {
        std::fs::write(dir.path().join(format!("all/cases/{name}.case")), text).unwrap();
    }
    let page = rustix::param::page_size();
    let line = format!(
        "mkdir small; mount -t tmpfs -o size={} none small || exit 99; \
         exec ./faultmap run all --dir small --jobs 4",
        8 * page
    );
    let mut command = Command::new("unshare");
    command.args(OWN_MOUNTS).args(["sh", "-c", &line]);
    let (code, stdout, stderr) = run(command.current_dir(dir.path()).env("NO_COLOR", "1"));
    assert_ne!(code, Some(99), "{stderr}");
    assert!(stdout.contains(", 0 harness errors; "), "{stdout}{stderr}");
    assert!(!stdout.contains("not reached"), "{stdout}");
}

fn no_permission_to_fork() {
    let dir = folder();
    // The option of the limit is -u in bash and other shells, and -p in dash.
    let line = "ulimit -u 0 2>/dev/null || ulimit -p 0; exec ./faultmap show it.case";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("cannot fork: Resource temporarily unavailable"), "{stderr}");
    assert!(stderr.contains("see `ulimit -u`"), "{stderr}");
}

fn an_ordinary_user_needs_nothing_more() {
    // This includes victims that read their own memory: an ordinary user may do so if they are dumpable.
    const EVERY_ACCESS: &str = "fd = file(100);
        again = open(fd, O_RDWR);
        map = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, again, 0);
        sweep(map, read, write, exec, copy_from_user, copy_to_user);";
    let dir = folder();
    std::fs::write(dir.path().join("it.case"), EVERY_ACCESS).unwrap();
    let line = "exec ./faultmap show it.case --memfd";
    let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), line));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("SIGSEGV MAPERR"), "{stdout}");
    let mut as_whoever_tests = Command::new("sh");
    as_whoever_tests.args(["-c", line]).current_dir(dir.path()).env("NO_COLOR", "1");
    let untimed = |picture: &str| {
        picture.lines().filter(|line| line.starts_with(' ')).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(untimed(&stdout), untimed(&run(&mut as_whoever_tests).1));
}

fn output_without_a_reader() {
    let bin = env!("CARGO_BIN_EXE_faultmap");
    let line = format!("{{ {bin} run --jobs 1; echo code $? >&2; }} | head -n 1");
    let mut command = Command::new("sh");
    let (_, stdout, stderr) = run(command.args(["-c", &line]).current_dir(command::root()));
    assert_eq!((stdout.lines().count(), stderr.as_str()), (1, "code 0\n"));
}

fn output_that_is_lost() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["list"][..], &["run", "notes/map_of_empty_file", "--json"]] {
        let output = faultmap(arguments).stdout(full.try_clone().unwrap()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("cannot print: No space left on device"), "{stderr}");
    }
}

fn too_few_descriptors() {
    let limited = |most: u32, command: &str| {
        let bin = env!("CARGO_BIN_EXE_faultmap");
        let line = format!("ulimit -n {most}; exec {bin} {command} --jobs 2");
        run(Command::new("sh").args(["-c", &line]).current_dir(command::root()))
    };
    // No descriptor is left to read the cases.
    let (code, stdout, stderr) = limited(4, "run");
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("cannot read cases/eof: Too many open files"), "{stderr}");
    let search = format!("explore --count 2 --out {}", std::env::temp_dir().display());
    // No descriptor is left for a worker; or there is one for a worker, but not enough for a case.
    let (_, all, _) = run(&mut faultmap(&["list"]));
    for (most, says) in [
        (7, "cannot start a worker: Too many open files"),
        (63, "see `ulimit -n`): a case needs 64"),
    ] {
        let (code, stdout, stderr) = limited(most, "run");
        assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
        let told = stdout.lines().filter(|line| line.contains(says)).count();
        assert_eq!(told, all.lines().count(), "each case is told of: {stdout}");
        let (code, stdout, stderr) = limited(most, &search);
        assert_eq!((code, stderr.contains(says)), (Some(3), true), "{stdout}{stderr}");
        assert!(stdout.contains(": 0 programs ("), "{stdout}");
    }
}

fn a_limit_on_the_size_of_files() {
    let dir = folder();
    let mut command = Command::new("sh");
    let line = "ulimit -f 1; exec ./faultmap show it.case";
    let (code, stdout, _) = run(command.args(["-c", line]).current_dir(dir.path()));
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stdout.contains("see `ulimit -f`): a case may need 67108864 bytes"), "{stdout}");
}

fn descriptors_of_the_caller_are_out_of_reach() {
    // A case may name descriptor 99, because it is never open.
    let dir = folder();
    let text = "ftruncate(99, 0);\nfd = file(10, O_RDWR | O_TRUNC);\n";
    std::fs::write(dir.path().join("it.case"), text).unwrap();
    std::fs::write(dir.path().join("important"), "important").unwrap();
    let line = "exec 99<>important; exec ./faultmap show it.case";
    let mut command = Command::new("bash");
    let (code, stdout, _) = run(command.args(["-c", line]).current_dir(dir.path()));
    assert_eq!(std::fs::read(dir.path().join("important")).unwrap(), b"important");
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("ftruncate(99, 0);  // = -1 EBADF"), "{stdout}");
}

fn the_callers_other_children_live_on() {
    let dir = folder();
    let line = "sleep 600 >/dev/null 2>&1 & echo $!; exec ./faultmap show it.case --jobs 1";
    let mut command = Command::new("sh");
    let (code, stdout, stderr) =
        run(command.args(["-c", line]).current_dir(dir.path()).stderr(std::process::Stdio::null()));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let pid: i32 = stdout.lines().next().and_then(|line| line.parse().ok()).expect("a pid");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is still there");
    assert!(stat.contains(" S "), "{stat}");
    let sleeper = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(sleeper, nix::sys::signal::Signal::SIGKILL).expect("it can be killed");
}

fn cases_that_need_proc_are_skipped() {
    let unshare = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(OWN_MOUNTS).args(["sh", "-c", line]);
        run(command.current_dir(command::root()).env("NO_COLOR", "1"))
    };
    let bin = env!("CARGO_BIN_EXE_faultmap");
    let (code, stdout, stderr) = unshare(&format!("mount -t tmpfs none /proc && exec {bin} run"));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("a file can be opened again only through /proc/self/fd"), "{stdout}");
    assert!(stdout.contains("exec needs /proc/self/maps and /proc/self/mem"), "{stdout}");
    assert!(stdout.contains(" 0 harness errors; "), "{stdout}");
}

fn a_snapshot_that_is_no_file() {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join("cases")).unwrap();
    std::fs::create_dir_all(dir.path().join("snapshots/it.snap")).unwrap();
    std::fs::rename(dir.path().join("it.case"), dir.path().join("cases/it.case")).unwrap();
    let mut command = Command::new(dir.path().join("faultmap"));
    let (code, stdout, stderr) = run(command.arg("run").current_dir(dir.path()));
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stdout.contains("is no regular file"), "{stdout}{stderr}");
}

fn a_file_that_a_killed_run_left_is_cleared_away() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    let stale = dir.path().join("files/.faultmap-123456789.tmp");
    let used = dir.path().join("files/.faultmap-abcdefghi.tmp");
    for path in [&stale, &used] {
        std::fs::write(path, "").unwrap();
    }
    let used_file = std::fs::File::open(&used).unwrap();
    rustix::fs::flock(&used_file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    std::fs::write(dir.path().join("it.case"), "fd = file(10);\nunlink(fd);\n").unwrap();
    let mut command = Command::new(dir.path().join("faultmap"));
    command.args(["show", "it.case", "--dir", "files"]).current_dir(dir.path());
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(!stale.exists(), "nobody has it open");
    assert!(used.exists(), "somebody has it open");
}

/// A worker that makes a user namespace for its segments gains no rights to them.
fn an_ordinary_user_gains_no_rights() {
    let dir = folder();
    let steps = "own = shmget(IPC_PRIVATE, PAGE, IPC_CREAT);
        map = shmat(own, 0, 0);
        other = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
        code = shmat(other, 0, SHM_EXEC);";
    std::fs::write(dir.path().join("it.case"), steps).unwrap();
    for level in ["default", "strict"] {
        let line = format!("exec ./faultmap show it.case --isolation {level}");
        let (code, stdout, stderr) = run(&mut as_ordinary_user(dir.path(), &line));
        if code == Some(4) && level == "strict" {
            continue; // this machine has no namespaces, so nothing was run
        }
        assert!(matches!(code, Some(0 | 1)), "{stdout}{stderr}");
        assert!(stdout.contains("shmat(own, 0, 0);  // = -1 EACCES"), "{level}: {stdout}");
        assert!(stdout.contains("SHM_EXEC);  // = -1 EACCES"), "{level}: {stdout}");
    }
}
