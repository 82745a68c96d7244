//! A program that looks for contradictions needs the judgement of the model as fields. The main type is
//! [`ModelLine`].

use serde::Serialize;
use serde_json::{Value, json};

use super::{StepLine, SweepLine, steps, sweeps};
use crate::case::{Case, Measurement};
use crate::environment::Machine;
use crate::model::{Judgement, Split, known};
use crate::picture;

/// The judgement of a measurement.
#[derive(Debug, Serialize)]
pub struct ModelLine<'a> {
    says: &'static str,
    known: Vec<&'a str>,
    rule: Option<String>,
    picture: Option<String>,
    steps: Vec<StepLine>,
    sweeps: Vec<SweepLine>,
    open: Vec<Value>,
    not_modelled: Option<Value>,
}

impl<'a> ModelLine<'a> {
    /// Returns the fields.
    pub fn of(
        case: &'a Case,
        measured: &Measurement,
        judged: &Judgement,
        machine: &Machine,
    ) -> ModelLine<'a> {
        let split = judged.split.as_ref();
        let says = match (split, &judged.unmodelled, judged.open.as_slice()) {
            (Some(_), ..) => "split",
            (None, Some(_), _) => "not modelled",
            (None, None, []) => "agrees",
            (None, None, _) => "open",
        };
        let open = judged.open.iter().map(
            |open| json!({ "rule": open.rule.name(), "step": open.step + 1, "held": open.held }),
        );
        let unmodelled = judged.unmodelled.as_ref();
        let drawn =
            |split: &Split| picture::draw(case, &split.completed(measured), machine.page_size);
        ModelLine {
            says,
            known: known(case),
            rule: split.and_then(|split| split.rule).map(|rule| rule.name()),
            picture: split.map(drawn),
            steps: split.map_or(Vec::new(), |split| steps(case, &split.predicted.steps, machine)),
            sweeps: split.map_or(Vec::new(), |split| sweeps(case, &split.predicted)),
            open: open.collect(),
            not_modelled: unmodelled.map(|own| json!({ "step": own.step + 1, "what": own.what })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{StepResult, SweepResult};
    use crate::model::Place;

    #[test]
    fn where_the_model_predicts_nothing_the_result_is_shown() {
        let measurement = |steps: &[StepResult], sweeps: &[SweepResult]| Measurement {
            steps: steps.to_vec(),
            sweeps: sweeps.to_vec(),
            notes: Vec::new(),
        };
        let measured =
            measurement(&[StepResult::Count(1), StepResult::Count(2)], &[SweepResult::NoMap]);
        let predicted = Box::new(measurement(&[StepResult::Done], &[]));
        let split = Split { predicted, place: Place::Step(0), rule: None };
        let expected =
            measurement(&[StepResult::Done, StepResult::Count(2)], &[SweepResult::NoMap]);
        assert_eq!(split.completed(&measured), expected);
    }
}
