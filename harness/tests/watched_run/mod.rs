//! A run of the command in a test that knows its processes, files and segments.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::command::{self, case_file, faultmap};
use crate::own_process::children::{adopt_orphans, children_of, own_children, reap};

/// The time to wait for an event that is sure to come, long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first steps of a case: they make a map.
pub const MAP: &str = "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";

/// A run of one case. The test is a process of its own, of which only the run descends.
pub struct WatchedRun {
    dir: tempfile::TempDir,
    case: PathBuf,
}

impl WatchedRun {
    pub fn new(text: &str) -> WatchedRun {
        adopt_orphans();
        let (dir, case) = case_file(text);
        std::fs::create_dir(dir.path().join("files")).unwrap();
        WatchedRun { dir, case }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = faultmap(&["show"]);
        command.arg(&self.case).arg("--dir").arg(self.files()).args(arguments);
        command
    }

    pub fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// Waits until the command has a worker and the worker has a child that sleeps, in pause() or while it
    /// waits for a block. Returns both.
    pub fn worker_and_victim(&self, command: &Child) -> (Pid, Pid) {
        let controller = Pid::from_child(command);
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while Instant::now() < deadline {
            let first = |parent| children_of(parent).first().copied();
            let found = first(controller).and_then(|worker| Some((worker, first(worker)?)));
            match found {
                Some((worker, victim)) if found == last && sleeps(victim) => {
                    return (worker, victim);
                }
                _ => last = found,
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no victim: {last:?}");
    }

    pub fn no_process_is_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !own_children().is_empty() {
            assert!(Instant::now() < deadline, "still there: {}", own_children());
            reap();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails if a process, a file, a segment or a core file is left.
    pub fn nothing_is_left(&self) {
        self.no_process_is_left();
        let files: Vec<_> = std::fs::read_dir(self.files()).unwrap().flatten().collect();
        assert!(files.is_empty(), "left behind: {files:?}");
        assert_eq!(segments(), [""; 0], "left behind");
        let cores: Vec<_> = std::fs::read_dir(command::root())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("core"))
            .collect();
        assert!(cores.is_empty(), "core files: {cores:?}");
    }
}

/// True if the process waits for a signal or a child (proc_pid_stat(5)).
fn sleeps(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| fields.starts_with(" S "))
}

/// True if this holds with one of these timeouts, in milliseconds. On a busy machine a child with a short
/// timeout may be killed too early.
pub fn at_some_timeout(holds: impl FnMut(u32) -> bool) -> bool {
    [300, 3_000, 30_000].into_iter().any(holds)
}

/// The size of the System V segments of this test, which no other process uses.
pub fn segment_bytes() -> u32 {
    (1 << 20) + std::process::id()
}

/// Returns the segments of that size, one line for each (proc_sysvipc(5)).
pub fn segments() -> Vec<String> {
    let all = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let own = segment_bytes().to_string();
    let is_own = |line: &&str| line.split_whitespace().nth(3) == Some(&own);
    all.lines().filter(is_own).map(str::to_owned).collect()
}
