//! Whom somebody else kills, stops or interrupts: a victim, a worker, the runner. It is told, and nothing is
//! left behind.

mod command;
mod marked;

use std::process::{Command, Stdio};
use std::time::Duration;

use marked::{MAP, Marked, refused, segments};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

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

/// Not the pipe to the controller, by which it could answer for others, and not the answers so far.
#[test]
fn a_victim_has_open_what_its_case_needs_and_no_more() {
    let marked = Marked::new(&format!("fd = file(PAGE);\n{MAP}pause();\nsweep(map, read);"));
    let child = marked.command(&["--timeout", "1000"]).stdout(Stdio::piped()).spawn().unwrap();
    let (_, victim) = marked.worker_and_victim(&child);
    std::thread::sleep(Duration::from_millis(100));
    let mut open: Vec<String> = std::fs::read_dir(format!("/proc/{victim}/fd"))
        .unwrap()
        .flatten()
        .filter(|entry| !["0", "1", "2"].contains(&entry.file_name().to_str().unwrap()))
        .map(|entry| std::fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned())
        .collect();
    let files = marked.files().to_string_lossy().into_owned();
    open.retain(|path| !path.starts_with(&files));
    assert_eq!(open, [""; 0]);
    child.wait_with_output().unwrap();
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
    ignoring.env("FAULTMAP_TEST", marked.folder()).stdout(Stdio::piped());
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
