//! All the ways that a case may go.
//!
//! An open rule is open at each step anew: a file system may clear a page for ftruncate and leave it for
//! pwrite. So each step of each way that is still possible is performed once for every choice. A way
//! that parts from what was measured is given up at once, and two that nothing can tell apart any more
//! go on as one; so there are few of them at any time, [`WAYS`] at most. Main type: [`Ways`].

use std::collections::VecDeque;

use super::explain::explained;
use super::interpreter::Interpreter;
use super::judge::{OpenRule, Place, differs_at};
use super::script::Script;
use super::{Environment, Unmodelled};
use crate::case::{Case, Measurement};

/// Ways that are followed side by side. Beyond it the model says nothing: a case that comes to it asks
/// what is open six times without looking at the answer.
const WAYS: usize = 64;

/// One way.
#[derive(Clone)]
struct Way<'a> {
    interpreter: Interpreter<'a>,
    /// What has become of open rules, where the ways that were joined agree on it.
    decided: Vec<OpenRule>,
    /// So many of its steps were compared with what was measured.
    compared: usize,
}

/// How a way ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What became of open rules in it.
    pub decided: Vec<OpenRule>,
    /// What it came to; shorter than the case where the model says nothing from somewhere on.
    pub measurement: Measurement,
    /// From where on.
    pub unmodelled: Option<Unmodelled>,
}

/// How all of them ended.
#[derive(Debug)]
pub struct Ways {
    /// Those that go with what was measured, those first in which most rules hold.
    pub possible: Vec<Ended>,
    /// Of those that part from it, the one that went along furthest, and where it parts. There is one
    /// where no other is possible.
    pub parted: Option<(Ended, Place)>,
}

impl Ways {
    /// What has become of open rules in every way that is left: where one is told, the other choice
    /// was ruled out by what was measured.
    pub fn certain(&self) -> Vec<OpenRule> {
        let all = self.possible.iter().chain(self.parted.iter().map(|(way, _)| way));
        let mut all = all.map(|way| &way.decided);
        let mut certain = all.next().cloned().unwrap_or_default();
        for other in all {
            certain.retain(|own| other.contains(own));
        }
        certain
    }
}

/// Follows a case. What was `measured`, as far as that goes, decides between the ways.
pub fn follow(case: &Case, environment: &Environment, measured: &Measurement) -> Ways {
    let script = Script::of(case);
    let interpreter = Interpreter::new(&script, environment);
    let mut live = vec![Way { interpreter, decided: Vec::new(), compared: 0 }];
    let mut ways = Ways { possible: Vec::new(), parted: None };
    while !live.is_empty() {
        let mut next: Vec<Way<'_>> = Vec::new();
        let mut parted: Option<(Way<'_>, Place)> = None;
        for (mut way, unmodelled) in live.iter().flat_map(Way::choices) {
            if let Some(place) = way.parts(&script, measured, unmodelled.is_none()) {
                let predicted = &way.interpreter.measurement;
                match explained(&script, environment, predicted, measured, place) {
                    Some(what) => {
                        let unmodelled = Unmodelled { step: place.step(), what };
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
            let what = format!("more than {WAYS} ways in which open rules can go");
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

/// Adds a way, or joins it with one from which nothing tells it any more.
fn join<'a>(all: &mut Vec<Way<'a>>, way: Way<'a>) {
    match all.iter_mut().find(|other| other.interpreter.is_like(&way.interpreter)) {
        Some(other) => other.agree(&way),
        None => all.push(way),
    }
}

impl<'a> Way<'a> {
    /// The next step, once for every choice: the one in which all open rules hold comes first.
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

    /// Forgets what the other has not come to as well.
    fn agree(&mut self, other: &Way<'_>) {
        self.decided.retain(|own| other.decided.contains(own));
    }

    /// Where it parts from what was measured, among the steps that were not compared before. The step
    /// at work is not compared where it is not modelled.
    fn parts(
        &mut self,
        script: &Script<'_>,
        measured: &Measurement,
        modelled: bool,
    ) -> Option<Place> {
        let interpreter = &self.interpreter;
        let end = match (modelled, interpreter.is_over()) {
            (false, _) => interpreter.index(),
            (true, false) => interpreter.index() + 1,
            (true, true) => interpreter.measurement.steps.len(),
        };
        let steps = self.compared..end;
        self.compared = end;
        let own = &interpreter.measurement;
        steps
            .into_iter()
            .find_map(|step| differs_at(step, script.sweep_number(step), own, measured))
    }

    /// Performs the rest with all open rules.
    fn ended(mut self, script: &Script<'_>) -> Ended {
        while !self.interpreter.is_over() {
            if let Err(unmodelled) = self.interpreter.advance() {
                return self.end(script, Some(unmodelled));
            }
        }
        self.end(script, None)
    }

    /// What it came to, as far as the model says anything.
    fn end(self, script: &Script<'_>, unmodelled: Option<Unmodelled>) -> Ended {
        let mut measurement = self.interpreter.measurement;
        if let Some(unmodelled) = &unmodelled {
            measurement.steps.truncate(unmodelled.step);
            let sweeps = (0..unmodelled.step).filter_map(|step| script.sweep_number(step)).count();
            measurement.sweeps.truncate(sweeps);
        }
        Ended { decided: self.decided, measurement, unmodelled }
    }
}
