//! What stands below a picture and is not kept: what the model and the harness have to say of it.
//!
//! Each word of the model's (split, open, not modelled, known, `rule: none`) is explained in the line
//! in which it appears.

use crate::case::{Arg, Call, Case, Gives, Measurement, Step, StepResult};
use crate::cli::program;
use crate::model::{Judgement, OpenRule, Split, known};
use crate::picture;

/// The notes on a case, a line or more each.
pub fn of(
    case: &Case,
    measured: Option<&Measurement>,
    judged: Option<&Judgement>,
    page: u64,
) -> Vec<String> {
    let Some(measured) = measured else { return Vec::new() };
    let mut notes = Vec::new();
    if let Some(judged) = judged {
        notes.extend(judged.split.as_ref().map(|split| part(case, measured, split, page)));
        notes.extend(judged.open.iter().map(|open| decided(case, open)));
        notes.extend(judged.unmodelled.as_ref().map(|unmodelled| {
            let (step, what) = (at(case, unmodelled.step), &unmodelled.what);
            format!("not modelled: {what}; from {step}, on the model predicts nothing")
        }));
    }
    notes.extend(measured.notes.iter().map(ToString::to_string));
    notes.extend(nothing_accessed(case, measured));
    notes
}

/// Which step, counted from 1, and its text.
fn at(case: &Case, step: usize) -> String {
    let lines = crate::parse::lines(&case.steps);
    let line = lines.into_iter().find(|line| line.step == Some(step));
    format!("step {}, `{}`", step + 1, line.map_or(String::new(), |line| line.text))
}

/// What the model says where kernel and model part, and which rule that turns on.
fn part(case: &Case, measured: &Measurement, split: &Split, page: u64) -> String {
    let mut text = String::new();
    for line in picture::draw_other(case, measured, &split.predicted, page).lines() {
        text.push_str(format!("model: {line}").trim_end());
        text.push('\n');
    }
    let name = split.rule.map_or("none".to_owned(), |rule| rule.name());
    text.push_str(&match split.rule {
        Some(_) => format!(
            "rule: {name} (without it the model says what was measured; `{} explain {name}`)",
            program()
        ),
        None => "rule: none (there is no one rule without which the model says what was measured)"
            .to_owned(),
    });
    if known(case).contains(&name.as_str()) {
        text.push_str(&format!(
            "\nknown: {name} (the comment of the case says why kernel and model part here)"
        ));
    }
    text
}

fn decided(case: &Case, open: &OpenRule) -> String {
    let (name, step) = (open.rule.name(), at(case, open.step));
    let did = if open.held { "held" } else { "did not hold" };
    format!(
        "open: {name} {did} at {step} (kernels and file systems may differ; `{} explain {name}`)",
        program()
    )
}

/// A map that was made and that nothing looks at: the advice to sweep it.
pub fn nothing_accessed(case: &Case, measured: &Measurement) -> Option<String> {
    let accesses = |step: &Step| match step {
        Step::Sweep { .. } | Step::Touch { .. } => true,
        // The kernel accesses the memory that these are given.
        Step::Call { call: Call::Read | Call::Write, args, .. } => {
            args.iter().any(|arg| matches!(arg, Arg::Address { map: Some(_), .. }))
        }
        _ => false,
    };
    if case.walk().any(|(_, _, step)| accesses(step)) {
        return None;
    }
    let made = case.walk().find_map(|(index, _, step)| match step {
        Step::Call { assign: Some(name), call, .. } if call.signature().gives == Gives::Map => {
            (measured.steps.get(index) == Some(&StepResult::Done)).then_some(name)
        }
        _ => None,
    });
    made.map(|name| {
        format!("nothing accesses a map here: add `sweep({name}, read, write);` to draw one")
    })
}
