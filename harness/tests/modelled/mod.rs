//! A substitute for the kernel that follows the model, for tests of the search: with other rules, or without
//! a call.

use faultmap::internals::case::{
    Case, Errno, HarnessError, Outcome, Step, StepResult, SweepResult,
};
use faultmap::internals::explore::Answer;
use faultmap::internals::model::{Environment, predict};
use nix::libc;

/// The substitute for the kernel.
pub struct Modelled {
    environment: Environment,
    /// The name of a call that it lacks.
    lacks: Option<&'static str>,
    sweep: Option<SweepResult>,
}

impl Modelled {
    /// Returns a substitute that follows the model for this environment.
    pub fn new(environment: Environment) -> Modelled {
        Modelled { environment, lacks: None, sweep: None }
    }

    /// Removes a call: it fails with ENOSYS (syscall(2)).
    #[allow(dead_code, reason = "not every test takes one away")]
    pub fn lacking(self, call: &'static str) -> Modelled {
        Modelled { lacks: Some(call), ..self }
    }

    fn lacks(&self, step: &Step) -> bool {
        matches!(step, Step::Call { call, .. } if Some(call.name) == self.lacks)
    }

    /// Returns the steps without those whose call is removed.
    fn performed(&self, steps: &[Step]) -> Vec<Step> {
        let has = steps.iter().filter(|step| !self.lacks(step));
        let inner = |step: &Step| match step {
            Step::Block { kind, steps } => {
                Step::Block { kind: *kind, steps: self.performed(steps) }
            }
            step => step.clone(),
        };
        has.map(inner).collect()
    }
}

impl Answer for Modelled {
    type Error = HarnessError;

    fn steps(&mut self, case: &Case) -> Result<Vec<StepResult>, HarnessError> {
        let performed = Case { steps: self.performed(&case.steps), ..case.clone() };
        let first = predict(&performed, &self.environment).remove(0);
        if let Some(unmodelled) = first.unmodelled {
            return Err(HarnessError::System(unmodelled.what));
        }
        let mut results = first.measurement.steps.into_iter();
        self.sweep = first.measurement.sweeps.into_iter().next();
        let mut all: Vec<StepResult> = Vec::new();
        let mut depths: Vec<usize> = Vec::new();
        for (_, depth, step) in case.walk() {
            // A removed call is not reached either if the step before it, of the same process, was not.
            let before = depths.iter().rposition(|own| *own <= depth);
            depths.push(depth);
            let result = match before.map(|before| &all[before]) {
                _ if !self.lacks(step) => results.next().ok_or(HarnessError::ExitedEarly)?,
                Some(StepResult::NotReached | StepResult::Fault(_)) => StepResult::NotReached,
                _ => StepResult::Errno(Errno(libc::ENOSYS)),
            };
            all.push(result);
        }
        Ok(all)
    }

    fn probe(&mut self, _: &Case, _: &[StepResult], at: i64) -> Result<Outcome, HarnessError> {
        match &self.sweep {
            Some(SweepResult::Map(map)) => map.rows[0].at(at).ok_or(HarnessError::ExitedEarly),
            _ => Err(HarnessError::ExitedEarly),
        }
    }
}
