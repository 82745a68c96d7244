//! `faultmap compare`: each machine writes its results to a file, and a person wants to know where they differ.
//!
//! [`table`] holds the pictures of all machines against those of one, or against the model; [`findings`] group
//! what differs by its cause. Both are printed as text, and as a page for a browser ([`html`]). The main type is
//! [`Options`].

mod column;
mod html;
mod table;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failed};
use super::findings::{self, Finding};
use super::output::Output;
use super::report::format::Detail;
use super::usage::UsageError;
use column::Column;
use table::Table;

/// The files, and what their results are held against.
#[derive(Debug, Args)]
pub struct Options {
    /// Files with the output of `run --json`, one for each machine; NAME=FILE names the machine [default:
    /// by its kernel, architecture and file system]
    #[arg(value_name = "[NAME=]FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the results are held against: those of the first file, or the model
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    against: Against,
    /// Write a page for a browser, too: one file that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the findings, a line each, and the last line
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Draw every case that differs [default: one of each finding]
    #[arg(long, short)]
    verbose: bool,
}

impl Options {
    fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Drawn,
            (false, false) => Detail::Brief,
        }
    }
}

/// What the results are held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Against {
    #[default]
    First,
    Model,
}

/// All that is told of the machines.
#[derive(Debug)]
struct Comparison {
    columns: Vec<Column>,
    table: Table,
    findings: Vec<Finding>,
}

/// Compares the results in the files. Returns the exit code.
pub fn run(options: &Options) -> Result<Exit, Failed> {
    if let ([file], Against::First) = (options.files.as_slice(), options.against) {
        let message = format!("{} has nothing to be compared with", file.display());
        let hint = "name another file, or compare it with the model: --against model";
        return Err(UsageError::NotMerged { message, hint }.into());
    }
    let columns = column::read(&options.files)?;
    let table = Table::of(&columns, options.against);
    if table.rows.is_empty() {
        return Err(Failed::Nothing("the files hold no results".to_owned()));
    }
    let findings = findings::of(&table.differing);
    let comparison = Comparison { columns, table, findings };
    let mut out = Output::default();
    out.print(&text::of(&comparison, options.detail()));
    if let Some(path) = &options.html {
        std::fs::write(path, html::page(&comparison))
            .map_err(|error| UsageError::unwritable(path, error))?;
    }
    out.end()?;
    Ok(comparison.table.exit())
}

impl Comparison {
    /// The numbers of the findings that a case on a machine belongs to, counted from 1.
    fn findings_of(&self, case: &str, machine: usize) -> impl Iterator<Item = usize> {
        let is_of = move |own: &Finding| {
            own.cases.iter().any(|(name, number)| name == case && *number == machine)
        };
        (1..).zip(&self.findings).filter(move |(_, own)| is_of(own)).map(|(number, _)| number)
    }

    /// The labels of the machines on which a finding was made.
    fn machines_of(&self, finding: &Finding) -> String {
        self.labels(|own| finding.cases.iter().any(|(_, machine)| machine == own))
    }

    /// The labels of some machines.
    fn labels(&self, is_meant: impl Fn(&usize) -> bool) -> String {
        let meant = (0..self.columns.len()).filter(is_meant);
        meant.map(|index| &*self.columns[index].label).collect::<Vec<_>>().join(", ")
    }
}
