//! Workers report cases in any order, and a person or a program wants to read them in the order of the cases.
//!
//! [`Reporter`] takes the reports as they come. [`verdict`] decides what a case came to, and the [`line`] of JSON
//! carries it; each form of output is a file that implements [`Format`], and an element of [`FORMATS`].

mod accept;
mod body;
pub mod format;
mod github;
mod json;
mod junit;
mod ktap;
pub mod line;
mod notes;
pub mod progress;
pub mod sheet;
mod step;
pub mod summary;
mod tap;
mod text;
mod totals;
pub mod verdict;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::cases::{CaseReport, CaseResult};
use super::exit::{Exit, Failed};
use super::judging::judged;
use super::output;
use super::partition::{Chosen, Partition};
use format::{End, Format, ReportedCase};
use line::{CaseLine, EmptyPart};
use sheet::{Form, Sheet};
use summary::{Summary, cases_in_words, tell_snapshots_without_case};
use verdict::{Findings, Judge, Verdict};

pub use json::{SCHEMA, text as json_text};

/// The forms of output. The first is the default.
pub const FORMATS: &[&dyn Format] =
    &[&text::Text, &json::Json, &junit::Junit, &tap::Tap, &ktap::Ktap, &github::Github];

/// Tells of a part that holds no case, where others hold some: no result is missing.
pub fn empty_part(chosen: &Chosen, partition: &Partition, form: Form) -> Result<Exit, Failed> {
    output::tell(&output::note(&chosen.nothing()));
    let mut sheet = Sheet::begin(form, 0);
    sheet.empty_part(&EmptyPart::of(chosen.of, partition));
    let elapsed = Duration::ZERO;
    sheet.end(End { cases: &[], findings: "", summary: "", missing: None, elapsed })?;
    Ok(Exit::Agree)
}

/// Prints the errors in case files, on account of which no case is run.
pub fn refused(failed: &Failed, format: &dyn Format) {
    let Failed::Usage(error) = failed else { return };
    let wrong = error.in_files();
    if !wrong.is_empty() {
        // The exit code tells the failure, whatever becomes of this.
        output::Output::default().print(&format.refused(&wrong));
    }
}

/// Prints reports in the order of the cases, whatever the order in which they come.
pub struct Reporter<'a> {
    chosen: &'a Chosen,
    judge: Judge,
    started: Instant,
    waiting: BTreeMap<usize, CaseReport>,
    next: usize,
    summary: Summary,
    sheet: Sheet,
    bar: ProgressBar,
}

impl<'a> Reporter<'a> {
    pub fn new(chosen: &'a Chosen, judge: Judge, form: Form, bar: ProgressBar) -> Reporter<'a> {
        let mut summary = Summary::of(judge.compares);
        summary.place(&judge.machine);
        Reporter {
            chosen,
            judge,
            started: Instant::now(),
            waiting: BTreeMap::new(),
            next: 0,
            summary,
            sheet: Sheet::begin(form, chosen.cases.len()),
            bar,
        }
    }

    /// Takes the report of a case.
    pub fn take(&mut self, index: usize, report: CaseReport) {
        self.waiting.insert(index, report);
        while let Some(report) = self.waiting.remove(&self.next) {
            self.print(self.next, &report);
            self.next += 1;
        }
    }

    fn print(&mut self, index: usize, report: &CaseReport) {
        let line = self.line(index, report);
        self.summary.add(&line);
        // A bar that has not moved is not drawn, and `suspend` would draw it.
        match self.bar.position() {
            0 => self.sheet.case(line),
            _ => self.bar.suspend(|| self.sheet.case(line)),
        }
        if self.chosen.cases.len() > 1 {
            self.bar.inc(1);
        }
    }

    /// Judges a case, in a process of its own.
    fn line(&self, index: usize, report: &CaseReport) -> CaseLine {
        let told = |measured, found: &Findings| {
            json::case(&ReportedCase {
                loaded: &self.chosen.cases[index],
                position: &self.chosen.positions[index],
                compared: self.judge.compares,
                measured,
                report,
                found,
                machine: &self.judge.machine,
                snapshots_without_case: match index {
                    0 => &self.chosen.snapshots_without_case,
                    _ => &[],
                },
            })
        };
        let judged = judged(|| {
            let loaded = &self.chosen.cases[index];
            let mut found = self.judge.findings(loaded, report);
            if let Some(target) = self.judge.accepts {
                let place = crate::snapshot::Place::here(&self.judge.machine.files.file_system);
                accept::accept(loaded, &mut found, target, &place);
            }
            let measured = match &report.result {
                CaseResult::Measured(measured) => Some(measured),
                _ => None,
            };
            told(measured, &found)
        });
        CaseLine::own(
            judged.unwrap_or_else(|why| told(None, &Findings::because(Verdict::HarnessError, why))),
        )
    }

    /// Prints the last line. Returns the exit code that all cases come to, or that of the signal that has
    /// ended the run early.
    pub fn finish(mut self, interrupted: Option<Exit>) -> Result<Exit, Failed> {
        for (index, report) in std::mem::take(&mut self.waiting) {
            self.print(index, &report);
        }
        self.bar.finish_and_clear();
        let all = self.chosen.cases.len();
        let missing = interrupted.map(|exit| exit.missing(all - self.summary.cases));
        let built_in = self.chosen.cases.iter().filter(|own| own.is_built_in()).count();
        let cases = cases_in_words(all, built_in);
        let cases = match self.chosen.partition {
            Some(partition) => format!("{cases} of {}, part {partition}", self.chosen.of),
            None => cases,
        };
        let elapsed = self.started.elapsed();
        let last = self.summary.line(&cases, missing.as_deref(), elapsed.as_secs_f64());
        let exit = interrupted.unwrap_or(self.summary.totals.exit());
        let (findings, missing) = (self.summary.findings(), missing.as_deref());
        let (findings, summary) = (findings.as_str(), last.as_str());
        self.sheet.end(End { cases: &[], findings, summary, missing, elapsed })?;
        tell_snapshots_without_case(self.summary.snapshots_without_case.iter());
        Ok(exit)
    }
}
