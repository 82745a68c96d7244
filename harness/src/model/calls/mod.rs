//! The model must predict the behaviour of each call; the predictions stand in files of the same names as
//! those of the vocabulary.
//!
//! The vocabulary tells how a call is made, and this module tells, independently, its effect. A call that is
//! in no file here is not modelled: from that step on the model says nothing.

mod advice;
mod file;
pub(super) mod mmap;
mod process;
mod range;
mod remap;
mod remap_checks;
mod remap_pages;
mod resize;
mod shm;
mod signal;
mod transfer;

use super::interpreter::{Interpreter, Predict};
use super::returned::{Failure, Returned};
use crate::case::Arg;
use crate::vocabulary::Syscall;

const FAMILIES: &[&[(&str, Predict)]] = &[
    file::CALLS,
    resize::CALLS,
    transfer::CALLS,
    mmap::CALLS,
    range::CALLS,
    remap::CALLS,
    remap_pages::CALLS,
    advice::CALLS,
    shm::CALLS,
    signal::CALLS,
    process::CALLS,
];

fn prediction(name: &str) -> Option<Predict> {
    let mut all = FAMILIES.iter().copied().flatten();
    all.find(|(own, _)| *own == name).map(|(_, predict)| *predict)
}

impl Interpreter<'_> {
    /// Performs a call.
    pub(super) fn call(&mut self, call: &Syscall, args: &[Arg]) -> Result<Returned, Failure> {
        if args.iter().any(|arg| self.may_be_open(arg)) {
            return Err(Failure::Unmodelled("a number that a descriptor of the case may have"));
        }
        match prediction(call.name) {
            Some(predict) => predict(self, args),
            None => Err(Failure::Unmodelled(call.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary;

    #[test]
    fn each_prediction_is_of_a_call_of_the_vocabulary() {
        for (name, _) in FAMILIES.iter().copied().flatten() {
            assert!(vocabulary::call(name).is_some(), "{name}");
        }
    }
}
