//! A single probe, printed with all that was recorded of its child.

use std::collections::BTreeMap;

use super::args::Options;
use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::output::Output;
use super::report::format::ReportedProbe;
use super::report::machine::Machine;
use super::report::verdict::{self, Verdict};
use super::select::{Loaded, Selection};
use super::work::{CaseReport, CaseResult, Job, Task};
use super::{output, pool};
use crate::backing::Backing;
use crate::case::{Access, HarnessError, Size};
use crate::confine::Held;

/// Makes the probe in each selected case, of which there is usually one, and prints the result.
pub fn run(
    all: &Selection,
    options: &Options,
    (backing, held, machine): (&Backing, &Held, &Machine),
    (access, at): (Access, &Size),
    interrupt: Interrupt,
) -> Result<Exit, Failed> {
    let at = at.eval(machine.page_size).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let sweep = options.sweep();
    for loaded in &all.cases {
        let have = loaded.case.sweeps().count();
        if have <= sweep {
            let sweeps = output::count(have, "sweep");
            let message = format!("{} has {sweeps}: there is no sweep {}", loaded.word, sweep + 1);
            return Err((Exit::Usage, output::error(&message)));
        }
    }
    let task = Task::OneProbe { access, at, sweep };
    let (deadline, strict) = (options.deadline(), options.place.strict());
    let job = Job {
        cases: &all.cases,
        backing,
        deadline,
        strict,
        held,
        guard: options.guard,
        task,
        seed: None,
        alone: BTreeMap::new(),
    };
    let mut exit = Exit::Nothing;
    let mut out = Output::default();
    let interrupted = pool::run(&job, 1, interrupt, |index, report| {
        let loaded = &all.cases[index];
        let probed = probed(loaded, machine, &report, (access, at, sweep));
        exit = match (exit, probed.verdict) {
            (Exit::Harness, _) | (_, Verdict::HarnessError) => Exit::Harness,
            (exit, Verdict::Skipped) => exit,
            _ => Exit::Agree,
        };
        out.print(&options.format().probe(&probed));
    })
    .map_err(output::failed)?;
    out.end(interrupted.unwrap_or(exit))
}

fn probed<'a>(
    loaded: &'a Loaded,
    machine: &'a Machine,
    report: &'a CaseReport,
    (access, at, sweep): (Access, i64, usize),
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
