//! A form of output has a beginning, its cases and an end, and some forms print nothing before they have all
//! cases. The main type is [`Sheet`].

use super::format::{Detail, End, Format, ReportedProbe, Shown};
use super::line::{CaseLine, EmptyPart};
use crate::case::HarnessError;
use crate::cli::output::Output;

/// The form of output, and the amount of text for people.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub format: &'static dyn Format,
    pub detail: Detail,
}

/// Output that is under way.
#[derive(Debug)]
pub struct Sheet {
    form: Form,
    /// The number of cases so far.
    cases: usize,
    /// The cases of a form that needs them all.
    held: Vec<CaseLine>,
    out: Output,
}

impl Sheet {
    /// Prints the beginning of output of so many cases.
    pub fn begin(form: Form, cases: usize) -> Sheet {
        let mut out = Output::default();
        out.print(&form.format.begin(cases));
        Sheet { form, cases: 0, held: Vec::new(), out }
    }

    /// Prints a case.
    pub fn case(&mut self, case: CaseLine) {
        let shown = self.next();
        self.out.print(&self.form.format.case(&case, shown));
        if self.form.format.needs_all() {
            self.held.push(case);
        }
    }

    /// Prints a probe.
    pub fn probe(&mut self, probe: &ReportedProbe<'_>) {
        let shown = self.next();
        self.out.print(&self.form.format.probe(probe, shown));
        if self.form.format.needs_all() {
            self.held.push(CaseLine::own(super::json::probe(probe)));
        }
    }

    /// Prints a part that holds no case.
    pub fn empty_part(&mut self, part: &EmptyPart) {
        self.out.print(&self.form.format.empty_part(part));
    }

    fn next(&mut self) -> Shown {
        self.cases += 1;
        Shown { number: self.cases, detail: self.form.detail }
    }

    /// Prints the end. Fails where output was lost.
    pub fn end(mut self, end: End<'_>) -> Result<(), HarnessError> {
        let end = End { cases: &self.held, ..end };
        self.out.print(&self.form.format.end(&end));
        self.out.end()
    }
}
