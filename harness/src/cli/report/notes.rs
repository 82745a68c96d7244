//! The model and the harness may have more to say of a case than its picture shows: notes below the picture
//! say it, and no snapshot keeps them. The main type is [`Remark`].
//!
//! Each word of the model's (split, open, not modelled, known, `rule: none`) is explained in the line
//! in which it appears.

use crate::case::{Arg, Case, Measurement, Note, Step, StepResult, SweepResult};
use crate::cli::shell::program;
use crate::model::{Judgement, OpenRule, Split, known};
use crate::parse::text_of;
use crate::picture;
use crate::vocabulary::{Effect, Returns};

/// One note.
#[derive(Debug)]
pub struct Remark<'a> {
    /// The kind of the note: a word of the model's, or that nothing is accessed; none for what the harness
    /// measured.
    pub kind: Option<&'static str>,
    /// A line or more, as it is printed.
    pub text: String,
    /// The facts of one that the harness measured.
    pub measured: Option<&'a Note>,
}

/// Returns the notes on a case.
pub fn of<'a>(
    case: &Case,
    measured: Option<&'a Measurement>,
    judged: Option<&Judgement>,
    page: u64,
) -> Vec<Remark<'a>> {
    let Some(measured) = measured else { return Vec::new() };
    let remark = |kind, text| Remark { kind: Some(kind), text, measured: None };
    let mut notes = Vec::new();
    if let Some(judged) = judged {
        let split = judged.split.as_ref();
        notes.extend(split.map(|split| remark("split", part(case, measured, split, page))));
        notes.extend(judged.open.iter().map(|open| remark("open", decided(case, open))));
        notes.extend(judged.unmodelled.as_ref().map(|unmodelled| {
            let (number, what) = (unmodelled.step + 1, &unmodelled.what);
            let lines = crate::parse::lines(&case.steps);
            let line = text_of(&lines, unmodelled.step);
            let text = format!(
                "not modelled: {what}; the model predicts nothing from step {number} on, `{line}`"
            );
            remark("not_modelled", text)
        }));
    }
    notes.extend(measured.notes.iter().map(|note| Remark {
        kind: None,
        text: note.to_string(),
        measured: Some(note),
    }));
    notes.extend(not_reached(case, measured).map(|text| remark("not_reached", text)));
    let unswept = nothing_accessed(case, measured);
    notes.extend(unswept.map(|text| remark("nothing_accessed", text)));
    notes
}

/// Returns the number of a step, counted from 1, and its text.
fn at(case: &Case, step: usize) -> String {
    let lines = crate::parse::lines(&case.steps);
    format!("step {}, `{}`", step + 1, text_of(&lines, step))
}

/// Returns the model's picture where kernel and model part, and the rule that the difference turns on.
fn part(case: &Case, measured: &Measurement, split: &Split, page: u64) -> String {
    let mut text = String::new();
    for line in picture::draw_other(case, measured, &split.predicted, page).lines() {
        text.push_str(format!("model: {line}").trim_end());
        text.push('\n');
    }
    let name = split.rule.map_or("none".to_owned(), |rule| rule.name());
    text.push_str(&match split.rule {
        Some(_) => format!(
            "rule: {name} (without it the model predicts the result; `{} explain {name}`)",
            program()
        ),
        None => "rule: none (there is no one rule without which the model predicts the result)"
            .to_owned(),
    });
    if known(case).contains(&name.as_str()) {
        text.push_str(&format!(
            "\nknown: {name} (the comment of the case says why the kernel contradicts the model)"
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

/// Returns the step that ended the process before a sweep. A picture without its sweep is easily taken for a whole one.
fn not_reached(case: &Case, measured: &Measurement) -> Option<String> {
    let sweeps = case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
    let mut unreached =
        sweeps.zip(&measured.sweeps).filter(|(_, result)| **result == SweepResult::NotReached);
    let ((sweep, ..), _) = unreached.next()?;
    let ends = |result: &StepResult| {
        matches!(result, StepResult::Fault(_) | StepResult::Killed(_) | StepResult::TimedOut)
    };
    let ended = measured.steps.iter().take(sweep).rposition(ends)?;
    let more = match unreached.count() {
        0 => "",
        _ => ", and no later one",
    };
    let (ended, sweep) = (at(case, ended), at(case, sweep));
    Some(format!("not reached: {sweep}{more}, as {ended}, ended the process"))
}

/// Returns the advice to sweep a map that was made and that nothing accesses.
fn nothing_accessed(case: &Case, measured: &Measurement) -> Option<String> {
    let accesses = |step: &Step| match step {
        Step::Sweep { .. } | Step::Touch { .. } => true,
        // The kernel accesses the memory that these are given.
        Step::Call { call, args, .. } if matches!(call.effect, Effect::Transfers { .. }) => {
            args.iter().any(|arg| matches!(arg, Arg::Address { map: Some(_), .. }))
        }
        _ => false,
    };
    if case.walk().any(|(_, _, step)| accesses(step)) {
        return None;
    }
    let made = case.walk().find_map(|(index, _, step)| match step {
        Step::Call { assign: Some(name), call, .. } if call.returns == Returns::Map => {
            (measured.steps.get(index) == Some(&StepResult::Done)).then_some(name)
        }
        _ => None,
    });
    made.map(|name| {
        format!("no step accesses a map: add `sweep({name}, read, write);` to draw one")
    })
}
