//! What the environment explains: a full or failing disk, a limit, is no fault of the kernel's.
//!
//! The model does not know how much room a disk has, or when it fails. So where what was measured is what
//! a kernel must say there, the model has no more to say, and accuses nobody.

use nix::libc;

use super::Environment;
use super::judge::Place;
use super::steps::Script;
use crate::case::{Call, Errno, Measurement, Step, StepResult};

/// Why the measurement may part from the prediction there, if the environment can be the reason.
pub fn explained(
    script: &Script<'_>,
    _environment: &Environment,
    _predicted: &Measurement,
    measured: &Measurement,
    place: Place,
) -> Option<String> {
    let Place::Step(step) = place else { return None };
    let StepResult::Errno(Errno(errno)) = measured.steps.get(step)? else { return None };
    let (_, _, Step::Call { call, .. }) = script.case.walk().nth(step)? else { return None };
    let uses_disk = matches!(
        call,
        Call::Ftruncate | Call::Fallocate | Call::Pwrite | Call::Write | Call::Fsync | Call::Msync
    );
    match *errno {
        libc::ENOSPC if uses_disk => Some("the disk is full".to_owned()),
        _ => None,
    }
}
