//! A whole case on a backing: every child that it takes, to a [`Measurement`].
//!
//! Two children go through all steps, with another pattern in their files, and must agree on what each
//! came to. Then each byte that a sweep asks about gets a child of its own, which performs the same steps
//! again, on files of its own; if they came out any differently, that child's answer does not count. What a worker that is gone
//! has been answered is read in its journal, not asked again.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::backing::{Backing, MadeFile};
use crate::case::limits::FILES;
use crate::case::{
    Access, Case, Clean, FaultMap, HarnessError, Measurement, Note, Outcome, Pattern, Step,
    StepResult, SweepResult,
};
use crate::confine::Held;
use crate::journal::Journal;
use crate::model::{Environment, Prediction, boundaries, predict, predict_after};
use crate::supervise::{
    Abandoned, NoWitness, Supervisor, Witness, probe_outcome, recorded, step_results, unsteady,
};
use crate::sweep::Plan;
use crate::sys::{Inheritance, Nest};
use crate::victim::{Fill, Handed, Orders, Probe, Program};

/// A case that takes more children than this, bisected, is none that anybody would wait for.
const CHILDREN: u64 = 20_000;
/// Nor one that takes longer than this.
const TIME: Duration = Duration::from_secs(120);

/// After so many children a nest is made: it costs about two, and saves a quarter of each.
const NEST_PAYS: u64 = 4;
/// Nests of one case that may be killed; then its children are forked without.
const NESTS: u32 = 3;

/// What the steps came to in a child that went through to the end, by the number of what its files held.
pub type Baselines = [Option<Vec<StepResult>>; Fill::ALL.len()];

/// Why a case, or one probe of it, was not measured.
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

/// Measures one case, in a worker process.
pub struct Measurer<'a> {
    supervisor: &'a Supervisor,
    backing: &'a Backing,
    case: &'a Case,
    program: Program<'a>,
    memory: &'a Inheritance,
    deadline: Duration,
    exhaustive: bool,
    /// Decides at which random bytes regions are looked at once more.
    seed: u64,
    notes: Vec<Note>,
    /// The files' contents, by fill and by number; made when first needed.
    contents: [Option<Vec<Vec<u8>>>; Fill::ALL.len()],
    baselines: Baselines,
    /// What the children's sandbox needs to be open.
    _ruleset: Option<OwnedFd>,
    /// What forks the children, once it pays; and how many such have been killed by somebody.
    nest: Option<Nest>,
    lost_nests: u32,
    children: u64,
    journal: Journal<'a>,
    started: Instant,
}

