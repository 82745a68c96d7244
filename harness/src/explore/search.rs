//! The search: makes, predicts, runs and compares programs, and shrinks one that contradicts the
//! model.

use std::collections::BTreeSet;

use nix::libc;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{generate, render};
use crate::case::{Case, Errno, FaultMap, Measurement, Outcome, Step, StepResult, SweepResult};
use crate::model::{
    Environment, OpenRule, Place, Prediction, Rule, boundaries, judge, predict_after,
};

/// The source of measurements: the kernel, or in a test a substitute with a fault.
pub trait Answer {
    /// The reason why there is no answer.
    type Error;
    /// The reason for which this place cannot run the case; `None` where it can.
    fn missing(&self, _case: &Case) -> Option<String> {
        None
    }
    /// Measures the result of each step.
    fn steps(&mut self, case: &Case) -> Result<Vec<StepResult>, Self::Error>;
    /// Measures one byte of the case's only sweep; `steps` is the result of [`Answer::steps`].
    fn probe(&mut self, case: &Case, steps: &[StepResult], at: i64)
    -> Result<Outcome, Self::Error>;
}

/// A program on which kernel and model contradict each other, or an open rule did not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Split {
    /// The number of the program.
    pub number: u64,
    /// The smallest program that was found, as the text of a case.
    pub text: String,
    /// The prediction and the measurement where they differ, in words.
    pub difference: String,
}

/// The result of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// Kernel and model agree, at this number of bytes.
    Agree(u64),
    /// The model allows the measurement, but only because this open rule need not hold. The number
    /// is that of the bytes that were compared.
    Open(Rule, u64),
    /// The model does not predict all of the program.
    Unmodelled,
    /// The program needs what is not there.
    Skipped,
    /// Kernel and model contradict each other.
    Split(Split),
}

/// A search. The seed determines its programs.
#[derive(Debug, Clone)]
pub struct Search {
    /// The seed.
    pub seed: u64,
    /// The environment for which the model predicts.
    pub environment: Environment,
}

/// The number of programs after which shrinking ends.
const SHRINKS: usize = 2000;

