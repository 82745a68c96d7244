//! A run of the command whose processes and files can be told from those of all others.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::command::{self, allows_strict, case_file, faultmap};

/// A map to begin with.
pub const MAP: &str = "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";

/// A run whose processes can be told from those of all other tests, by a word in their environment.
pub struct Marked {
    mark: String,
    dir: tempfile::TempDir,
    case: PathBuf,
}

impl Marked {
    pub fn new(text: &str) -> Marked {
        let (dir, case) = case_file(text);
        std::fs::create_dir(dir.path().join("files")).unwrap();
        Marked { mark: format!("FAULTMAP_TEST={}", dir.path().display()), dir, case }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = faultmap(&["show"]);
        command.arg(&self.case).arg("--dir").arg(self.files()).args(arguments);
        command.env("FAULTMAP_TEST", self.dir.path());
        command
    }

    /// Where all of it is, and the word by which its processes can be told (FAULTMAP_TEST).
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The case file.
    pub fn case(&self) -> &Path {
        &self.case
    }

    pub fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// The processes of the run that are alive, each with its parent.
    pub fn processes(&self) -> BTreeMap<i32, i32> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if self.is_marked(pid) {
                found.insert(pid, parent(pid));
            }
        }
        found
    }

    fn is_marked(&self, pid: i32) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !environment.is_empty() {
            return environment.split(|byte| *byte == 0).any(|word| word == self.mark.as_bytes());
        }
        // The victims of a nest have none, and a strictly isolated worker shows its own to root alone.
        // Of whatever run they are, none may be an orphan for long.
        let parent = parent(pid);
        is_faultmap(pid) && (!is_faultmap(parent) || self.is_marked(parent))
    }

    /// Waits until the command has a worker and the worker a child that stays, and gives both. A worker's
    /// first child is there to find out whether it can live, and soon gone.
    pub fn worker_and_victim(&self, command: &Child) -> (Pid, Pid) {
        let controller = i32::try_from(command.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut last = None;
        while Instant::now() < deadline {
            let processes = self.processes();
            let child_of = |parent| processes.iter().find(|(_, own)| **own == parent);
            let worker = child_of(controller).map(|(worker, _)| *worker);
            let found = worker.and_then(|worker| Some((worker, *child_of(worker)?.0)));
            if let (Some((worker, victim)), true) = (found, found == last) {
                return (Pid::from_raw(worker), Pid::from_raw(victim));
            }
            last = found;
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no victim within ten seconds: {:?}", self.processes());
    }

    /// No process, and no file.
    pub fn nothing_is_left(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "still there: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(5));
        }
        let files: Vec<_> = std::fs::read_dir(self.files()).unwrap().flatten().collect();
        assert!(files.is_empty(), "left behind: {files:?}");
        let cores: Vec<_> = std::fs::read_dir(command::root())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("core"))
            .collect();
        assert!(cores.is_empty(), "core files: {cores:?}");
    }
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn is_faultmap(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "faultmap\n")
}

/// Whether this machine does not isolate so far; said, so that no test passes in silence.
pub fn refused(level: &str) -> bool {
    use std::io::Write as _;
    let refused = level == "strict" && !allows_strict();
    if refused {
        let _ = writeln!(std::io::stderr(), "skipped: this machine refuses strict isolation");
    }
    refused
}

/// How many shared memory segments there are on this machine, and a line of headings.
pub fn segments() -> usize {
    std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default().lines().count()
}
