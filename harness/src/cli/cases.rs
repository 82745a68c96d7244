//! The measurement of cases: the job of the workers of `run` and `show`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::pool::{self, Job, Setting};
use super::select::Loaded;
use crate::case::{
    Case, HarnessError, Measurement, Note, Outcome, Requirement, Scarce, StepResult,
};
use crate::confine::Isolation;
use crate::journal::Journal;
use crate::measure::{Failure, Means, Measurer};
use crate::supervise::{ChildReport, Supervisor};
use crate::sys::{Arena, VERDICTS};
use crate::victim::Probe;

/// The cases to measure, and the way to measure them.
#[derive(Debug)]
pub struct Cases<'a> {
    /// The cases. Workers get them by number.
    pub cases: &'a [Loaded],
    /// The setting of the workers.
    pub setting: Setting<'a>,
    /// The time after which a child is killed, where its case has no `timeout(...)`.
    pub deadline: Duration,
    /// The part of each case to measure.
    pub task: Task,
    /// The seed of the random bytes of each picture; `None` to make it from the id of the case.
    pub seed: Option<u64>,
    /// The numbers of the cases that are measured alone, with the reason.
    pub alone: BTreeMap<usize, Scarce>,
    /// The bar that counts the probes of a single case.
    pub bar: Option<ProgressBar>,
}

/// The part of a case to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The whole case.
    Whole {
        /// True to probe every byte instead of bisecting.
        exhaustive: bool,
    },
    /// One probe, with all that is recorded of its child. Its sweep is counted from 0.
    OneProbe(Probe),
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
    /// The report of a case for which no child was forked.
    fn without_children(result: CaseResult) -> CaseReport {
        CaseReport { result, probes: 0, elapsed_us: 0, verdicts: [0; VERDICTS] }
    }
}

impl Cases<'_> {
    /// Measures all cases, and passes each report to `take`, one for each case. Returns the exit
    /// code of the signal that ended it early, if one did.
    pub fn measure(&mut self, mut take: impl FnMut(usize, CaseReport)) -> Option<Exit> {
        let mut left: BTreeSet<u64> = (0..self.cases.len() as u64).collect();
        if let Some(reason) = self.setting.refusal() {
            let skipped = || CaseReport::without_children(CaseResult::Skipped(reason.clone()));
            left.iter().for_each(|case| take(*case as usize, skipped()));
            return None;
        }
        // Cases that are measured alone come first: no other case is measured at the same time.
        let (alone, others): (Vec<u64>, Vec<u64>) =
            left.iter().partition(|case| self.is_alone(**case));
        let mut order = alone.into_iter().chain(others);
        let ended = pool::run(self, &mut order, |case, report| {
            left.remove(&case);
            take(case as usize, report);
        });
        ended.unwrap_or_else(|error| {
            let failed = || Cases::failed(HarnessError::System(error.clone()));
            left.iter().for_each(|case| take(*case as usize, failed()));
            None
        })
    }

    /// Returns the reason where strict isolation takes away what a case needs: root in a user
    /// namespace alone has no privileges outside of it (user_namespaces(7)).
    fn lost_by_isolation(&self, case: &Case) -> Option<String> {
        (self.setting.isolation == Isolation::Strict && case.requires.contains(&Requirement::Root))
            .then(|| "requires root; isolation strict leaves root no privileges".to_owned())
    }
}

impl Job for Cases<'_> {
    type Report = CaseReport;

    fn setting(&self) -> &Setting<'_> {
        &self.setting
    }

    fn is_alone(&self, case: u64) -> bool {
        self.alone.contains_key(&(case as usize))
    }

    fn bar(&self) -> Option<&ProgressBar> {
        self.bar.as_ref()
    }

    fn work(
        &mut self,
        number: u64,
        supervisor: &Supervisor,
        memory: &mut Arena,
        journal: Journal<'_>,
    ) -> Option<CaseReport> {
        let loaded = self.cases.get(number as usize)?;
        let (case, Setting { backing, surveyed, held, .. }) = (&loaded.case, self.setting);
        let started = Instant::now();
        let means = Means {
            supervisor,
            memory,
            backing,
            deadline: self.deadline,
            exhaustive: matches!(self.task, Task::Whole { exhaustive: true }),
            seed: self.seed.unwrap_or_else(|| seed_of(&loaded.id)),
        };
        let mut measurer = Measurer::new(means, case).resume(journal);
        let missing = crate::backing::missing(case, backing, surveyed);
        let result = match (missing.or_else(|| self.lost_by_isolation(case)), self.task) {
            (Some(reason), _) => Ok(CaseResult::Skipped(reason)),
            (None, Task::Whole { .. }) => {
                let measured = measurer.hold(held, None).and_then(|()| measurer.measure());
                measured.map(|mut measured| {
                    let alone = self.alone.get(&(number as usize));
                    let alone = alone.map(|scarce| Note::MeasuredAlone { scarce: *scarce });
                    measured.notes.extend(alone);
                    CaseResult::Measured(measured)
                })
            }
            (None, Task::OneProbe(Probe { sweep, access, at })) => measurer
                .hold(held, Some(access))
                .and_then(|()| measurer.one_probe(sweep, access, at))
                .map(|(outcome, report)| {
                    let steps = measurer.recorded(&report);
                    CaseResult::Probed { outcome, report: Box::new(report), steps }
                }),
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

    fn failed(error: HarnessError) -> CaseReport {
        CaseReport::without_children(CaseResult::Failed(error))
    }
}

/// The seed of an id, the same on every machine (FNV-1a).
pub fn seed_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
