//! What a result says of its environment is what was mounted, and what the user may do.

mod command;
mod own_process;

use std::ffi::OsStr;
use std::fs::File;
use std::process::{Command, ExitCode};

use command::{BIN, root, run};
use own_process::{Test, refusal, table, test};
use serde_json::{Value, json};

/// Options of tmpfs, and what is told of them: the fields `huge` and `noexec`, and words of the last line.
const TMPFS: &[(&str, (&str, &str, &str))] = &[
    ("plain", ("relatime", "never", "tmpfs in ")),
    ("huge", ("huge=always", "always", "tmpfs (huge=always) in ")),
    ("within_size", ("huge=within_size", "within_size", "tmpfs (huge=within_size) in ")),
    ("noexec", ("noexec", "never", "tmpfs (noexec) in ")),
];

/// Bytes of a block, which is smaller than a page.
const BLOCK: u64 = 1024;

/// File systems on a disk, with the options of mkfs(8) for such a block.
const DISKS: &[(&str, &[&str])] = &[
    ("ext2", &["-q", "-F", "-b", "1024"]),
    ("ext3", &["-q", "-F", "-b", "1024"]),
    ("ext4", &["-q", "-F", "-b", "1024"]),
    ("xfs", &["-q", "-b", "size=1024"]),
    // Its blocks are not smaller than a page everywhere.
    ("btrfs", &["-q"]),
];

/// The smallest disk that all of them take.
const DISK_BYTES: u64 = 320 << 20;

fn main() -> ExitCode {
    let mut tests: Vec<Test> =
        table("tmpfs", TMPFS, tmpfs).map(|test| test.unless(mounts)).collect();
    for &(name, options) in DISKS {
        let disk = test(format!("disk::{name}"), move || disk(name, options));
        tests.push(disk.unless(mounts).unless(move || no_disk(name)));
    }
    let bound = test("root_without_capabilities_is_told", root_without_capabilities_is_told);
    let spaces = || refusal::namespaces(&["--user", "--map-root-user"]);
    tests.push(bound.unless(refusal::other_users).unless(spaces));
    tests.push(test("limits_are_told", limits_are_told));
    tests.push(test("noexec_is_predicted", noexec_is_predicted).unless(mounts));
    own_process::run(tests)
}

/// Returns the reason why nothing can be mounted.
fn mounts() -> Option<String> {
    (!nix::unistd::geteuid().is_root()).then(|| "only root can mount".to_owned())
}

/// Returns the reason why there is no such disk.
fn no_disk(name: &str) -> Option<String> {
    let made = Command::new(format!("mkfs.{name}")).arg("-V").output();
    if made.is_err() {
        return Some(format!("mkfs.{name} is not installed"));
    }
    let free = Command::new("losetup").arg("--find").output();
    let is_there = free.is_ok_and(|free| free.status.success());
    (!is_there).then(|| "there is no free loop device".to_owned())
}

