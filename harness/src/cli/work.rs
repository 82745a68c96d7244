//! The life of a worker, from its first case to the end of its pipe.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::args::GuardMode;
use super::pool::Message;
use super::select::Loaded;
use crate::backing::Backing;
use crate::case::{
    Access, Case, HarnessError, Measurement, Note, Outcome, Requirement, Scarce, StepResult,
};
use crate::confine::{Held, Namespaces};
use crate::journal::Journal;
use crate::measure::{Failure, Means, Measurer};
use crate::supervise::{ChildReport, Supervisor};
use crate::sys::{Arena, SharedRecord, VERDICTS, keep_only, own_ipc_namespace};
use crate::vocabulary::Returns;

/// The cases to measure, and the way to measure them.
#[derive(Debug)]
pub struct Job<'a> {
    /// The cases. Workers get them by number.
    pub cases: &'a [Loaded],
    /// The place of the files.
    pub backing: &'a Backing,
    /// The time after which a child is killed, where its case has no `timeout(...)`.
    pub deadline: Duration,
    /// True for strict isolation, see [`crate::confine`].
    pub strict: bool,
    /// The filters for workers and victims.
    pub held: &'a Held,
    /// The treatment of the addresses in the cases.
    pub guard: GuardMode,
    /// The part of each case to measure.
    pub task: Task,
    /// The seed of the random bytes of each picture; `None` to make it from the id of the case.
    pub seed: Option<u64>,
    /// The numbers of the cases that are measured alone, with the reason.
    pub alone: BTreeMap<usize, Scarce>,
}

/// The part of a case to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The whole case.
    Whole {
        /// True to probe every byte instead of bisecting.
        exhaustive: bool,
    },
    /// One probe, with all that is recorded of its child.
    OneProbe {
        /// The access to the byte.
        access: Access,
        /// The offset of the byte from the start of the map.
        at: i64,
        /// The number of the sweep in the case, counted from 0.
        sweep: usize,
    },
}

/// The result of one case, with its costs.
#[derive(Debug, Serialize, Deserialize)]
pub struct CaseReport {
    /// The measurement, or the reason why there is none.
    pub result: CaseResult,
    /// The number of children that were forked for it.
    pub probes: u64,
    /// The time from its first child to its last, in microseconds.
    pub elapsed_us: u64,
    /// The number of times that the guard came to each verdict.
    pub verdicts: [u64; VERDICTS],
}

/// The result of one case.
#[derive(Debug, Serialize, Deserialize)]
pub enum CaseResult {
    Measured(Measurement),
    Probed {
        outcome: Result<Outcome, HarnessError>,
        report: Box<ChildReport>,
        /// The results of the steps in the record of the child.
        steps: Vec<Option<StepResult>>,
    },
    Skipped(String),
    Failed(HarnessError),
}

impl CaseReport {
    /// The report of a case that is skipped for this reason.
    pub fn skipped(reason: String) -> CaseReport {
        CaseReport {
            result: CaseResult::Skipped(reason),
            probes: 0,
            elapsed_us: 0,
            verdicts: [0; VERDICTS],
        }
    }

    /// The report of a case for which nothing was measured.
    pub fn failed(error: HarnessError) -> CaseReport {
        CaseReport {
            result: CaseResult::Failed(error),
            probes: 0,
            elapsed_us: 0,
            verdicts: [0; VERDICTS],
        }
    }
}

