//! The results of a search: counts them, prints them, and writes them as cases.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;

use super::programs::Found;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{self, Output};
use crate::cli::pool::Setting;
use crate::explore::Split;

/// The results so far, and the folder for the cases.
pub struct Totals<'a> {
    out: &'a Path,
    seed: u64,
    started: Instant,
    programs: u64,
    /// Bytes that were compared. Steps are compared as well, and not counted.
    bytes: u64,
    unmodelled: u64,
    skipped: u64,
    open: u64,
    splits: u64,
    errors: u64,
    /// The open rules that did not hold. Only the first program for each is written.
    shown_open: Vec<String>,
    output: Output,
    bar: ProgressBar,
}

impl<'a> Totals<'a> {
    /// A search without results.
    pub fn of(out: &'a Path, seed: u64) -> Totals<'a> {
        Totals {
            out,
            seed,
            started: Instant::now(),
            programs: 0,
            bytes: 0,
            unmodelled: 0,
            skipped: 0,
            open: 0,
            splits: 0,
            errors: 0,
            shown_open: Vec::new(),
            output: Output::default(),
            bar: match std::io::stderr().is_terminal() {
                true => ProgressBar::new_spinner(),
                false => ProgressBar::hidden(),
            },
        }
    }

    /// Takes the result of a program.
    pub fn take(&mut self, number: u64, found: Found) {
        self.programs += 1;
        match found {
            Found::Agree(bytes) => self.bytes += bytes,
            Found::Open { bytes, split } => {
                self.bytes += bytes;
                self.open += 1;
                if let Some(split) = split.filter(|own| !self.shown_open.contains(&own.difference))
                {
                    self.keep("open", &split);
                    self.shown_open.push(split.difference);
                }
            }
            Found::Unmodelled => self.unmodelled += 1,
            Found::Skipped => self.skipped += 1,
            Found::Split(split) => {
                self.splits += 1;
                self.keep("split", &split);
            }
            Found::Failed(error) => {
                self.errors += 1;
                self.print(&format!("program {number}: {error}\n"));
            }
        }
        let rate = self.programs as f64 / self.started.elapsed().as_secs_f64();
        self.bar.set_message(format!(
            "{}, {rate:.0}/s, {} compared",
            self.tried(),
            self.compared()
        ));
        self.bar.tick();
    }

    /// Writes a program as a case file, and prints it.
    fn keep(&mut self, what: &str, split: &Split) {
        let path = self.out.join(format!("{what}-{}-{}.case", self.seed, split.number));
        let (number, seed, difference) = (split.number, self.seed, &split.difference);
        let text =
            format!("// Program {number} of seed {seed}, shrunk: {difference}.\n{}", split.text);
        self.print(&format!("{}\n{text}\n", path.display()));
        if let Err(error) = std::fs::write(&path, &text) {
            self.errors += 1;
            self.print(&format!("cannot write {}: {error}\n", path.display()));
        }
    }

    /// Prints the last line, and returns the exit code of all programs, or that of the signal that has
    /// ended the search early.
    pub fn end(
        mut self,
        setting: &Setting<'_>,
        ended: Result<Option<Exit>, String>,
    ) -> Result<Exit, Failed> {
        self.bar.finish_and_clear();
        let interrupted = ended.unwrap_or_else(|why| {
            output::tell(&output::error(&why));
            Some(Exit::Harness)
        });
        let Totals { seed, unmodelled, skipped, open, .. } = self;
        let (place, seconds) = (setting.backing.describe(), self.started.elapsed().as_secs_f64());
        self.print(&format!(
            "seed {seed} in {place}: {} ({skipped} skipped, {unmodelled} not modelled, {open} with an open \
             rule that did not hold), {} compared, {}, {} in {seconds:.1} s{}\n",
            self.tried(),
            self.compared(),
            output::count(self.splits as usize, "split"),
            output::count(self.errors as usize, "harness error"),
            output::without(&setting.held.without())
        ));
        let exit = match (self.errors, self.splits) {
            (0, 0) if self.programs == 0 => Exit::Nothing,
            (0, 0) => Exit::Agree,
            (0, _) => Exit::Differ,
            _ => Exit::Harness,
        };
        self.output.end()?;
        Ok(interrupted.unwrap_or(exit))
    }

    fn tried(&self) -> String {
        output::count(self.programs as usize, "program")
    }

    fn compared(&self) -> String {
        output::count(self.bytes as usize, "byte")
    }

    fn print(&mut self, text: &str) {
        self.bar.suspend(|| self.output.print(text));
    }
}
