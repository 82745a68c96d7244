//! A child that no longer follows its case can make only the system calls that the words of the case need:
//! its filter ends it. The files that it can open are tested in opens.rs, and `--isolation strict` in
//! sandbox.rs.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork.

mod command;
mod own_process;
mod stage;

use std::process::ExitCode;

use faultmap::internals::case::Access;
use faultmap::internals::case::Pattern;
use faultmap::internals::confine::Held;
use faultmap::internals::supervise::{Asked, Ending, Fork, Judge, await_end};
use faultmap::internals::sys::{
    Child, PIDFD_SELF_THREAD, SoleThread, can_signal_itself, fork_worker,
};
use faultmap::internals::victim::Program;
use linux_raw_sys::general::__NR_shmget;
use nix::libc;
use own_process::children::none_left_by;
use own_process::refused_call::{refuse_call, refuse_prctl};
use own_process::test;
use stage::ENDS;
use stage::held::{HeldStage, lacks};

const KILLED: Ending = Ending::Killed(libc::SIGSYS);

/// A case with very few words.
const LITTLE: &str =
    "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);";

fn main() -> ExitCode {
    let tests: [(&str, fn()); 10] = [
        ("makes_calls_that_no_case_can", makes_calls_that_no_case_can),
        ("makes_calls_of_other_cases", makes_calls_of_other_cases),
        ("makes_calls_with_other_arguments", makes_calls_with_other_arguments),
        ("signals_somebody_else", signals_somebody_else),
        ("removes_its_filter", removes_its_filter),
        ("is_forked_by_a_fork_server", is_forked_by_a_fork_server),
        ("a_worker_has_a_filter_too", a_worker_has_a_filter_too),
        ("a_call_that_is_missing_is_a_harness_error", a_call_that_is_missing_is_a_harness_error),
        ("a_run_goes_on_without_a_refused_filter", a_run_goes_on_without_a_refused_filter),
        ("a_run_goes_on_without_a_subreaper", a_run_goes_on_without_a_subreaper),
    ];
    let row = |(name, body): (&'static str, fn())| test(name, move || none_left_by(body));
    let tests = tests.map(row).into_iter().map(|test| test.unless_tried(|| lacks("seccomp")));
    own_process::run(tests.collect())
}

/// The end of a child of this case that makes this call and then exits with 0.
fn calls(stage: &HeldStage, case: &str, number: libc::c_long, args: [usize; 6]) -> Ending {
    stage.child(case, |child| {
        let _ = child.call(number, args);
        0
    })
}

// Without the filter each of these calls would fail or do no harm, and the child would exit with 0.

fn makes_calls_that_no_case_can() {
    let stage = HeldStage::new();
    let (unix, stream) = (libc::AF_UNIX as usize, libc::SOCK_STREAM as usize);
    assert_eq!(
        calls(&stage, LITTLE, libc::SYS_getpid, [0; 6]),
        Ending::Exited(0),
        "it may do this"
    );
    assert_eq!(calls(&stage, LITTLE, libc::SYS_socket, [unix, stream, 0, 0, 0, 0]), KILLED);
    for number in [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_timer_create,
        libc::SYS_mount,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_clone3,
        libc::SYS_setsid,
        libc::SYS_setuid,
        libc::SYS_getdents64,
        libc::SYS_open_by_handle_at,
        libc::SYS_openat2,
        libc::SYS_linkat,
        libc::SYS_renameat2,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_ioctl,
        100_000,
        0x4000_0000 + libc::SYS_getpid,
    ] {
        assert_eq!(calls(&stage, LITTLE, number, [usize::MAX; 6]), KILLED, "call {number}");
    }
}

/// Each word widens the filter only for the cases that use it.
fn makes_calls_of_other_cases() {
    let stage = HeldStage::new();
    let here = libc::AT_FDCWD as usize;
    let (key, child, raised) = (libc::IPC_PRIVATE as usize, libc::SIGCHLD as usize, libc::SIGCONT);
    let itself = [PIDFD_SELF_THREAD as usize, raised as usize, 0, 0, 0, 0];
    let rows: [(&str, libc::c_long, [usize; 6]); 12] = [
        ("fsync(-1);", libc::SYS_fsync, [usize::MAX; 6]),
        ("munmap(0, 0);", libc::SYS_munmap, [0; 6]),
        ("mprotect(0, 0, PROT_READ);", libc::SYS_mprotect, [0; 6]),
        ("ftruncate(-1, 0);", libc::SYS_ftruncate, [usize::MAX; 6]),
        ("shmget(IPC_PRIVATE, 0, 0);", __NR_shmget as libc::c_long, [key, 0, 0, 0, 0, 0]),
        ("fd = pipe();", libc::SYS_pipe2, [0; 6]),
        ("fd = file(1);", libc::SYS_dup, [usize::MAX; 6]),
        ("fd = file(1); unlink(fd);", libc::SYS_unlinkat, [usize::MAX, 0, 0, 0, 0, 0]),
        ("fd = file(1, O_RDONLY);", libc::SYS_openat, [here, 0, 0, 0, 0, 0]),
        ("fork { }", libc::SYS_wait4, [1, 0, 0, 0, 0, 0]),
        ("fork { }", libc::SYS_clone, [child, 0, 0, 0, 0, 0]),
        ("raise(SIGCONT);", libc::SYS_pidfd_send_signal, itself),
    ];
    for (case, number, args) in rows {
        assert_eq!(calls(&stage, case, number, args), Ending::Exited(0), "call {number} in {case}");
        assert_eq!(calls(&stage, LITTLE, number, args), KILLED, "call {number} in another case");
    }
}

fn makes_calls_with_other_arguments() {
    let stage = HeldStage::new();
    let (here, own) = (libc::AT_FDCWD as usize, std::process::id() as usize);
    let option = |option: i32| [option as usize, 1, 0, 0, 0, 0];
    let second = |value: i32| [usize::MAX, value as usize, 0, 0, 0, 0];
    let third = |value: i32| [here, 0, value as usize, 0, 0, 0];
    let create = libc::O_RDWR | libc::O_CREAT;
    let limit = libc::RLIMIT_AS as usize;
    let process = [own, limit, 0, 0, 0, 0];
    let thread = libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
    let user = libc::CLONE_NEWUSER | libc::SIGCHLD;
    for (what, case, number, args) in [
        ("a name", LITTLE, libc::SYS_prctl, option(libc::PR_SET_NAME)),
        ("memory to be looked at", LITTLE, libc::SYS_prctl, option(libc::PR_SET_DUMPABLE)),
        ("a seccomp mode", LITTLE, libc::SYS_prctl, option(libc::PR_SET_SECCOMP)),
        ("another group", LITTLE, libc::SYS_setpgid, [0, own, 0, 0, 0, 0]),
        (
            "an owner for SIGIO",
            "fcntl(-1, F_ADD_SEALS, 0);",
            libc::SYS_fcntl,
            second(libc::F_SETOWN),
        ),
        ("poison", "madvise(0, 0, MADV_NORMAL);", libc::SYS_madvise, third(libc::MADV_HWPOISON)),
        ("a file that is new", "fd = file(1, O_RDWR);", libc::SYS_openat, third(create)),
        ("another's limit", "setrlimit(RLIMIT_AS, 0);", libc::SYS_prlimit64, process),
        ("a thread", "fork { }", libc::SYS_clone, [thread as usize, 0, 0, 0, 0, 0]),
        ("a user namespace", "fork { }", libc::SYS_clone, [user as usize, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(calls(&stage, case, number, args), KILLED, "{what}");
    }
}

/// A child signals the starter of the tests, its worker, all processes, and its own group. All of them ignore
/// the signal.
fn signals_somebody_else() {
    let stage = HeldStage::new();
    let (started, own) = (std::os::unix::process::parent_id(), std::process::id());
    for target in [started as usize, own as usize, usize::MAX, 0] {
        let signal = libc::SIGURG as usize;
        for (number, args) in [
            (libc::SYS_kill, [target, signal, 0, 0, 0, 0]),
            (libc::SYS_tkill, [target, signal, 0, 0, 0, 0]),
            (libc::SYS_tgkill, [target, target, signal, 0, 0, 0]),
            (libc::SYS_pidfd_send_signal, [target, signal, 0, 0, 0, 0]),
        ] {
            assert_eq!(calls(&stage, LITTLE, number, args), KILLED, "{number} for {target}");
            // A case that sends itself signals must not reach others either.
            if can_signal_itself() || number != libc::SYS_kill {
                let ending = calls(&stage, "raise(SIGTERM);", number, args);
                assert_eq!(ending, KILLED, "{number} for {target}");
            }
        }
    }
    let raises = |child: &Child| i32::from(child.raise(libc::SIGTERM).is_ok());
    assert_eq!(stage.child("raise(SIGTERM);", raises), Ending::Killed(libc::SIGTERM), "to itself");
}

fn removes_its_filter() {
    let stage = HeldStage::new();
    let empty = libc::sock_fprog { len: 0, filter: std::ptr::null_mut() };
    let at = (&raw const empty) as usize;
    assert_eq!(calls(&stage, LITTLE, libc::SYS_seccomp, [1, 0, at, 0, 0, 0]), KILLED);
    assert_eq!(calls(&stage, LITTLE, libc::SYS_seccomp, [1, 4, at, 0, 0, 0]), KILLED);
    let strict = libc::PR_SET_NO_NEW_PRIVS as usize;
    assert_eq!(calls(&stage, LITTLE, libc::SYS_prctl, [strict, 0, 0, 0, 0, 0]), KILLED);
}

/// The fork server enters the filter once for all children of a case.
fn is_forked_by_a_fork_server() {
    let stage = HeldStage::new();
    stage.supervisor.exclude_from_fork(stage.memory);
    let case = faultmap::internals::parse::case(LITTLE).expect("a case");
    let program = Program::of(&case, rustix::param::page_size() as u64, stage.memory);
    let held = stage.held.sandbox(&program, &[Access::Read], &stage.backing(), stage.memory);
    let (sandbox, _ruleset) = held.expect("a sandbox");
    for (number, ending) in [(libc::SYS_socket, KILLED), (libc::SYS_getpid, Ending::Exited(7))] {
        let body = move |child: Child, _: Result<(), i32>| {
            let _ = child.call(number, [0; 6]);
            7
        };
        let fork_server = stage.supervisor.fork_server(Fork { sandbox, body });
        let fork_server = fork_server.expect("a fork server");
        for _ in 0..2 {
            let ran = stage.supervisor.run(&fork_server, Asked::Slots(0), ENDS);
            assert_eq!(ran.expect("it was forked").ending, ending, "call {number}");
        }
    }
}

fn a_worker_has_a_filter_too() {
    let worker = |body: fn() -> i32| {
        fork_worker(SoleThread::claim().expect("this thread alone"), move || {
            Held::find().hold_worker().expect("this kernel allows it");
            body()
        })
    };
    let told = worker(|| {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        i32::from(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"))
    });
    let told = told.expect("it was forked");
    assert_eq!(await_end(told, ENDS), Ending::Exited(1));
    let worker = worker(|| {
        let _ = nix::sys::prctl::set_name(c"other");
        0
    });
    let ended = await_end(worker.expect("it was forked"), ENDS);
    assert_eq!(ended, Ending::Killed(libc::SIGSYS));
}

/// A step may make a call that the filter of its child lacks. It is judged as any other step.
fn a_call_that_is_missing_is_a_harness_error() {
    use faultmap::internals::victim::{Fill, Request};
    let stage = HeldStage::new();
    let page = rustix::param::page_size() as u64;
    let case = faultmap::internals::parse::case("fsync(-1);").expect("a case");
    let mut program = Program::of(&case, page, stage.memory);
    let other =
        Program::of(&faultmap::internals::parse::case(LITTLE).expect("a case"), page, stage.memory);
    let held = stage.held.sandbox(&other, &[], &stage.backing(), stage.memory);
    let (sandbox, _ruleset) = held.expect("a sandbox");
    for (sandbox, is_answer) in [(program.sandbox, true), (sandbox, false)] {
        program.sandbox = sandbox;
        let orders =
            Request { program, probe: None, fill: Fill::Pattern(Pattern::First), files: &[] };
        let fork = stage.supervisor.fork_of(program);
        let ran = stage.supervisor.run(fork, Asked::Case(&orders), ENDS).expect("it was forked");
        let judge = Judge {
            program: &program,
            ending: ran.ending,
            recorded: &ran.recorded,
            deadline_ms: 0,
            timeout_is_an_answer: false,
        };
        let judged = judge.step_results();
        assert_eq!(judged.is_ok(), is_answer, "{judged:?}");
    }
}

/// gVisor and QEMU's emulation of processes know no subreaper.
fn a_run_goes_on_without_a_subreaper() {
    refuse_prctl(libc::PR_SET_CHILD_SUBREAPER, libc::EINVAL);
    let (code, stdout, stderr) = command::show(LITTLE, &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let told = "; without orphans: this kernel has no subreaper, and a process that leaves its group may stay\n";
    assert!(stdout.ends_with(told), "{stdout}");
}

/// The filter of a container may refuse both seccomp and Landlock. Strict isolation requires them.
fn a_run_goes_on_without_a_refused_filter() {
    // The order matters: the last one refuses the call that installs filters.
    for (call, errno) in
        [(libc::SYS_landlock_create_ruleset, libc::ENOSYS), (libc::SYS_seccomp, libc::EPERM)]
    {
        refuse_call(call, errno);
    }
    let seccomp = "seccomp: cannot install a seccomp filter: Operation not permitted (os error 1)";
    let landlock = "Landlock: this kernel was built without it";
    let (code, stdout, stderr) = command::show(LITTLE, &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let told = format!("; without {seccomp}; without {landlock}\n");
    assert!(stdout.ends_with(&told), "{stdout}");
    assert_eq!(stdout.matches("without seccomp").count(), 1, "{stdout}");
    let (code, stdout, stderr) = command::show(LITTLE, &["--json"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let line: serde_json::Value = serde_json::from_str(&stdout).expect("a line");
    assert_eq!(line["without"], serde_json::json!([seccomp, landlock]));
    let (code, stdout, _) = command::show(LITTLE, &["--isolation", "strict"]);
    assert_eq!(code, Some(4), "{stdout}");
}
