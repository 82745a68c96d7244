//! People and programs read results in forms of their own: each form of output is a file that implements
//! [`Format`].

use std::fmt::Debug;

use super::machine::Machine;
use super::verdict::{Findings, Verdict};
use crate::case::{Access, HarnessError, Measurement, Outcome, StepResult};
use crate::cli::cases::CaseReport;
use crate::cli::select::Loaded;
use crate::supervise::ChildReport;

/// A form of output.
pub trait Format: Debug + Sync {
    /// Returns the word for it after `--format`.
    fn name(&self) -> &'static str;

    /// Returns the output of one case.
    fn case(&self, case: &ReportedCase<'_>) -> String;

    /// Returns the output of a single probe.
    fn probe(&self, probe: &ReportedProbe<'_>) -> String;

    /// Returns the output after all cases. `summary` is one line for people.
    fn end(&self, summary: &str) -> String;
}

/// All that is known of a case that was run or shown.
#[derive(Debug, Clone, Copy)]
pub struct ReportedCase<'a> {
    /// The case.
    pub loaded: &'a Loaded,
    /// Its measurement; none where it has no answer.
    pub measured: Option<&'a Measurement>,
    /// The costs.
    pub report: &'a CaseReport,
    /// The verdict, and all that belongs to it.
    pub found: &'a Findings,
    /// The machine and the place of the run.
    pub machine: &'a Machine,
}

/// All that is known of a single probe.
#[derive(Debug)]
pub struct ReportedProbe<'a> {
    /// The case.
    pub loaded: &'a Loaded,
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
