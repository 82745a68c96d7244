//! A soak runs all cases of the project and hostile ones, on several places.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::account::{Line, Lines, lines};
use super::command::open_to_all;
use super::own_process::refusal::{self, NOBODY};
use super::random::Random;
use super::trouble::Limits;

/// The timeout of a child, in milliseconds. Under trouble it is short, because each hanging child costs it,
/// and a late child may be lost. In a quiet run only hostile cases may lose a child.
const IN_TROUBLE: &str = "500";
const QUIET: &str = "60000";

/// Hostile cases: most have no answer, for different reasons. Some die of their own signal, which is an
/// answer, and one has an answer after many steps.
const HOSTILE: &[(&str, &str)] = &[
    ("hostile/kills_itself", "raise(SIGKILL);"),
    ("hostile/stops_itself", "raise(SIGSTOP);"),
    ("hostile/hangs_in_a_grandchild", "fork { fork { pause(); } }"),
    ("hostile/sends_itself_a_fault", "fork { raise(SIGSEGV); }\nraise(SIGBUS);\nsweep(map, read);"),
    ("hostile/exits_before_its_end", "_exit(0);\nsweep(map, read);"),
    ("hostile/exits_with_another_status", "_exit(7);"),
    (
        "hostile/leaves_a_segment_and_a_name",
        "fd = file(PAGE);\nid = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);\nunlink(fd);\nraise(SIGKILL);",
    ),
    (
        "forks/much",
        "fork { map[0] = 'a'; fork { map[1] = 'b'; } }\nfork { map[2] = 'c'; }\nsweep(map, read, write);",
    ),
];

/// A case that takes no time.
const SMALL: &str = "notes/map_of_empty_file";

/// The place and the user of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    Folder,
    Memfd,
    Strict,
    /// An ordinary user, whom limits bind that do not bind root.
    Nobody,
    /// A tmpfs of this number of bytes.
    Tmpfs(u64),
}

impl Setting {
    /// Returns the reason why this machine has no such setting; `None` if it has.
    pub fn refused(self) -> Option<String> {
        match self {
            Setting::Folder | Setting::Memfd => None,
            Setting::Strict => refusal::strict_isolation(),
            Setting::Nobody => refusal::other_users().or_else(refusal::ordinary_user),
            Setting::Tmpfs(_) => refusal::namespaces(&["--user", "--map-root-user", "--mount"]),
        }
    }
}

/// The cases and the command in a folder that every user can read.
pub struct Mix {
    dir: tempfile::TempDir,
    quiet: RefCell<BTreeMap<Setting, Lines>>,
}

/// The file for the output of a run: unlike a pipe it is never full.
pub struct Output(PathBuf);

impl Mix {
    /// Makes the folder with one case out of this number of each family, and all hostile ones.
    pub fn new(step: usize) -> Mix {
        let dir = open_to_all(&["cases", "snapshots"]);
        for family in std::fs::read_dir(dir.path().join("cases")).expect("a folder").flatten() {
            let files = std::fs::read_dir(family.path()).expect("a folder").flatten();
            let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
            files.sort();
            let others = files.iter().enumerate().filter(|(index, _)| index % step != 0);
            let others = others.filter(|(_, path)| !path.ends_with(format!("{SMALL}.case")));
            others.for_each(|(_, path)| std::fs::remove_file(path).expect("it is our own"));
        }
        for (id, steps) in HOSTILE {
            let map =
                "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);";
            let path = dir.path().join(format!("cases/{id}.case"));
            std::fs::create_dir_all(path.parent().expect("a family")).expect("it can be made");
            let text = format!("// {id}\n{map}\n{steps}\n");
            std::fs::write(path, text).expect("it can be written");
        }
        let files = dir.path().join("files");
        std::fs::create_dir(&files).expect("it is new");
        std::fs::set_permissions(files, Permissions::from_mode(0o777)).expect("it is our own");
        Mix { dir, quiet: RefCell::default() }
    }

    /// Returns the folder of the files of the cases.
    pub fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    pub fn output(&self, name: &str) -> Output {
        Output(self.dir.path().join(name))
    }

