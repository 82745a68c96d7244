//! A program runs under `faultmap exec` as it runs alone: who it is, what it has, how it ends, and which signals it
//! gets.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc;

use crate::own_process::{Test, refused_call, table};
use crate::{command, exec, exec_command, ran, this_program};

pub fn tests() -> Vec<Test> {
    let rows: [(&str, fn()); 18] = [
        ("exit_status", exit_status),
        ("pid_and_parent", pid_and_parent),
        ("descriptors", descriptors),
        ("ignored_sigpipe", ignored_sigpipe),
        ("stack_limit", stack_limit),
        ("handled_signal", handled_signal),
        ("killed", killed),
        ("stopped_and_continued", stopped_and_continued),
        ("output_ends_with_the_program", output_ends),
        ("what_it_leaves_is_traced_no_longer_than_it_lives", nothing_is_left),
        ("a_reaper_of_orphans", reaper),
        ("blocked_sigchld", blocked_sigchld),
        ("a_signal_to_who_waits_for_it", handed_on),
        ("standard_error_of_what_it_leaves", left_behind),
        ("few_descriptors", few_descriptors),
        ("a_tracer_below_it", a_tracer_below),
        ("ptrace_that_is_refused", refused),
        ("a_program_that_cannot_be_run", not_run),
    ];
    table("transparent", &rows, |body| body()).collect()
}

/// `faultmap exec` with a command of the shell.
fn shell(script: &str) -> Command {
    let mut command = Command::new(command::BIN);
    command.args(["exec", "--", "sh", "-c", script]);
    command
}

/// Runs a script once alone and once traced, and returns what both have printed and how they have ended.
fn both(script: &str, change: impl Fn(&mut Command)) -> [(Option<i32>, Option<i32>, String); 2] {
    let mut alone = Command::new("sh");
    alone.args(["-c", script]);
    [alone, shell(script)].map(|mut command| {
        change(&mut command);
        let output = command.output().expect("sh(1)");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), output.status.signal(), printed)
    })
}

fn same(script: &str, change: impl Fn(&mut Command)) -> String {
    let [alone, traced] = both(script, change);
    assert_eq!(alone, traced, "{script}");
    alone.2
}

fn exit_status() {
    same("exit 0", |_| {});
    same("exit 42", |_| {});
    same("kill -KILL $$", |_| {});
    same("kill -SEGV $$", |_| {});
    same("cat", |command| {
        command.stdin(Stdio::null());
    });
}

fn pid_and_parent() {
    let mut command = shell("echo $$ $PPID");
    let child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
    let pid = child.id();
    let output = child.wait_with_output().expect("it ends");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(printed.trim(), format!("{pid} {}", std::process::id()));
}

fn descriptors() {
    // Of those that sh itself has, and of those that its starter has left open.
    let printed = same("for f in /proc/$$/fd/*; do echo ${f##*/}; done", |command| {
        // SAFETY: dup2(2) is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::dup2(0, 9);
                Ok(())
            })
        };
    });
    assert!(printed.lines().any(|number| number == "9"), "{printed}");
}

fn ignored_sigpipe() {
    let actions = [libc::SIG_DFL, libc::SIG_IGN].map(|action| {
        same("grep SigIgn /proc/$$/status", |command| {
            // SAFETY: signal(2) is async-signal-safe.
            unsafe {
                command.pre_exec(move || {
                    libc::signal(libc::SIGPIPE, action);
                    Ok(())
                })
            };
        })
    });
    assert_ne!(actions[0], actions[1]);
}

fn stack_limit() {
    // A soft limit below what the command itself wants.
    let printed = same("ulimit -s", |command| {
        // SAFETY: setrlimit(2) is a system call and no more.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit { rlim_cur: 512 << 10, rlim_max: libc::RLIM_INFINITY };
                libc::setrlimit(libc::RLIMIT_STACK, &limit);
                Ok(())
            })
        };
    });
    assert_eq!(printed.trim(), "512");
}

/// Starts a script that prints a line when it is ready.
fn ready(script: &str) -> Child {
    let mut command = shell(script);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut line).expect("a line");
    child.stdout = Some(output.into_inner());
    child
}

