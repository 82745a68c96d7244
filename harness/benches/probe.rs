//! What a probe costs, against a bare loop of fork, mmap, die, wait in C, in the same run.
//!
//! All rows are measured in turn, again and again, so that whatever else the machine does meets them
//! alike; each row is the median of its rounds. Ratios are what counts: times are this machine's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use faultmap::backing::Backing;
use faultmap::case::{Access, Case};
use faultmap::journal::{self, Journal};
use faultmap::measure::Measurer;
use faultmap::supervise::Supervisor;
use faultmap::sys::{Inheritance, SharedRecord, fork_worker};
use faultmap::victim::{Fill, Probe};
use nix::sys::wait::waitpid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The case of the yardstick: one load at 4096 is SIGBUS.
const CASE: &str = "fd = file(2200);
map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
sweep(map, read);";
const ROUNDS: usize = 25;
const PROBES: u32 = 1000;
const PAGE: u64 = 4096;

/// The layers of bare_loop.c, by number.
const LAYERS: [(&str, u32); 7] = [
    ("nothing but the fork", 0),
    ("a file of its own", 1),
    ("siginfo recorded, on a stack of its own", 2),
    ("pidfd, and a deadline", 4),
    ("process group, killed before the wait", 8),
    ("PR_SET_PDEATHSIG", 16),
    ("RLIMIT_CORE", 32),
];

fn main() {
    // `cargo test --benches` asks only whether it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let dir = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    let c = compile();
    let yardstick = c.as_deref();
    let all = cores();
    pin(&all[..1]);
    let bare = |layers| yardstick.and_then(|program| bare_loop(program, layers, dir));
    let mut rows: Vec<(String, Vec<f64>)> = [
        "bare loop in C",
        "bare loop in C, each child with its own file",
        "one probe, on one core",
        "one probe, on all cores",
    ]
    .map(|name| (name.to_owned(), Vec::new()))
    .into();
    for _ in 0..ROUNDS {
        let round = [bare(0), bare(1), Some(ours(&all[..1], dir)), Some(ours(&all, dir))];
        for ((_, times), time) in rows.iter_mut().zip(round) {
            times.extend(time);
        }
    }
    let own_file = median(&rows[1].1);
    println!("\none probe: fork, steps, one load, die of SIGBUS, reap; files in {dir}");
    println!("{:46} {:>8} {:>22}", "", "us", "x loop with own file");
    for (name, times) in &rows {
        line(name, median(times), own_file);
    }
    whole_runs(dir);
    println!("\nwhat each layer of isolation adds to the bare loop");
    let layers = LAYERS.map(|(name, bit)| (name, bare(bit)));
    let base = layers[0].1;
    for (name, time) in layers {
        line(name, time, base);
    }
    line("all of these", bare(63), base);
    line("user and pid namespaces for each child", bare(64), base);
}

fn line(name: &str, time: Option<f64>, base: Option<f64>) {
    match (time, base) {
        (Some(time), Some(base)) => println!("{name:46} {time:8.1} {:22.2}", time / base),
        (Some(time), None) => println!("{name:46} {time:8.1} {:>22}", "no yardstick"),
        (None, _) => println!("{name:46} {:>8}", "skipped"),
    }
}

fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The bare loop, linked statically where that works; `None` without a C compiler.
fn compile() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bare_loop.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare_loop");
    let link = |flags: &[&str]| {
        let mut cc = Command::new("cc");
        cc.arg("-O2").args(flags).arg(&source).arg("-o").arg(&program);
        cc.status().is_ok_and(|status| status.success())
    };
    if link(&["-static"]) || link(&[]) {
        return Some(program);
    }
    println!("no C compiler `cc`: the bare loop is skipped");
    None
}

/// Microseconds a child, of one round.
fn bare_loop(program: &Path, layers: u32, dir: &str) -> Option<f64> {
    let mut command = Command::new(program);
    command.args([&PROBES.to_string(), "1", &layers.to_string(), dir]);
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Microseconds a probe, over as many workers as there are cores, each pinned to its own. As with the loop
/// in C, each tells the time itself, from its first probe to its last.
fn ours(cores: &[usize], dir: &str) -> f64 {
    let (told, tells) = rustix::pipe::pipe().expect("a pipe");
    let work = |core: usize| {
        pin(&[core]);
        let case = faultmap::parse::case(CASE).expect("a case");
        let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
        let supervisor = Supervisor::new(record, None).expect("a supervisor");
        let backing = Backing::Directory(dir.into());
        let memory = Inheritance::new().expect("memory");
        let elapsed = probes(&supervisor, &memory, &backing, &case);
        rustix::io::write(&tells, &elapsed.as_secs_f64().to_ne_bytes()).expect("a pipe");
        0
    };
    let workers: Vec<_> =
        cores.iter().map(|core| fork_worker(|| work(*core)).expect("a worker")).collect();
    for worker in workers {
        waitpid(worker, None).expect("it ends");
    }
    let slowest = cores.iter().map(|_| {
        let mut seconds = [0; size_of::<f64>()];
        rustix::io::read(&told, &mut seconds).expect("a pipe");
        f64::from_ne_bytes(seconds)
    });
    slowest.fold(0.0, f64::max) * 1e6 / f64::from(PROBES) / cores.len() as f64
}

fn probes(
    supervisor: &Supervisor,
    memory: &Inheritance,
    backing: &Backing,
    case: &Case,
) -> Duration {
    let deadline = Duration::from_secs(5);
    let answers = journal::file().expect("a memfd");
    let mut measurer = Measurer::new(supervisor, memory, backing, case, PAGE, deadline, true)
        .resume(Journal::resume(&answers).expect("it can be read"));
    let steps = measurer.steps(Fill::Pattern).expect("it can be measured");
    let probe = Probe { sweep: 2, access: Access::Read, at: PAGE as i64 };
    let started = Instant::now();
    for _ in 0..PROBES {
        let outcome = measurer.probe(&probe, &steps).expect("an answer");
        assert_eq!(outcome.to_string(), "SIGBUS ADRERR");
    }
    started.elapsed()
}

/// The command as a user has it: all cases, and one small one from exec to exit.
fn whole_runs(dir: &str) {
    let all = sched_affinity_of(&cores());
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultmap"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        command.args(arguments).args(["--dir", dir]).current_dir(root);
        command
    };
    let _ = sched_setaffinity(None, &all);
    let timed = |arguments: &[&str]| {
        let mut times: Vec<f64> = Vec::new();
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let output = command(arguments).output().expect("the command can be started");
            times.push(started.elapsed().as_secs_f64() * 1e3);
            last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or("").to_owned();
        }
        (median(&times).unwrap_or(0.0), last)
    };
    let (time, last) = timed(&["run"]);
    println!("\nfaultmap run: {time:.0} ms, {last}");
    let (time, _) = timed(&["show", "notes/map_of_empty_file"]);
    println!("faultmap show notes/map_of_empty_file: {time:.1} ms from exec to exit");
}

/// The cores that this process may use.
fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).expect("an affinity");
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

fn sched_affinity_of(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    set
}

fn pin(cores: &[usize]) {
    sched_setaffinity(None, &sched_affinity_of(cores)).expect("a core of this process's own");
}
