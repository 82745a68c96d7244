//! A supervisor must reap each victim of a fork server and leave nothing of it behind, even if the fork
//! server is killed or stopped from outside.
//!
//! Each test has a process of its own, because a thread of a test runner must not fork.

mod own_process;
mod stage;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use faultmap::internals::backing::{Backing, MadeFile};
use faultmap::internals::case::limits::FILES;
use faultmap::internals::case::{Access, Pattern};
use faultmap::internals::supervise::{Asked, ChildReport, Ending, Fork, NoReport, await_end};
use faultmap::internals::sys::{Arena, Child, ForkServer, fork_worker};
use faultmap::internals::victim::{FileHandle, Fill, Op, Probe, Program, Request};
use nix::libc;
use own_process::children::{none_left_by, own_children, pause};
use own_process::{Test, test};
use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process, waitid};
use stage::{ENDS, HANGS, Stage, laid_out};

type Row = (&'static str, fn(&Stage));

fn main() -> ExitCode {
    let tests: &[Row] = &[
        ("a_fork_server_forks_the_victims_of_a_case", a_fork_server_forks_the_victims_of_a_case),
        ("a_child_of_either_gives_the_same_report", a_child_of_either_gives_the_same_report),
        ("each_child_has_its_own_question", each_child_has_its_own_question),
        ("a_child_belongs_to_the_worker", a_child_belongs_to_the_worker),
        ("a_child_that_hangs_is_killed", a_child_that_hangs_is_killed),
        ("a_child_that_stops_is_killed", a_child_that_stops_is_killed),
        ("leftovers_of_a_child_are_swept", leftovers_of_a_child_are_swept),
        ("a_child_has_no_memory_of_its_fork_server", a_child_has_no_memory_of_its_fork_server),
        ("a_child_may_kill_its_fork_server", a_child_may_kill_its_fork_server),
        ("a_child_may_stop_its_fork_server", a_child_may_stop_its_fork_server),
        ("a_fork_server_that_is_killed_is_gone", a_fork_server_that_is_killed_is_gone),
    ];
    let on_stage = |(name, body): Row| {
        test(name, move || {
            let stage = Stage::new().keeps_memory_back();
            none_left_by(|| body(&stage));
        })
    };
    let mut tests: Vec<Test> = tests.iter().copied().map(on_stage).collect();
    // The test forks a worker, which needs all memory.
    let name = "a_fork_server_ends_with_its_worker";
    tests.push(test(name, || none_left_by(|| a_fork_server_ends_with_its_worker(&Stage::new()))));
    own_process::run(tests.into_iter().map(|test| test.unless_tried(no_fork_servers)).collect())
}

fn no_fork_servers() -> Option<String> {
    let made = Stage::new().supervisor.fork_server(Fork::unconfined(|_, _| 0)).is_some();
    (!made).then(|| "this machine has no fork_servers".to_owned())
}

fn server_of(stage: &Stage, body: impl Fn(Child) -> i32 + Copy) -> ForkServer {
    let fork = Fork::unconfined(move |child, _| body(child));
    stage.supervisor.fork_server(fork).expect("a fork server")
}

/// Asks for a child, and sends it a word.
fn ask(
    stage: &Stage,
    fork_server: &ForkServer,
    word: u64,
    deadline: Duration,
) -> Result<ChildReport, NoReport> {
    stage.record.question.sweep.store(word, Relaxed);
    stage.supervisor.run(fork_server, Asked::Slots(0), deadline)
}

/// Asks for a child. Afterwards only the fork server may be left.
fn answered(stage: &Stage, fork_server: &ForkServer, word: u64, deadline: Duration) -> Ending {
    let ending = ask(stage, fork_server, word, deadline).expect("it was forked").ending;
    assert_eq!(own_children().trim(), fork_server.pid().as_raw_nonzero().to_string());
    ending
}

/// Checks that the fork server is gone: each further request fails at once.
fn is_gone(stage: &Stage, fork_server: &ForkServer) {
    const NEVER: Duration = Duration::from_secs(1 << 20);
    for _ in 0..2 {
        let gone = ask(stage, fork_server, 0, NEVER);
        assert!(matches!(gone, Err(NoReport::ForkServerGone)), "{gone:?}");
        assert_eq!(own_children(), "");
    }
}

/// The victim has the most files and steps of any case: the memory of a fork server must be enough for it.
fn a_fork_server_forks_the_victims_of_a_case(Stage { supervisor, .. }: &Stage) {
    let files: String = (0..FILES).map(|n| format!("f{n} = file(PAGE);\n")).collect();
    let text = format!(
        "// All files.\n{files}map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f0, 0);
        map[0]; fork {{ map[1] = 'x'; }} pread(f0, 0, PAGE); unlink(f0); sweep(map, read);"
    );
    let case = faultmap::internals::parse::case(&text).expect("a case");
    let memory = Arena::new().expect("memory");
    let program = Program::of(&case, rustix::param::page_size() as u64, &memory);
    supervisor.exclude_from_fork(&memory);
    let fork_server = supervisor.fork_server(supervisor.fork_of(program)).expect("a fork server");
    for _ in 0..3 {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let backing = Backing::Directory(folder.path().to_owned());
        let specs = program.files.iter();
        let make = |spec| backing.make(spec, b"!").expect("a file");
        let files: Vec<MadeFile> = specs.map(make).collect();
        let handle: Vec<FileHandle> = files.iter().map(MadeFile::handle).collect();
        let (probe, fill) = (None, Fill::Pattern(Pattern::First));
        let orders = Request { program, probe, fill, files: &handle };
        let ran = supervisor.run(&fork_server, Asked::Case(&orders), ENDS).expect("it was forked");
        assert_eq!(ran.ending, Ending::Exited(0), "{ran:?}");
        assert!(ran.recorded.finished, "{ran:?}");
    }
}

/// A victim may end in each of these ways, whether the worker or a fork server has forked it.
fn a_child_of_either_gives_the_same_report(stage: &Stage) {
    let supervisor = &stage.supervisor;
    let late = Ending::TimedOut { stopped: false };
    for (steps, deadline, ending) in [
        ("map[0] = 'x'; map[0]; fork { map[0]; } sweep(map, read);", ENDS, Ending::Exited(0)),
        ("_exit(7);", ENDS, Ending::Exited(7)),
        ("map[PAGE];", ENDS, Ending::Killed(libc::SIGSEGV)),
        ("raise(SIGKILL);", ENDS, Ending::Killed(libc::SIGKILL)),
        ("pause();", HANGS, late),
        ("fork { pause(); }", HANGS, late),
        // The processes of the blocks wait for their turn.
        ("raise(SIGKILL); process { } process { }", ENDS, Ending::Killed(libc::SIGKILL)),
        ("id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);", ENDS, Ending::Exited(0)),
    ] {
        let map =
            "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";
        let program = laid_out(&format!("{map} {steps}"));
        let sweep = program.ops.len() - 1;
        let probe = matches!(program.ops[sweep], Op::Sweep { .. });
        let probe = probe.then_some(Probe { sweep, access: Access::Read, at: 0 });
        let request = Request { program, probe, fill: Fill::Pattern(Pattern::First), files: &[] };
        let asked = Asked::Case(&request);
        let own = supervisor.run(supervisor.fork_of(program), asked, deadline);
        let fork_server = supervisor.fork_server(supervisor.fork_of(program));
        let fork_server = fork_server.expect("a fork server");
        let by_server = supervisor.run(&fork_server, asked, deadline);
        let [own, by_server] = [own, by_server].map(|ran| {
            let ran = ran.expect("it was forked");
            let mut recorded = ran.recorded;
            for segment in program.segments {
                let id = std::mem::take(&mut recorded.slots[*segment].value).to_string();
                let left = std::fs::read_to_string("/proc/sysvipc/shm").expect("SysV segments");
                let mut left = left.lines().filter_map(|line| line.split_whitespace().nth(1));
                assert!(id != "0" && left.all(|left| left != id), "{id} is left");
            }
            (ran.ending, recorded)
        });
        assert_eq!(own, by_server, "{steps}");
        assert_eq!(own.0, ending, "{steps}");
    }
}

fn each_child_has_its_own_question(stage: &Stage) {
    let record = stage.record;
    let fork_server = server_of(stage, move |_| record.question.sweep.load(Relaxed) as i32);
    for code in 0..200 {
        assert_eq!(answered(stage, &fork_server, code, ENDS), Ending::Exited(code as i32));
    }
}

fn a_child_belongs_to_the_worker(stage: &Stage) {
    let own = std::process::id() as usize;
    let fork_server = server_of(stage, move |child| {
        let [parent, group, id] = [libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getpid]
            .map(|number| child.call(number, [0; 6]));
        i32::from(parent == Ok(own)) + 2 * i32::from(group == id)
    });
    assert_eq!(
        answered(stage, &fork_server, 0, ENDS),
        Ending::Exited(3),
        "its parent is who supervises"
    );
}

fn a_child_that_hangs_is_killed(stage: &Stage) {
    let fork_server = server_of(stage, |child| pause(&child));
    assert_eq!(answered(stage, &fork_server, 0, HANGS), Ending::TimedOut { stopped: false });
}

fn a_child_that_stops_is_killed(stage: &Stage) {
    let fork_server = server_of(stage, |child| {
        let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
        let _ = child.call(libc::SYS_kill, [own, libc::SIGSTOP as usize, 0, 0, 0, 0]);
        0
    });
    // On a busy machine the child may not have stopped itself in time.
    let stopped =
        |deadline| answered(stage, &fork_server, 0, deadline) == Ending::TimedOut { stopped: true };
    assert!([HANGS, HANGS * 10, ENDS].into_iter().any(stopped), "it was not seen to have stopped");
}

fn leftovers_of_a_child_are_swept(stage: &Stage) {
    let record = stage.record;
    // The flags of clone(2), and true if the child makes a session, which a signal to the group does not reach.
    let fork_server = server_of(stage, move |child| {
        let word = record.question.sweep.load(Relaxed) as usize;
        if child.call(libc::SYS_clone, [word >> 1, 0, 0, 0, 0, 0]) == Ok(0) {
            if word & 1 == 1 {
                let _ = child.call(libc::SYS_setsid, [0; 6]);
            }
            pause(&child)
        }
        0
    });
    for flags in [libc::SIGCHLD, 0, libc::CLONE_PARENT] {
        for session in [0, 1] {
            let word = (flags as u64) << 1 | session;
            assert_eq!(
                answered(stage, &fork_server, word, ENDS),
                Ending::Exited(0),
                "{flags:#x} {session}"
            );
        }
    }
}

/// A child must not have the stack of its worker, nor the memory that a fork server and its worker share:
/// through that it could answer in place of the fork server.
fn a_child_has_no_memory_of_its_fork_server(stage: &Stage) {
    let shared = || -> Vec<usize> {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
        let shared = maps.lines().filter(|line| line.split(' ').nth(1) == Some("rw-s"));
        let start = |line: &str| usize::from_str_radix(line.split('-').next()?, 16).ok();
        shared.filter_map(start).collect()
    };
    let before = shared();
    let record = stage.record;
    let fork_server = server_of(stage, move |child| {
        let address = record.question.sweep.load(Relaxed) as usize;
        i32::from(child.load(address, 1).is_empty())
    });
    let new: Vec<usize> = shared().into_iter().filter(|at| !before.contains(at)).collect();
    assert_eq!((before.len(), new.len()), (1, 1), "the record, and what they talk through");
    let here = (&raw const fork_server) as u64;
    assert_eq!(answered(stage, &fork_server, before[0] as u64, ENDS), Ending::Exited(0));
    assert_eq!(answered(stage, &fork_server, new[0] as u64, ENDS), Ending::Killed(libc::SIGSEGV));
    assert_eq!(answered(stage, &fork_server, here, ENDS), Ending::Killed(libc::SIGSEGV));
}

fn a_child_may_kill_its_fork_server(stage: &Stage) {
    a_child_signals_its_fork_server(stage, libc::SIGKILL);
}

fn a_child_may_stop_its_fork_server(stage: &Stage) {
    a_child_signals_its_fork_server(stage, libc::SIGSTOP);
}

fn a_child_signals_its_fork_server(stage: &Stage, signal: i32) {
    let record = stage.record;
    let fork_server = server_of(stage, move |child| {
        let fork_server = record.question.sweep.load(Relaxed) as usize;
        i32::from(child.call(libc::SYS_kill, [fork_server, signal as usize, 0, 0, 0, 0]).is_err())
    });
    let pid = fork_server.pid().as_raw_nonzero().get() as u64;
    assert_eq!(
        answered(stage, &fork_server, pid, ENDS),
        Ending::Exited(0),
        "it has an answer all the same"
    );
    is_gone(stage, &fork_server);
}

fn a_fork_server_that_is_killed_is_gone(stage: &Stage) {
    for signal in [Signal::KILL, Signal::SEGV, Signal::STOP] {
        let fork_server = server_of(stage, |_| 0);
        kill_process(fork_server.pid(), signal).expect("it is there");
        is_gone(stage, &fork_server);
    }
}

fn a_fork_server_ends_with_its_worker(stage: &Stage) {
    let (told, tells) = rustix::pipe::pipe().expect("a pipe");
    let worker = fork_worker(stage.supervisor.thread(), || {
        let fork_server = server_of(stage, |_| 0);
        rustix::io::write(&tells, &[1]).expect("a pipe");
        loop {
            std::thread::sleep(ENDS);
            std::hint::black_box(&fork_server);
        }
    });
    let worker = worker.expect("a worker");
    drop(tells);
    assert_eq!(rustix::io::read(&told, &mut [0]), Ok(1));
    kill_process(worker, Signal::KILL).expect("it is there");
    assert_eq!(await_end(worker, ENDS), Ending::Killed(libc::SIGKILL));
    // The fork server of a dead worker ends with it, and this process adopts its orphans.
    while !own_children().is_empty() {
        let _ = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        std::thread::sleep(Duration::from_millis(5));
    }
}
