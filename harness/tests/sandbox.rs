//! A child that no longer follows its case cannot get out of strict isolation, and does not outlive its
//! worker.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork. It forks a worker,
//! whose children call the kernel through the same [`Child`] that a victim has. If this machine refuses such
//! a worker, the tests are ignored with the reason.

mod own_process;
mod stage;

use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use faultmap::internals::backing::Backing;
use faultmap::internals::confine::{self, Isolation};
use faultmap::internals::supervise::{Ending, await_end, has_ended};
use faultmap::internals::sys::{Child, SoleThread, fork_worker, set_dumpable};
use nix::libc;
use own_process::children::pause;
use own_process::test;
use rustix::process::{Pid, Signal, kill_process};
use stage::{ENDS, Stage};

/// The exit status of a worker whose child was killed: this number plus that of the signal.
const KILLED: i32 = 64;
const NO_REPORT: i32 = 63; // of a worker whose child has no report, or was never forked
const NOT_SHUT_IN: i32 = 62; // of a worker that could not enter its sandbox

type Row = (&'static str, fn(&Path));

fn main() -> ExitCode {
    let tests: &[Row] = &[
        ("makes_a_file_of_its_own", makes_a_file_of_its_own),
        ("keeps_its_user_and_group", keeps_its_user_and_group),
        ("signals_a_process_outside", signals_a_process_outside),
        ("looks_for_processes_outside", looks_for_processes_outside),
        ("opens_files_outside", opens_files_outside),
        ("changes_a_setting_of_the_kernel", changes_a_setting_of_the_kernel),
        ("looks_into_its_supervisor", looks_into_its_supervisor),
        ("kills_its_supervisor", kills_its_supervisor),
        ("prints_for_the_command", prints_for_the_command),
        ("makes_calls_that_no_case_can", makes_calls_that_no_case_can),
        ("makes_calls_with_other_arguments", makes_calls_with_other_arguments),
        ("outlives_its_worker", outlives_its_worker),
    ];
    let tests = tests.iter().map(|&(name, body)| test(name, move || beside_a_secret(body)));
    own_process::run(tests.map(|test| test.unless_tried(refused)).collect())
}

/// Returns the reason why this machine refuses such a worker.
fn refused() -> Option<String> {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let refused = confine::check(&Backing::Directory(dir.path().to_owned()), None).err();
    refused.map(|reason| format!("isolation strict: {reason}"))
}

/// Runs the body with a folder for files. Beside it lies a file that no process in the sandbox may read.
fn beside_a_secret(body: fn(&Path)) {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let files = dir.path().join("files");
    std::fs::create_dir(&files).expect("a folder in it");
    std::fs::write(dir.path().join("secret"), "secret").expect("a file in it");
    body(&files);
}

/// Forks a worker that enters the sandbox and then runs this.
fn worker(files: &Path, body: impl FnOnce(&Stage) -> i32) -> Pid {
    let forked = confine::fork_worker(thread(), Isolation::Strict, |namespaces| {
        let backing = Backing::Directory(files.to_owned());
        if namespaces.is_none_or(|namespaces| namespaces.enter(&backing).is_err()) {
            return NOT_SHUT_IN;
        }
        body(&Stage::new())
    });
    forked.expect("it could be forked before")
}

fn thread() -> SoleThread {
    SoleThread::claim().expect("this thread alone")
}

fn exit_code(pid: Pid) -> i32 {
    match await_end(pid, ENDS) {
        Ending::Exited(code) => code,
        other => panic!("the worker: {other:?}"),
    }
}

/// Returns the exit status of a child below such a worker, or [`KILLED`] and the signal.
fn child(files: &Path, body: impl Fn(&Child) -> i32) -> i32 {
    exit_code(worker(files, |stage| match stage.run(ENDS, |child| body(&child)).ending {
        Ending::Exited(code) => code,
        Ending::Killed(signal) => KILLED + signal,
        _ => NO_REPORT,
    }))
}

/// Returns the errno with which the child fails to open the path, or 0.
fn open(child: &Child, path: &CString, flags: i32) -> i32 {
    let args = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0];
    child.call(libc::SYS_openat, args).map_or_else(|errno| errno, |_| 0)
}

fn path(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_encoded_bytes()).expect("no NUL in it")
}

/// The child runs, and opens the files that it may open. Without this the other tests would prove nothing.
fn makes_a_file_of_its_own(files: &Path) {
    let (own, zero, maps) = (path(files), path("/dev/zero"), path("/proc/self/maps"));
    let temporary = libc::O_TMPFILE | libc::O_RDWR;
    let opened = child(files, |child| {
        open(child, &own, temporary) | open(child, &zero, libc::O_RDWR) | open(child, &maps, 0)
    });
    assert_eq!(opened, 0);
}

