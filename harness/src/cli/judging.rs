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

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, raise};

    use super::judged;
    use crate::model::{Environment, predict};

    /// In one test: the thread that has forked once is the only one that may.
    #[test]
    fn a_panic_is_told_and_who_is_killed_or_stopped_is_asked_again() {
        let case = crate::parse::case(
            "fd = file(1); m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(m, read);",
        );
        let case = case.expect("a case");
        let pages_of = |page| judged(|| predict(&case, &Environment::with_pages_of(page)).len());
        assert_eq!(pages_of(4096), Ok(1));
        // There are no such pages: the model divides by their size.
        let why = pages_of(0).expect_err("a panic");
        assert!(why.contains("a bug of faultmap") && why.contains("src/model/"), "{why}");
        assert_eq!(pages_of(4096), Ok(1));
        let folder = tempfile::tempdir().expect("a folder");
        for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSTOP] {
            // As somebody might send it to the first process that is asked.
            let first = folder.path().join(signal.as_str());
            let is_second = judged(|| {
                let is_first = std::fs::create_dir(&first).is_ok();
                !(is_first && raise(signal).is_ok())
            });
            assert_eq!(is_second, Ok(true), "{signal}");
        }
    }
}
