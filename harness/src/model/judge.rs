//! Model against measurement: which of what may happen did, and what to say where none of it did.

use super::{Environment, Prediction, Rule, Unmodelled, predict};
use crate::case::{Access, Case, Measurement, Row, Step, StepResult, SweepResult};

/// What the model says to a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Where kernel and model part; none where they agree as far as the model says anything.
    pub split: Option<Split>,
    /// The open rules that made a difference, in the order of the steps: where one is told, the other
    /// choice would have led to another measurement.
    pub open: Vec<OpenRule>,
    /// From here on the model says nothing.
    pub unmodelled: Option<Unmodelled>,
}

/// A measurement that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What must be. Its steps and sweeps end where the model has no more to say.
    pub predicted: Box<Measurement>,
    /// The first place at which the two differ.
    pub place: Place,
    /// The one rule without which the model would say all of what was measured, if there is exactly
    /// one.
    pub rule: Option<Rule>,
}

/// A place in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The result of a step, as [`Case::walk`] counts them.
    Step(usize),
    /// A byte of a row.
    Row {
        /// The step that is the sweep.
        step: usize,
        /// Which sweep of the case, counted from 0.
        sweep: usize,
        /// Which row.
        access: Access,
        /// The byte, relative to the map.
        at: i64,
    },
}

/// An open rule, and what became of it at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenRule {
    /// The step at which it was decided, as [`Case::walk`] counts them.
    pub step: usize,
    /// The rule.
    pub rule: Rule,
    /// It held there.
    pub held: bool,
}

/// Compares what was measured with what may happen.
pub fn judge(case: &Case, environment: &Environment, measured: &Measurement) -> Judgement {
    let may = match predict(case, environment) {
        Ok(may) => may,
        Err(unmodelled) => {
            return Judgement { unmodelled: Some(unmodelled), ..Judgement::default() };
        }
    };
    let matters = |rule: &Rule| may.iter().any(|prediction| prediction.without.contains(rule));
    if let Some(did) = may.iter().find(|prediction| agrees(prediction, measured)) {
        let told = |rule: Rule| OpenRule { step: 0, rule, held: !did.without.contains(&rule) };
        let open = Rule::OPEN.into_iter().filter(matters).map(told).collect();
        return Judgement { open, ..Judgement::default() };
    }
    let without = |rule: &Rule| {
        let may = predict(case, &environment.without(&[*rule])).unwrap_or_default();
        may.iter().any(|prediction| agrees(prediction, measured))
    };
    let rule = Rule::ALL.iter().copied().find(without);
    let predicted = Box::new(may[0].measurement.clone());
    let place = first_difference(case, &predicted, measured).unwrap_or(Place::Step(0));
    Judgement { split: Some(Split { predicted, place, rule }), ..Judgement::default() }
}

fn agrees(prediction: &Prediction, measured: &Measurement) -> bool {
    prediction.measurement == *measured
}

/// The first place at which two measurements of a case differ, as far as both go. What has no answer
/// differs from nothing.
pub fn first_difference(case: &Case, a: &Measurement, b: &Measurement) -> Option<Place> {
    let sweeps = case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. }));
    let sweep_steps: Vec<usize> = sweeps.map(|(step, _, _)| step).collect();
    let steps = 0..a.steps.len().min(b.steps.len());
    for step in steps {
        if a.steps[step] != b.steps[step] {
            return Some(Place::Step(step));
        }
        let Some(sweep) = sweep_steps.iter().position(|own| *own == step) else { continue };
        let (Some(SweepResult::Map(a)), Some(SweepResult::Map(b))) =
            (a.sweeps.get(sweep), b.sweeps.get(sweep))
        else {
            continue;
        };
        for (row, other) in a.rows.iter().zip(&b.rows) {
            if let Some(at) = first_byte(row, other) {
                return Some(Place::Row { step, sweep, access: row.access, at });
            }
        }
    }
    None
}

/// The first byte at which two rows differ; one of the map if there is one.
fn first_byte(row: &Row, other: &Row) -> Option<i64> {
    let mut all: Vec<i64> = row.boundaries().chain(other.boundaries()).collect();
    all.push(0);
    all.sort_unstable();
    all.push(-1);
    all.into_iter().find(|at| row.at(*at) != other.at(*at))
}

/// A split in words: where it is, what the model says there, and what was measured.
pub fn difference(case: &Case, split: &Split, measured: &Measurement) -> String {
    let lines = crate::parse::lines(&case.steps);
    let line = |step: usize| lines.iter().find(|line| line.step == Some(step));
    match split.place {
        Place::Step(step) => {
            let told = |own: &Measurement| own.steps.get(step).map_or(String::new(), said);
            let (model, kernel) = (told(&split.predicted), told(measured));
            let line = line(step).map_or("", |line| line.text.as_str());
            format!("at `{line}` the model says {model}; measured was {kernel}")
        }
        Place::Row { sweep, access, at, .. } => {
            let told = |own: &Measurement| match own.sweeps.get(sweep) {
                Some(SweepResult::Map(map)) => {
                    let row = map.rows.iter().find(|row| row.access == access);
                    row.and_then(|row| row.at(at)).map_or(String::new(), |own| own.to_string())
                }
                _ => String::new(),
            };
            let (model, kernel) = (told(&split.predicted), told(measured));
            format!("{access} at {at}: the model says {model}; measured was {kernel}")
        }
    }
}

fn said(result: &StepResult) -> String {
    result.to_string()
}

/// The rules that a case's comment names as known not to hold: `known: RULE why`.
pub fn known(case: &Case) -> Vec<&str> {
    let lines = case.comment.iter().filter_map(|line| line.trim().strip_prefix("known: "));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}
