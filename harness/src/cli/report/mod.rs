//! Workers report cases in any order, and a person or a program wants to read them in the order of the cases.
//!
//! [`Reporter`] takes the reports as they come. [`verdict`] decides what a case came to; each form of output is
//! a file that implements [`Format`], and an element of [`FORMATS`].

mod accept;
pub mod format;
mod json;
pub mod machine;
mod notes;
mod text;
mod totals;
pub mod verdict;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::cases::{CaseReport, CaseResult};
use super::exit::{Exit, Failed};
use super::judging::judged;
use super::output::{self, Output, count};
use super::select::Loaded;
use crate::case::Measurement;
use crate::confine::Isolation;
use format::{Format, ReportedCase};
use machine::Machine;
use totals::Totals;
use verdict::{Findings, Judge, Verdict};

/// The forms of output. The first is the default.
pub const FORMATS: &[&dyn Format] = &[&text::Text, &json::Json];

/// Prints reports in the order of the cases, whatever the order in which they come.
pub struct Reporter<'a> {
    cases: &'a [Loaded],
    judge: Judge,
    format: &'static dyn Format,
    started: Instant,
    waiting: BTreeMap<usize, CaseReport>,
    next: usize,
    totals: Totals,
    children: u64,
    reported: usize,
    out: Output,
    bar: ProgressBar,
}

impl<'a> Reporter<'a> {
    pub fn new(cases: &'a [Loaded], judge: Judge, format: &'static dyn Format) -> Reporter<'a> {
        let bar = match std::io::stderr().is_terminal() && cases.len() > 1 {
            true => ProgressBar::new(cases.len() as u64),
            false => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases  {elapsed}") {
            bar.set_style(style);
        }
        let totals = Totals::of(&judge);
        Reporter {
            cases,
            judge,
            format,
            started: Instant::now(),
            waiting: BTreeMap::new(),
            next: 0,
            totals,
            children: 0,
            reported: 0,
            out: Output::default(),
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
        let text = self.text(index, report);
        self.children += report.probes;
        self.reported += 1;
        self.bar.suspend(|| self.out.print(&text));
        self.bar.inc(1);
    }

    fn text(&mut self, index: usize, report: &CaseReport) -> String {
        let loaded = &self.cases[index];
        let judged = judged(|| {
            let mut found = self.judge.findings(loaded, report);
            if let Some(target) = self.judge.accepts {
                accept::accept(loaded, &mut found, target, &self.judge.machine.file_system);
            }
            let measured = match &report.result {
                CaseResult::Measured(measured) => Some(measured),
                _ => None,
            };
            let text = self.told(loaded, measured, report, &found);
            (found.tally(), text)
        });
        let (tally, text) = judged.unwrap_or_else(|why| {
            let found = Findings::because(Verdict::HarnessError, why);
            (found.tally(), self.told(loaded, None, report, &found))
        });
        self.totals.add(&tally);
        text
    }

    fn told(
        &self,
        loaded: &Loaded,
        measured: Option<&Measurement>,
        report: &CaseReport,
        found: &Findings,
    ) -> String {
        let machine = &self.judge.machine;
        self.format.case(&ReportedCase { loaded, measured, report, found, machine })
    }

    /// Prints the last line. Returns the exit code that all cases come to, or that of the signal that has
    /// ended the run early.
    pub fn finish(mut self, interrupted: Option<Exit>) -> Result<Exit, Failed> {
        for (index, report) in std::mem::take(&mut self.waiting) {
            self.print(index, &report);
        }
        self.bar.finish_and_clear();
        let end = self.format.end(&self.last_line(interrupted));
        self.out.print(&end);
        let exit = interrupted.unwrap_or(self.totals.exit());
        self.out.end()?;
        Ok(exit)
    }

    fn last_line(&self, interrupted: Option<Exit>) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let counts = self.totals.words();
        let children = match self.children {
            1 => "1 child".to_owned(),
            children => format!("{children} children"),
        };
        let built_in = self.cases.iter().filter(|own| own.is_built_in()).count();
        let cases = match built_in {
            0 => count(self.cases.len(), "case"),
            all if all == self.cases.len() => count(all, "built-in case"),
            some => format!("{}, {some} of them built in", count(self.cases.len(), "case")),
        };
        let missing = match interrupted.map(Exit::signal) {
            Some(signal) => {
                let left = self.cases.len() - self.reported;
                format!("{left} not measured because of {signal}, ")
            }
            None => String::new(),
        };
        let Machine { file_system, place, isolation, without, .. } = &self.judge.machine;
        let place = crate::printable::escaped(place);
        let strictly = if *isolation == Isolation::Strict { ", strictly isolated" } else { "" };
        format!(
            "{cases}: {missing}{counts}; {children} in {seconds:.2} s, files on {file_system} in \
             {place}{strictly}{}\n",
            output::without(without)
        )
    }
}
