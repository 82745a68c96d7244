//! Victims of a nest, and nests to which somebody does harm: whoever forks a victim, its supervisor gets
//! it, and has nothing left of it.
//!
//! Each test has a process of its own, because nothing may be forked from a thread of a test runner.

mod own_process;

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use faultmap::backing::{Backing, MadeFile};
use faultmap::case::Pattern;
use faultmap::case::limits::FILES;
use faultmap::supervise::{Ending, NoWitness, Supervisor, Witness};
use faultmap::sys::{Child, Inheritance, Nest, Record, SharedRecord, fork_worker};
use faultmap::victim::{Fill, Handed, Orders, Program};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use own_process::children::{none_left_by, own_children, pause};
use own_process::{Test, test};

/// For a child that hangs: its end is the deadline.
const HANGS: Duration = Duration::from_millis(300);
/// For a child that ends, on a busy machine too.
const ENDS: Duration = Duration::from_secs(60);

struct Stage {
    supervisor: Supervisor,
    /// The record itself: victims do not have the heap in which its owner lies.
    record: &'static Record,
}

type Row = (&'static str, fn(&Stage));

fn main() -> ExitCode {
    let tests: &[Row] = &[
        ("a_nest_forks_the_victims_of_a_case", a_nest_forks_the_victims_of_a_case),
        ("each_child_has_its_own_question", each_child_has_its_own_question),
        ("a_child_belongs_to_the_worker", a_child_belongs_to_the_worker),
        ("a_child_that_hangs_is_killed", a_child_that_hangs_is_killed),
        ("a_child_that_stops_is_killed", a_child_that_stops_is_killed),
        ("what_a_child_leaves_is_swept", what_a_child_leaves_is_swept),
        ("a_child_has_no_memory_of_its_nest", a_child_has_no_memory_of_its_nest),
        ("a_child_may_kill_its_nest", a_child_may_kill_its_nest),
        ("a_child_may_stop_its_nest", a_child_may_stop_its_nest),
        ("a_nest_that_is_killed_is_gone", a_nest_that_is_killed_is_gone),
    ];
    let on_stage = |(name, body): Row| {
        test(name, move || {
            let stage = Stage::new().keeps_memory_back();
            none_left_by(|| body(&stage));
        })
    };
    let mut tests: Vec<Test> = tests.iter().copied().map(on_stage).collect();
    // It forks a worker, which needs all memory.
    let name = "a_nest_ends_with_its_worker";
    tests.push(test(name, || none_left_by(|| a_nest_ends_with_its_worker(&Stage::new()))));
    own_process::run(tests.into_iter().map(|test| test.unless_tried(no_nests)).collect())
}

fn no_nests() -> Option<String> {
    let made = Stage::new().supervisor.nest_of(|_| 0).is_some();
    (!made).then(|| "this machine has no nests".to_owned())
}

impl Stage {
    fn new() -> Stage {
        let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
        let supervisor = Supervisor::new(record, None::<OwnedFd>).expect("a supervisor");
        Stage { supervisor, record }
    }

    fn keeps_memory_back(self) -> Stage {
        self.supervisor.keep_back(&Inheritance::new().expect("memory"));
        self
    }

    fn nest(&self, body: impl Fn(Child) -> i32 + Copy) -> Nest {
        self.supervisor.nest_of(body).expect("a nest")
    }

    /// Asks for a child, with one word for it.
    fn ask(&self, nest: &Nest, word: u64, deadline: Duration) -> Result<Witness, NoWitness> {
        self.record.question.sweep.store(word, Relaxed);
        self.supervisor.run_body_in(nest, 0, &[], deadline)
    }

    /// Asks, and nothing but the nest may be left.
    fn answered(&self, nest: &Nest, word: u64, deadline: Duration) -> Ending {
        let ending = self.ask(nest, word, deadline).expect("it was forked").ending;
        assert_eq!(own_children().trim(), nest.pid().as_raw_nonzero().to_string());
        ending
    }

    /// The nest is: it is said at each further question, and never waited for.
    fn is_gone(&self, nest: &Nest) {
        const NEVER: Duration = Duration::from_secs(1 << 20);
        for _ in 0..2 {
            let gone = self.ask(nest, 0, NEVER);
            assert!(matches!(gone, Err(NoWitness::NestGone)), "{gone:?}");
            assert_eq!(own_children(), "");
        }
    }
}

/// With as many files and steps as a victim can have: it must not need more memory than there is in a nest.
fn a_nest_forks_the_victims_of_a_case(Stage { supervisor, .. }: &Stage) {
    let files: String = (0..FILES).map(|n| format!("f{n} = file(PAGE);\n")).collect();
    let text = format!(
        "// All files.\n{files}map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f0, 0);
        map[0]; fork {{ map[1] = 'x'; }} pread(f0, 0, PAGE); unlink(f0); sweep(map, read);"
    );
    let case = faultmap::parse::case(&text).expect("a case");
    let memory = Inheritance::new().expect("memory");
    let program = Program::of(&case, rustix::param::page_size() as u64, &memory);
    supervisor.keep_back(&memory);
    let nest = supervisor.nest(program).expect("a nest");
    for _ in 0..3 {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let backing = Backing::Directory(folder.path().to_owned());
        let specs = program.files.iter();
        let make = |spec| backing.make(spec, b"!").expect("a file");
        let files: Vec<MadeFile> = specs.map(make).collect();
        let handed: Vec<Handed> = files.iter().map(MadeFile::handed).collect();
        let (probe, fill) = (None, Fill::Pattern(Pattern::First));
        let orders = Orders { program, probe, fill, files: &handed };
        let ran = supervisor.run_in(&nest, &orders, ENDS).expect("it was forked");
        assert_eq!(ran.ending, Ending::Exited(0), "{ran:?}");
        assert!(ran.evidence.finished, "{ran:?}");
    }
}

fn each_child_has_its_own_question(stage: &Stage) {
    let record = stage.record;
    let nest = stage.nest(move |_| record.question.sweep.load(Relaxed) as i32);
    for code in 0..200 {
        assert_eq!(stage.answered(&nest, code, ENDS), Ending::Exited(code as i32));
    }
}

fn a_child_belongs_to_the_worker(stage: &Stage) {
    let own = std::process::id() as usize;
    let nest = stage.nest(move |child| {
        let [parent, group, id] = [libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getpid]
            .map(|number| child.call(number, [0; 6]));
        i32::from(parent == Ok(own)) + 2 * i32::from(group == id)
    });
    assert_eq!(stage.answered(&nest, 0, ENDS), Ending::Exited(3), "its parent is who supervises");
}

fn a_child_that_hangs_is_killed(stage: &Stage) {
    let nest = stage.nest(|child| pause(&child));
    assert_eq!(stage.answered(&nest, 0, HANGS), Ending::TimedOut { stopped: false });
}

fn a_child_that_stops_is_killed(stage: &Stage) {
    let nest = stage.nest(|child| {
        let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
        let _ = child.call(libc::SYS_kill, [own, libc::SIGSTOP as usize, 0, 0, 0, 0]);
        0
    });
    // On a busy machine it may not have come to it.
    let stopped =
        |deadline| stage.answered(&nest, 0, deadline) == Ending::TimedOut { stopped: true };
    assert!([HANGS, HANGS * 10, ENDS].into_iter().any(stopped), "it was not seen to have stopped");
}

fn what_a_child_leaves_is_swept(stage: &Stage) {
    let record = stage.record;
    // Flags of clone(2), and whether it makes a session of its own, out of reach of a signal to the group.
    let nest = stage.nest(move |child| {
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
                stage.answered(&nest, word, ENDS),
                Ending::Exited(0),
                "{flags:#x} {session}"
            );
        }
    }
}