fn keeps_its_user_and_group(files: &Path) {
    let ids = || {
        let fields = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        let ids =
            fields.lines().filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:"));
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = ids();
    let worker = worker(files, |_| {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        let powers = |set: &str| status.contains(&format!("{set}:\t0000000000000000\n"));
        let powerless = ["CapInh", "CapPrm", "CapEff", "CapAmb"].iter().all(|set| powers(set));
        let first = std::process::id() == 1;
        i32::from(!(ids() == before && powerless && first && status.contains("NoNewPrivs:\t1\n")))
    });
    assert_eq!(exit_code(worker), 0);
}

fn signals_a_process_outside(files: &Path) {
    let outsider = fork_worker(thread(), || {
        loop {
            nix::unistd::pause();
        }
    })
    .expect("it was forked");
    let own = std::process::id() as usize;
    for pid in [outsider.as_raw_nonzero().get() as usize, own] {
        let sent = |number, group: bool| {
            let target = if group { pid.wrapping_neg() } else { pid };
            child(files, |child| {
                child.call(number, [target, 9, 9, 0, 0, 0]).map_or_else(|errno| errno, |_| 0)
            })
        };
        assert_eq!(sent(libc::SYS_kill, false), libc::ESRCH);
        assert_eq!(sent(libc::SYS_kill, true), libc::ESRCH);
        let thread = child(files, |child| {
            let args = [pid, pid, libc::SIGKILL as usize, 0, 0, 0];
            child.call(libc::SYS_tgkill, args).map_or_else(|errno| errno, |_| 0)
        });
        assert_eq!(thread, libc::ESRCH);
    }
    // The child can signal only itself and the processes of its worker.
    child(files, |child| {
        let _ = child.call(libc::SYS_kill, [usize::MAX, libc::SIGKILL as usize, 0, 0, 0, 0]);
        0
    });
    assert!(!has_ended(outsider));
    kill_process(outsider, Signal::KILL).expect("it lives");
    assert_eq!(await_end(outsider, ENDS), Ending::Killed(libc::SIGKILL));
}

fn looks_for_processes_outside(files: &Path) {
    let own = path(format!("/proc/{}/status", std::process::id()));
    assert_eq!(child(files, |child| open(child, &own, 0)), libc::ENOENT);
    let worker = worker(files, |_| {
        let listed = std::fs::read_dir("/proc").expect("a /proc of its own").flatten();
        let names = listed.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).count() as i32
    });
    assert_eq!(exit_code(worker), 1, "the worker itself, and nobody else");
}

fn opens_files_outside(files: &Path) {
    let beside = files.with_file_name("secret");
    let command = env!("CARGO_BIN_EXE_faultmap");
    for outside in [Path::new("/etc/passwd"), &beside, Path::new(command), Path::new("/sys")] {
        std::fs::metadata(outside).expect("it is there");
        let text = outside.to_str().expect("text");
        for around in [
            text.to_owned(),
            format!("{}/../../../../../../../..{text}", files.display()),
            format!("/..{text}"),
            format!("/before{text}"),
            format!("/proc/1/root{text}"),
            format!("/proc/self/cwd/../../../../../../..{text}"),
        ] {
            let name = path(&around);
            let opened = child(files, |child| open(child, &name, libc::O_RDONLY));
            assert!([libc::ENOENT, libc::EACCES].contains(&opened), "{around}: {opened}");
        }
    }
    let new = path("/proc/../new");
    let made = child(files, |child| open(child, &new, libc::O_CREAT | libc::O_RDWR));
    assert_eq!(made, libc::EROFS, "nor can anything be made anywhere else");
}

fn changes_a_setting_of_the_kernel(files: &Path) {
    // The files belong to root, which stays user 0.
    for name in ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"] {
        let name = path(name);
        let opened = child(files, |child| open(child, &name, libc::O_WRONLY));
        assert!([libc::EROFS, libc::EACCES].contains(&opened), "{name:?}: {opened}");
    }
}

fn looks_into_its_supervisor(files: &Path) {
    let look = |name: &str, flags| {
        let name = path(name);
        child(files, |child| {
            set_dumpable(child);
            open(child, &name, flags)
        })
    };
    for name in ["/proc/1/mem", "/proc/1/maps", "/proc/1/fd/2", "/proc/1/environ"] {
        for flags in [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR] {
            let opened = look(name, flags);
            assert!([libc::EROFS, libc::EACCES].contains(&opened), "{name}: {opened}");
        }
    }
    assert_eq!(look("/proc/self/mem", libc::O_RDONLY), 0, "as the cases do");
}

