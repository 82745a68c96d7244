//! The results of a search: counts them, tells them at the end, and writes programs as cases. The main type is
//! [`Totals`].

use std::time::Instant;

use indicatif::ProgressBar;

use super::Options;
use super::causes::Causes;
use super::json::{self, Counts};
use super::page;
use super::programs::Found;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{self, Output};
use crate::cli::pool::Setting;
use crate::cli::report::progress;
use crate::environment::Machine;

/// The results so far.
pub struct Totals<'a> {
    options: &'a Options,
    started: Instant,
    counts: Counts,
    causes: Causes<'a>,
    /// The open rules that did not hold. Only the first program for each is written.
    shown_open: Vec<String>,
    output: Output,
    bar: ProgressBar,
}

impl<'a> Totals<'a> {
    /// A search without results.
    pub fn of(options: &'a Options, causes: Causes<'a>) -> Totals<'a> {
        Totals {
            options,
            started: Instant::now(),
            counts: Counts::default(),
            causes,
            shown_open: Vec::new(),
            output: Output::default(),
            bar: match progress::is_shown() {
                true => ProgressBar::new_spinner(),
                false => ProgressBar::hidden(),
            },
        }
    }

    /// Takes the result of a program.
    pub fn take(&mut self, number: u64, found: Found) {
        let counts = &mut self.counts;
        counts.programs += 1;
        match found {
            Found::Agree(bytes) => counts.bytes += bytes,
            Found::Open { bytes, example } => {
                counts.bytes += bytes;
                counts.open += 1;
                if let Some((rule, text)) = example {
                    self.keep_open(number, rule, &text);
                }
            }
            Found::Unmodelled => counts.not_modelled += 1,
            Found::Skipped => counts.skipped += 1,
            Found::Split(parted) => {
                counts.splits += 1;
                if let Err(why) = self.causes.add(number, *parted) {
                    self.fail(&why);
                }
            }
            Found::Failed(error) => self.fail(&format!("program {number}: {error}\n")),
        }
        let rate = self.counts.programs as f64 / self.started.elapsed().as_secs_f64();
        self.bar.set_message(format!(
            "{}, {rate:.0}/s, {} compared",
            self.tried(),
            self.compared()
        ));
        self.bar.tick();
    }

    /// Writes the first program in which an open rule did not hold as a case file, and prints it.
    fn keep_open(&mut self, number: u64, rule: String, text: &str) {
        if self.shown_open.contains(&rule) {
            return;
        }
        let seed = self.options.seed;
        let path = self.options.out.join(format!("open-{seed}-{number}.case"));
        let text = format!(
            "// Program {number} of seed {seed}, shrunk: {rule} did not hold, which is open.\n{text}"
        );
        if !self.options.json {
            self.print(&format!("{}\n{text}\n", path.display()));
        }
        if let Err(error) = std::fs::write(&path, &text) {
            self.fail(&format!("cannot write {}: {error}\n", path.display()));
        }
        self.shown_open.push(rule);
    }

    /// Counts a harness error, and tells it: with --json on stderr.
    fn fail(&mut self, why: &str) {
        self.counts.errors += 1;
        match self.options.json {
            true => self.bar.suspend(|| output::tell(&output::error(why))),
            false => self.print(why),
        }
    }

    /// Prints the findings and the totals, and returns the exit code of all programs, or that of the signal that has
    /// ended the search early.
    pub fn end(
        mut self,
        setting: &Setting<'_>,
        machine: &Machine,
        ended: Result<Option<Exit>, String>,
    ) -> Result<Exit, Failed> {
        self.bar.finish_and_clear();
        let interrupted = ended.unwrap_or_else(|why| {
            output::tell(&output::error(&why));
            Some(Exit::Harness)
        });
        let findings = self.causes.findings();
        let known = findings.iter().filter(|own| own.is_known).count() as u64;
        self.counts.known_findings = known;
        self.counts.new_findings = findings.len() as u64 - known;
        self.counts.elapsed_us = self.started.elapsed().as_micros() as u64;
        let text = match self.options.json {
            true => json::lines(&findings, &self.counts, self.options.seed, machine),
            false => page::told(&findings) + &self.last_line(setting),
        };
        self.output.print(&text);
        let exit = match self.counts {
            Counts { errors: 1.., .. } => Exit::Harness,
            Counts { new_findings: 1.., .. } => Exit::Differ,
            Counts { programs: 0, .. } => Exit::Nothing,
            _ => Exit::Agree,
        };
        self.output.end()?;
        Ok(interrupted.unwrap_or(exit))
    }

    fn last_line(&self, setting: &Setting<'_>) -> String {
        let Counts { skipped, not_modelled, open, splits, .. } = self.counts;
        let Counts { new_findings, known_findings, errors, .. } = self.counts;
        let splits = output::count(splits as usize, "split");
        let splits = match (self.options.against.is_some(), new_findings, known_findings) {
            (_, 0, 0) => splits,
            (false, new, _) => format!("{splits} ({})", output::count(new as usize, "finding")),
            (true, new, known) => {
                format!("{splits} ({}, {known} known)", output::count(new as usize, "new finding"))
            }
        };
        let is_clean = matches!(self.counts, Counts { splits: 0, errors: 0, bytes: 1.., .. });
        format!(
            "{}seed {} in {}: {} ({skipped} skipped, {not_modelled} not modelled, {open} with an open rule that did \
             not hold), {} compared, {splits}, {} in {:.1} s{}\n",
            if is_clean { "nothing found: " } else { "" },
            self.options.seed,
            setting.backing.describe(),
            self.tried(),
            self.compared(),
            output::count(errors as usize, "harness error"),
            self.started.elapsed().as_secs_f64(),
            output::without(&setting.held.without())
        )
    }

    fn tried(&self) -> String {
        output::count(self.counts.programs as usize, "program")
    }

    fn compared(&self) -> String {
        output::count(self.counts.bytes as usize, "byte")
    }

    fn print(&mut self, text: &str) {
        self.bar.suspend(|| self.output.print(text));
    }
}
