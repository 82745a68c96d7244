//! What a line of the command's JSON says of a case: as it should be, an allowed refusal, or a finding.

use faultmap::case::{Arg, Call, Case, Step};
use serde_json::Value;

use crate::run::Came;

/// The judgement of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was measured (or skipped) and model and kernel agree.
    Fine(String),
    /// A harness error that the case brings upon itself, by kind.
    Allowed(String),
    /// What must not be: its kind, which stays the same while the case is shrunk, and all that was said.
    Finding { kind: String, told: String },
}

/// Judges what became of a case.
pub fn judge(case: &Case, came: &Came) -> Verdict {
    let line = match came {
        Came::Line(line) => line,
        Came::Broken(told) => {
            return Verdict::Finding { kind: numberless(told), told: told.clone() };
        }
    };
    let word = line["verdict"].as_str().unwrap_or("nothing");
    let reason = line["reason"].as_str().unwrap_or_default();
    match word {
        "new" | "skipped" => Verdict::Fine(word.to_owned()),
        "harness error" => match allowed(case, reason) {
            Some(kind) => Verdict::Allowed(kind),
            None => Verdict::Finding { kind: kind_of(reason), told: reason.to_owned() },
        },
        "split" => {
            let told = format!("{}\n{}", line["picture"].as_str().unwrap_or(reason), notes(line));
            Verdict::Finding { kind: split_kind(line), told }
        }
        other => Verdict::Finding { kind: format!("verdict {other}"), told: line.to_string() },
    }
}

/// The kind of a harness error that a case may have: it asks for its own end, or for what it may not reach.
fn allowed(case: &Case, reason: &str) -> Option<String> {
    let bounds =
        ["reaches memory of the harness", "that a case is given", "the case takes more than"];
    if bounds.iter().any(|words| reason.contains(words)) {
        return Some(kind_of(reason));
    }
    let calls = |call: Call| {
        case.walk().any(|(_, _, step)| matches!(step, Step::Call { call: own, .. } if *own == call))
    };
    let own_signal = case.walk().any(|(_, _, step)| match step {
        Step::Call { call: Call::Raise, args, .. } => match args.first() {
            Some(Arg::Flags(words)) => words.iter().any(|word| {
                reason.contains(&format!("{word} killed the child"))
                    && reason.starts_with("in `raise(")
            }),
            _ => false,
        },
        _ => false,
    });
    let stopped = reason.contains("the child was stopped by a signal") && calls(Call::Raise);
    let exits = reason.contains("the child exited with") && calls(Call::Exit);
    (own_signal || stopped || exits).then(|| kind_of(reason))
}

/// The reason of a harness error without what varies: numbers, and the arguments of the step.
fn kind_of(reason: &str) -> String {
    let (place, what) = match reason.strip_prefix("in `").and_then(|rest| rest.split_once("`: ")) {
        Some((step, what)) => (format!("in {}: ", step_name(step)), what),
        None => match reason.split_once(" at ").and_then(|(access, rest)| {
            let (_, what) = rest.split_once(": ")?;
            (access.len() < 16).then_some((access, what))
        }) {
            Some((access, what)) => (format!("in a probe by {access}: "), what),
            None => (String::new(), reason),
        },
    };
    place + &numberless(what)
}

/// `mmap` of `m = mmap(0, ...);`, `m[]` of an access.
fn step_name(step: &str) -> &str {
    let call = step.split_once('(').map(|(before, _)| before.rsplit(' ').next().unwrap_or(before));
    match step.find(['[', '(']) {
        Some(at) if step[at..].starts_with('[') => "an access",
        _ => call.unwrap_or(step),
    }
}

/// Where kernel and model part first, and by which rule.
fn split_kind(line: &Value) -> String {
    let notes = notes(line);
    let first = notes.lines().find_map(|note| note.strip_prefix("model: "));
    let place = match first.map(str::trim_start) {
        Some(step) if step.contains(';') && !step.starts_with("sweep(") => {
            step_name(step).to_owned()
        }
        _ => "a sweep".to_owned(),
    };
    let rule = line["model"]["rule"].as_str().unwrap_or("none");
    format!("split in {place}, rule {rule}")
}

fn notes(line: &Value) -> String {
    let notes = line["notes"].as_array().into_iter().flatten();
    notes.filter_map(|note| note["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// `N` for every number.
fn numberless(text: &str) -> String {
    let mut out = String::new();
    for c in text.lines().next().unwrap_or_default().chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('N') => {}
            true => out.push('N'),
            false => out.push(c),
        }
    }
    out
}
