//! The model and the pictures, asked in a process of their own.
//!
//! A panic aborts the process in which it happens (`panic = "abort"`, which keeps unwinding out of victims). A
//! panic while a case is judged is a bug of faultmap, and must not lose the results of other cases: so each
//! case is judged in a forked process.

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output;
use crate::confine::{Isolation, NoAnswer, in_own_process};

/// The result of the body, run in a process of its own; in this one, where none can be forked now. Fails with
/// what to say of a body that panicked, or could not be run.
pub fn judged<T: Serialize + DeserializeOwned>(body: impl Fn() -> T) -> Result<T, String> {
    let why = match in_own_process(None, None, Isolation::Default, |_| body()) {
        Ok(found) => return Ok(found),
        Err(NoAnswer::Fork(Errno::EAGAIN | Errno::ENOMEM)) => return Ok(body()),
        Err(NoAnswer::Panicked(panic)) => {
            return Err(format!(
                "this is a bug of faultmap, not of the case: {panic}. Please report it with the case"
            ));
        }
        Err(NoAnswer::Fork(errno)) => output::cannot_fork(errno),
        Err(why) => why.to_string(),
    };
    Err(format!("cannot judge it: {why}"))
}
