//! A report that points into a case file needs the line of the step that a finding is about. The main
//! function is [`line_of`].

use super::format::ReportedCase;
use crate::case::{HarnessError, Measurement, SweepResult};
use crate::cli::cases::CaseResult;
use crate::cli::select::Loaded;
use crate::picture;

/// Returns the line of the case file, counted from 1: of the first step that has changed, contradicts the model
/// or has no answer; the first line of the file if there is no such step.
pub fn line_of(case: &ReportedCase<'_>) -> usize {
    let step = step_of(case);
    step.and_then(|step| case.loaded.lines.get(step)).copied().unwrap_or(1)
}

/// Returns the line of a sweep, counted from 0.
pub fn line_of_sweep(loaded: &Loaded, sweep: usize) -> usize {
    let step = loaded.case.sweeps().nth(sweep).map(|(step, ..)| step);
    step.and_then(|step| loaded.lines.get(step)).copied().unwrap_or(1)
}

/// Returns the step, counted from 0.
fn step_of(case: &ReportedCase<'_>) -> Option<usize> {
    let ReportedCase { loaded, measured, report, found, .. } = case;
    if let CaseResult::Failed(HarnessError::InStep { step, .. }) = &report.result {
        return Some(*step);
    }
    let measured = (*measured)?;
    let fails = |sweep: &SweepResult| matches!(sweep, SweepResult::Failed { .. });
    let sweep_step = |sweep| loaded.case.sweeps().nth(sweep).map(|(step, ..)| step);
    if let Some(sweep) = measured.sweeps.iter().position(fails) {
        return sweep_step(sweep);
    }
    if let (Some(kept), Some(picture)) = (&found.kept, &found.picture) {
        return picture::changed_step(&loaded.case, picture, kept);
    }
    let split = found.judgement.as_ref()?.split.as_ref()?;
    let Measurement { steps, sweeps, .. } = &*split.predicted;
    let steps = measured.steps.iter().zip(steps).position(|(is, says)| is != says);
    let sweeps = measured.sweeps.iter().zip(sweeps).position(|(is, says)| is != says);
    [steps, sweeps.and_then(sweep_step)].into_iter().flatten().min()
}
