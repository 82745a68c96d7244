//! A single probe, printed with all that was recorded of its child.

use std::time::Instant;

use super::cases::{CaseReport, CaseResult, Cases, Task};
use super::exit::{Exit, Failed};
use super::partition::Chosen;
use super::report::format::{End, ReportedProbe};
use super::report::sheet::{Form, Sheet};
use super::report::verdict::{self, Verdict};
use super::select::Loaded;
use super::usage::UsageError;
use crate::case::HarnessError;
use crate::environment::Machine;
use crate::victim::Probe;

/// One probe in each of the cases, of which there is usually one.
#[derive(Debug)]
pub struct OneProbe<'a> {
    pub chosen: &'a Chosen,
    pub machine: &'a Machine,
    pub probe: Probe,
}

/// Fails where a case has no sweep of the number that the probe names.
pub fn has_sweep(loaded: &Loaded, probe: Probe) -> Result<(), UsageError> {
    let sweeps = loaded.case.sweeps().count();
    if probe.sweep < sweeps {
        return Ok(());
    }
    Err(UsageError::NoSweep { case: loaded.word.clone(), sweeps, sweep: probe.sweep + 1 })
}

impl OneProbe<'_> {
    /// Makes the probe, and prints the result.
    pub fn run(&self, mut cases: Cases<'_>, form: Form) -> Result<Exit, Failed> {
        let OneProbe { chosen, probe, .. } = self;
        for loaded in &chosen.cases {
            has_sweep(loaded, *probe)?;
        }
        cases.task = Task::OneProbe(*probe);
        cases.setting.jobs = 1;
        let (started, mut left) = (Instant::now(), chosen.cases.len());
        let mut sheet = Sheet::begin(form, left);
        let mut exit = Exit::Nothing;
        let interrupted = cases.measure(|index, report| {
            let probed = self.probed(index, &report);
            exit = match (exit, probed.verdict) {
                (Exit::Harness, _) | (_, Verdict::HarnessError) => Exit::Harness,
                (exit, Verdict::Skipped) => exit,
                _ => Exit::Agree,
            };
            sheet.probe(&probed);
            left -= 1;
        });
        let missing = interrupted.map(|exit| exit.missing(left));
        let (missing, elapsed) = (missing.as_deref(), started.elapsed());
        sheet.end(End { cases: &[], findings: "", summary: "", missing, elapsed })?;
        Ok(interrupted.unwrap_or(exit))
    }

    fn probed<'a>(&'a self, index: usize, report: &'a CaseReport) -> ReportedProbe<'a> {
        let (loaded, position) = (&self.chosen.cases[index], &self.chosen.positions[index]);
        let failed = |error: &HarnessError| {
            (Verdict::HarnessError, Some(verdict::told(&loaded.case, error)))
        };
        let (verdict, reason, answer) = match &report.result {
            CaseResult::Probed { outcome, report, steps } => {
                let (verdict, error) =
                    outcome.as_ref().err().map_or((Verdict::Measured, None), failed);
                (verdict, error, Some((outcome, report.as_ref(), steps.as_slice())))
            }
            CaseResult::Skipped(reason) => (Verdict::Skipped, Some(reason.clone()), None),
            CaseResult::Failed(error) => {
                let (verdict, reason) = failed(error);
                (verdict, reason, None)
            }
            CaseResult::Measured(_) => (Verdict::Measured, None, None),
        };
        let Probe { sweep, access, at } = self.probe;
        let (probes, elapsed_us) = (report.probes, report.elapsed_us);
        ReportedProbe {
            loaded,
            position,
            machine: self.machine,
            verdict,
            reason,
            sweep,
            access,
            at,
            answer,
            probes,
            elapsed_us,
        }
    }
}