impl<'a> Measurer<'a> {
    /// Makes the case ready, on a machine with pages of `page` bytes. `deadline` is how long a child
    /// may take where the case does not say; `exhaustive` has every byte probed.
    pub fn new(
        supervisor: &'a Supervisor,
        memory: &'a Inheritance,
        backing: &'a Backing,
        case: &'a Case,
        page: u64,
        deadline: Duration,
        exhaustive: bool,
    ) -> Measurer<'a> {
        Measurer {
            supervisor,
            backing,
            case,
            program: Program::of(case, page, memory),
            memory,
            deadline: case.timeout.unwrap_or(deadline),
            exhaustive,
            seed: 0,
            notes: Vec::new(),
            contents: [const { None }; Fill::ALL.len()],
            baselines: Baselines::default(),
            _ruleset: None,
            nest: None,
            lost_nests: 0,
            children: 0,
            journal: Journal::none(),
            started: Instant::now(),
        }
    }

    /// Goes on where the worker that wrote this journal has left off.
    pub fn resume(self, journal: Journal<'a>) -> Measurer<'a> {
        Measurer { children: journal.answers(), journal, ..self }
    }

    /// Has the children held back by what there is, to the steps of the case and its accesses, and this
    /// further one. Fails where that cannot be prepared.
    pub fn hold(&mut self, by: &Held, further: Option<Access>) -> Result<(), Failure> {
        let named = self.case.sweeps().flat_map(|(_, _, accesses)| accesses);
        let accesses: Vec<Access> = named.copied().chain(further).collect();
        let held = by.sandbox(&self.program, &accesses, self.backing, self.memory);
        (self.program.sandbox, self._ruleset) = held.map_err(HarnessError::System)?;
        Ok(())
    }

    /// With this seed for the random bytes at which regions are looked at once more.
    pub fn seeded(self, seed: u64) -> Measurer<'a> {
        Measurer { seed, ..self }
    }

    /// Whose steps have come to this.
    pub fn with_baselines(self, baselines: Baselines) -> Measurer<'a> {
        Measurer { baselines, ..self }
    }

    /// What the steps have come to so far.
    pub fn into_baselines(self) -> Baselines {
        self.baselines
    }

    /// How many children have been forked, those of earlier workers included that gave an answer.
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

    /// What each step comes to, as two children agree that have other patterns in their files.
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

    /// What each step comes to in a child that goes through to the end, with its files filled so.
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
        let witness = self.child(None, fill)?;
        let (ending, evidence) = (witness.ending, &witness.evidence);
        let results =
            step_results(&self.program, ending, evidence, self.millis(), self.waits_for_ever());
        Ok(results?)
    }

    fn sweep(
        &mut self,
        map: &str,
        (number, index): (usize, usize),
        accesses: &[Access],
        steps: &[StepResult],
    ) -> Result<SweepResult, Failure> {
        let seed = self.seed.wrapping_add(number as u64);
        let plan = Plan::of(self.case, map, steps, self.program.page, seed);
        self.notes.extend(plan.note(number).filter(|_| !self.exhaustive));
        let predictions = self.predictions(steps);
        let mut rows = Vec::new();
        let mut abandoned = false;
        for access in accesses {
            let access = *access;
            let expected = boundaries(&predictions, number, access);
            let row = plan.row(access, &expected, self.exhaustive, |at, pattern| {
                let probe = Probe { sweep: index, access, at };
                self.probe(&probe, pattern).map_err(|failure| match failure {
                    Failure::Harness(error) => error,
                    Failure::Abandoned => {
                        abandoned = true;
                        HarnessError::ExitedEarly
                    }
                })
            });
            match row {
                Ok(found) => {
                    rows.push(found.row);
                    let notes = found.surprises.into_iter();
                    self.notes.extend(notes.map(|at| Note::BisectedFurther {
                        sweep: number,
                        access,
                        at,
                    }));
                }
                Err(_) if abandoned => return Err(Failure::Abandoned),
                Err(unanswered) => {
                    let (at, error) = (unanswered.at, unanswered.error);
                    return Ok(SweepResult::Failed { access, at, error });
                }
            }
        }
        Ok(SweepResult::Map(FaultMap { rows }))
    }

    /// What the model expects of a case whose steps have come to this; of the case alone, where it does not
    /// agree with the steps.
    fn predictions(&self, steps: &[StepResult]) -> Vec<Prediction> {
        let environment = Environment::with_pages_of(self.program.page);
        let after = predict_after(self.case, &environment, steps);
        if after.is_empty() { predict(self.case, &environment) } else { after }
    }

    /// One probe on its own, with everything that is known of its child. `which` counts the sweeps
    /// of the case from 0.
    pub fn one_probe(
        &mut self,
        which: usize,
        access: Access,
        at: i64,
    ) -> Result<(Result<Outcome, HarnessError>, Witness), Failure> {
        let sweeps = self.case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
        let Some((sweep, _, _)) = sweeps.into_iter().nth(which) else {
            let error = HarnessError::System("the case has no such sweep".to_owned());
            return Err(Failure::Harness(error));
        };
        let probe = Probe { sweep, access, at };
        let fill = Fill::of(access, Pattern::First);
        if let Some(Err(lost)) = self.journal.outcome(&probe, fill) {
            return Err(lost.into());
        }
        let witness = self.child(Some(&probe), fill)?;
        let mut outcome = self.judge(&probe, &witness);
        if outcome == Ok(Outcome::Clean(Clean::Data)) {
            // Data is what both patterns call so.
            let second = self.child(Some(&probe), Fill::of(access, Pattern::Second))?;
            outcome = self.judge(&probe, &second);
        }
        Ok((outcome, witness))
    }

    /// What each step of a child came to by its own record.
    pub fn recorded(&self, witness: &Witness) -> Vec<Option<StepResult>> {
        recorded(&self.program, &witness.evidence)
    }

    /// What one byte comes to with this pattern in the files, in a child whose steps come out as in the
    /// first with that pattern.
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

    fn ask(&mut self, probe: &Probe, fill: Fill) -> Result<Outcome, Failure> {
        if !self.exhaustive && (self.children > CHILDREN || self.started.elapsed() > TIME) {
            let (most, seconds) = (CHILDREN, TIME.as_secs());
            let error = format!("the case takes more than {most} children, or {seconds} s");
            return Err(HarnessError::System(error).into());
        }
        let witness = self.child(Some(probe), fill)?;
        let outcome = self.judge(probe, &witness)?;
        let earlier = self.baselines[fill.number()].as_deref().unwrap_or_default();
        match unsteady(&self.program, probe, earlier, &witness.evidence) {
            Some(error) => Err(error.into()),
            None => Ok(outcome),
        }
    }

    fn judge(&self, probe: &Probe, witness: &Witness) -> Result<Outcome, HarnessError> {
        let (ending, evidence) = (witness.ending, &witness.evidence);
        probe_outcome(&self.program, probe, ending, evidence, self.millis(), self.waits_for_ever())
    }

    fn millis(&self) -> u64 {
        self.deadline.as_millis() as u64
    }

    /// Whether the case says that never to return is an answer.
    fn waits_for_ever(&self) -> bool {
        self.case.timeout.is_some()
    }

    /// One child, on fresh files.
    fn child(&mut self, probe: Option<&Probe>, fill: Fill) -> Result<Witness, Failure> {
        let specs = self.program.files;
        let contents = self.contents[fill.number()].get_or_insert_with(|| {
            let specs = specs.iter().enumerate();
            let contents = specs.map(|(index, spec)| fill.content(index, spec.size)).collect();
            self.supervisor.keep_back(self.memory);
            contents
        });
        let mut files: [Option<MadeFile>; FILES] = [const { None }; FILES];
        let mut handed = [Handed { descriptor: -1, name: None }; FILES];
        let places = files.iter_mut().zip(&mut handed);
        for ((spec, content), (file, handed)) in specs.iter().zip(contents).zip(places) {
            let made = self.backing.make(spec, content).map_err(|error| {
                let size = match spec.size {
                    1 => "1 byte".to_owned(),
                    size => format!("{size} bytes"),
                };
                let place = self.backing.describe();
                HarnessError::System(format!("cannot make a file of {size} in {place}: {error}"))
            })?;
            *handed = made.handed();
            *file = Some(made);
        }
        let (program, probe) = (self.program, probe.copied());
        let handed = &handed[..specs.len().min(FILES)];
        let orders = Orders { program, probe, fill, files: handed };
        if self.nest.is_none() && self.children >= NEST_PAYS && self.lost_nests < NESTS {
            self.nest = self.supervisor.nest(program);
        }
        let nested = self.nest.as_ref();
        let nested = nested.map(|nest| self.supervisor.run_in(nest, &orders, self.deadline));
        let ran = match nested {
            Some(Err(NoWitness::NestGone)) => {
                self.nest = None;
                self.lost_nests += 1;
                return self.child(probe.as_ref(), fill);
            }
            // A worker has more patience with a full process table, and needs a place less.
            Some(Err(NoWitness::Fork(_))) => {
                self.nest = None;
                self.supervisor.run(&orders, self.deadline)
            }
            Some(ran) => ran,
            None => self.supervisor.run(&orders, self.deadline),
        };
        self.children += u64::from(ran.is_ok());
        ran.map_err(|error| match error {
            NoWitness::Abandoned(Abandoned) => Failure::Abandoned,
            NoWitness::Fork(errno) => {
                let error = std::io::Error::from(errno);
                HarnessError::System(format!("cannot fork a child: {error}")).into()
            }
            NoWitness::Left(count) => {
                HarnessError::System(format!("{count} processes of a child cannot be killed"))
                    .into()
            }
            NoWitness::NestGone => HarnessError::System("a nest is gone".to_owned()).into(),
            NoWitness::Wait(errno) => {
                HarnessError::System(format!("cannot wait for a child: {errno}")).into()
            }
        })
    }
}
