//! The programs of a search: the job of its workers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::example::Example;
use crate::backing::missing;
use crate::case::{Case, HarnessError, Measurement, Outcome, StepResult, limits};
use crate::cli::findings::{Cause, Shown};
use crate::cli::pool::{Job, Setting};
use crate::explore::{Answer, Search, Tried};
use crate::journal::Journal;
use crate::measure::{Baselines, Failure, Means, Measurer};
use crate::model::Rule;
use crate::supervise::Supervisor;
use crate::sys::Arena;
use crate::victim::Probe;

/// The number of programs that a worker shrinks for one cause: where every second program differs, the search gets
/// on as fast as anywhere else.
const EXAMPLES: u32 = 2;

/// The programs, and the setting of the workers that try them.
pub struct Programs<'a> {
    search: Search,
    setting: Setting<'a>,
    /// The causes of which nothing more is to be told.
    known: &'a BTreeSet<Cause>,
    /// The number of programs that this worker has shrunk for each cause.
    shrunk: BTreeMap<Cause, u32>,
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
        /// The rule and the text of the shrunk program, where it is the worker's first for the rule.
        example: Option<(String, String)>,
    },
    /// The model does not predict all of the program.
    Unmodelled,
    /// The program needs what is not there.
    Skipped,
    /// Kernel and model contradict each other.
    Split(Box<Parted>),
    /// There is no answer.
    Failed(HarnessError),
}

/// A program on which kernel and model contradict each other.
#[derive(Debug, Serialize, Deserialize)]
pub struct Parted {
    /// The first difference. What stands behind it may be its consequence.
    pub shown: Shown,
    /// Where it is one of the worker's first for the cause.
    pub example: Option<Example>,
}

impl<'a> Programs<'a> {
    pub fn of(search: Search, setting: Setting<'a>, known: &'a BTreeSet<Cause>) -> Programs<'a> {
        Programs { search, setting, known, shrunk: BTreeMap::new(), shown_open: BTreeSet::new() }
    }

    /// True for the first programs of a cause that is not known.
    fn is_wanted(&mut self, cause: &Cause) -> bool {
        if self.known.contains(cause) {
            return false;
        }
        let shrunk = self.shrunk.entry(cause.clone()).or_default();
        *shrunk += 1;
        *shrunk <= EXAMPLES
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
        let setting = self.setting;
        let setting = &setting;
        let mut kernel = Kernel { supervisor, memory, setting, baselines, abandoned: false };
        let found = match self.search.try_program(number, &mut kernel) {
            Ok(Tried::Agree(bytes)) => Found::Agree(bytes),
            Ok(Tried::Open(rule, bytes)) => {
                let is_first = self.shown_open.insert(rule);
                let is_like = |tried: &Tried| matches!(tried, Tried::Open(own, _) if *own == rule);
                let shrink = || self.search.shrink(number, &mut kernel, is_like);
                let text = is_first.then(shrink).flatten();
                Found::Open { bytes, example: text.map(|text| (rule.name(), text)) }
            }
            Ok(Tried::Unmodelled) => Found::Unmodelled,
            Ok(Tried::Skipped) => Found::Skipped,
            Ok(Tried::Split(difference)) => {
                let shown = Shown::of(&difference);
                let is_wanted = self.is_wanted(&shown.cause);
                let shrink = || Example::of(&self.search, number, &shown.cause, &mut kernel);
                let example = is_wanted.then(shrink).flatten();
                Found::Split(Box::new(Parted { shown, example }))
            }
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
pub struct Kernel<'a> {
    supervisor: &'a Supervisor,
    memory: &'a mut Arena,
    setting: &'a Setting<'a>,
    /// The results of the steps of the program at hand.
    baselines: Baselines,
    /// True if the controller has died.
    abandoned: bool,
}

impl Kernel<'_> {
    /// Measures the whole case.
    pub fn whole(&mut self, case: &Case) -> Result<Measurement, Failure> {
        self.baselines = Baselines::default();
        self.ask(case, |measurer| measurer.measure())
    }

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
        missing(case, self.setting.backing, self.setting.surveyed)
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
