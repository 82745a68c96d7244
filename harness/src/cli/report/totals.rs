//! A run of many cases ends with one line of counts and one exit code. The main type is [`Totals`].

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::cli::exit::Exit;
use crate::cli::output::count;

/// The totals in which a case counts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Tally {
    pub compared: Verdict,
    /// True where it had changed or was new, and its picture was accepted.
    #[serde(rename = "accepted")]
    pub is_accepted: bool,
    #[serde(rename = "split")]
    pub is_split: bool,
    #[serde(rename = "needless_known")]
    pub is_needless: bool,
    #[serde(rename = "known")]
    pub is_known: bool,
    #[serde(rename = "open")]
    pub is_open: bool,
    #[serde(rename = "not_modelled")]
    pub is_not_modelled: bool,
}

impl Tally {
    /// Returns the totals of a case of which the model says nothing.
    pub fn of(compared: Verdict) -> Tally {
        Tally {
            compared,
            is_accepted: false,
            is_split: false,
            is_needless: false,
            is_known: false,
            is_open: false,
            is_not_modelled: false,
        }
    }
}

/// The counts of cases. Each case counts once by its snapshot; and once more by the model, for each thing
/// that the model says of it beside that it agrees. So the first numbers add up to the cases, and those by
/// the model need not.
#[derive(Debug, Default)]
pub struct Totals {
    /// True if the cases are compared with their snapshots.
    compares: bool,
    same: usize,
    changed: usize,
    new: usize,
    /// The cases that had changed or were new, and whose pictures were accepted.
    accepted: usize,
    skipped: usize,
    measured: usize,
    harness_errors: usize,
    /// The cases where kernel and model part, and the case does not say why.
    split: usize,
    /// The cases where they agree, and the case says that they part.
    needless: usize,
    known: usize,
    open: usize,
    not_modelled: usize,
}

impl Totals {
    /// Returns the counts before the first case.
    pub fn of(compares: bool) -> Totals {
        Totals { compares, ..Totals::default() }
    }

    /// Counts a case.
    pub fn add(&mut self, case: &Tally) {
        *match case.compared {
            _ if case.is_accepted => &mut self.accepted,
            Verdict::Same => &mut self.same,
            Verdict::Changed => &mut self.changed,
            Verdict::New => &mut self.new,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Measured | Verdict::Split | Verdict::NeedlessKnown => &mut self.measured,
            Verdict::HarnessError => &mut self.harness_errors,
        } += 1;
        self.split += usize::from(case.is_split);
        self.needless += usize::from(case.is_needless);
        self.known += usize::from(case.is_known);
        self.open += usize::from(case.is_open);
        self.not_modelled += usize::from(case.is_not_modelled);
    }

    /// Returns the exit code that these come to.
    pub fn exit(&self) -> Exit {
        if self.harness_errors > 0 {
            Exit::Harness
        } else if self.compares && self.changed + self.split + self.needless > 0 {
            Exit::Differ
        } else if self.new > 0 {
            Exit::New
        } else if self.same + self.accepted + self.measured == 0 {
            Exit::Nothing
        } else {
            Exit::Agree
        }
    }

    /// Returns the counts in words.
    pub fn words(&self) -> String {
        let counts = match self.compares {
            true => format!("{} same, {} changed, {} new", self.same, self.changed, self.new),
            false => format!("{} measured", self.measured),
        };
        let counts = match self.accepted {
            0 => counts,
            accepted => format!("{counts}, {accepted} accepted"),
        };
        let errors = count(self.harness_errors, "harness error");
        let by_model = [
            (self.split, "split"),
            (self.needless, "needless known"),
            (self.known, "known"),
            (self.open, "open"),
            (self.not_modelled, "not modelled"),
        ];
        // A run that compares says so, too, where there is no split.
        let told =
            |(number, what): &(usize, &str)| *number > 0 || (self.compares && *what == "split");
        let by_model: Vec<String> = by_model
            .iter()
            .filter(|own| told(own))
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        let by_model = match by_model.is_empty() {
            true => String::new(),
            false => format!("; by the model {}", by_model.join(", ")),
        };
        format!("{counts}, {} skipped, {errors}{by_model}", self.skipped)
    }
}
