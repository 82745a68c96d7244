//! A single probe, printed with all that was recorded of its child.

use super::cases::{CaseReport, CaseResult, Cases, Task};
use super::exit::{Exit, Failed};
use super::output::Output;
use super::report::format::{Format, ReportedProbe};
use super::report::machine::Machine;
use super::report::verdict::{self, Verdict};
use super::select::Loaded;
use super::usage::UsageError;
use crate::case::HarnessError;
use crate::victim::Probe;

/// Makes the probe in each of the cases, of which there is usually one, and prints the result.
pub fn run(
    mut cases: Cases<'_>,
    probe: Probe,
    format: &dyn Format,
    machine: &Machine,
) -> Result<Exit, Failed> {
    let all = cases.cases;
    for loaded in all {
        let sweeps = loaded.case.sweeps().count();
        if sweeps <= probe.sweep {
            let (case, sweep) = (loaded.word.clone(), probe.sweep + 1);
            return Err(UsageError::NoSweep { case, sweeps, sweep }.into());
        }
    }
    cases.task = Task::OneProbe(probe);
    cases.setting.jobs = 1;
    let mut exit = Exit::Nothing;
    let mut out = Output::default();
    let interrupted = cases.measure(|index, report| {
        let probed = probed(&all[index], machine, &report, probe);
        exit = match (exit, probed.verdict) {
            (Exit::Harness, _) | (_, Verdict::HarnessError) => Exit::Harness,
            (exit, Verdict::Skipped) => exit,
            _ => Exit::Agree,
        };
        out.print(&format.probe(&probed));
    });
    out.end()?;
    Ok(interrupted.unwrap_or(exit))
}

fn probed<'a>(
    loaded: &'a Loaded,
    machine: &'a Machine,
    report: &'a CaseReport,
    probe: Probe,
) -> ReportedProbe<'a> {
    let failed =
        |error: &HarnessError| (Verdict::HarnessError, Some(verdict::told(&loaded.case, error)));
    let (verdict, reason, answer) = match &report.result {
        CaseResult::Probed { outcome, report, steps } => {
            let (verdict, error) = outcome.as_ref().err().map_or((Verdict::Measured, None), failed);
            (verdict, error, Some((outcome, report.as_ref(), steps.as_slice())))
        }
        CaseResult::Skipped(reason) => (Verdict::Skipped, Some(reason.clone()), None),
        CaseResult::Failed(error) => {
            let (verdict, reason) = failed(error);
            (verdict, reason, None)
        }
        CaseResult::Measured(_) => (Verdict::Measured, None, None),
    };
    let Probe { sweep, access, at } = probe;
    let (probes, elapsed_us) = (report.probes, report.elapsed_us);
    ReportedProbe {
        loaded,
        machine,
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
