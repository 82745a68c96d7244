//! Victims of a nest, and nests to which somebody does harm: whoever forks a victim, its supervisor gets
//! it, and has nothing left of it.
//!
//! This is a program of one thread with its own `main`, because nothing may be forked from a thread of
//! libtest.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use faultmap::backing::{Backing, MadeFile};
use faultmap::case::limits::FILES;
use faultmap::supervise::{Ending, NoWitness, Supervisor, Witness};
use faultmap::sys::{Child, Inheritance, Nest, Record, SharedRecord, fork_worker};
use faultmap::victim::{Fill, Handed, Orders, Program};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;

const DEADLINE: Duration = Duration::from_millis(300);

struct Stage {
    supervisor: Supervisor,
    /// The record itself: victims do not have the heap in which its owner lies.
    record: &'static Record,
}

type Test = (&'static str, fn(&Stage));

const TESTS: &[Test] = &[
    // First: it forks a worker, which needs all memory.
    ("a_nest_ends_with_its_worker", a_nest_ends_with_its_worker),
    ("a_nest_forks_the_victims_of_a_case", a_nest_forks_the_victims_of_a_case),
    ("each_child_has_its_own_question", each_child_has_its_own_question),
    ("a_child_belongs_to_the_worker", a_child_belongs_to_the_worker),
    ("a_child_that_hangs_is_killed", a_child_that_hangs_is_killed),
    ("what_a_child_leaves_is_swept", what_a_child_leaves_is_swept),
    ("a_child_has_no_memory_of_its_nest", a_child_has_no_memory_of_its_nest),
    ("a_child_may_kill_its_nest", a_child_may_kill_its_nest),
    ("a_child_may_stop_its_nest", a_child_may_stop_its_nest),
    ("a_nest_that_is_killed_is_gone", a_nest_that_is_killed_is_gone),
];

fn main() {
    let filter: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
    let supervisor = Supervisor::new(record, None::<OwnedFd>).expect("a supervisor");
    if supervisor.nest_of(|_| 0).is_none() {
        println!("skipped: there are no nests on this machine");
        return;
    }
    let stage = Stage { supervisor, record };
    for (index, (name, test)) in TESTS.iter().enumerate() {
        if index == 1 {
            stage.supervisor.keep_back(&Inheritance::new().expect("memory"));
        }
        if !filter.is_empty() && !filter.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let descriptors = open_descriptors();
        test(&stage);
        assert_eq!(children(), "", "{name}: children are left");
        assert_eq!(open_descriptors(), descriptors, "{name}: descriptors are left");
        println!("test {name} ... ok");
    }
}

/// Live children and zombies of this process; orphans become its own.
fn children() -> String {
    let own = std::process::id();
    std::fs::read_to_string(format!("/proc/self/task/{own}/children")).expect("there are nests")
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}

impl Stage {
    fn nest(&self, body: impl Fn(Child) -> i32 + Copy) -> Nest {
        self.supervisor.nest_of(body).expect("a nest")
    }

    /// Asks for a child, with one word for it.
    fn ask(&self, nest: &Nest, word: u64) -> Result<Witness, NoWitness> {
        self.record.question.sweep.store(word, Relaxed);
        self.supervisor.run_body_in(nest, 0, &[], DEADLINE)
    }

    /// Asks, and nothing but the nest may be left.
    fn answered(&self, nest: &Nest, word: u64) -> Ending {
        let ending = self.ask(nest, word).expect("it was forked").ending;
        assert_eq!(children().trim(), nest.pid().as_raw_nonzero().to_string());
        ending
    }

    /// The nest is: it is said soon, and at each further question.
    fn is_gone(&self, nest: &Nest) {
        for _ in 0..2 {
            let asked = Instant::now();
            let gone = self.ask(nest, 0);
            assert!(matches!(gone, Err(NoWitness::NestGone)), "{gone:?}");
            assert!(asked.elapsed() < Duration::from_secs(5), "it was waited for");
            assert_eq!(children(), "");
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
        let (probe, fill) = (None, Fill::Pattern);
        let orders = Orders { program, probe, fill, files: &handed };
        let ran = supervisor.run_in(&nest, &orders, DEADLINE).expect("it was forked");
        assert_eq!(ran.ending, Ending::Exited(0), "{ran:?}");
        assert!(ran.evidence.finished, "{ran:?}");
    }
}

fn each_child_has_its_own_question(stage: &Stage) {
    let record = stage.record;
    let nest = stage.nest(move |_| record.question.sweep.load(Relaxed) as i32);
    for code in 0..200 {
        assert_eq!(stage.answered(&nest, code), Ending::Exited(code as i32));
    }
}

fn a_child_belongs_to_the_worker(stage: &Stage) {
    let own = std::process::id() as usize;
    let nest = stage.nest(move |child| {
        let [parent, group, id] = [libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getpid]
            .map(|number| child.call(number, [0; 6]));
        i32::from(parent == Ok(own)) + 2 * i32::from(group == id)
    });
    assert_eq!(stage.answered(&nest, 0), Ending::Exited(3), "its parent is who supervises");
}

fn a_child_that_hangs_is_killed(stage: &Stage) {
    let nest = stage.nest(|child| pause(&child));
    assert_eq!(stage.answered(&nest, 0), Ending::TimedOut { stopped: false });
    drop(nest);
    let nest = stage.nest(|child| {
        let own = child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0);
        let _ = child.call(libc::SYS_kill, [own, libc::SIGSTOP as usize, 0, 0, 0, 0]);
        0
    });
    assert_eq!(stage.answered(&nest, 0), Ending::TimedOut { stopped: true });
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
            assert_eq!(stage.answered(&nest, word), Ending::Exited(0), "{flags:#x} {session}");
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
    assert_eq!(stage.answered(&nest, before[0] as u64), Ending::Exited(0));
    assert_eq!(stage.answered(&nest, new[0] as u64), Ending::Killed(libc::SIGSEGV));
    assert_eq!(stage.answered(&nest, here), Ending::Killed(libc::SIGSEGV));
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
    assert_eq!(stage.answered(&nest, pid), Ending::Exited(0), "it has an answer all the same");
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
    let worker = fork_worker(|| {
        let nest = stage.nest(|_| 0);
        rustix::io::write(&tells, &[1]).expect("a pipe");
        loop {
            std::thread::sleep(DEADLINE);
            std::hint::black_box(&nest);
        }
    });
    let worker = worker.expect("a worker");
    drop(tells);
    assert_eq!(rustix::io::read(&told, &mut [0]), Ok(1));
    kill(worker, Signal::SIGKILL).expect("it is there");
    waitpid(worker, None).expect("it ends");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !children().is_empty() {
        assert!(Instant::now() < deadline, "the nest of a dead worker: {}", children());
        let _ = waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pause(child: &Child) -> ! {
    loop {
        let _ = child.call(libc::SYS_ppoll, [0; 6]);
    }
}
