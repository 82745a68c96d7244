//! With `--isolation strict` the pictures are the same, or cases are skipped with the reason. The limits of a
//! child are tested in sandbox.rs.

mod command;
mod own_process;

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use command::{faultmap, open_to_all, root, run, show};
use own_process::refusal::{self, NOBODY};
use own_process::{Test, table, test};
use serde_json::Value;

const STRICT: [&str; 2] = ["--isolation", "strict"];
const PLACES: &[(&str, &[&str])] = &[("on_disk", &[]), ("on_memfds", &["--memfd"])];
/// The folder may be named by a relative path, with dots, or through a link: it is found below the new root.
const NAMES: &[(&str, &str)] = &[
    ("relative", "files"),
    ("dots", "./other/../files"),
    ("link", "link"),
    ("from_outside", "other/../../here/files"),
];

fn main() -> ExitCode {
    let strict = |test: Test| test.unless(refusal::strict_isolation);
    let as_root =
        |test: Test| strict(test.unless(refusal::other_users).unless(refusal::ordinary_user));
    let mut tests = vec![
        strict(test("one_probe_and_the_words_to_repeat_it", one_probe)),
        as_root(test("every_case_is_as_its_snapshot_for_an_ordinary_user", ordinary_user)),
        as_root(test("cases_that_need_root_are_skipped", cases_that_need_root)),
        as_root(test("a_folder_of_somebody_else", a_folder_of_somebody_else)),
    ];
    tests.extend(table("every_case_is_as_its_snapshot", PLACES, every_case).map(strict));
    tests.extend(table("a_folder_by_any_name", NAMES, a_folder_by_any_name).map(strict));
    for refusing in REFUSING {
        let name = format!("where_it_is_refused_every_case_is_skipped::{}", refusing.how);
        let test = test(name, || refusing.skips_every_case());
        tests.push(test.unless(|| refusing.cannot_be_made()));
    }
    own_process::run(tests)
}

/// Returns the lines that `run --json` prints.
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
            // The case needs something that this machine lacks, as in any other run.
            Some("skipped") => {
                let reason = line["reason"].as_str().unwrap_or_default();
                assert!(!reason.contains("isolation"), "{line}");
            }
            _ => panic!("{line}"),
        }
    }
}

fn every_case(place: &[&str]) {
    all_agree(run(faultmap(&["run", "--json"]).args(STRICT).args(place)));
}

fn ordinary_user() {
    let dir = open_to_all(&["cases", "snapshots"]);
    let files = dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::os::unix::fs::chown(&files, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(dir.path().join("faultmap"));
    command.args(["run", "--json", "--dir", "files"]).args(STRICT).current_dir(dir.path());
    all_agree(run(command.gid(NOBODY).uid(NOBODY)));
}

fn one_probe() {
    let text =
        "fd = file(100); map = mmap(0, 100, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);";
    let at = ["--access", "read", "--at", "PAGE", "--isolation", "strict"];
    let (code, stdout, _) = show(text, &at);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("SIGSEGV MAPERR"), "{stdout}");
    // The child has no answer, and the output has a command that repeats the probe.
    let (code, stdout, _) = show("_exit(7);", &STRICT);
    assert_eq!(code, Some(3), "{stdout}");
    assert!(
        stdout.contains("to repeat it: ") && stdout.contains(" --isolation strict\n"),
        "{stdout}"
    );
}

fn cases_that_need_root() {
    let text = "requires(root);\nfd = file(1);";
    assert_eq!(show(text, &[]).0, Some(0));
    let (code, stdout, _) = show(text, &STRICT);
    assert_eq!(code, Some(4), "{stdout}");
    assert!(
        stdout.contains("requires root; isolation strict leaves root no privileges"),
        "{stdout}"
    );
}

/// A new namespace that refuses strict isolation.
struct Refusing {
    how: &'static str,
    /// The options of unshare(1) beside --user.
    options: &'static [&'static str],
    /// A shell line that prepares it.
    setup: &'static str,
    reason: &'static str,
}

const REFUSING: &[Refusing] = &[
    Refusing {
        how: "by_a_limit",
        options: &["--map-root-user"],
        setup: "echo 0 > /proc/sys/user/max_user_namespaces",
        reason: "user, pid, mount and IPC namespaces cannot be made: No space left on device \
                 (os error 28); see the limits in /proc/sys/user",
    },
    // The namespace refuses as the seccomp profile of a container does: its user is not mapped
    // (user_namespaces(7)).
    Refusing {
        how: "by_permission",
        options: &[],
        setup: "true",
        reason: "user, pid, mount and IPC namespaces cannot be made: Operation not permitted \
                 (os error 1); the seccomp profile of a container",
    },
    // A container hides parts of /proc, so the kernel forbids another mount of it that would show them,
    // unless such a mount already exists elsewhere (mount_too_revealing() in fs/namespace.c).
    Refusing {
        how: "by_a_hidden_proc",
        options: &["--map-root-user", "--mount"],
        setup: "while read -r _ _ _ root at rest; do
                    case \"$root $rest\" in
                        \"/ \"*\" - proc \"*) mount -t tmpfs none \"$at/sys\" || exit 1;;
                    esac
                done < /proc/self/mountinfo",
        reason: "cannot mount a /proc of its own: Operation not permitted",
    },
];

impl Refusing {
    /// A shell line in the namespace, with the command as $0.
    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("unshare");
        let line = format!("{}\n{line}", self.setup);
        command.arg("--user").args(self.options).args(["sh", "-ec", &line]).arg(command::BIN);
        command.current_dir(root()).env("NO_COLOR", "1");
        command
    }

    fn cannot_be_made(&self) -> Option<String> {
        let (code, _, stderr) = run(&mut self.shell("true"));
        (code != Some(0)).then(|| format!("no such namespace can be made here: {}", stderr.trim()))
    }

    fn skips_every_case(&self) {
        let faultmap = |words: &str| run(&mut self.shell(&format!("exec \"$0\" {words} --memfd")));
        let (code, stdout, stderr) = faultmap("run notes --json --isolation strict");
        assert_eq!(code, Some(4), "{stdout}{stderr}");
        for line in lines(&stdout) {
            assert_eq!(
                (&line["verdict"], &line["probes"]),
                (&"skipped".into(), &0.into()),
                "{line}"
            );
            let told = line["reason"].as_str().unwrap_or_default();
            assert!(told.starts_with(&format!("isolation strict: {}", self.reason)), "{line}");
        }
        // A single probe and the search are refused too.
        let folder = std::env::temp_dir();
        let explore = format!("explore --count 1 --out {} --isolation strict", folder.display());
        for (words, quiet) in [
            ("show notes/map_of_empty_file --access read --at 0 --isolation strict", false),
            (&*explore, true),
        ] {
            let (code, stdout, stderr) = faultmap(words);
            assert_eq!(code, Some(4), "{stdout}{stderr}");
            assert_eq!(stdout.is_empty(), quiet, "{stdout}");
            assert!(format!("{stdout}{stderr}").contains(self.reason), "{stdout}{stderr}");
        }
        // A run that needs none of the refused parts continues.
        let (code, stdout, stderr) = faultmap("show notes/map_of_empty_file");
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
}

fn a_folder_by_any_name(name: &str) {
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
    assert!(stdout.contains(&format!("in {name}, Linux ")), "{stdout}");
    assert!(stdout.contains(", strictly isolated\n"), "{stdout}");
    assert!(is_empty(&here.join("files")));
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn a_folder_of_somebody_else() {
    // Root may write there, but root of a user namespace without other users may not.
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
