//! Cases that misbehave, run by the command: each has its outcome or is a harness error within its
//! deadline, and afterwards nothing of it is left. What no case can say is in hostile.rs.

mod command;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command::{allows_strict, case_file, faultmap, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

/// A run whose processes can be told from those of all other tests, by a word in their environment.
struct Marked {
    mark: String,
    dir: tempfile::TempDir,
    case: PathBuf,
}

impl Marked {
    fn new(text: &str) -> Marked {
        let (dir, case) = case_file(text);
        std::fs::create_dir(dir.path().join("files")).unwrap();
        Marked { mark: format!("FAULTMAP_TEST={}", dir.path().display()), dir, case }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = faultmap(&["show"]);
        command.arg(&self.case).arg("--dir").arg(self.files()).args(arguments);
        command.env("FAULTMAP_TEST", self.dir.path());
        command
    }

    fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// The processes of the run that are alive, each with its parent.
    fn processes(&self) -> BTreeMap<i32, i32> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_marked = match environment.is_empty() {
                false => {
                    environment.split(|byte| *byte == 0).any(|word| word == self.mark.as_bytes())
                }
                // The victims of a nest have none. Of whatever run they are, none may be an orphan for long.
                true => is_faultmap(pid) && !is_faultmap(parent(&entry.path())),
            };
            if is_marked {
                found.insert(pid, parent(&entry.path()));
            }
        }
        found
    }

    /// Waits until the command has a worker and the worker a child, and gives both.
    fn worker_and_victim(&self, command: &Child) -> (Pid, Pid) {
        let controller = i32::try_from(command.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let processes = self.processes();
            let child_of = |parent| processes.iter().find(|(_, own)| **own == parent);
            if let Some((worker, _)) = child_of(controller) {
                if let Some((victim, _)) = child_of(*worker) {
                    return (Pid::from_raw(*worker), Pid::from_raw(*victim));
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("no victim within ten seconds: {:?}", self.processes());
    }

    /// No process, and no file.
    fn nothing_is_left(&self) {
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

fn parent(process: &Path) -> i32 {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn is_faultmap(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "faultmap\n")
}

/// Whether this machine does not isolate so far; said, so that no test passes in silence.
fn refused(level: &str) -> bool {
    use std::io::Write as _;
    let refused = level == "strict" && !allows_strict();
    if refused {
        let _ = writeln!(std::io::stderr(), "skipped: this machine refuses strict isolation");
    }
    refused
}

const MAP: &str = "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";
const PAST_EOF: &str = "fd = file(0);\nmap = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);\n";

#[rstest]
// It hangs: at its deadline it is killed.
#[case::hangs("pause();", "the child had not ended after 300 ms; killed")]
#[case::hangs_in_a_block("fork { fork { pause(); } }", "the child had not ended after 300 ms")]
#[case::hangs_elsewhere("process { pause(); }", "the child had not ended after 300 ms")]
#[case::blocks_its_signals(
    "sigprocmask(SIG_BLOCK, SIGTERM); pause();",
    "had not ended after 300 ms"
)]
#[case::ignores_its_signals("sigaction(SIGTERM, SIG_IGN); pause();", "had not ended after 300 ms")]
// It stops itself.
#[case::stops_itself("raise(SIGSTOP);", "stopped by a signal and still so after 300 ms; killed")]
#[case::a_block_stops_itself("fork { raise(SIGSTOP); }", "had not ended after 300 ms")]
// It ends before its access.
#[case::exits_early("_exit(0);", "the child exited with 0 before its access")]
#[case::exits_otherwise("_exit(7);", "the child exited with 7")]
#[case::exits_in_a_block("fork { _exit(7); }", "")]
// It sends itself what an access could raise: that is no answer.
#[case::sends_itself_sigsegv("raise(SIGSEGV);", "SIGSEGV killed the child, and no access")]
#[case::sends_itself_sigbus("raise(SIGBUS);", "SIGBUS killed the child, and no access")]
#[case::kills_itself("raise(SIGKILL);", "SIGKILL killed the child, and no access")]
#[case::sends_itself_sigtrap("raise(SIGTRAP);", "SIGTRAP killed the child, and no access")]
fn a_case_that_misbehaves(
    #[case] steps: &str,
    #[case] says: &str,
    #[values("default", "strict")] level: &str,
) {
    if refused(level) {
        return;
    }
    let marked = Marked::new(&format!("{MAP}{steps}\nsweep(map, read);"));
    let started = Instant::now();
    let (code, stdout, stderr) =
        run(&mut marked.command(&["--timeout", "300", "--isolation", level]));
    let expected = if says.is_empty() { 0 } else { 3 };
    assert_eq!(code, Some(expected), "{stdout}{stderr}");
    assert!(stdout.contains(says), "{stdout}{stderr}");
    assert!(started.elapsed() < Duration::from_secs(10), "the deadline was 300 ms");
    marked.nothing_is_left();
}

#[test]
fn never_returning_is_an_answer_where_the_case_says_so() {
    let marked = Marked::new("timeout(200ms);\npause();");
    let (code, stdout, _) = run(&mut marked.command(&[]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("pause();  // never returned"), "{stdout}");
    marked.nothing_is_left();
}

#[test]
fn a_child_that_is_stopped_has_not_returned_and_is_no_answer() {
    let marked = Marked::new("timeout(200ms);\nraise(SIGSTOP);");
    let (code, stdout, _) = run(&mut marked.command(&[]));
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stdout.contains("stopped by a signal and still so after 200 ms"), "{stdout}");
    marked.nothing_is_left();
}

#[rstest]
#[case::blocked("sigprocmask(SIG_BLOCK, SIGBUS);")]
#[case::ignored("sigaction(SIGBUS, SIG_IGN);")]
#[case::default_again("sigaction(SIGBUS, SIG_DFL);")]
fn a_fault_whose_signal_is_not_handled_kills_all_the_same(#[case] steps: &str) {
    let marked = Marked::new(&format!("{PAST_EOF}{steps}\nsweep(map, read);"));
    let (code, stdout, _) = run(&mut marked.command(&[]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("| SIGBUS (no siginfo)"), "{stdout}");
    marked.nothing_is_left();
}

#[test]
fn a_case_may_lower_its_own_limits_and_meets_them() {
    let marked = Marked::new(
        "setrlimit(RLIMIT_AS, 1000);\n\
         map = mmap(0, 1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);",
    );
    let (code, stdout, _) = run(&mut marked.command(&[]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("-1, 0);  // = -1 ENOMEM"), "{stdout}");
    marked.nothing_is_left();
}

#[test]
fn shared_memory_segments_are_removed() {
    let before = segments();
    let marked = Marked::new("id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);\nraise(SIGKILL);");
    assert_eq!(run(&mut marked.command(&[])).0, Some(3));
    assert_eq!(segments(), before);
    marked.nothing_is_left();
}

fn segments() -> usize {
    std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default().lines().count()
}

/// A case whose children hang, with a file that has a name, and a descriptor of each kind.
const HANGING: &str = "fd = file(PAGE);\nid = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);\n\
                       fork { process_is_not_needed = pipe(); pause(); }\nunlink(fd);\n";

#[rstest]
#[case(Signal::SIGSEGV)]
#[case(Signal::SIGKILL)]
#[case(Signal::SIGTERM)]
fn a_child_that_is_killed_from_outside_gives_no_answer(#[case] signal: Signal) {
    let marked = Marked::new(&format!("{MAP}pause();\nsweep(map, read);"));
    let child = marked.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let (_, victim) = marked.worker_and_victim(&child);
    // It may still be on its way to the pause: a signal that is handled must find it there.
    std::thread::sleep(Duration::from_millis(100));
    kill(victim, signal).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains(&format!("{signal} killed the child, and no access")), "{stdout}");
    marked.nothing_is_left();
}

#[rstest]
#[case(Signal::SIGKILL, None, "")]
#[case(Signal::SIGTERM, Some(143), "1 case: 1 not measured because of SIGTERM, ")]
#[case(Signal::SIGINT, Some(130), "1 case: 1 not measured because of SIGINT, ")]
fn the_runner_ended_in_the_middle_leaves_nothing(
    #[case] signal: Signal,
    #[case] code: Option<i32>,
    #[case] told: &str,
    #[values("default", "strict")] level: &str,
) {
    if refused(level) {
        return;
    }
    if signal == Signal::SIGINT && is_ignored(signal) {
        println!("skipped: whoever started the tests has them ignore {signal}");
        return;
    }
    let marked = Marked::new(HANGING);
    let before = segments();
    let child = marked
        .command(&["--timeout", "60000", "--isolation", level])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    marked.worker_and_victim(&child);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), code);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains(told), "{stdout}");
    marked.nothing_is_left();
    assert_eq!(segments(), before);
}

fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() >> (signal as u32 - 1) & 1 == 1
}

#[test]
fn an_ignored_interrupt_stays_ignored() {
    let marked = Marked::new(&format!("{MAP}timeout(1s);\npause();"));
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]);
    let command = marked.command(&[]);
    ignoring.arg(command.get_program()).args(command.get_args()).current_dir(command::root());
    ignoring.env("FAULTMAP_TEST", marked.dir.path()).stdout(Stdio::piped());
    let child = ignoring.spawn().unwrap();
    marked.worker_and_victim(&child);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("never returned"));
}

#[rstest]
fn a_worker_that_is_stopped_is_replaced(#[values("default", "strict")] level: &str) {
    if refused(level) {
        return;
    }
    let marked = Marked::new(&format!("{MAP}timeout(2s);\npause();"));
    let child = marked.command(&["--isolation", level]).stdout(Stdio::piped()).spawn().unwrap();
    let (worker, _) = marked.worker_and_victim(&child);
    kill(worker, Signal::SIGSTOP).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("never returned"), "{stdout}");
    marked.nothing_is_left();
}

#[test]
fn one_probe_killed_in_the_middle_leaves_nothing() {
    let marked = Marked::new(&format!("{HANGING}{MAP}sweep(map, read);"));
    let before = segments();
    let arguments = ["--timeout", "60000", "--access", "read", "--at", "0"];
    let mut child = marked.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    marked.worker_and_victim(&child);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    marked.nothing_is_left();
    assert_eq!(segments(), before);
}

#[rstest]
fn a_worker_killed_once_is_replaced_and_killed_twice_is_a_harness_error(
    #[values("default", "strict")] level: &str,
) {
    if refused(level) {
        return;
    }
    let marked = Marked::new(&format!("{MAP}timeout(2s);\npause();"));
    let mut child = marked.command(&["--isolation", level]).stdout(Stdio::piped()).spawn().unwrap();
    let (first, _) = marked.worker_and_victim(&child);
    kill(first, Signal::SIGKILL).unwrap();
    let second = loop {
        let (worker, _) = marked.worker_and_victim(&child);
        if worker != first {
            break worker;
        }
        assert!(child.try_wait().unwrap().is_none(), "the command ended with its first worker");
    };
    kill(second, Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("the worker that ran it is gone: killed by SIGKILL"), "{stdout}");
    marked.nothing_is_left();
}
