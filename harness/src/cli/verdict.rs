//! What a case came to, in a word, and the reasons to print below its picture.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::case::{Case, HarnessError, Measurement, SweepResult};
use crate::model::{self, Judgement, Rule};

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// What a case came to, and what to print below its picture.
#[derive(Debug)]
pub struct Verdict {
    pub word: &'static str,
    pub style: Style,
    pub below: String,
    pub reason: Option<String>,
}

/// Why kernel and model must not part in this way, or not agree; `None` where all is as the case says.
pub fn unexplained(case: &Case, judged: &Judgement) -> Option<String> {
    let known = model::known(case);
    let is_rule = |name: &&str| Rule::ALL.iter().any(|rule| rule.name() == **name);
    if let Some(name) = known.iter().find(|name| !is_rule(name) && **name != "none") {
        return Some(format!(
            "known: {name} is no rule of the model; see harness/src/model/rule.rs"
        ));
    }
    match &judged.split {
        Some(split) => {
            let name = split.rule.map_or("none".to_owned(), |rule| rule.name());
            (!known.contains(&name.as_str())).then(|| {
                format!(
                    "kernel and model part; where that is understood, the case says so: \
                     `// known: {name} why`"
                )
            })
        }
        None if known.is_empty() => None,
        None => {
            Some(format!("known: {} no longer holds: kernel and model agree", known.join(", ")))
        }
    }
}

pub fn plain(word: &'static str, style: Style) -> Verdict {
    Verdict { word, style, below: String::new(), reason: None }
}

pub fn skipped(reason: String) -> Verdict {
    let below = format!("    {reason}\n");
    Verdict { below, reason: Some(reason), ..plain("skipped", NOTE) }
}

pub fn failed(error: &str, repeat: &str) -> Verdict {
    let mut below = format!("    {BAD}{error}{BAD:#}\n");
    if !repeat.is_empty() {
        let _ = writeln!(below, "    to repeat it: {repeat}");
    }
    Verdict { below, reason: Some(error.to_owned()), ..plain("harness error", BAD) }
}

/// The error, with the line of the step that it is about.
pub fn told(case: &Case, error: &HarnessError) -> String {
    match error {
        HarnessError::InStep { step, error } => {
            let lines = crate::parse::lines(&case.steps);
            let line = lines.into_iter().find(|line| line.step == Some(*step));
            format!("in `{}`: {error}", line.map_or(String::new(), |line| line.text))
        }
        _ => error.to_string(),
    }
}

/// The first probe without an answer: why, and the arguments that repeat it.
pub fn unanswered(measured: &Measurement) -> Option<(String, String)> {
    measured.sweeps.iter().enumerate().find_map(|(index, sweep)| match sweep {
        SweepResult::Failed { access, at, error } => {
            let sweep = if index > 0 { format!(" --sweep {}", index + 1) } else { String::new() };
            let probe = format!(" --access {access} --at {at}{sweep}");
            Some((format!("{access} at {at}: {error}"), probe))
        }
        _ => None,
    })
}