/// What a nest and its worker talk through would let a child answer in its place, and what lies on a
/// stack is nobody else's.
fn a_child_has_no_memory_of_its_nest(stage: &Stage) {
    let shared = || -> Vec<usize> {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
        let shared = maps.lines().filter(|line| line.split(' ').nth(1) == Some("rw-s"));
        let start = |line: &str| usize::from_str_radix(line.split('-').next()?, 16).ok();
        shared.filter_map(start).collect()
    };
    let before = shared();
    let record = stage.record;
    let nest = stage.nest(move |child| {
        let address = record.question.sweep.load(Relaxed) as usize;
        i32::from(child.load(address, 1).is_empty())
    });
    let new: Vec<usize> = shared().into_iter().filter(|at| !before.contains(at)).collect();
    assert_eq!((before.len(), new.len()), (1, 1), "the record, and what they talk through");
    let here = (&raw const nest) as u64;
    assert_eq!(stage.answered(&nest, before[0] as u64, ENDS), Ending::Exited(0));
    assert_eq!(stage.answered(&nest, new[0] as u64, ENDS), Ending::Killed(libc::SIGSEGV));
    assert_eq!(stage.answered(&nest, here, ENDS), Ending::Killed(libc::SIGSEGV));
}

fn a_child_may_kill_its_nest(stage: &Stage) {
    a_child_signals_its_nest(stage, libc::SIGKILL);
}

fn a_child_may_stop_its_nest(stage: &Stage) {
    a_child_signals_its_nest(stage, libc::SIGSTOP);
}

fn a_child_signals_its_nest(stage: &Stage, signal: i32) {
    let record = stage.record;
    let nest = stage.nest(move |child| {
        let nest = record.question.sweep.load(Relaxed) as usize;
        i32::from(child.call(libc::SYS_kill, [nest, signal as usize, 0, 0, 0, 0]).is_err())
    });
    let pid = nest.pid().as_raw_nonzero().get() as u64;
    assert_eq!(
        stage.answered(&nest, pid, ENDS),
        Ending::Exited(0),
        "it has an answer all the same"
    );
    stage.is_gone(&nest);
}

fn a_nest_that_is_killed_is_gone(stage: &Stage) {
    for signal in [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGSTOP] {
        let nest = stage.nest(|_| 0);
        kill(nix::unistd::Pid::from_raw(nest.pid().as_raw_nonzero().get()), signal)
            .expect("it is there");
        stage.is_gone(&nest);
    }
}

fn a_nest_ends_with_its_worker(stage: &Stage) {
    let (told, tells) = rustix::pipe::pipe().expect("a pipe");
    let worker = fork_worker(stage.supervisor.thread(), || {
        let nest = stage.nest(|_| 0);
        rustix::io::write(&tells, &[1]).expect("a pipe");
        loop {
            std::thread::sleep(ENDS);
            std::hint::black_box(&nest);
        }
    });
    let worker = worker.expect("a worker");
    drop(tells);
    assert_eq!(rustix::io::read(&told, &mut [0]), Ok(1));
    kill(worker, Signal::SIGKILL).expect("it is there");
    waitpid(worker, None).expect("it ends");
    // The nest of a dead worker ends with it, and this process adopts what is left of it.
    while !own_children().is_empty() {
        let _ = waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG));
        std::thread::sleep(Duration::from_millis(5));
    }
}
