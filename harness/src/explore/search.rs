//! The search: makes, predicts, runs and compares programs, and shrinks one that contradicts the
//! model. The main type is [`Search`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nix::libc;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{generate, render};
use crate::case::{
    Access, Case, Errno, FaultMap, Measurement, Outcome, Step, StepResult, SweepResult,
};
use crate::model::{
    Environment, OpenRule, Prediction, Rule, boundaries, first_difference, predict_after,
};
use crate::picture::Difference;

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
    /// Kernel and model contradict each other; this is the first difference.
    Split(Difference),
}

/// A search. The seed determines its programs.
#[derive(Debug, Clone)]
pub struct Search {
    /// The seed.
    pub seed: u64,
    /// The environment for which the model predicts.
    pub environment: Environment,
}

/// The number of programs and the time after which shrinking ends: a search must get on, on a slow machine, too.
const SHRINKS: usize = 2000;
const SHRINKING: Duration = Duration::from_secs(10);
/// The time to leave out single steps after that.
const LEAVING_OUT: Duration = Duration::from_secs(5);
/// How much longer that may take where others use the machine.
const BUSY: u32 = 6;

/// The time for some work: so much of this thread's time on a CPU, since a busy neighbour must not make a program
/// larger, and not much more than that in all, since a child that hangs uses none.
struct Allowance {
    began: (Instant, Duration),
    time: Duration,
}

impl Allowance {
    fn of(time: Duration) -> Allowance {
        Allowance { began: (Instant::now(), cpu_time()), time }
    }

    fn is_used_up(&self) -> bool {
        let (began, used) = self.began;
        cpu_time().saturating_sub(used) > self.time || began.elapsed() > self.time * BUSY
    }
}