    /// Returns the lines of a run in no trouble, for each case there.
    pub fn quiet(&self, setting: Setting) -> Lines {
        // The size of a tmpfs matters only if it is too small.
        let setting = match setting {
            Setting::Tmpfs(_) => Setting::Tmpfs(1 << 30),
            other => other,
        };
        if let Some(known) = self.quiet.borrow().get(&setting) {
            return known.clone();
        }
        let mut lines = self.run_quietly(setting, QUIET, &self.harmless());
        let lost = lines.iter().find(|(_, line)| line.verdict == "harness error");
        assert_eq!(lost, None, "{setting:?}, quiet: lost");
        let hostile = self.run_quietly(setting, IN_TROUBLE, &["hostile".to_owned()]);
        let failed = |line: &Line| ["harness error", "skipped"].contains(&line.verdict.as_str());
        assert!(hostile.iter().any(|(_, line)| failed(line)), "{setting:?}, quiet: none is lost");
        lines.extend(hostile);
        self.quiet.borrow_mut().insert(setting, lines.clone());
        lines
    }

    /// Starts a run that removes the leftovers of a killed one.
    pub fn clear_away(&self, setting: Setting) {
        self.run_quietly(setting, QUIET, &[SMALL.to_owned()]);
    }

    /// Returns the families of cases that have answers.
    fn harmless(&self) -> Vec<String> {
        let families =
            std::fs::read_dir(self.dir.path().join("cases")).expect("a folder").flatten();
        let names = families.map(|family| family.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "hostile").collect()
    }

    fn run_quietly(&self, setting: Setting, timeout: &str, cases: &[String]) -> Lines {
        let mut command = self.command(setting, &Limits::default(), &mut Random::new(0), timeout);
        let output = command.args(cases).output().expect("it can be started");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let lines = lines(&text(&output.stdout), false);
        assert!(!lines.is_empty(), "{setting:?}, quiet: {}", text(&output.stderr));
        lines
    }

    /// Returns the command for a run under trouble.
    pub fn command_in_trouble(
        &self,
        setting: Setting,
        limits: &Limits,
        random: &mut Random,
    ) -> Command {
        self.command(setting, limits, random, IN_TROUBLE)
    }

    /// Returns the command for a run within these limits, with one to three workers.
    fn command(
        &self,
        setting: Setting,
        limits: &Limits,
        random: &mut Random,
        timeout: &str,
    ) -> Command {
        let path = |name: &str| self.dir.path().join(name).to_string_lossy().into_owned();
        let (files, jobs) = (path("files"), random.within(1, 4).to_string());
        let mut words: Vec<String> = Vec::new();
        if let Setting::Tmpfs(bytes) = setting {
            let mount = "mount -t tmpfs -o size=$0 none $1 && shift && exec \"$@\"";
            words.extend(["unshare", "--user", "--map-root-user", "--mount"].map(String::from));
            words.extend(["sh", "-c", mount, &bytes.to_string(), &files].map(String::from));
        }
        words.extend(limits.words());
        words.push(path("faultmap"));
        words.extend(["run", "--json", "--timeout", timeout, "--jobs", &jobs].map(String::from));
        match setting {
            Setting::Memfd => words.push("--memfd".to_owned()),
            _ => words.extend(["--dir".to_owned(), files]),
        }
        if setting == Setting::Strict {
            words.extend(["--isolation", "strict"].map(String::from));
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.dir.path());
        if setting == Setting::Nobody {
            command.gid(NOBODY).uid(*USER);
        }
        command
    }
}

/// A user whom nobody else is: RLIMIT_NPROC counts the processes of a user on the whole machine (getrlimit(2)), and
/// others run tests, too. A user namespace may have no such number.
static USER: LazyLock<u32> = LazyLock::new(|| {
    let own = (1 << 20) + std::process::id();
    match Command::new("true").uid(own).status() {
        Ok(_) => own,
        Err(_) => NOBODY,
    }
});

impl Output {
    pub fn create(&self) -> File {
        File::create(&self.0).expect("it can be made")
    }

    pub fn is_empty(&self) -> bool {
        std::fs::metadata(&self.0).is_ok_and(|file| file.len() == 0)
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }
}
