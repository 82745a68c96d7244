//! To measure a case takes many children, whose answers must belong to one and the same program. The main
//! type is [`Measurer`].
//!
//! Two children go through all steps, with different patterns in their files, and must agree on what each
//! step came to. Then each byte that a sweep asks about gets a child of its own, which performs the same
//! steps again, on files of its own; if they came out any differently, that child's answer does not count.
//! The answers that the children of a dead worker gave are read from its journal, and not asked again.

mod child;
mod worker;

pub use worker::{Restrictions, become_worker};

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::backing::Backing;
use crate::case::limits;
use crate::case::{
    Access, Case, FaultMap, HarnessError, Measurement, Note, Outcome, Pattern, Step, StepResult,
    SweepResult,
};
use crate::confine::Held;
use crate::journal::Journal;
use crate::model::{Environment, Prediction, boundaries, predict, predict_after};
use crate::named::Named;
use crate::supervise::{ChildReport, Patience, Supervisor};
use crate::sweep::{Plan, Unanswered};
use crate::sys::{Arena, ForkServer};
use crate::victim::{Fill, Probe, Program};

/// The most children that a bisected case may take: nobody would wait for more.
const CHILDREN: u64 = 20_000;
/// The longest that a bisected case may take, for the same reason.
const TIME: Duration = Duration::from_secs(120);

/// After so many children a fork server is made: it costs about two, and saves a quarter of each.
const FORK_SERVER_PAYS: u64 = 4;
/// The number of fork servers of one case that may be killed; then its children are forked without.
const FORK_SERVERS: u32 = 3;

/// The results of the steps in a child that went through to the end, by the number of what its files held.
pub type Baselines = [Option<Vec<StepResult>>; Fill::ALL.len()];

/// The reason why a case, or one probe of it, was not measured.
#[derive(Debug)]
pub enum Failure {
    /// It has no answer.
    Harness(HarnessError),
    /// The controller is gone: end.
    Abandoned,
}

impl From<HarnessError> for Failure {
    fn from(error: HarnessError) -> Failure {
        Failure::Harness(error)
    }
}

/// The means of a worker to measure a case, and how far it goes.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The supervisor of the children.
    pub supervisor: &'a Supervisor,
    /// The memory that the children inherit.
    pub memory: &'a Arena,
    /// The place of the files.
    pub backing: &'a Backing,
    /// The time that a child may take on an ordinary machine, where the case does not say.
    pub deadline: Duration,
    /// True if every byte is probed.
    pub exhaustive: bool,
    /// Decides at which random bytes regions are looked at once more.
    pub seed: u64,
}

/// Measures one case, in a worker process.
pub struct Measurer<'a> {
    means: Means<'a>,
    /// How long a child may take on this machine.
    patience: Patience,
    case: &'a Case,
    program: Program<'a>,
    notes: Vec<Note>,
    /// The files' contents, by fill and by number; made when first needed.
    contents: [Option<Vec<Vec<u8>>>; Fill::ALL.len()],
    baselines: Baselines,
    /// The descriptor that the children's sandbox needs to be open.
    _ruleset: Option<OwnedFd>,
    /// The fork server of the children, once it pays; and the number of fork servers that somebody has
    /// killed.
    fork_server: Option<ForkServer>,
    lost_fork_servers: u32,
    children: u64,
    journal: Journal<'a>,
    started: Instant,
}