fn send(child: &Child, signal: i32) {
    // SAFETY: it is a child that is not yet reaped.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

fn handled_signal() {
    let mut child =
        ready("trap 'echo cleaned up; exit 9' TERM; echo ready; while :; do sleep 0.01; done");
    send(&child, libc::SIGTERM);
    let mut rest = String::new();
    let mut output = child.stdout.take().expect("a pipe");
    output.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest.trim(), "cleaned up");
    assert_eq!(child.wait().expect("it ends").code(), Some(9));
}

fn killed() {
    let mut child = ready("echo ready; exec sleep 1000");
    send(&child, libc::SIGKILL);
    assert_eq!(child.wait().expect("it ends").signal(), Some(libc::SIGKILL));
}

fn stopped_and_continued() {
    let mut child =
        ready("trap 'echo continued; exit 0' CONT; echo ready; while :; do sleep 0.01; done");
    send(&child, libc::SIGSTOP);
    let mut status = 0;
    // SAFETY: the status is written to memory of this function.
    let waited = unsafe { libc::waitpid(child.id() as i32, &mut status, libc::WUNTRACED) };
    assert_eq!(waited, child.id() as i32);
    assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(50));
    send(&child, libc::SIGCONT);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let mut rest = String::new();
    let mut output = child.stdout.take().expect("a pipe");
    output.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest.trim(), "continued");
}

/// Whoever reads the output of a program waits for nothing that the program has left: that has closed its own.
fn output_ends() {
    let mut command = shell("sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!");
    let output = command.output().expect("sh(1)");
    let left: i32 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a pid");
    // SAFETY: a signal to a process that this test has left.
    assert_eq!(unsafe { libc::kill(left, libc::SIGKILL) }, 0, "it lives on");
}

/// The variable by which a test knows the processes that it has started.
const MARK: &str = "FAULTMAP_TEST_MARK";

/// Returns the processes that are named `faultmap` and have this mark.
fn tracers(mark: &str) -> Vec<String> {
    let mark = format!("{MARK}={mark}");
    let processes = std::fs::read_dir("/proc").expect("proc(5)").flatten();
    let is_tracer = |path: &std::path::Path| {
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        name.trim() == "faultmap"
            && environment.split(|byte| *byte == 0).any(|own| own == mark.as_bytes())
    };
    let paths = processes.map(|entry| entry.path());
    paths.filter(|path| is_tracer(path)).map(|path| path.display().to_string()).collect()
}

fn nothing_is_left() {
    let mark = std::process::id().to_string();
    let mut command = shell("echo ready; read line");
    command.env(MARK, &mark).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut line).expect("a line");
    let all = tracers(&mark);
    let [tracer] = all.as_slice() else { panic!("{all:?}") };
    // The program can unmount where it was started.
    let folder = std::fs::read_link(format!("{tracer}/cwd")).expect("its folder");
    assert_eq!(folder, std::path::Path::new("/"));
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let started = Instant::now();
    while !tracers(&mark).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", tracers(&mark));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program that adopts orphans waits for its children, and for none of faultmap's.
fn reaper() {
    let this = this_program();
    let mut command = Command::new(command::BIN);
    command.args(["exec", "--"]).arg(this).args(["--program", "waits_for_all"]);
    // SAFETY: prctl(2) is a system call and no more.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            Ok(())
        })
    };
    let traced = ran(&mut command, tempfile::tempdir().expect("a folder for temporary files"));
    let ended = (traced.code, traced.printed.trim());
    assert_eq!(ended, (Some(0), "no child is left"), "{}", traced.told);
    // Also where it cannot be traced.
    refused_call::refuse_call(libc::SYS_ptrace, libc::EPERM);
    let untraced = ran(&mut command, tempfile::tempdir().expect("a folder for temporary files"));
    let ended = (untraced.code, untraced.printed.trim());
    assert_eq!(ended, (Some(0), "no child is left"), "{}", untraced.told);
    assert!(untraced.told.contains("running it untraced"), "{}", untraced.told);
}

