//! A case is judged in a process of its own, and its result may come from another machine. The line of JSON
//! of the case carries it, and every other form of output is made of that line, so that all of them tell the
//! same. The main type is [`CaseLine`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::SCHEMA;
use super::totals::Tally;
use super::verdict::Verdict;
use crate::cli::partition::Partition;
use crate::cli::select::BUILT_IN;
use crate::environment::{Machine, VERSION};

/// A line of JSON, as far as other forms need its fields. harness/docs/json.md describes them.
#[derive(Debug, Clone, Deserialize)]
pub struct CaseLine {
    pub compared: bool,
    pub case: String,
    #[serde(default)]
    pub summary: String,
    pub file: String,
    pub line: usize,
    pub number: usize,
    pub of: usize,
    pub partition: Option<String>,
    pub verdict: Verdict,
    pub counts: Tally,
    pub reason: Option<String>,
    pub advice: Option<String>,
    pub repeat: Option<String>,
    pub picture: Option<String>,
    pub snapshot: Option<Kept>,
    #[serde(default)]
    pub snapshots_without_case: Vec<String>,
    pub model: Option<Modelled>,
    pub notes: Vec<NoteText>,
    #[serde(flatten)]
    pub machine: Machine,
    pub probes: u64,
    pub elapsed_us: u64,
    /// The whole line, with its end.
    #[serde(skip)]
    pub text: String,
}

/// A line of JSON for a part of a run that holds no case: without it, nobody could tell its file from one that was lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmptyPart {
    pub schema: u32,
    /// None: a line of a case has its name here.
    pub case: Option<String>,
    pub of: usize,
    pub partition: String,
    pub compared: bool,
    pub faultmap: String,
}

impl EmptyPart {
    /// This part of so many cases, of a run that compares.
    pub fn of(cases: usize, partition: &Partition) -> EmptyPart {
        EmptyPart {
            schema: SCHEMA,
            case: None,
            of: cases,
            partition: partition.to_string(),
            compared: true,
            faultmap: VERSION.to_owned(),
        }
    }
}

/// The snapshot of a case, with its text if that differs.
#[derive(Debug, Clone, Deserialize)]
pub struct Kept {
    pub path: String,
    pub kept: Option<String>,
    /// The files that were written and removed, where the picture was accepted.
    pub written: Option<String>,
    pub removed: Vec<String>,
}

/// The judgement of the model.
#[derive(Debug, Clone, Deserialize)]
pub struct Modelled {
    pub rule: Option<String>,
    #[serde(default)]
    pub picture: Option<String>,
    pub open: Vec<Decided>,
}

/// How an open rule was decided at a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Decided {
    pub rule: String,
    pub step: usize,
    pub held: bool,
}

/// A note below the picture.
#[derive(Debug, Clone, Deserialize)]
pub struct NoteText {
    pub text: String,
}

impl CaseLine {
    /// Reads a line of JSON. Fails if a field is missing or has another type.
    pub fn read(text: String) -> Result<CaseLine, serde_json::Error> {
        let line: CaseLine = serde_json::from_str(&text)?;
        Ok(CaseLine { text, ..line })
    }

    /// Reads a line that this command has just written.
    ///
    /// # Panics
    ///
    /// If a field is missing: `json/fields.rs` holds the two forms against each other.
    pub fn own(text: String) -> CaseLine {
        CaseLine::read(text).expect("a line of our own has every field")
    }

    /// True for a case that was a part of the command.
    pub fn is_built_in(&self) -> bool {
        self.file.starts_with(BUILT_IN)
    }

    /// Returns the time from the first child to the last.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_us)
    }

    /// Returns the same in milliseconds.
    pub fn milliseconds(&self) -> String {
        format!("{:.3}", self.elapsed().as_secs_f64() * 1e3)
    }

    /// True if there is nothing to look into: it agrees, its picture was accepted, or it was only measured.
    pub fn agrees(&self) -> bool {
        self.counts.is_accepted || matches!(self.verdict, Verdict::Same | Verdict::Measured)
    }

    /// Returns the words for its verdict: `changed, split`, `same, open`.
    pub fn words(&self) -> Vec<&'static str> {
        // What the model has to say is a second word where it is not the verdict.
        let more = [
            (self.counts.is_split, Verdict::Split.word()),
            (self.counts.is_needless, Verdict::NeedlessKnown.word()),
            (self.counts.is_known, "known"),
            (self.counts.is_open, "open"),
            (self.counts.is_not_modelled, "not modelled"),
        ];
        let verdict = if self.counts.is_accepted { "accepted" } else { self.verdict.word() };
        let more = more.into_iter().filter(|(counts, word)| *counts && *word != verdict);
        [verdict].into_iter().chain(more.map(|(_, word)| word)).collect()
    }
}
