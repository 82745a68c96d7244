//! Cases that misbehave, run by the command: each has its outcome or is a harness error within its
//! deadline, and afterwards nothing of it is left. What no case can say is in hostile.rs; what somebody
//! else does to a run is in killed.rs.

mod command;
mod marked;

use std::time::{Duration, Instant};

use command::run;
use marked::{MAP, Marked, refused, segments};
use rstest::rstest;

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
