//! The results of a search: counts them, prints them, and writes them as cases.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::super::exit::{Exit, Failed};
use super::super::output::{self, Output};
use super::worker::{Counts, Message};
use crate::backing::Backing;
use crate::confine::Held;
use crate::explore::Split;

/// The results so far, and the folder for the cases.
pub struct Totals<'a> {
    pub out: &'a Path,
    pub seed: u64,
    /// The programs that were reported. One that is tried again after the death of its worker is
    /// not counted twice.
    pub told: BTreeSet<u64>,
    /// The open rules that did not hold. Only the first program for each is written.
    pub shown_open: Vec<String>,
    pub splits: u64,
    pub errors: u64,
}

impl<'a> Totals<'a> {
    /// A search without results.
    pub fn of(out: &'a Path, seed: u64) -> Totals<'a> {
        let (told, shown_open) = (BTreeSet::new(), Vec::new());
        Totals { out, seed, told, shown_open, splits: 0, errors: 0 }
    }

    /// Takes a message of a worker.
    pub fn take(&mut self, message: Message, output: &mut Output) {
        match message {
            Message::Split(split) => {
                if self.told.insert(split.number) {
                    self.splits += 1;
                    self.keep("split", &split, output);
                }
            }
            Message::Open(split) => {
                if !self.shown_open.contains(&split.difference) {
                    self.keep("open", &split, output);
                    self.shown_open.push(split.difference);
                }
            }
            Message::Failed { number, error } => {
                if self.told.insert(number) {
                    self.errors += 1;
                    output.print(&format!("program {number}: {error}\n"));
                }
            }
            Message::Done => {}
        }
    }

    /// Writes a program as a case file, and prints it.
    fn keep(&mut self, what: &str, split: &Split, output: &mut Output) {
        let path = self.out.join(format!("{what}-{}-{}.case", self.seed, split.number));
        let (number, seed, difference) = (split.number, self.seed, &split.difference);
        let text =
            format!("// Program {number} of seed {seed}, shrunk: {difference}.\n{}", split.text);
        output.print(&format!("{}\n{text}\n", path.display()));
        if let Err(error) = std::fs::write(&path, &text) {
            self.errors += 1;
            output.print(&format!("cannot write {}: {error}\n", path.display()));
        }
    }

    /// Prints the last line and returns the exit code.
    pub fn end(
        self,
        counts: Counts,
        (backing, held): (&Backing, &Held),
        elapsed: Duration,
        mut output: Output,
    ) -> Result<Exit, Failed> {
        let Counts { programs, bytes, unmodelled, skipped, open } = counts;
        let seed = self.seed;
        let (splits, errors) = (
            output::count(self.splits as usize, "split"),
            output::count(self.errors as usize, "harness error"),
        );
        let tried = output::count(programs as usize, "program");
        let bytes = output::count(bytes as usize, "byte");
        let (place, seconds) = (backing.describe(), elapsed.as_secs_f64());
        output.print(&format!(
            "seed {seed} in {place}: {tried} ({skipped} skipped, {unmodelled} not modelled, {open} with an open rule that did not hold), {bytes} \
             compared, {splits}, {errors} in {seconds:.1} s{}\n",
            output::without(&held.without())
        ));
        output.end(match (self.errors, self.splits) {
            (0, 0) => Exit::Agree,
            (0, _) => Exit::Differ,
            _ => Exit::Harness,
        })
    }
}