/// Measures a case with its files in a new folder, and the command behind these words. Before that this line of a shell
/// mounts something on the folder, `$1`; nothing where it is empty. Returns the line of JSON, and the last line for
/// people.
fn measured(mount: &str, words: &str) -> (Value, String) {
    let files = tempfile::tempdir().expect("a folder");
    let runs = format!("{words} \"$0\" run notes/map_of_empty_file --dir \"$1\"");
    let line = format!("{} {runs} --json && {runs}", if mount.is_empty() { ":;" } else { mount });
    let (code, stdout, stderr) = run(&mut shell(mount, &line, &[files.path().as_os_str()]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let mut lines = stdout.lines();
    let first = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
    (first, lines.next_back().expect("a last line").to_owned())
}

/// A line of a shell, with the command as `$0` and these arguments. What it mounts is gone with its namespace.
fn shell(mount: &str, line: &str, arguments: &[&OsStr]) -> Command {
    let mut command = match mount.is_empty() {
        true => Command::new("sh"),
        false => Command::new("unshare"),
    };
    if !mount.is_empty() {
        command.args(["--mount", "sh"]);
    }
    command.args(["-c", line, BIN]).args(arguments).current_dir(root()).env("NO_COLOR", "1");
    command
}

fn tmpfs((option, huge, words): (&str, &str, &str)) {
    let (line, last) = measured(&format!("mount -t tmpfs -o {option} none \"$1\" &&"), "");
    assert_eq!(line["file_system"], "tmpfs");
    assert_eq!(line["huge"], huge);
    assert!(line["mount"].as_str().expect("/proc tells").contains(option), "{line}");
    let lies = |what: &str| line["noexec"].as_array().expect("a list").contains(&json!(what));
    assert_eq!(lies("files"), option == "noexec", "{}", line["noexec"]);
    assert!(last.contains(&format!(", files on {words}")), "{last}");
}

fn disk(name: &str, options: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let image = dir.path().join("image");
    File::create(&image).and_then(|file| file.set_len(DISK_BYTES)).expect("a sparse file");
    let mut mkfs = Command::new(format!("mkfs.{name}"));
    let (code, _, stderr) = run(mkfs.args(options).arg(&image));
    assert_eq!(code, Some(0), "{stderr}");
    let (line, last) = measured(&format!("mount -o loop '{}' \"$1\" &&", image.display()), "");
    assert_eq!(line["file_system"], name);
    assert!(
        line["mount"].as_str().expect("/proc tells").starts_with(&format!("{name} ")),
        "{line}"
    );
    if options.iter().any(|option| option.ends_with("1024")) {
        assert_eq!(line["block_size"], BLOCK);
    }
    let free = line["free_bytes"].as_u64().expect("a disk has a bound");
    assert!((DISK_BYTES / 4..DISK_BYTES).contains(&free), "{free}");
    assert!(last.contains(&format!(", files on {name} in ")), "{last}");
}

fn root_without_capabilities_is_told() {
    let own = |words: &str| {
        let (line, last) = measured("", words);
        (line["user"].clone(), line["capabilities"].clone(), last)
    };
    // The root of a container or of a small machine has few itself.
    let status = std::fs::read_to_string("/proc/self/status").expect("proc_pid_status(5)");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("a set");
    let effective = u64::from_str_radix(effective.trim(), 16).expect("a number");
    let numbers = [(14, "CAP_IPC_LOCK"), (24, "CAP_SYS_RESOURCE")]; // linux/capability.h
    let (held, lacked): (Vec<_>, Vec<_>) =
        numbers.into_iter().partition(|(number, _)| effective >> number & 1 == 1);
    let names = |own: Vec<(u32, &'static str)>| -> Vec<&str> {
        own.into_iter().map(|(_, name)| name).collect()
    };
    let (user, has, last) = own("");
    assert_eq!((user, has), (json!(0), json!(names(held))));
    let words = match names(lacked).join(" and ") {
        none if none.is_empty() => none,
        some => format!(" without {some}"),
    };
    assert!(last.ends_with(&format!(" as root{words}")), "{last}");
    let (user, has, last) = own("setpriv --bounding-set=-sys_resource,-ipc_lock");
    assert_eq!((user, has), (json!(0), json!([])));
    assert!(last.ends_with(" as root without CAP_IPC_LOCK and CAP_SYS_RESOURCE"), "{last}");
    let (user, has, last) = own("unshare --user --map-root-user");
    assert_eq!((user, has), (json!(0), json!([])));
    assert!(last.ends_with(" as root without CAP_IPC_LOCK and CAP_SYS_RESOURCE"), "{last}");
}

fn limits_are_told() {
    let (line, last) = measured("", "prlimit --memlock=16384:32768 --fsize=1073741824:unlimited");
    let limits = line["limits"].as_array().expect("a list");
    let locked = json!({ "resource": "RLIMIT_MEMLOCK", "soft": 16384, "hard": 32768 });
    assert!(limits.contains(&locked), "{limits:?}");
    let files = json!({ "resource": "RLIMIT_FSIZE", "soft": 1_073_741_824, "hard": null });
    assert!(limits.contains(&files), "{limits:?}");
    assert!(last.ends_with(", RLIMIT_FSIZE 1073741824"), "{last}");
}

/// Files on a mount with `noexec` cannot be mapped PROT_EXEC, and the model knows it.
fn noexec_is_predicted() {
    let case = "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
        own = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); mprotect(own, PAGE, PROT_READ | PROT_EXEC);";
    let (dir, path) = command::case_file(case);
    let mount = "mount -t tmpfs -o noexec none \"$1\" &&";
    let line = format!("{mount} exec \"$0\" show --json \"$2\" --dir \"$1\"");
    let files = tempfile::tempdir_in(dir.path()).expect("a folder");
    let arguments = [files.path().as_os_str(), path.as_os_str()];
    let (code, stdout, stderr) = run(&mut shell(mount, &line, &arguments));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let line: Value = serde_json::from_str(&stdout).expect("a line");
    let errno = |step: usize| line["steps"][step]["errno_name"].as_str();
    assert_eq!((errno(1), errno(3)), (Some("EPERM"), Some("EACCES")), "{line}");
    assert_eq!(line["model"]["says"], "agrees", "{line}");
}
