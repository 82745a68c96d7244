//! The command runs cases that misbehave: each has its outcome or is a harness error within its deadline, and
//! leaves nothing behind. Children that do more than a case can are in hostile.rs, and runs that are killed
//! from outside in killed.rs.

mod command;
mod own_process;
mod watched_run;

use std::process::ExitCode;

use command::run;
use own_process::{refusal, table, test};
use watched_run::{MAP, WatchedRun, at_some_timeout, segment_bytes};

const PAST_EOF: &str = "fd = file(0);\nmap = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);\n";

/// Steps, and the text of their result, with `{}` for the deadline: of a child that hangs, in milliseconds.
/// All other children have a minute.
const MISBEHAVING: &[(&str, (&str, &str))] = &[
    // The case hangs, and is killed at its deadline.
    ("hangs", ("pause();", "the child did not end within {} ms")),
    ("hangs_in_a_block", ("fork { fork { pause(); } }", "the child did not end within {} ms")),
    ("hangs_elsewhere", ("process { pause(); }", "the child did not end within {} ms")),
    (
        "blocks_its_signals",
        ("sigprocmask(SIG_BLOCK, SIGTERM); pause();", "did not end within {} ms"),
    ),
    ("ignores_its_signals", ("sigaction(SIGTERM, SIG_IGN); pause();", "did not end within {} ms")),
    // The case stops itself.
    ("stops_itself", ("raise(SIGSTOP);", "stopped the child, which did not end within {} ms")),
    ("a_block_stops_itself", ("fork { raise(SIGSTOP); }", "did not end within {} ms")),
    // The case ends before its access.
    ("exits_early", ("_exit(0);", "the child exited with 0 before its access")),
    ("exits_otherwise", ("_exit(7);", "the child exited with 7")),
    // A process whose parent has ended reports nothing.
    (
        "exits_before_its_processes_begin",
        ("_exit(7); process { } process { } process { } process { }", "the child exited with 7"),
    ),
    ("exits_in_a_block", ("fork { _exit(7); }", "")),
    // The case sends itself a signal that an access could raise. It is the answer of that step, and of no
    // access.
    ("sends_itself_sigsegv", ("raise(SIGSEGV);", "raise(SIGSEGV);  // killed by SIGSEGV\n")),
    ("sends_itself_sigbus", ("raise(SIGBUS);", "raise(SIGBUS);  // killed by SIGBUS\n")),
    ("kills_itself", ("raise(SIGKILL);", "raise(SIGKILL);  // killed by SIGKILL\n")),
    ("sends_itself_sigtrap", ("raise(SIGTRAP);", "raise(SIGTRAP);  // killed by SIGTRAP\n")),
];

fn main() -> ExitCode {
    let mut tests = vec![
        test("never_returning_is_an_answer_where_the_case_says_so", never_returns),
        test("a_child_that_is_stopped_has_not_returned_and_is_no_answer", is_stopped),
        test("a_case_may_lower_its_own_limits_and_meets_them", lowers_its_own_limits),
        test("shared_memory_segments_are_removed", shared_memory_segments_are_removed),
    ];
    tests.extend(table("a_case_that_misbehaves", MISBEHAVING, |row| misbehaves(row, "default")));
    let strict = table("a_case_that_misbehaves_in_strict_isolation", MISBEHAVING, |row| {
        misbehaves(row, "strict")
    });
    tests.extend(strict.map(|test| test.unless(refusal::strict_isolation)));
    let unhandled = [
        ("blocked", "sigprocmask(SIG_BLOCK, SIGBUS);"),
        ("ignored", "sigaction(SIGBUS, SIG_IGN);"),
        ("default_again", "sigaction(SIGBUS, SIG_DFL);"),
    ];
    let name = "a_fault_whose_signal_is_not_handled_kills_all_the_same";
    tests.extend(table(name, &unhandled, kills_all_the_same));
    own_process::run(tests)
}

fn misbehaves((steps, says): (&str, &str), level: &str) {
    let watched = WatchedRun::new(&format!("{MAP}{steps}\nsweep(map, read);"));
    let told = |timeout: &str| {
        let ran = run(&mut watched.command(&["--timeout", timeout, "--isolation", level]));
        watched.nothing_is_left();
        ran
    };
    if says.contains("{} ms") {
        let hangs = |timeout: u32| {
            let timeout = timeout.to_string();
            let (code, stdout, stderr) = told(&timeout);
            assert_eq!(code, Some(3), "{stdout}{stderr}");
            stdout.contains(&says.replace("{}", &timeout))
        };
        assert!(at_some_timeout(hangs), "never said: {says}");
    } else {
        let (code, stdout, stderr) = told("60000");
        let is_answer = says.is_empty() || says.starts_with(steps);
        let expected = if is_answer { 0 } else { 3 };
        assert_eq!(code, Some(expected), "{stdout}{stderr}");
        assert!(stdout.contains(says), "{stdout}{stderr}");
    }
}

fn never_returns() {
    let answers = |timeout: u32| {
        let watched = WatchedRun::new(&format!("timeout({timeout}ms);\npause();"));
        let (code, stdout, _) = run(&mut watched.command(&[]));
        watched.nothing_is_left();
        code == Some(0) && stdout.contains("pause();  // never returned")
    };
    assert!(at_some_timeout(answers));
}

fn is_stopped() {
    let is_told = |timeout: u32| {
        let watched = WatchedRun::new(&format!("timeout({timeout}ms);\nraise(SIGSTOP);"));
        let (code, stdout, _) = run(&mut watched.command(&[]));
        watched.nothing_is_left();
        let says = format!("a signal stopped the child, which did not end within {timeout} ms");
        code == Some(3) && stdout.contains(&says)
    };
    assert!(at_some_timeout(is_told));
}

fn kills_all_the_same(steps: &str) {
    let watched = WatchedRun::new(&format!("{PAST_EOF}{steps}\nsweep(map, read);"));
    let (code, stdout, _) = run(&mut watched.command(&[]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("| SIGBUS (no siginfo)"), "{stdout}");
    watched.nothing_is_left();
}

fn lowers_its_own_limits() {
    let watched = WatchedRun::new(
        "setrlimit(RLIMIT_AS, 1000);\n\
         map = mmap(0, 1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);",
    );
    let (code, stdout, _) = run(&mut watched.command(&[]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("-1, 0);  // = -1 ENOMEM"), "{stdout}");
    watched.nothing_is_left();
}

fn shared_memory_segments_are_removed() {
    let bytes = segment_bytes();
    let text = format!("id = shmget(IPC_PRIVATE, {bytes}, IPC_CREAT | 0600);\nraise(SIGKILL);");
    let watched = WatchedRun::new(&text);
    assert_eq!(run(&mut watched.command(&[])).0, Some(0));
    watched.nothing_is_left();
}
