//! A whole case on a backing: every child that it takes, to a [`Measurement`].
//!
//! The first child goes through all steps, and tells what each came to. Then each byte that a sweep
//! asks about gets a child of its own, which performs the same steps again, on files of its own; if
//! they came out any differently, that child's answer does not count.

use std::time::Duration;

use crate::backing::{Backing, MadeFile};
use crate::case::{
    Access, Case, HarnessError, Measurement, Outcome, Step, StepResult, SweepResult,
};
use crate::supervise::{
    Abandoned, NoWitness, Supervisor, Witness, probe_outcome, step_results, steps_before,
};
use crate::sweep::Plan;
use crate::victim::{Fill, Probe, Program};

/// Measures cases, in a worker process.
pub struct Measurer<'a> {
    /// What runs the children.
    pub supervisor: &'a Supervisor,
    /// Where the files live.
    pub backing: &'a Backing,
    /// How long a child may take, where its case does not say.
    pub deadline: Duration,
    /// Every byte is probed.
    pub exhaustive: bool,
    /// Called for each child, before it is forked.
    pub on_child: &'a dyn Fn(),
}

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

/// A case with what is the same for each of its children.
struct Prepared<'a> {
    case: &'a Case,
    program: Program,
    /// The files' contents, by fill and by number; made when first needed.
    contents: [Option<Vec<Vec<u8>>>; 2],
    deadline: Duration,
}

impl<'a> Prepared<'a> {
    fn new(case: &'a Case, page: u64, deadline: Duration) -> Prepared<'a> {
        let program = Program::of(case, page);
        let deadline = case.timeout.unwrap_or(deadline);
        Prepared { case, program, contents: [None, None], deadline }
    }

    fn contents(&mut self, fill: Fill) -> &[Vec<u8>] {
        let files = &self.program.files;
        self.contents[usize::from(fill == Fill::Code)].get_or_insert_with(|| {
            files.iter().enumerate().map(|(index, spec)| fill.content(index, spec.size)).collect()
        })
    }
}

impl Measurer<'_> {
    /// Measures all of it. A sweep that has no answer is told in its place; steps that have none fail
    /// the whole case.
    pub fn measure(&self, case: &Case, page: u64) -> Result<Measurement, Failure> {
        let mut prepared = Prepared::new(case, page, self.deadline);
        let witness = self.child(&mut prepared, None)?;
        let steps = step_results(
            &prepared.program,
            witness.ending,
            &witness.evidence,
            prepared.deadline.as_millis() as u64,
            case.timeout.is_some(),
        )?;
        let mut sweeps = Vec::new();
        for (index, _, step) in case.walk() {
            let Step::Sweep { map, accesses } = step else {
                continue;
            };
            sweeps.push(match &steps[index] {
                StepResult::Done => {
                    let plan = Plan::of(case, map, page);
                    self.sweep(&mut prepared, &plan, index, accesses, &steps)?
                }
                StepResult::NoMap => SweepResult::NoMap,
                _ => SweepResult::NotReached,
            });
        }
        Ok(Measurement { steps, sweeps })
    }

    fn sweep(
        &self,
        prepared: &mut Prepared<'_>,
        plan: &Plan,
        index: usize,
        accesses: &[Access],
        steps: &[StepResult],
    ) -> Result<SweepResult, Failure> {
        let mut rows = Vec::new();
        let mut abandoned = false;
        for access in accesses {
            let row = plan.row(*access, self.exhaustive, |at| {
                let probe = Probe { sweep: index, access: *access, at };
                match self.probe(prepared, &probe, steps) {
                    Ok((outcome, _)) => Ok(outcome),
                    Err(Failure::Harness(error)) => Err(error),
                    Err(Failure::Abandoned) => {
                        abandoned = true;
                        Err(HarnessError::ExitedEarly)
                    }
                }
            });
            match row {
                Ok(row) => rows.push(row),
                Err(_) if abandoned => return Err(Failure::Abandoned),
                Err(unanswered) => {
                    let (at, error) = (unanswered.at, unanswered.error);
                    return Ok(SweepResult::Failed { access: *access, at, error });
                }
            }
        }
        Ok(SweepResult::Map(crate::case::FaultMap { rows }))
    }

    /// One probe on its own, with everything that is known of its child. `which` counts the sweeps
    /// of the case from 0.
    pub fn one_probe(
        &self,
        case: &Case,
        page: u64,
        which: usize,
        access: Access,
        at: i64,
    ) -> Result<(Result<Outcome, HarnessError>, Witness), Failure> {
        let mut prepared = Prepared::new(case, page, self.deadline);
        let sweeps = case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
        let Some((sweep, _, _)) = sweeps.into_iter().nth(which) else {
            return Err(Failure::Harness(HarnessError::System(
                "the case has no such sweep".to_owned(),
            )));
        };
        let probe = Probe { sweep, access, at };
        let witness = self.child(&mut prepared, Some(&probe))?;
        let outcome = self.judge(&prepared, &probe, &witness);
        Ok((outcome, witness))
    }

    fn probe(
        &self,
        prepared: &mut Prepared<'_>,
        probe: &Probe,
        steps: &[StepResult],
    ) -> Result<(Outcome, Witness), Failure> {
        let witness = self.child(prepared, Some(probe))?;
        let outcome = self.judge(prepared, probe, &witness)?;
        for (step, then) in steps_before(&prepared.program, probe, &witness.evidence) {
            if steps[step] != then {
                let (first, then) = (steps[step].to_string(), then.to_string());
                return Err(HarnessError::Unsteady { step, first, then }.into());
            }
        }
        Ok((outcome, witness))
    }

    fn judge(
        &self,
        prepared: &Prepared<'_>,
        probe: &Probe,
        witness: &Witness,
    ) -> Result<Outcome, HarnessError> {
        probe_outcome(
            &prepared.program,
            probe,
            witness.ending,
            &witness.evidence,
            prepared.deadline.as_millis() as u64,
            prepared.case.timeout.is_some(),
        )
    }

    /// One child, on fresh files.
    fn child(
        &self,
        prepared: &mut Prepared<'_>,
        probe: Option<&Probe>,
    ) -> Result<Witness, Failure> {
        let fill = Program::fill_for(probe.map(|probe| probe.access));
        let specs = prepared.program.files.clone();
        let contents = prepared.contents(fill);
        let mut files: Vec<MadeFile> = Vec::with_capacity(specs.len());
        for (index, (spec, content)) in specs.iter().zip(contents).enumerate() {
            files.push(self.backing.make(spec, index, content).map_err(|error| {
                let place = self.backing.describe();
                HarnessError::System(format!(
                    "cannot make a file of {} bytes in {place}: {error}",
                    spec.size
                ))
            })?);
        }
        let handed: Vec<_> = files.iter().map(MadeFile::handed).collect();
        (self.on_child)();
        match self.supervisor.run(&prepared.program, probe.copied(), &handed, prepared.deadline) {
            Ok(witness) => Ok(witness),
            Err(NoWitness::Abandoned(Abandoned)) => Err(Failure::Abandoned),
            Err(NoWitness::Fork(errno)) => Err(HarnessError::System(format!(
                "cannot fork a child: {}",
                std::io::Error::from(errno)
            ))
            .into()),
            Err(NoWitness::Wait(errno)) => {
                Err(HarnessError::System(format!("cannot wait for a child: {errno}")).into())
            }
        }
    }
}
