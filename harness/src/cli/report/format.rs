//! People and programs read results in forms of their own: each form of output is a file that implements
//! [`Format`].

use std::fmt::Debug;
use std::time::Duration;

use super::json;
use super::line::{CaseLine, EmptyPart};
use super::verdict::{Findings, Verdict};
use crate::case::{Access, HarnessError, Measurement, Outcome, StepResult};
use crate::cli::cases::CaseReport;
use crate::cli::partition::Position;
use crate::cli::select::Loaded;
use crate::environment::Machine;
use crate::supervise::ChildReport;

/// A form of output.
pub trait Format: Debug + Sync {
    /// Returns the word for it after `--format`.
    fn name(&self) -> &'static str;

    /// Returns the output before the first of so many cases.
    fn begin(&self, _cases: usize) -> String {
        String::new()
    }

    /// Returns the output of one case.
    fn case(&self, case: &CaseLine, shown: Shown) -> String;

    /// Returns the output of a single probe.
    fn probe(&self, probe: &ReportedProbe<'_>, shown: Shown) -> String {
        self.case(&CaseLine::own(json::probe(probe)), shown)
    }

    /// Returns the output after all cases.
    fn end(&self, _end: &End<'_>) -> String {
        String::new()
    }

    /// Returns the output of a part that holds no case, between the beginning and the end.
    fn empty_part(&self, _part: &EmptyPart) -> String {
        String::new()
    }

    /// Returns the output where these errors are in case files, so that no case is run. Nothing for people, who read
    /// them on stderr.
    fn refused(&self, _wrong: &[Wrong<'_>]) -> String {
        String::new()
    }

    /// True if it prints nothing before it has all cases: [`End::cases`] then holds them.
    fn needs_all(&self) -> bool {
        false
    }
}

/// An error in a case file.
#[derive(Debug)]
pub struct Wrong<'a> {
    pub file: &'a str,
    /// Its line, counted from 1.
    pub line: u32,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// How a case is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Its number in this output, counted from 1.
    pub number: usize,
    pub detail: Detail,
}

/// The amount of text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing of a case that agrees or is skipped.
    Quiet,
    /// One line of a case that agrees or is skipped.
    Brief,
    /// The picture of every case.
    Drawn,
}

/// The end of a run.
#[derive(Debug)]
pub struct End<'a> {
    /// All cases of a form that needs them, otherwise none: the sheet adds them.
    pub cases: &'a [CaseLine],
    /// What several cases have in common, for people, above the last line.
    pub findings: &'a str,
    /// One line for people; empty after single probes.
    pub summary: &'a str,
    /// In words, the cases that have no result: `3 not measured because of SIGINT`.
    pub missing: Option<&'a str>,
    /// The time of the whole.
    pub elapsed: Duration,
}

impl End<'_> {
    /// Returns the line for people as a comment of TAP.
    pub fn comment(&self) -> String {
        if self.summary.is_empty() { String::new() } else { format!("# {}", self.summary) }
    }
}

/// All that is known of a case that was run or shown.
#[derive(Debug, Clone, Copy)]
pub struct ReportedCase<'a> {
    /// The case.
    pub loaded: &'a Loaded,
    /// Its position among all cases.
    pub position: &'a Position,
    /// True if the cases of this run are compared with their snapshots.
    pub compared: bool,
    /// Its measurement; none where it has no answer.
    pub measured: Option<&'a Measurement>,
    /// The costs.
    pub report: &'a CaseReport,
    /// The verdict, and all that belongs to it.
    pub found: &'a Findings,
    /// The machine and the place of the run.
    pub machine: &'a Machine,
    /// On the first line of a run, the snapshots that belong to no case.
    pub snapshots_without_case: &'a [String],
}

/// All that is known of a single probe.
#[derive(Debug)]
pub struct ReportedProbe<'a> {
    /// The case.
    pub loaded: &'a Loaded,
    /// Its position among all cases.
    pub position: &'a Position,
    /// The machine and the place of the run.
    pub machine: &'a Machine,
    /// The verdict, and the reason where there is no answer.
    pub verdict: Verdict,
    pub reason: Option<String>,
    /// The sweep, counted from 0, the access, and the offset from the start of the map in bytes.
    pub sweep: usize,
    pub access: Access,
    pub at: i64,
    /// None where no child was forked.
    pub answer: Option<ProbeAnswer<'a>>,
    /// The number of children.
    pub probes: u64,
    /// The time from the first child to the last, in microseconds.
    pub elapsed_us: u64,
}

/// The outcome, all that is known of the child, and its steps by its own record.
pub type ProbeAnswer<'a> =
    (&'a Result<Outcome, HarnessError>, &'a ChildReport, &'a [Option<StepResult>]);
