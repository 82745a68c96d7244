//! The programs of a search: the job of its workers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::backing::missing;
use crate::case::{Case, HarnessError, Outcome, StepResult, limits};
use crate::cli::pool::{Job, Setting};
use crate::explore::{Answer, Search, Split, Tried};
use crate::journal::Journal;
use crate::measure::{Baselines, Failure, Means, Measurer};
use crate::model::Rule;
use crate::supervise::Supervisor;
use crate::sys::Arena;
use crate::victim::Probe;

/// The programs, and the setting of the workers that try them.
pub struct Programs<'a> {
    search: Search,
    setting: Setting<'a>,
    /// The open rules of which this worker has shown that they did not hold.
    shown_open: BTreeSet<Rule>,
}

/// The result of a program.
#[derive(Debug, Serialize, Deserialize)]
pub enum Found {
    /// Kernel and model agree, at this number of bytes.
    Agree(u64),
    /// The same, but an open rule did not hold.
    Open {
        bytes: u64,
        /// The shrunk program, where it is the worker's first for the rule.
        split: Option<Split>,
    },
    /// The model does not predict all of the program.
    Unmodelled,
    /// The program needs what is not there.
    Skipped,
    /// Kernel and model contradict each other.
    Split(Split),
    /// There is no answer.
    Failed(HarnessError),
}

impl<'a> Programs<'a> {
    pub fn of(search: Search, setting: Setting<'a>) -> Programs<'a> {
        Programs { search, setting, shown_open: BTreeSet::new() }
    }
}

impl Job for Programs<'_> {
    type Report = Found;

    fn setting(&self) -> &Setting<'_> {
        &self.setting
    }

    fn work(
        &mut self,
        number: u64,
        supervisor: &Supervisor,
        memory: &mut Arena,
        mut journal: Journal<'_>,
    ) -> Option<Found> {
        // Of a program, the journal says nothing but that it is lost.
        if let Some(Err(error)) = journal.steps() {
            return Some(Found::Failed(error));
        }
        let baselines = Baselines::default();
        let setting = &self.setting;
        let mut kernel = Kernel { supervisor, memory, setting, baselines, abandoned: false };
        let found = match self.search.try_program(number, &mut kernel) {
            Ok(Tried::Agree(bytes)) => Found::Agree(bytes),
            Ok(Tried::Open(rule, bytes)) => {
                let is_first = self.shown_open.insert(rule);
                let shrink = || self.search.shrink_open(number, rule, &mut kernel);
                Found::Open { bytes, split: is_first.then(shrink).flatten() }
            }
            Ok(Tried::Unmodelled) => Found::Unmodelled,
            Ok(Tried::Skipped) => Found::Skipped,
            Ok(Tried::Split(split)) => Found::Split(split),
            Err(Failure::Harness(error)) => Found::Failed(error),
            Err(Failure::Abandoned) => return None,
        };
        (!kernel.abandoned).then_some(found)
    }

    fn failed(error: HarnessError) -> Found {
        Found::Failed(error)
    }
}

/// The kernel, asked through children.
struct Kernel<'a> {
    supervisor: &'a Supervisor,
    memory: &'a mut Arena,
    setting: &'a Setting<'a>,
    /// The results of the steps of the program at hand.
    baselines: Baselines,
    /// True if the controller has died.
    abandoned: bool,
}

impl Kernel<'_> {
    fn ask<T>(
        &mut self,
        case: &Case,
        question: impl FnOnce(&mut Measurer<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Without a controller, a program need not be shrunk any further.
        if self.abandoned {
            return Err(Failure::Abandoned);
        }
        self.memory.clear();
        let (supervisor, memory, backing) = (self.supervisor, &*self.memory, self.setting.backing);
        let (deadline, exhaustive, seed) = (limits::DEADLINE, false, 0);
        let means = Means { supervisor, memory, backing, deadline, exhaustive, seed };
        let baselines = std::mem::take(&mut self.baselines);
        let mut measurer = Measurer::new(means, case).with_baselines(baselines);
        let held = measurer.hold(self.setting.held, None);
        let answer = held.and_then(|()| question(&mut measurer));
        self.baselines = measurer.into_baselines();
        self.abandoned = matches!(answer, Err(Failure::Abandoned));
        answer
    }
}

impl Answer for Kernel<'_> {
    type Error = Failure;

    fn missing(&self, case: &Case) -> Option<String> {
        missing(case, self.setting.backing, self.setting.file_system)
    }

    fn steps(&mut self, case: &Case) -> Result<Vec<StepResult>, Failure> {
        self.baselines = Baselines::default();
        self.ask(case, |measurer| measurer.steps())
    }

    fn probe(&mut self, case: &Case, _: &[StepResult], at: i64) -> Result<Outcome, Failure> {
        let Some((sweep, _, [access, ..])) = case.sweeps().next() else {
            return Err(HarnessError::NoSuchSweep.into());
        };
        let probe = Probe { sweep, access: *access, at };
        self.ask(case, |measurer| measurer.byte(&probe))
    }
}
