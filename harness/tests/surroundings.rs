//! Where the command is started in odd surroundings: its pictures are the same.

mod command;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use command::{BIN, allows_strict, root, run};
use rstest::rstest;

/// A line of the last words, in a new user namespace with these further ones; none where this machine
/// refuses them, and said.
fn in_namespaces(further: &[&str], line: &str) -> Option<(Option<i32>, String, String)> {
    use std::io::Write as _;
    let shell = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user"]).args(further).args(["sh", "-c", line, BIN]);
        command.current_dir(root()).env("NO_COLOR", "1");
        run(&mut command)
    };
    if shell("true").0 != Some(0) {
        let _ = writeln!(std::io::stderr(), "skipped: this machine refuses {further:?}");
        return None;
    }
    Some(shell(line))
}

fn all_the_same((code, stdout, stderr): (Option<i32>, String, String)) {
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap_or_default();
    assert!(last.contains(" same, 0 changed, 0 new, 0 split, "), "{stdout}{stderr}");
    assert!(last.contains(", 0 harness errors; "), "{stdout}{stderr}");
    assert_eq!(stderr, "");
}

#[rstest]
#[case::stdin("0<&-")]
#[case::stderr("2>&-")]
#[case::both("0<&- 2>&-")]
fn closed_streams(#[case] closed: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" run notes {closed}"), BIN]).current_dir(root());
    all_the_same(run(&mut command));
}

#[test]
fn closed_stdout() {
    // Nobody is told, and nothing else has gone where it would have been told.
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" run notes >&-", BIN]).current_dir(root());
    assert_eq!(run(&mut command), (Some(0), String::new(), String::new()));
}

/// As in a container: nobody else reaps, and signals without a handler do not end it.
#[rstest]
fn as_process_1(#[values("default", "strict")] level: &str) {
    if level == "strict" && !allows_strict() {
        return;
    }
    let line = format!("test $$ = 1 && exec \"$0\" run --isolation {level}");
    let namespaces = ["--pid", "--fork", "--mount-proc"];
    if let Some(ran) = in_namespaces(&namespaces, &line) {
        all_the_same(ran);
    }
}

#[test]
fn process_1_ends_on_sigterm() {
    // Its own shell is process 1 and becomes the command; another one sends the signal, once it is
    // one that process 1 takes (SIGINT and SIGTERM, 0x4002), and says when.
    let line = "(until grep -q '^SigBlk:.*4002$' /proc/1/status; do sleep 0.1; done
        sleep 1; date +%s >&2; kill -TERM 1) & exec \"$0\" run --exhaustive";
    let namespaces = ["--pid", "--fork", "--mount-proc"];
    let Some((code, stdout, stderr)) = in_namespaces(&namespaces, line) else { return };
    let sent = UNIX_EPOCH + Duration::from_secs(stderr.trim().parse().expect("it was sent"));
    // Not only when workers are killed that have not seen that they should end.
    let took = sent.elapsed().expect("the clock runs on");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert_eq!(code, Some(143), "{stdout}{stderr}");
    assert!(stdout.contains("not measured because of SIGTERM"), "{stdout}{stderr}");
}

/// A shell in another session, such as the one in which somebody presses Ctrl-C, gets onto the cores.
#[test]
fn others_get_to_run() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut command = Command::new("setsid");
    command.args([BIN, "run", "--exhaustive", "--jobs", &cores]).current_dir(root());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = command.spawn().expect("setsid(1)");
    let (naps, nap, started) = (100, Duration::from_millis(20), Instant::now());
    (0..naps).for_each(|_| std::thread::sleep(nap));
    let took = started.elapsed();
    let ended = running.try_wait().expect("it was started");
    running.kill().expect("it is there");
    running.wait().expect("it ends");
    assert_eq!(ended, None, "it was over before anybody could be kept waiting");
    assert!(took < 3 * naps * nap, "{naps} naps of {nap:?} took {took:?}");
}

#[rstest]
#[case::read_only_working_directory(
    "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch x 2> /dev/null"
)]
#[case::tiny_dev_shm("mount -t tmpfs -o size=4k none /dev/shm")]
#[case::no_dev_shm("mount -t tmpfs -o ro none /dev/shm && ! touch /dev/shm/x 2> /dev/null")]
fn whatever_is_mounted(#[case] mount: &str) {
    let line = format!("{mount} && exec \"$0\" run notes");
    if let Some(ran) = in_namespaces(&["--mount"], &line) {
        all_the_same(ran);
    }
}

#[test]
fn what_is_not_there_to_be_opened_is_a_skip() {
    let line = "mount -t tmpfs -o ro none /dev && exec \"$0\" run --json notes/dev_zero_shared";
    let Some((code, stdout, stderr)) = in_namespaces(&["--mount"], line) else { return };
    assert_eq!(code, Some(4), "{stdout}{stderr}");
    assert!(stdout.contains("\"reason\":\"there is no /dev/zero here\""), "{stdout}{stderr}");
}
