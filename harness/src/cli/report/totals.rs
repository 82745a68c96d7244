//! How many cases came out how, and the exit code of that. The main type is [`Totals`].

use super::verdict::{Findings, Verdict};
use crate::cli::exit::Exit;
use crate::cli::output::count;

/// Each case counts once by its snapshot, and once more by the model where that has more to say than
/// that it agrees.
#[derive(Debug, Default)]
pub struct Totals {
    same: usize,
    changed: usize,
    new: usize,
    skipped: usize,
    measured: usize,
    harness_errors: usize,
    /// Kernel and model part, and the case does not say why.
    split: usize,
    known: usize,
    open: usize,
    not_modelled: usize,
}

impl Totals {
    /// Counts a case.
    pub fn add(&mut self, found: &Findings) {
        *match found.compared {
            Verdict::Same => &mut self.same,
            Verdict::Changed => &mut self.changed,
            Verdict::New => &mut self.new,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Measured | Verdict::Split => &mut self.measured,
            Verdict::HarnessError => &mut self.harness_errors,
        } += 1;
        self.split += usize::from(found.is_split);
        let Some(judged) = &found.judgement else { return };
        self.known += usize::from(judged.split.is_some() && !found.is_split);
        self.open += usize::from(!judged.open.is_empty());
        self.not_modelled += usize::from(judged.unmodelled.is_some());
    }

    /// The exit code that these come to, of a run that compares or of one that only measures.
    pub fn exit(&self, compares: bool) -> Exit {
        if self.harness_errors > 0 {
            Exit::Harness
        } else if compares && self.changed + self.new + self.split > 0 {
            Exit::Differ
        } else if self.same + self.measured == 0 {
            Exit::Nothing
        } else {
            Exit::Agree
        }
    }

    /// The counts in words, those of a run that compares or of one that only measures.
    pub fn words(&self, compares: bool) -> String {
        let counts = match compares {
            true => format!(
                "{} same, {} changed, {} new, {} split",
                self.same, self.changed, self.new, self.split
            ),
            false => format!("{} measured", self.measured),
        };
        let split = if compares { 0 } else { self.split };
        let more = [
            (split, "split"),
            (self.known, "known"),
            (self.open, "open"),
            (self.not_modelled, "not modelled"),
        ];
        let more = more.iter().filter(|(number, _)| *number > 0);
        let more: String = more.map(|(number, what)| format!(", {number} {what}")).collect();
        let errors = count(self.harness_errors, "harness error");
        format!("{counts}{more}, {} skipped, {errors}", self.skipped)
    }
}
