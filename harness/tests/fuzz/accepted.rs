//! Generated cases that the parser accepts.

use faultmap::internals::case::{Case, Step};

use crate::generate::Generator;
use crate::random::Random;
use crate::vocabulary::items;

/// Returns a case that the parser accepts, as text and as steps, and the number of steps that it has refused.
pub fn accepted(seed: u64, number: u64) -> (String, Case, u64) {
    let items = items();
    let count = items.len() as u64;
    // Each turn makes another case for the same world.
    let focus = items[((number + number / count) % count) as usize];
    let mut refused = 0;
    for attempt in 0..200 {
        // Neighbouring numbers give very different seeds.
        let mixed = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (attempt << 56);
        let mut case = Generator::new(Random::new(mixed), focus).case();
        let timeout = case.timeout;
        let whole = |steps: Vec<Step>| Case { timeout, steps, ..Case::default() }.to_string();
        case.steps = parsable(&case.steps, &mut refused, &whole);
        let text = case.to_string();
        if let (true, Ok(case)) = (focus.is_said(&case), faultmap::internals::parse::case(&text)) {
            return (text, case, refused);
        }
    }
    panic!("no case says {focus:?} in a way that the parser takes");
}

/// Returns the steps without those that the parser refuses behind the earlier ones; `whole` makes a case of
/// steps.
fn parsable(steps: &[Step], refused: &mut u64, whole: &dyn Fn(Vec<Step>) -> String) -> Vec<Step> {
    let mut kept: Vec<Step> = Vec::new();
    for step in steps {
        let step = match step {
            Step::Block { kind, steps } => {
                let around = kept.clone();
                let whole = |inner: Vec<Step>| {
                    let block = Step::Block { kind: *kind, steps: inner };
                    whole([around.clone(), vec![block]].concat())
                };
                Step::Block { kind: *kind, steps: parsable(steps, refused, &whole) }
            }
            step => step.clone(),
        };
        kept.push(step);
        if faultmap::internals::parse::case(&whole(kept.clone())).is_err() {
            kept.pop();
            *refused += 1;
        }
    }
    kept
}