/// Runs a worker and returns its exit status. With `namespaces`, it first enters its namespaces.
pub(super) fn work(
    job: &Job<'_>,
    namespaces: Option<Namespaces>,
    orders: File,
    mut results: File,
    journal: File,
    is_alone: bool,
) -> i32 {
    // In a process group of its own, this process gets no Ctrl-C from the terminal. The controller
    // handles it, and the pipe hangs up.
    let _ = rustix::process::setpgid(None, None);
    // When memory runs out, a worker is killed before other processes: its case can be measured
    // again.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let is_apart = namespaces.is_some();
    if let Some(namespaces) = namespaces {
        if let Err(why) = namespaces.enter(job.backing) {
            send(&mut results, &Message::Broken(why));
            return 1;
        }
    } else if job.cases.iter().any(|loaded| uses_shared_segments(&loaded.case)) {
        // Without an IPC namespace, the harness removes each segment itself.
        if let Err(errno) = own_ipc_namespace() {
            let why = format!("cannot map the user into a new IPC namespace: {errno}");
            send(&mut results, &Message::Broken(why));
            return 1;
        }
    }
    // Strict isolation has set the filters already.
    if let Some(why) = (!is_apart).then(|| job.held.hold_worker().err()).flatten() {
        send(&mut results, &Message::Broken(why));
        return 1;
    }
    let supervisor = SharedRecord::new().map_err(std::io::Error::from).and_then(|record| {
        let watched = orders.try_clone()?;
        let supervisor = Supervisor::new(Box::leak(Box::new(record)), Some(watched.into()))?;
        let supervisor = if is_alone { supervisor } else { supervisor.with_throttle() };
        let supervisor = if job.guard.is_on() { supervisor } else { supervisor.unguarded() };
        let costs = job.guard.counts_costs();
        let supervisor = if costs { supervisor } else { supervisor.without_budget() };
        Ok((supervisor, Arena::new()?))
    });
    let (supervisor, mut memory) = match supervisor {
        Ok(both) => both,
        Err(error) => {
            send(&mut results, &Message::Broken(error.to_string()));
            return 1;
        }
    };
    let own = [orders, results, journal].map(OwnedFd::from);
    let Ok([mut orders, mut results, journal]) =
        keep_only(supervisor.thread(), own).map(|own| own.map(File::from))
    else {
        return 1;
    };
    let mut order = [0; size_of::<u64>()];
    while orders.read_exact(&mut order).is_ok() {
        let case = u64::from_ne_bytes(order) as usize;
        let Some(_) = job.cases.get(case) else { return 1 };
        memory.clear();
        let Ok(journal) = Journal::resume(&journal) else { return 1 };
        let Some(report) = report(job, &supervisor, &memory, case, journal) else {
            return 1;
        };
        if !send(&mut results, &Message::Done { case, report: Box::new(report) }) {
            return 1;
        }
    }
    0 // told that there is no more, or the controller is gone
}

fn send(results: &mut File, message: &Message) -> bool {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    results.write_all(&line).is_ok()
}

/// Measures one case; `None` where the controller has died.
fn report(
    job: &Job<'_>,
    supervisor: &Supervisor,
    memory: &Arena,
    number: usize,
    journal: Journal<'_>,
) -> Option<CaseReport> {
    let loaded = &job.cases[number];
    let case = &loaded.case;
    let page = rustix::param::page_size() as u64;
    let started = Instant::now();
    let means = Means {
        supervisor,
        memory,
        backing: job.backing,
        deadline: job.deadline,
        exhaustive: matches!(job.task, Task::Whole { exhaustive: true }),
        seed: job.seed.unwrap_or_else(|| seed_of(&loaded.id)),
    };
    let mut measurer = Measurer::new(means, case).resume(journal);
    let missing = crate::backing::missing(case, job.backing, page);
    let result = match missing.or_else(|| lost_by_isolation(job, case)) {
        Some(reason) => Ok(CaseResult::Skipped(reason)),
        None => match job.task {
            Task::Whole { .. } => {
                let held = measurer.hold(job.held, None);
                held.and_then(|()| measurer.measure()).map(|mut measured| {
                    let alone = job.alone.get(&number);
                    let alone = alone.map(|scarce| Note::MeasuredAlone { scarce: *scarce });
                    measured.notes.extend(alone);
                    CaseResult::Measured(measured)
                })
            }
            Task::OneProbe { access, at, sweep } => measurer
                .hold(job.held, Some(access))
                .and_then(|()| measurer.one_probe(sweep, access, at))
                .map(|(outcome, report)| {
                    let steps = measurer.recorded(&report);
                    CaseResult::Probed { outcome, report: Box::new(report), steps }
                }),
        },
    };
    let result = match result {
        Ok(result) => result,
        Err(Failure::Harness(error)) => CaseResult::Failed(error),
        Err(Failure::Abandoned) => return None,
    };
    let elapsed_us = started.elapsed().as_micros() as u64;
    let verdicts = supervisor.take_verdicts();
    Some(CaseReport { result, probes: measurer.children(), elapsed_us, verdicts })
}

/// The seed of an id, the same on every machine (FNV-1a).
fn seed_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The reason where strict isolation takes away what a case needs: root in a user namespace alone
/// has no privileges outside of it (user_namespaces(7)).
fn lost_by_isolation(job: &Job<'_>, case: &Case) -> Option<String> {
    (job.strict && case.requires.contains(&Requirement::Root))
        .then(|| "requires root; isolation strict leaves root no privileges".to_owned())
}

fn uses_shared_segments(case: &Case) -> bool {
    case.calls().any(|(call, _)| call.returns == Returns::Id)
}
