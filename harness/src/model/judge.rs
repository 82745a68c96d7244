//! A case may have several predictions and has one measurement: [`judge()`] tells how the open rules were
//! decided, or where the measurement differs from all predictions.

use super::environment::Environment;
use super::follow::follow;
use super::prediction::{OpenRule, Place, Prediction, Unmodelled};
use super::rule::Rule;
use crate::case::{Case, Measurement, SweepResult};

/// The model's verdict on a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Judgement {
    /// The difference between kernel and model; `None` where they agree as far as the model says anything.
    pub split: Option<Split>,
    /// The open rules that made a difference, in the order of the steps: the other choice would have led to
    /// another measurement.
    pub open: Vec<OpenRule>,
    /// The step from which the model says nothing, and why.
    pub unmodelled: Option<Unmodelled>,
}

/// A measurement that the model forbids, and what it predicts instead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Split {
    /// The predicted measurement. Its steps and sweeps end where the model says nothing more.
    pub predicted: Box<Measurement>,
    /// The first place at which the two differ.
    pub place: Place,
    /// The one rule without which the model would agree with the whole measurement, if there is exactly one.
    pub rule: Option<Rule>,
}

/// Compares a measurement of this case with all outcomes that the model allows. A measurement that ends early is
/// compared as far as it goes.
pub fn judge(case: &Case, environment: &Environment, measured: &Measurement) -> Judgement {
    let ways = follow(case, environment, measured);
    let open = ways.certain();
    if let Some((parted, place)) = ways.parted {
        let rule = only_rule(case, environment, measured, &parted);
        let predicted = Box::new(parted.measurement);
        let split = Some(Split { predicted, place, rule });
        return Judgement { split, open, unmodelled: parted.unmodelled };
    }
    let whole = ways.possible.iter().any(|way| way.unmodelled.is_none());
    let ends = ways.possible.into_iter().filter_map(|way| way.unmodelled);
    let unmodelled = if whole { None } else { ends.max_by_key(|own| own.step) };
    Judgement { split: None, open, unmodelled }
}

/// Returns what is predicted where a measurement contradicts the model, and the first place at which the two differ.
/// It takes one prediction; [`judge()`] makes one more for each rule, to name the one that is broken.
pub fn first_difference(
    case: &Case,
    environment: &Environment,
    measured: &Measurement,
) -> Option<(Measurement, Place)> {
    let (parted, place) = follow(case, environment, measured).parted?;
    Some((parted.measurement, place))
}

/// Returns the rule without which the model agrees with the whole measurement. Where there are two, it may be
/// either, and none is returned.
fn only_rule(
    case: &Case,
    environment: &Environment,
    measured: &Measurement,
    parted: &Prediction,
) -> Option<Rule> {
    // A model that says nothing from an earlier step on than the model with all its rules explains nothing.
    let end = |way: &Prediction| way.unmodelled.as_ref().map_or(usize::MAX, |own| own.step);
    let explains = |rule: &&Rule| {
        let ways = follow(case, &environment.without(&[**rule]), measured);
        ways.possible.iter().any(|way| end(way) >= end(parted))
    };
    let mut rules = Rule::ALL.iter().filter(explains);
    match (rules.next(), rules.next()) {
        (Some(rule), None) => Some(*rule),
        _ => None,
    }
}

impl Split {
    /// Returns what was predicted, and behind its end what was measured.
    pub fn completed(&self, measured: &Measurement) -> Measurement {
        let mut whole = (*self.predicted).clone();
        whole.steps.extend(measured.steps.iter().skip(whole.steps.len()).cloned());
        whole.sweeps.extend(measured.sweeps.iter().skip(whole.sweeps.len()).cloned());
        whole
    }

    /// Says the place, the prediction, and what was measured.
    pub fn explain(&self, case: &Case, measured: &Measurement) -> String {
        match self.place {
            Place::Step(step) => {
                let told = |own: &Measurement| {
                    own.steps.get(step).map_or(String::new(), ToString::to_string)
                };
                let (model, kernel) = (told(&self.predicted), told(measured));
                let lines = crate::parse::lines(&case.steps);
                let line = crate::parse::text_of(&lines, step);
                format!("at `{line}` the model predicts {model}; the kernel gave {kernel}")
            }
            Place::Row { sweep, access, at, .. } => {
                let told = |own: &Measurement| match own.sweeps.get(sweep) {
                    Some(SweepResult::Map(map)) => {
                        let row = map.rows.iter().find(|row| row.access == access);
                        row.and_then(|row| row.at(at)).map_or(String::new(), |own| own.to_string())
                    }
                    _ => String::new(),
                };
                let (model, kernel) = (told(&self.predicted), told(measured));
                format!("{access} at {at}: the model predicts {model}; the kernel gave {kernel}")
            }
        }
    }
}

/// Returns the rules that a case's comment names as known not to hold: `known: RULE why`.
pub fn known(case: &Case) -> Vec<&str> {
    let lines = case.comment.iter().filter_map(|line| line.trim().strip_prefix("known: "));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}