impl<'a> Measurer<'a> {
    /// Makes the case ready.
    pub fn new(means: Means<'a>, case: &'a Case) -> Measurer<'a> {
        let page = rustix::param::page_size() as u64;
        let pace = means.supervisor.pace();
        let patience = Patience {
            deadline: pace.stretched(case.timeout.unwrap_or(means.deadline)),
            // A case that says when a child is late has its answer then.
            cpu_time: case.timeout.is_none().then(|| pace.stretched(limits::RUNNING)),
        };
        Measurer {
            means,
            patience,
            case,
            program: Program::of(case, page, means.memory),
            notes: Vec::new(),
            contents: [const { None }; Fill::ALL.len()],
            baselines: Baselines::default(),
            _ruleset: None,
            fork_server: None,
            lost_fork_servers: 0,
            children: 0,
            journal: Journal::none(),
            started: Instant::now(),
        }
    }

    /// Goes on where the worker that wrote this journal has left off.
    pub fn resume(self, journal: Journal<'a>) -> Measurer<'a> {
        Measurer { children: journal.answers(), journal, ..self }
    }

    /// Restricts the children to the steps of the case, its accesses, and this `further` access, by what the
    /// kernel has. Fails where that cannot be prepared.
    pub fn hold(&mut self, by: &Held, further: Option<Access>) -> Result<(), Failure> {
        let named = self.case.sweeps().flat_map(|(_, _, accesses)| accesses);
        let accesses: Vec<Access> = named.copied().chain(further).collect();
        let held = by.sandbox(&self.program, &accesses, self.means.backing, self.means.memory);
        (self.program.sandbox, self._ruleset) =
            held.map_err(|why| HarnessError::System(why.to_string()))?;
        Ok(())
    }

    /// Returns the measurer of a case whose steps have come to this.
    pub fn with_baselines(self, baselines: Baselines) -> Measurer<'a> {
        Measurer { baselines, ..self }
    }

    /// Returns the results of the steps so far.
    pub fn into_baselines(self) -> Baselines {
        self.baselines
    }

    /// Returns the number of children that have been forked, including those of earlier workers that gave an
    /// answer.
    pub fn children(&self) -> u64 {
        self.children
    }

    /// Measures all of it. A sweep that has no answer is told in its place; steps that have none fail
    /// the whole case.
    pub fn measure(&mut self) -> Result<Measurement, Failure> {
        let steps = self.steps()?;
        let mut sweeps = Vec::new();
        for (index, _, step) in self.case.walk() {
            let Step::Sweep { map, accesses } = step else { continue };
            sweeps.push(match &steps[index] {
                StepResult::Done => self.sweep(map, (sweeps.len(), index), accesses, &steps)?,
                StepResult::NoMap => SweepResult::NoMap,
                _ => SweepResult::NotReached,
            });
        }
        Ok(Measurement { steps, sweeps, notes: std::mem::take(&mut self.notes) })
    }

    /// Returns the result of each step, on which two children with different patterns in their files must
    /// agree.
    pub fn steps(&mut self) -> Result<Vec<StepResult>, Failure> {
        let first = self.baseline(Fill::Pattern(Pattern::First))?;
        let second = self.baseline(Fill::Pattern(Pattern::Second))?;
        let both = first.iter().zip(&second).enumerate();
        let agreed = both.map(|(step, (first, second))| {
            first.agreed(second).ok_or_else(|| {
                let (first, then) = (first.to_string(), second.to_string());
                HarnessError::Unsteady { step, first, then }.into()
            })
        });
        agreed.collect()
    }

    /// Returns the result of each step in a child that goes through to the end, with its files filled by
    /// `fill`.
    fn baseline(&mut self, fill: Fill) -> Result<Vec<StepResult>, Failure> {
        if let Some(known) = &self.baselines[fill.number()] {
            return Ok(known.clone());
        }
        let results = match self.journal.steps() {
            Some(known) => known?,
            None => {
                let results = self.ask_steps(fill);
                match &results {
                    Ok(results) => self.journal.keep_steps(results),
                    Err(Failure::Harness(error)) => self.journal.keep_error(error),
                    Err(Failure::Abandoned) => {}
                }
                results?
            }
        };
        self.baselines[fill.number()] = Some(results.clone());
        Ok(results)
    }

    fn ask_steps(&mut self, fill: Fill) -> Result<Vec<StepResult>, Failure> {
        let report = self.child(None, fill)?;
        Ok(self.judge(&report).step_results()?)
    }

    fn sweep(
        &mut self,
        map: &str,
        (number, index): (usize, usize),
        accesses: &[Access],
        steps: &[StepResult],
    ) -> Result<SweepResult, Failure> {
        let seed = self.means.seed.wrapping_add(number as u64);
        let named = Named::of(self.case, steps, self.program.page);
        let mut plan = Plan::of(self.case, map, &named, seed);
        plan.exhaustive = self.means.exhaustive;
        self.notes.extend(plan.note(number));
        let predictions = self.predictions(steps);
        let mut rows = Vec::new();
        for access in accesses.iter().copied() {
            let expected = boundaries(&predictions, number, access);
            let row = plan.row(access, &expected, |at, pattern| {
                self.probe(&Probe { sweep: index, access, at }, pattern)
            });
            match row {
                Ok(found) => {
                    rows.push(found.row);
                    let further = |at| Note::BisectedFurther { sweep: number, access, at };
                    self.notes.extend(found.surprises.into_iter().map(further));
                    let left_out =
                        Note::NeverReturns { sweep: number, access, left_out: found.left_out };
                    self.notes.extend((found.left_out > 0).then_some(left_out));
                }
                Err(Unanswered { at, error: Failure::Harness(error) }) => {
                    return Ok(SweepResult::Failed { access, at, error });
                }
                Err(Unanswered { error, .. }) => return Err(error),
            }
        }
        Ok(SweepResult::Map(FaultMap { rows }))
    }

    /// Returns the model's predictions of a case whose steps have come to this; of the case alone, where the
    /// model does not agree with the steps.
    fn predictions(&self, steps: &[StepResult]) -> Vec<Prediction> {
        let environment = Environment::with_pages_of(self.program.page);
        let after = predict_after(self.case, &environment, steps);
        if after.is_empty() { predict(self.case, &environment) } else { after }
    }

    /// Makes one probe on its own, and returns everything that is known of its child. `which` counts the
    /// sweeps of the case from 0.
    pub fn one_probe(
        &mut self,
        which: usize,
        access: Access,
        at: i64,
    ) -> Result<(Result<Outcome, HarnessError>, ChildReport), Failure> {
        let sweeps = self.case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
        let Some((sweep, _, _)) = sweeps.into_iter().nth(which) else {
            return Err(HarnessError::NoSuchSweep.into());
        };
        let probe = Probe { sweep, access, at };
        let fill = Fill::of(access, Pattern::First);
        if let Some(Err(lost)) = self.journal.outcome(&probe, fill) {
            return Err(lost.into());
        }
        let mut first = None;
        let outcome = Outcome::by_both(|pattern| {
            let report = self.child(Some(&probe), Fill::of(access, pattern))?;
            let outcome = self.judge(&report).probe_outcome(&probe);
            first.get_or_insert(report);
            outcome.map_err(Failure::from)
        });
        match (outcome, first) {
            (Ok(outcome), Some(first)) => Ok((Ok(outcome), first)),
            (Err(Failure::Harness(error)), Some(first)) => Ok((Err(error), first)),
            (Err(failure), _) => Err(failure),
            (Ok(_), None) => Err(HarnessError::NoSuchSweep.into()),
        }
    }

    /// Returns the result of each step of a child by the step's own record.
    pub fn recorded(&self, report: &ChildReport) -> Vec<Option<StepResult>> {
        self.judge(report).recorded_results()
    }

    /// Returns the outcome of one byte.
    pub fn byte(&mut self, probe: &Probe) -> Result<Outcome, Failure> {
        Outcome::by_both(|pattern| self.probe(probe, pattern))
    }

    /// Returns the outcome of one byte with this pattern in the files, in a child whose steps come out as in
    /// the first child with that pattern.
    pub fn probe(&mut self, probe: &Probe, pattern: Pattern) -> Result<Outcome, Failure> {
        let fill = Fill::of(probe.access, pattern);
        self.baseline(fill)?;
        if let Some(known) = self.journal.outcome(probe, fill) {
            return Ok(known?);
        }
        let outcome = self.ask(probe, fill);
        match &outcome {
            Ok(outcome) => self.journal.keep_outcome(probe, fill, *outcome),
            Err(Failure::Harness(error)) => self.journal.keep_error(error),
            Err(Failure::Abandoned) => {}
        }
        outcome
    }
}
