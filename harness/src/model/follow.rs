//! A case may go several ways, since an open rule is open at each step anew: a file system may clear a page
//! for ftruncate and leave it for pwrite.
//!
//! So each step of each way that is still possible is performed once for every choice. A way that differs
//! from the measurement is given up at once, and two ways that nothing can tell apart any more are joined; so
//! there are few ways at any time, [`WAYS`] at most. Main type: [`Ways`].

use std::collections::VecDeque;

use super::environment::Environment;
use super::explain::Explain;
use super::interpreter::Interpreter;
use super::prediction::{OpenRule, Place, Prediction, Unmodelled, differs_at};
use super::script::Script;
use crate::case::{Case, Measurement};

/// The largest number of ways that are followed side by side; of a case with more, the model says nothing. A
/// case reaches it if six open rules are decided, and no result shows how.
const WAYS: usize = 64;

/// A way that is still followed.
#[derive(Clone)]
struct Way<'a> {
    interpreter: Interpreter<'a>,
    /// The decisions about open rules; of ways that were joined, those on which they agree.
    decided: Vec<OpenRule>,
    /// The number of its steps that were compared with the measurement.
    compared: usize,
}

/// All ways of a case, after they have ended.
#[derive(Debug)]
pub struct Ways {
    /// The ways that agree with the measurement, in the order in which they ended.
    pub possible: Vec<Prediction>,
    /// If no way agrees with the measurement: the way that agreed with it furthest, and the place at which it
    /// differs.
    pub parted: Option<(Prediction, Place)>,
}

impl Ways {
    /// Returns the decisions about open rules on which all remaining ways agree: the measurement has ruled
    /// out the other choice.
    pub fn certain(&self) -> Vec<OpenRule> {
        let all = self.possible.iter().chain(self.parted.iter().map(|(way, _)| way));
        let mut all = all.map(|way| &way.open);
        let mut certain = all.next().cloned().unwrap_or_default();
        for other in all {
            certain.retain(|own| other.contains(own));
        }
        certain
    }
}

/// Follows a case along all its ways. The measurement, as far as it goes, rules ways out.
pub fn follow(case: &Case, environment: &Environment, measured: &Measurement) -> Ways {
    let script = Script::of(case);
    let explain = Explain::new(case, environment, measured);
    let interpreter = Interpreter::new(&script, environment);
    let mut live = vec![Way { interpreter, decided: Vec::new(), compared: 0 }];
    let mut ways = Ways { possible: Vec::new(), parted: None };
    while !live.is_empty() {
        let mut next: Vec<Way<'_>> = Vec::new();
        let mut parted: Option<(Way<'_>, Place)> = None;
        for (mut way, unmodelled) in live.iter().flat_map(Way::choices) {
            if let Some(place) = way.parts(&script, measured, unmodelled.as_ref()) {
                match explain.difference(&way.interpreter.measurement, place) {
                    Some(what) => {
                        let unmodelled = Unmodelled { step: place.step(), what: what.to_owned() };
                        ways.possible.push(way.end(&script, Some(unmodelled)));
                    }
                    None => match &mut parted {
                        Some((first, _)) => first.agree(&way),
                        None => parted = Some((way, place)),
                    },
                }
            } else if unmodelled.is_some() || way.interpreter.is_over() {
                ways.possible.push(way.end(&script, unmodelled));
            } else {
                join(&mut next, way);
            }
        }
        if next.len() > WAYS {
            let what = format!("more than {WAYS} combinations of open rules");
            for way in next.drain(..) {
                let step = way.interpreter.index() + 1;
                let unmodelled = Unmodelled { step, what: what.clone() };
                ways.possible.push(way.end(&script, Some(unmodelled)));
            }
        }
        if let (Some((way, place)), true) = (parted, next.is_empty() && ways.possible.is_empty()) {
            ways.parted = Some((way.ended(&script), place));
        }
        live = next;
    }
    ways
}

/// Adds a way, or joins it with one that nothing can tell from it any more.
fn join<'a>(all: &mut Vec<Way<'a>>, way: Way<'a>) {
    match all.iter_mut().find(|other| other.interpreter.is_like(&way.interpreter)) {
        Some(other) => other.agree(&way),
        None => all.push(way),
    }
}

impl<'a> Way<'a> {
    /// Performs the next step once for every choice; the way in which all open rules hold comes first.
    fn choices(&self) -> Vec<(Way<'a>, Option<Unmodelled>)> {
        let mut all = Vec::new();
        let mut left = VecDeque::from([Vec::new()]);
        while let Some(forced) = left.pop_front() {
            let mut way = self.clone();
            let given = forced.len();
            way.interpreter.state.decided.replace(forced);
            let unmodelled = way.interpreter.advance().err();
            let decided = way.interpreter.state.decided.take();
            for place in (given..decided.len()).rev() {
                let mut other = decided[..=place].to_vec();
                other[place].1 = false;
                left.push_back(other);
            }
            let step = way.interpreter.index();
            let told = decided.into_iter().map(|(rule, held)| OpenRule { step, rule, held });
            way.decided.extend(told);
            all.push((way, unmodelled));
        }
        all
    }

    /// Forgets the decisions that the other way does not share.
    fn agree(&mut self, other: &Way<'_>) {
        self.decided.retain(|own| other.decided.contains(own));
    }

    /// Returns the first place at which it differs from the measurement, among the steps that were not
    /// compared before. The current step is not compared where it is not modelled.
    fn parts(
        &mut self,
        script: &Script<'_>,
        measured: &Measurement,
        unmodelled: Option<&Unmodelled>,
    ) -> Option<Place> {
        let interpreter = &self.interpreter;
        let end = match unmodelled {
            Some(_) => interpreter.index(),
            None if interpreter.is_over() => interpreter.measurement.steps.len(),
            None => interpreter.index() + 1,
        };
        let steps = self.compared..end;
        self.compared = end;
        let own = &interpreter.measurement;
        steps
            .into_iter()
            .find_map(|step| differs_at(step, script.sweep_number(step), own, measured))
    }

    /// Performs the remaining steps with all open rules in force.
    fn ended(mut self, script: &Script<'_>) -> Prediction {
        while !self.interpreter.is_over() {
            if let Err(unmodelled) = self.interpreter.advance() {
                return self.end(script, Some(unmodelled));
            }
        }
        self.end(script, None)
    }

    /// Ends the way: its measurement stops where the model says nothing.
    fn end(self, script: &Script<'_>, unmodelled: Option<Unmodelled>) -> Prediction {
        let mut measurement = self.interpreter.measurement;
        if let Some(unmodelled) = &unmodelled {
            measurement.steps.truncate(unmodelled.step);
            let sweeps = (0..unmodelled.step).filter_map(|step| script.sweep_number(step)).count();
            measurement.sweeps.truncate(sweeps);
        }
        Prediction { open: self.decided, measurement, unmodelled }
    }
}