/// A signal must not remove the handler that the next child inherits.
fn kills_its_supervisor(files: &Path) {
    let worker = worker(files, |stage| {
        let sent = stage.run(ENDS, |child| {
            for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM, libc::SIGSEGV] {
                let _ = child.call(libc::SYS_kill, [1, signal as usize, 0, 0, 0, 0]);
            }
            7
        });
        let sent = sent.ending == Ending::Exited(7);
        let next = stage.run(ENDS, |child| i32::from(child.load(16, 1)[0]));
        let fault = next.recorded.slots[0].fault.map(|(signal, _, address)| (signal, address));
        i32::from(!sent) + 2 * i32::from(fault != Some((libc::SIGSEGV, 16)))
    });
    assert_eq!(exit_code(worker), 0, "the supervisor has lived to tell");
}

fn prints_for_the_command(files: &Path) {
    let worker = worker(files, |_| {
        let null = std::fs::metadata("/dev/null").expect("it is bound");
        let is_null = |fd: u32| {
            use std::os::unix::fs::MetadataExt as _;
            let own = std::fs::metadata(format!("/proc/self/fd/{fd}")).expect("it is open");
            own.rdev() == null.rdev()
        };
        i32::from(!(is_null(0) && is_null(1)))
    });
    assert_eq!(exit_code(worker), 0);
}

fn is_killed_for(files: &Path, what: &str, number: libc::c_long, args: [usize; 6]) {
    let ended = child(files, |child| {
        let _ = child.call(number, args);
        0
    });
    assert_eq!(ended, KILLED + libc::SIGSYS, "{what}");
}

fn makes_calls_that_no_case_can(files: &Path) {
    // Without the filter each of these calls would fail or do no harm, and the child would exit with 0.
    let (unix, stream) = (libc::AF_UNIX as usize, libc::SOCK_STREAM as usize);
    is_killed_for(files, "socket", libc::SYS_socket, [unix, stream, 0, 0, 0, 0]);
    is_killed_for(files, "socketpair", libc::SYS_socketpair, [unix, stream, 0, 0, 0, 0]);
    for (what, number) in [
        ("execve", libc::SYS_execve),
        ("execveat", libc::SYS_execveat),
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_writev", libc::SYS_process_vm_writev),
        ("pidfd_open", libc::SYS_pidfd_open),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("mount", libc::SYS_mount),
        ("umount2", libc::SYS_umount2),
        ("chroot", libc::SYS_chroot),
        ("pivot_root", libc::SYS_pivot_root),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("clone3", libc::SYS_clone3),
        ("capset", libc::SYS_capset),
        ("setuid", libc::SYS_setuid),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("openat2", libc::SYS_openat2),
        ("bpf", libc::SYS_bpf),
        ("keyctl", libc::SYS_keyctl),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("ioctl", libc::SYS_ioctl),
        ("seccomp", libc::SYS_seccomp),
        ("a number that no kernel has", 100_000),
        ("one of x32", 0x4000_0000 + libc::SYS_socket),
    ] {
        is_killed_for(files, what, number, [usize::MAX; 6]);
    }
}

fn makes_calls_with_other_arguments(files: &Path) {
    let (user, child) = (libc::CLONE_NEWUSER as usize, libc::SIGCHLD as usize);
    is_killed_for(files, "a user namespace", libc::SYS_clone, [user | child, 0, 0, 0, 0, 0]);
    let limit = libc::RLIMIT_CPU as usize;
    is_killed_for(files, "a limit of process 1", libc::SYS_prlimit64, [1, limit, 0, 0, 0, 0]);
    let name = libc::PR_SET_NAME as usize;
    is_killed_for(files, "a name", libc::SYS_prctl, [name, 1, 0, 0, 0, 0]);
}

/// The orphans of the child are in process groups of their own, and no process sweeps them: only the kernel
/// kills them.
fn outlives_its_worker(files: &Path) {
    let (alive, held) = nix::unistd::pipe().expect("a pipe");
    let (mut alive, mut held) = (File::from(alive), Some(File::from(held)));
    let worker = worker(files, |stage| {
        let held = held.take();
        stage.run(ENDS * 60, |child| {
            for _ in 0..3 {
                // The first process of each pair ends. The second is then an orphan, which process 1 adopts.
                if child.fork() == Ok(0) {
                    if child.fork() == Ok(0) {
                        let _ = child.call(libc::SYS_setpgid, [0; 6]);
                        let _ = held.as_ref().map(|mut held| held.write_all(b"x"));
                        pause(&child)
                    }
                    child.exit(0)
                }
            }
            pause(&child)
        });
        1
    });
    drop(held);
    alive.read_exact(&mut [0; 3]).expect("three of them live");
    kill_process(worker, Signal::KILL).expect("it lives");
    // The pipe is at its end: no process is left that has its other end.
    assert_eq!(alive.read(&mut [0]).expect("a pipe"), 0);
    assert_eq!(await_end(worker, ENDS), Ending::Killed(libc::SIGKILL));
}
