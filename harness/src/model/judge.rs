//! Model against measurement: which of what may happen did, and what to say where none of it did.

use super::{Environment, Prediction, Rule, predict};
use crate::case::{Case, Measurement, StepResult, SweepResult};

/// What the model says to a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It must be so.
    Agrees,
    /// It may be so, and it may be otherwise: these rules are open, and held here or did not.
    Open(Vec<(Rule, bool)>),
    /// It must not be so.
    Differs {
        /// What must be.
        predicted: Box<Measurement>,
        /// The one rule without which the model would say what was measured, if there is one.
        rule: Option<Rule>,
    },
    /// The model says nothing of this case, because of this part of it.
    Unmodelled(String),
}

/// Compares what was measured with what may happen.
pub fn judge(case: &Case, environment: &Environment, measured: &Measurement) -> Judgement {
    let may = match predict(case, environment) {
        Ok(may) => may,
        Err(unmodelled) => return Judgement::Unmodelled(unmodelled.what),
    };
    let matters = |rule: &Rule| may.iter().any(|prediction| prediction.without.contains(rule));
    let open: Vec<Rule> = Rule::OPEN.into_iter().filter(matters).collect();
    match may.iter().find(|prediction| agrees(prediction, measured)) {
        Some(_) if open.is_empty() => Judgement::Agrees,
        Some(did) => {
            Judgement::Open(open.into_iter().map(|r| (r, !did.without.contains(&r))).collect())
        }
        None => {
            let without = |rule: &Rule| {
                let may = predict(case, &environment.without(&[*rule])).unwrap_or_default();
                may.iter().any(|prediction| agrees(prediction, measured))
            };
            let rule = Rule::ALL.iter().copied().find(without);
            Judgement::Differs { predicted: Box::new(may[0].measurement.clone()), rule }
        }
    }
}

fn agrees(prediction: &Prediction, measured: &Measurement) -> bool {
    prediction.measurement == *measured
}

/// The difference in words: the first step or row that is not as predicted.
pub fn difference(case: &Case, predicted: &Measurement, measured: &Measurement) -> String {
    let lines = crate::parse::lines(&case.steps);
    let text =
        |step: usize| lines.iter().find(|line| line.step == Some(step)).map(|line| &line.text);
    let steps = predicted.steps.iter().zip(&measured.steps).enumerate();
    let mut differing = steps.filter(|(_, (model, kernel))| model != kernel);
    if let Some((step, (model, kernel))) = differing.next() {
        let said = |result: &StepResult| result.to_string();
        let line = text(step).map_or("", |line| line.as_str());
        return format!(
            "at `{line}` the model says {}; measured was {}",
            said(model),
            said(kernel)
        );
    }
    let sweeps = predicted.sweeps.iter().zip(&measured.sweeps);
    for (model, kernel) in sweeps {
        let (SweepResult::Map(model), SweepResult::Map(kernel)) = (model, kernel) else { continue };
        for (row, own) in model.rows.iter().zip(&kernel.rows) {
            let mut all: Vec<i64> = row.boundaries().chain(own.boundaries()).collect();
            all.extend([0, -1]);
            all.sort_unstable();
            if let Some(at) = all.into_iter().find(|at| row.at(*at) != own.at(*at)) {
                let told =
                    |row: &crate::case::Row| row.at(at).map_or(String::new(), |o| o.to_string());
                let (model, kernel) = (told(row), told(own));
                return format!(
                    "{} at {at}: the model says {model}; measured was {kernel}",
                    row.access
                );
            }
        }
    }
    "no step and no row".to_owned()
}

/// The rules that a case's comment names as known not to hold: `known: RULE why`.
pub fn known(case: &Case) -> Vec<&str> {
    let lines = case.comment.iter().filter_map(|line| line.trim().strip_prefix("known: "));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}
