//! Judges a case by its line of JSON: the result is fine, an allowed refusal, or a finding.
//!
//! There is no list of known splits: kernel and model agree on every case that was fuzzed so far, so each
//! split is a finding. An exception belongs here, with a C program that shows the behaviour of the kernel.

use faultmap::internals::case::Case;
use faultmap::internals::victim::SetupFailure;
use serde_json::Value;

use crate::run::Came;

/// The judgement of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was measured (or skipped) and model and kernel agree.
    Fine(String),
    /// A harness error that the case brings upon itself, by kind.
    Allowed(String),
    /// A result that must not occur: its kind, which stays the same while the case is shrunk, and its whole
    /// text.
    Finding { kind: String, told: String },
}

/// Judges the result of a case.
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
        "skipped" => Verdict::Fine("skipped".to_owned()),
        "new" => {
            let says = line["model"]["says"].as_str().unwrap_or("nothing");
            Verdict::Fine(format!("measured, the model: {says}"))
        }
        "harness error" => match allowed(case, reason) {
            Some(kind) => Verdict::Allowed(kind),
            None => Verdict::Finding { kind: kind_of(reason), told: reason.to_owned() },
        },
        "split" => {
            let (kind, told) = split(line);
            let picture = line["picture"].as_str().unwrap_or_default();
            let told = format!("{picture}\n{told}\n{reason}");
            Verdict::Finding { kind, told }
        }
        other => Verdict::Finding { kind: format!("verdict {other}"), told: line.to_string() },
    }
}

/// Returns the kind of a harness error that a case may cause: it ends itself, or reaches foreign memory.
fn allowed(case: &Case, reason: &str) -> Option<String> {
    let raises = || case.calls().any(|(call, _)| call.name == "raise");
    let (place, what) = parts(reason);
    let mut refusals = (0..u32::from(u8::MAX)).filter(|number| SetupFailure::is_refusal(*number));
    let refused = refusals.any(|refusal| what == SetupFailure::describe(refusal));
    let allowed = match &*numberless(what) {
        "the case needs more than N children, or N s" => true,
        "a signal stopped the child, which did not end within N ms" => raises(),
        "the child exited with N before its access" | "the child exited with N" => {
            place == "in _exit: "
        }
        _ => refused,
    };
    allowed.then(|| kind_of(reason))
}

/// Returns the reason of a harness error without numbers and the arguments of the step, which vary.
fn kind_of(reason: &str) -> String {
    let (place, what) = parts(reason);
    place + &numberless(what)
}

/// Splits a reason into the step or probe and the error.
fn parts(reason: &str) -> (String, &str) {
    match reason.strip_prefix("in `").and_then(|rest| rest.split_once("`: ")) {
        Some((step, what)) => (format!("in {}: ", step_name(step)), what),
        None => match reason.split_once(" at ").and_then(|(access, rest)| {
            let (_, what) = rest.split_once(": ")?;
            (access.len() < 16).then_some((access, what))
        }) {
            Some((access, what)) => (format!("in a probe by {access}: "), what),
            None => (String::new(), reason),
        },
    }
}

/// Returns the name of the call: `mmap` for `m = mmap(0, ...);`.
fn step_name(step: &str) -> &str {
    let call = step.split_once('(').map(|(before, _)| before.rsplit(' ').next().unwrap_or(before));
    match step.find(['[', '(']) {
        Some(at) if step[at..].starts_with('[') => "an access",
        _ => call.unwrap_or(step),
    }
}

/// Returns the kind of the first difference between kernel and model, and the result of each.
fn split(line: &Value) -> (String, String) {
    let model = &line["model"];
    let (steps, sweeps) = (&line["steps"], &line["sweeps"]);
    if let Some((kernel, model)) = first_other(steps, &model["steps"]) {
        let name = step_name(kernel["text"].as_str().unwrap_or_default());
        let kind = format!("split in {name}: {}, model: {}", said(kernel), said(model));
        return (kind, format!("kernel: {kernel}\nmodel:  {model}"));
    }
    let Some((kernel, model)) = first_other(sweeps, &model["sweeps"]) else {
        return ("split in nothing".to_owned(), line.to_string());
    };
    let told = format!("kernel: {kernel}\nmodel:  {model}");
    let Some((kernel, model)) = first_other(&kernel["rows"], &model["rows"]) else {
        return ("split in a whole sweep".to_owned(), told);
    };
    let access = kernel["access"].as_str().unwrap_or_default();
    match first_other(&kernel["regions"], &model["regions"]) {
        Some((kernel, model)) => (
            format!("split in a sweep by {access}: {}, model: {}", said(kernel), said(model)),
            told,
        ),
        None => (format!("split in a sweep by {access}: its length"), told),
    }
}

/// Returns the first pair of two lists whose elements differ.
fn first_other<'v>(kernel: &'v Value, model: &'v Value) -> Option<(&'v Value, &'v Value)> {
    let lists = kernel.as_array().into_iter().flatten().zip(model.as_array().into_iter().flatten());
    lists.into_iter().find(|(kernel, model)| kernel != model)
}

/// Returns a result in a few words: `errno EINVAL`, `fault SIGSEGV SEGV_MAPERR`.
fn said(result: &Value) -> String {
    let fields = ["result", "errno_name", "signal_name", "si_code_name"];
    let words = fields.iter().filter_map(|field| result[field].as_str());
    words.collect::<Vec<_>>().join(" ")
}

/// Replaces every number by `N`.
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
