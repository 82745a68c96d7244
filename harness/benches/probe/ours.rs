//! A probe as a worker of the command makes it, steps and file and judgement and journal included.

use std::time::{Duration, Instant};

use faultmap::internals::backing::Backing;
use faultmap::internals::case::{Access, Pattern};
use faultmap::internals::confine::{self, Held, Isolation};
use faultmap::internals::journal::{self, Journal};
use faultmap::internals::measure::{Means, Measurer};
use faultmap::internals::supervise::Supervisor;
use faultmap::internals::sys::{Arena, SharedRecord, SoleThread};
use faultmap::internals::victim::Probe;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::cores::{pin, together};

/// The case of the yardstick: one load at 4096 is SIGBUS.
pub const CASE: &str = "fd = file(2200);
map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
sweep(map, read);";
const PAGE: u64 = 4096;

/// Microseconds a probe, over as many workers as there are cores, each pinned to its own. As with the loop
/// in C, each tells the time itself, from its first probe to its last. `None` where workers cannot be
/// isolated so far.
pub fn probe(cores: &[usize], dir: &str, isolation: Isolation, probes: u32) -> Option<f64> {
    let (told, tells) = rustix::pipe::pipe().expect("a pipe");
    let backing = Backing::Directory(dir.into());
    let held = Held::find();
    let mut workers = Vec::new();
    for core in cores {
        let thread = SoleThread::claim().expect("this thread alone");
        let worker = confine::fork_worker(thread, isolation, |apart| {
            pin(&[*core]);
            let ready = match apart {
                Some(apart) => apart.enter(&backing),
                None => held.hold_worker(),
            };
            let elapsed = match ready {
                Ok(()) => time((&backing, &held), probes, cores.len() == 1).as_secs_f64(),
                Err(_) => f64::NAN,
            };
            rustix::io::write(&tells, &elapsed.to_ne_bytes()).expect("a pipe");
            0
        });
        workers.push(worker.ok()?);
    }
    drop(tells);
    for worker in &workers {
        waitid(WaitId::Pid(*worker), WaitIdOptions::EXITED).expect("it ends");
    }
    let each = workers.iter().map(|_| {
        let mut seconds = [0; size_of::<f64>()];
        let read = rustix::io::read(&told, &mut seconds);
        assert_eq!(read, Ok(seconds.len()), "a worker has died");
        f64::from_ne_bytes(seconds) * 1e6 / f64::from(probes)
    });
    Some(together(&each.collect::<Vec<f64>>())).filter(|time| !time.is_nan())
}

fn time(place: (&Backing, &Held), probes: u32, is_alone: bool) -> Duration {
    let case = faultmap::internals::parse::case(CASE).expect("a case");
    let record = Box::leak(Box::new(SharedRecord::new().expect("a page of memory")));
    let supervisor = Supervisor::new(record, None).expect("a supervisor");
    let supervisor = if is_alone { supervisor } else { supervisor.with_throttle() };
    let memory = Arena::new().expect("memory");
    let (backing, held) = place;
    let answers = journal::file().expect("a memfd");
    let means = Means {
        supervisor: &supervisor,
        memory: &memory,
        backing,
        deadline: Duration::from_secs(5),
        exhaustive: true,
        seed: 0,
    };
    let mut measurer = Measurer::new(means, &case);
    measurer = measurer.resume(Journal::resume(&answers).expect("it can be read"));
    measurer.hold(held, None).expect("a sandbox");
    measurer.steps().expect("it can be measured");
    let probe = Probe { sweep: 2, access: Access::Read, at: PAGE as i64 };
    let started = Instant::now();
    for _ in 0..probes {
        let outcome = measurer.probe(&probe, Pattern::First).expect("an answer");
        assert_eq!(outcome.to_string(), "SIGBUS ADRERR");
    }
    started.elapsed()
}