fn blocked_sigchld() {
    let grep = ["grep", "-E", "SigPnd|ShdPnd|SigBlk", "/proc/self/status"];
    let [alone, traced] = [vec![], vec![command::BIN, "exec", "--"]].map(|before| {
        let words = [before, grep.to_vec()].concat();
        let mut command = Command::new(words[0]);
        // SAFETY: the set is a value of this closure, and sigprocmask(2) is async-signal-safe.
        unsafe {
            command.args(&words[1..]).pre_exec(|| {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigaddset(&mut set, libc::SIGCHLD);
                libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
                Ok(())
            })
        };
        String::from_utf8(command.output().expect("grep(1)").stdout).expect("UTF-8")
    });
    assert!(alone.contains("SigBlk:\t0000000000010000"), "{alone}");
    assert_eq!(alone, traced);
}

/// Where faultmap stays as the parent, whoever ends it means the program.
fn handed_on() {
    let script = "trap 'echo cleaned up; exit 9' TERM; echo ready; while :; do sleep 0.01; done";
    let mut command = Command::new(command::BIN);
    command.args(["exec", "--expect", "SIGBUS", "--", "sh", "-c", script]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    send(&child, libc::SIGTERM);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest.trim(), "cleaned up");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

/// What outlives the program has its report where the program had its own, and in no other file.
fn left_behind() {
    let this = this_program();
    let this = this.to_str().expect("UTF-8");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("other"), "mine").expect("room");
    // The pipe of `gone` ends with the last of both.
    let script = format!(
        "mkfifo gone; (sleep 0.3; {this} --program null) > /dev/null & \
         (sleep 0.3; {this} --program null) > gone 2<> other & cat gone > /dev/null & exit 0"
    );
    let mut command = shell(&script);
    let errors = std::fs::File::create(path("errors")).expect("room");
    command.current_dir(&folder).stderr(errors).stdout(Stdio::null());
    let mark = format!("{}-left", std::process::id());
    let status = command.env(MARK, &mark).status().expect("sh(1)");
    assert_eq!(status.code(), Some(0));
    let started = Instant::now();
    while !tracers(&mark).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", tracers(&mark));
        std::thread::sleep(Duration::from_millis(10));
    }
    let told = std::fs::read_to_string(path("errors")).expect("UTF-8");
    assert_eq!(told.matches("faultmap: SIGSEGV").count(), 1, "{told}");
    assert_eq!(std::fs::read_to_string(path("other")).expect("UTF-8"), "mine");
}

/// The program runs, whatever faultmap lacks.
fn few_descriptors() {
    let script = format!("ulimit -n 4; exec {} exec -- sh -c 'exit 5'", command::BIN);
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh(1)");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("running it untraced"), "{told}");
}

/// A thread has one tracer. So a debugger, or another faultmap, is let go, and its program has one report.
fn a_tracer_below() {
    let this = this_program();
    let this = this.to_str().expect("UTF-8");
    let ran = exec_command(
        &["--json"],
        &[command::BIN, "exec", "--json", "--", this, "--program", "null"],
    );
    assert_eq!(ran.report()["cause"], "null_pointer");
    assert_eq!(ran.signal, Some(libc::SIGSEGV));
    assert!(!ran.told.contains("cannot trace"), "{}", ran.told);
}

/// As in a container. The program runs all the same, and the reason is told.
fn refused() {
    refused_call::refuse_call(libc::SYS_ptrace, libc::EPERM);
    let ran = exec_command(&[], &["sh", "-c", "exit 5"]);
    assert_eq!(ran.code, Some(5));
    assert!(ran.told.contains("a seccomp filter forbids it"), "{}", ran.told);
    let ran = exec(&["--expect", "SIGSEGV"], "null");
    assert_eq!(ran.code, Some(125), "{}", ran.told);
}

fn not_run() {
    for (word, code, reason) in [
        ("./nothing", 127, "No such file"),
        ("/etc/passwd", 126, "Permission denied"),
        ("/", 126, "Permission denied"),
    ] {
        let ran = exec_command(&[], &[word]);
        assert_eq!(ran.code, Some(code), "{}", ran.told);
        assert!(ran.told.contains(&format!("cannot run {word}")), "{}", ran.told);
        assert!(ran.told.contains(reason), "{}", ran.told);
    }
}