/// The time that this thread has spent on a CPU.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

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

    /// Tries program `number`. Fails where a probe has no answer.
    pub fn try_program<A: Answer>(&self, number: u64, answer: &mut A) -> Result<Tried, A::Error> {
        let Some(tree) = self.tree(number) else { return Ok(Tried::Unmodelled) };
        self.compare(&render::text(&tree.current()), answer)
    }

    /// Shrinks program `number` for as long as its result is like the one that is looked for, and returns the text
    /// of the smallest.
    pub fn shrink<A: Answer>(
        &self,
        number: u64,
        answer: &mut A,
        is_like: impl Fn(&Tried) -> bool,
    ) -> Option<String> {
        let mut tree = self.tree(number)?;
        let mut smallest = render::text(&tree.current());
        // Other choices often make the same text, which need not be asked about again.
        let mut asked = BTreeMap::from([(smallest.clone(), true)]);
        let allowance = Allowance::of(SHRINKING);
        let mut goes_on = tree.simplify();
        for _ in 0..SHRINKS {
            if !goes_on || allowance.is_used_up() {
                break;
            }
            let text = render::text(&tree.current());
            let ask = || self.compare(&text, answer).is_ok_and(|tried| is_like(&tried));
            let is_one = *asked.entry(text.clone()).or_insert_with(ask);
            goes_on = match is_one {
                true => {
                    smallest = text;
                    tree.simplify()
                }
                false => tree.complicate(),
            };
        }
        Some(self.without_needless_steps(smallest, answer, is_like))
    }

    /// Leaves out each step without which the result is still like the one that is looked for: where time was short,
    /// or the choices of others depend on a step, shrinking has left some. Calls that are not here are left out for as
    /// long as it takes, as they are no part of the difference.
    fn without_needless_steps<A: Answer>(
        &self,
        mut text: String,
        answer: &mut A,
        is_like: impl Fn(&Tried) -> bool,
    ) -> String {
        let allowance = Allowance::of(LEAVING_OUT);
        let case = crate::parse::case(&text).ok();
        let results = case.and_then(|case| answer.steps(&case).ok()).unwrap_or_default();
        // From the last one on: an earlier step may be there for a later one.
        for (index, result) in results.iter().enumerate().rev() {
            if allowance.is_used_up() && !is_unsupported(result) {
                continue;
            }
            let case = crate::parse::case(&text).ok();
            let Some(shorter) = case.and_then(|case| without_step(&case, index)) else { continue };
            if self.compare(&shorter, answer).is_ok_and(|tried| is_like(&tried)) {
                text = shorter;
            }
        }
        text
    }

    fn compare<A: Answer>(&self, text: &str, answer: &mut A) -> Result<Tried, A::Error> {
        let Ok(case) = crate::parse::case(text) else { return Ok(Tried::Unmodelled) };
        if answer.missing(&case).is_some() {
            return Ok(Tried::Skipped);
        }
        let steps = answer.steps(&case)?;
        let mut may = predict_after(&case, &self.environment, &steps);
        if may.is_empty() {
            return self.compare_parted(&case, steps, answer);
        }
        if may.iter().any(|prediction| prediction.unmodelled.is_some()) {
            return Ok(Tried::Unmodelled);
        }
        let mut bytes = 0;
        for at in places(&case, &may) {
            let outcome = answer.probe(&case, &steps, at)?;
            let before = predicted(&may[0], at);
            may.retain(|prediction| predicted(prediction, at) == Some(outcome));
            if may.is_empty() {
                let access = access_of(&case).unwrap_or(Access::Read);
                return Ok(Tried::Split(Difference::of_byte(access, before, outcome)));
            }
            bytes += 1;
        }
        // A rule that holds in none of the remaining predictions did not hold here.
        let did_not_hold = |open: &&OpenRule| may.iter().all(|own| own.open.contains(open));
        Ok(match may[0].not_held().find(did_not_hold) {
            Some(open) => Tried::Open(open.rule, bytes),
            None => Tried::Agree(bytes),
        })
    }

    /// Tells the first step whose result contradicts the model. Where that is only because an older kernel or the
    /// file system does not have the call, the program is compared without the step.
    fn compare_parted<A: Answer>(
        &self,
        case: &Case,
        steps: Vec<StepResult>,
        answer: &mut A,
    ) -> Result<Tried, A::Error> {
        let measured = Measurement { steps, sweeps: Vec::new(), notes: Vec::new() };
        // Nothing agrees with these results, so there is a first one that differs.
        let Some((predicted, place)) = first_difference(case, &self.environment, &measured) else {
            return Ok(Tried::Unmodelled);
        };
        let step = place.step();
        let [expected, came] = [&predicted, &measured]
            .map(|own| own.steps.get(step).unwrap_or(&StepResult::NotReached));
        if is_unsupported(came) {
            return match without_step(case, step) {
                Some(rest) => self.compare(&rest, answer),
                None => Ok(Tried::Skipped),
            };
        }
        let page = self.environment.page;
        Ok(Tried::Split(Difference::of_step(case, step, [expected, came], page)))
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

fn map_of(prediction: &Prediction) -> Option<&FaultMap> {
    prediction.measurement.sweeps.first().and_then(|sweep| match sweep {
        SweepResult::Map(map) => Some(map),
        _ => None,
    })
}

fn predicted(prediction: &Prediction, at: i64) -> Option<Outcome> {
    map_of(prediction)?.rows.first()?.at(at)
}

/// The access of the case's only sweep.
fn access_of(case: &Case) -> Option<Access> {
    case.sweeps().next().and_then(|(_, _, accesses)| accesses.first().copied())
}

/// The offsets to probe: both sides of each boundary in any prediction, one between each two
/// boundaries, and 0.
fn places(case: &Case, may: &[Prediction]) -> BTreeSet<i64> {
    let boundaries = access_of(case).map_or(BTreeSet::new(), |access| boundaries(may, 0, access));
    let sides = boundaries.iter().flat_map(|boundary| [boundary - 1, *boundary]);
    let next = boundaries.iter().skip(1);
    let between = boundaries.iter().zip(next).map(|(from, to)| from + (to - from) / 2);
    let mut places: BTreeSet<i64> = sides.chain(between).collect();
    if may.iter().any(|prediction| map_of(prediction).is_some()) {
        places.insert(0);
    }
    places
}
