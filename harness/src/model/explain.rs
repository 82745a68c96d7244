//! A measurement may differ from the prediction because of the environment: a full or failing disk, or a
//! limit, is no fault of the kernel.
//!
//! The model does not know how much room a disk has, or when it fails. So where a measurement shows what a
//! kernel must answer in such a case, the model says nothing from there on, and accuses nobody.

use super::environment::Environment;
use super::prediction::Place;
use crate::case::{Case, Errno, Fault, Measurement, Outcome, Row, Step, StepResult, SweepResult};
use crate::vocabulary::{Effect, Lack, Syscall, linux};

const FULL: &str = "the disk is full";
const NEARLY_FULL: &str = "the disk has little room, and may be full";
const FAILS: &str = "the disk fails";
const LARGE: &str = "a page may be a large one, and reach past the end of the file";
const MEMORY: &str = "memory is limited here";

/// A measurement that may differ from a prediction, and what can be the reason.
pub struct Explain<'a> {
    case: &'a Case,
    environment: &'a Environment,
    measured: &'a Measurement,
    /// True if a step of the case failed with EIO. A disk that fails at one place may fail at any other.
    fails: bool,
}

impl<'a> Explain<'a> {
    /// Prepares to explain this measurement of a case.
    pub fn new(
        case: &'a Case,
        environment: &'a Environment,
        measured: &'a Measurement,
    ) -> Explain<'a> {
        let fails = measured.steps.contains(&StepResult::Errno(Errno(linux::EIO)));
        Explain { case, environment, measured, fails }
    }

    /// Returns why the measurement may differ from the prediction at `place`, if the environment can be the
    /// reason.
    pub fn difference(&self, predicted: &Measurement, place: Place) -> Option<&'static str> {
        let measured = self.measured;
        match place {
            Place::Step(step) => {
                let (_, _, made) = self.case.walk().nth(step)?;
                self.of_step(made, predicted.steps.get(step)?, measured.steps.get(step)?)
            }
            Place::Row { sweep, .. } => {
                let (SweepResult::Map(model), SweepResult::Map(kernel)) =
                    (predicted.sweeps.get(sweep)?, measured.sweeps.get(sweep)?)
                else {
                    return None;
                };
                self.of_rows(&model.rows, &kernel.rows)
            }
        }
    }

    fn of_step(
        &self,
        step: &Step,
        model: &StepResult,
        kernel: &StepResult,
    ) -> Option<&'static str> {
        match (step, model, kernel) {
            (Step::Touch { .. }, model, kernel) => match (faulted(model), faulted(kernel)) {
                (Failed::No, Failed::NoPage) => self.disk(),
                // The model expects SIGBUS past the end of the file, where a large page may still reach.
                (Failed::NoPage, _) => self.large(),
                _ => None,
            },
            (Step::Call { call, .. }, _, StepResult::Errno(Errno(errno))) => {
                self.of_errno(call, *errno)
            }
            (_, _, StepResult::TimedOut) => self.fails.then_some(FAILS),
            // Fewer bytes were moved: there was room for no more, or no more could be reached.
            (Step::Call { .. }, StepResult::Count(all), StepResult::Count(some)) if some < all => {
                self.disk()
            }
            // The call accesses memory past the end of the file.
            (Step::Call { .. }, StepResult::Errno(Errno(linux::EFAULT | linux::ENOMEM)), _) => {
                self.large()
            }
            (Step::Call { call, .. }, StepResult::Count(_), _)
                if matches!(call.effect, Effect::Transfers { .. }) =>
            {
                self.large()
            }
            _ => None,
        }
    }

    /// Returns why a call may fail with an errno that the model does not expect of it.
    fn of_errno(&self, call: &Syscall, errno: i32) -> Option<&'static str> {
        let may_lack = |lack| call.lacks.contains(&lack);
        match errno {
            linux::ENOSPC | linux::EDQUOT if may_lack(Lack::Room) => Some(FULL),
            linux::EIO if may_lack(Lack::Disk) => Some(FAILS),
            linux::EFAULT | linux::ENOMEM | linux::EAGAIN
                if may_lack(Lack::Pages) && self.disk().is_some() =>
            {
                self.disk()
            }
            linux::ENOMEM | linux::EAGAIN
                if may_lack(Lack::Memory) && self.environment.limits.little_memory =>
            {
                Some(MEMORY)
            }
            _ => None,
        }
    }

    /// Returns why the rows may differ as they do; `None` where one of the differences has no reason.
    fn of_rows(&self, model: &[Row], kernel: &[Row]) -> Option<&'static str> {
        let mut reason = None;
        for (model, kernel) in model.iter().zip(kernel) {
            let starts = model.boundaries().chain(kernel.boundaries()).chain([i64::MIN]);
            let pairs = starts.map(|at| (model.at(at), kernel.at(at)));
            for (model, kernel) in pairs.filter(|(model, kernel)| model != kernel) {
                let (model, kernel) = (model?, kernel?);
                reason = match (fault_of(&model), fault_of(&kernel)) {
                    (Failed::No, Failed::NoPage) => Some(self.disk()?),
                    (Failed::NoPage, Failed::No) => Some(self.large()?),
                    _ => return None,
                };
            }
        }
        reason
    }

    /// Returns the reason that lies in the disk, if it has little room or fails.
    fn disk(&self) -> Option<&'static str> {
        match self.environment.little_disk {
            true => Some(NEARLY_FULL),
            false => self.fails.then_some(FAILS),
        }
    }

    fn large(&self) -> Option<&'static str> {
        self.environment.large_pages.then_some(LARGE)
    }
}

/// The way in which an access failed.
enum Failed {
    No,
    /// The kernel had no page for it.
    NoPage,
    Otherwise,
}

fn is_sigbus(fault: &Fault) -> bool {
    fault.signal.0 == linux::SIGBUS
}

fn faulted(result: &StepResult) -> Failed {
    match result {
        StepResult::Fault(fault) if is_sigbus(fault) => Failed::NoPage,
        StepResult::Fault(_) => Failed::Otherwise,
        _ => Failed::No,
    }
}

fn fault_of(outcome: &Outcome) -> Failed {
    match outcome {
        Outcome::Fault(fault) if is_sigbus(fault) => Failed::NoPage,
        Outcome::Errno(Errno(linux::EFAULT)) => Failed::NoPage,
        Outcome::Clean(_) => Failed::No,
        _ => Failed::Otherwise,
    }
}
