//! What a whole case came to: a result for each step, and a fault map for each sweep.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Clean, Errno, Fault, FaultMap, HarnessError, Note, Signal};

/// Everything that was measured of one case. Two are equal that saw the same: their notes do not count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    /// One for each step, as [`super::Case::walk`] counts them.
    pub steps: Vec<StepResult>,
    /// One for each `sweep(...)`, in the order of the text.
    pub sweeps: Vec<SweepResult>,
    /// What it took to measure it.
    #[serde(default)]
    pub notes: Vec<Note>,
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Measurement) -> bool {
        self.steps == other.steps && self.sweeps == other.sweeps
    }
}

impl Eq for Measurement {}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepResult {
    /// An earlier step ended the process.
    NotReached,
    /// A call that succeeded, or a store that went through.
    Done,
    /// A call that moved bytes moved this many.
    Count(u64),
    /// A call that failed.
    Errno(Errno),
    /// A load or a pread that went through, with what it saw.
    Saw(Seen),
    /// The step killed its process with this fault.
    Fault(Fault),
    /// The step killed its process with a signal that carries no address (SIGXFSZ).
    Killed(Signal),
    /// The step never returned, in a case that says `timeout(...)`.
    TimedOut,
    /// The access was to a map that was never made.
    NoMap,
}

/// How many runs of equal bytes a step's result tells.
pub const RUNS: usize = 8;

/// The bytes that a load or a pread saw, as runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The runs, in order.
    pub runs: Vec<Run>,
    /// There were more runs than a record holds.
    pub cut: bool,
}

/// Equal bytes in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `Data`, `Zero` or `Byte`.
    pub byte: Clean,
    /// How many.
    pub count: u32,
}

/// What one sweep came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SweepResult {
    /// The picture.
    Map(FaultMap),
    /// The variable holds MAP_FAILED: there is nothing to sweep.
    NoMap,
    /// An earlier step ended the process.
    NotReached,
    /// A probe has no answer.
    Failed {
        /// The probe that failed.
        access: super::Access,
        /// The byte it was to touch, relative to the map.
        at: i64,
        /// Why.
        error: HarnessError,
    },
}

impl Seen {
    /// How many bytes were seen.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.count)).sum()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl Seen {
    /// The runs as a person reads them: `data`, `8 zero`, `'c'`, `"abc", 7 data`, `nothing`. `number`
    /// writes the counts.
    pub fn describe(&self, number: impl Fn(u32) -> String) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut text = String::new();
        let quote = |text: &mut String, parts: &mut Vec<String>| {
            match text.len() {
                0 => {}
                1 => parts.push(format!("'{text}'")),
                _ => parts.push(format!("\"{text}\"")),
            }
            text.clear();
        };
        for run in &self.runs {
            match run.byte {
                Clean::Byte(byte)
                    if (byte.is_ascii_graphic() || byte == b' ') && run.count <= 32 =>
                {
                    text.extend(std::iter::repeat_n(char::from(byte), run.count as usize));
                }
                byte => {
                    quote(&mut text, &mut parts);
                    parts.push(match run.count {
                        1 => byte.to_string(),
                        count => format!("{} {byte}", number(count)),
                    });
                }
            }
        }
        quote(&mut text, &mut parts);
        if parts.is_empty() {
            return "nothing".to_owned();
        }
        if self.cut {
            parts.push("...".to_owned());
        }
        parts.join(", ")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(|count| count.to_string()))
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepResult::NotReached => f.write_str("not reached"),
            StepResult::Done => f.write_str("done"),
            StepResult::Count(count) => write!(f, "= {count}"),
            StepResult::Errno(errno) => write!(f, "= -1 {errno}"),
            StepResult::Saw(seen) => seen.fmt(f),
            StepResult::Fault(fault) => fault.fmt(f),
            StepResult::Killed(signal) => write!(f, "killed by {signal}"),
            StepResult::TimedOut => f.write_str("never returned"),
            StepResult::NoMap => f.write_str("no map: not accessed"),
        }
    }
}