impl Search {
    /// The choices of a program, in the form that proptest shrinks.
    fn tree(
        &self,
        number: u64,
    ) -> Option<impl proptest::strategy::ValueTree<Value = generate::Program>> {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let config = Config { failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        generate::tree(&mut runner)
    }

    /// The text of a program.
    pub fn program(&self, number: u64) -> String {
        self.tree(number).map_or(String::new(), |tree| render::text(&tree.current()))
    }

    /// Tries program `number`, and shrinks it where it contradicts the model. Fails where a probe
    /// has no answer.
    pub fn try_program<A: Answer>(&self, number: u64, answer: &mut A) -> Result<Tried, A::Error> {
        let Some(tree) = self.tree(number) else { return Ok(Tried::Unmodelled) };
        let text = render::text(&tree.current());
        match self.compare(&text, answer)? {
            Compared::Agree(bytes) => Ok(Tried::Agree(bytes)),
            Compared::Open(rule, bytes) => Ok(Tried::Open(rule, bytes)),
            Compared::Unmodelled => Ok(Tried::Unmodelled),
            Compared::Skipped => Ok(Tried::Skipped),
            Compared::Differ(difference) => {
                let first = Split { number, text, difference };
                Ok(Tried::Split(self.shrink(tree, first, answer, |compared| match compared {
                    Compared::Differ(difference) => Some(difference),
                    _ => None,
                })))
            }
        }
    }

    /// Shrinks program `number` for as long as this open rule does not hold in it.
    pub fn shrink_open(&self, number: u64, rule: Rule, answer: &mut impl Answer) -> Option<Split> {
        let tree = self.tree(number)?;
        let text = render::text(&tree.current());
        let difference = format!("{} did not hold, which is open", rule.name());
        let first = Split { number, text, difference: difference.clone() };
        Some(self.shrink(tree, first, answer, |compared| match compared {
            Compared::Open(open, _) if open == rule => Some(difference.clone()),
            _ => None,
        }))
    }

    /// Shrinks the program for as long as `like` accepts the comparison.
    fn shrink(
        &self,
        mut tree: impl ValueTree<Value = generate::Program>,
        mut split: Split,
        answer: &mut impl Answer,
        like: impl Fn(Compared) -> Option<String>,
    ) -> Split {
        let number = split.number;
        let mut goes_on = tree.simplify();
        for _ in 0..SHRINKS {
            if !goes_on {
                break;
            }
            let text = render::text(&tree.current());
            goes_on = match self.compare(&text, answer).ok().and_then(&like) {
                Some(difference) => {
                    split = Split { number, text, difference };
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        split
    }

    fn compare<A: Answer>(&self, text: &str, answer: &mut A) -> Result<Compared, A::Error> {
        let Ok(case) = crate::parse::case(text) else { return Ok(Compared::Unmodelled) };
        if answer.missing(&case).is_some() {
            return Ok(Compared::Skipped);
        }
        let steps = answer.steps(&case)?;
        let mut may = predict_after(&case, &self.environment, &steps);
        if may.is_empty() {
            return self.compare_parted(&case, steps, answer);
        }
        if may.iter().any(|prediction| prediction.unmodelled.is_some()) {
            return Ok(Compared::Unmodelled);
        }
        let mut bytes = 0;
        for at in places(&case, &may) {
            let outcome = answer.probe(&case, &steps, at)?;
            let before = predicted(&may[0], at);
            may.retain(|prediction| predicted(prediction, at) == Some(outcome));
            if may.is_empty() {
                let model = before.map_or("nothing".to_owned(), |outcome| outcome.to_string());
                return Ok(Compared::Differ(format!(
                    "at {at} of the sweep the model predicts {model}; the kernel gave {outcome}"
                )));
            }
            bytes += 1;
        }
        // A rule that holds in none of the remaining predictions did not hold here.
        let did_not_hold = |open: &&OpenRule| may.iter().all(|own| own.open.contains(open));
        Ok(match may[0].not_held().find(did_not_hold) {
            Some(open) => Compared::Open(open.rule, bytes),
            None => Compared::Agree(bytes),
        })
    }

    /// Tells the first step whose result contradicts the model. Where that is only because an older kernel or the
    /// file system does not have the call, the program is compared without the step.
    fn compare_parted<A: Answer>(
        &self,
        case: &Case,
        steps: Vec<StepResult>,
        answer: &mut A,
    ) -> Result<Compared, A::Error> {
        let measured = Measurement { steps, sweeps: Vec::new(), notes: Vec::new() };
        let Some(split) = judge(case, &self.environment, &measured).split else {
            return Ok(Compared::Differ(String::new()));
        };
        match split.place {
            Place::Step(step) if measured.steps.get(step).is_some_and(is_unsupported) => {
                match without_step(case, step) {
                    Some(rest) => self.compare(&rest, answer),
                    None => Ok(Compared::Skipped),
                }
            }
            _ => Ok(Compared::Differ(split.explain(case, &measured))),
        }
    }
}

/// True if the kernel, or the file system, does not have the call.
fn is_unsupported(result: &StepResult) -> bool {
    matches!(result, StepResult::Errno(Errno(libc::ENOSYS | libc::EOPNOTSUPP)))
}

/// The text of a case without the step of this index; `None` where a variable depends on it.
fn without_step(case: &Case, index: usize) -> Option<String> {
    fn remove(steps: &[Step], index: usize, next: &mut usize) -> Vec<Step> {
        let mut kept = Vec::new();
        for step in steps {
            let own = *next;
            *next += 1;
            let step = match step {
                Step::Block { kind, steps } => {
                    Step::Block { kind: *kind, steps: remove(steps, index, next) }
                }
                step => step.clone(),
            };
            if own != index {
                kept.push(step);
            }
        }
        kept
    }
    let steps = remove(&case.steps, index, &mut 0);
    let text = Case { steps, ..case.clone() }.to_string();
    crate::parse::case(&text).is_ok().then_some(text)
}

enum Compared {
    Agree(u64),
    Open(Rule, u64),
    Unmodelled,
    Skipped,
    Differ(String),
}

fn map_of(prediction: &Prediction) -> Option<&FaultMap> {
    prediction.measurement.sweeps.first().and_then(|sweep| match sweep {
        SweepResult::Map(map) => Some(map),
        _ => None,
    })
}

fn predicted(prediction: &Prediction, at: i64) -> Option<Outcome> {
    map_of(prediction)?.rows.first()?.at(at)
}

/// The offsets to probe: both sides of each boundary in any prediction, one between each two
/// boundaries, and 0.
fn places(case: &Case, may: &[Prediction]) -> BTreeSet<i64> {
    let access = case.sweeps().next().and_then(|(_, _, accesses)| accesses.first());
    let boundaries = access.map_or(BTreeSet::new(), |access| boundaries(may, 0, *access));
    let sides = boundaries.iter().flat_map(|boundary| [boundary - 1, *boundary]);
    let next = boundaries.iter().skip(1);
    let between = boundaries.iter().zip(next).map(|(from, to)| from + (to - from) / 2);
    let mut places: BTreeSet<i64> = sides.chain(between).collect();
    if may.iter().any(|prediction| map_of(prediction).is_some()) {
        places.insert(0);
    }
    places
}
