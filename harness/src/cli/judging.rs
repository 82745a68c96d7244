//! The model and the pictures, asked in a process of their own.
//!
//! A panic aborts the process in which it happens (`panic = "abort"`, which keeps unwinding out of victims). One
//! while a case is judged is a fault of faultmap's own, and no reason to lose what the other cases came to: so
//! each case is judged in a forked process, which tells the controller what it found, or how it panicked.

use std::fs::File;
use std::io::{Read as _, Write as _};

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use rustix::pipe::{PipeFlags, pipe_with};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output;
use crate::sys::{SoleThread, fork_worker};

/// The result of the body, run in a process of its own; in this one, where none can be forked now. Fails with
/// what to say of a body that panicked, or could not be run.
pub fn judged<T: Serialize + DeserializeOwned>(body: impl FnOnce() -> T) -> Result<T, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot judge it: {error}");
    let thread = SoleThread::claim().map_err(|error| cannot(&error))?;
    let (told, tell) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| cannot(&error))?;
    let mut ends = Some((File::from(told), File::from(tell)));
    let mut body = Some(body);
    let forked = fork_worker(thread, || {
        let (Some((told, tell)), Some(body)) = (ends.take(), body.take()) else { return 1 };
        drop(told);
        i32::from(tell_of(body, tell).is_none())
    });
    let pid = match (forked, body.take()) {
        (Ok(pid), _) => pid,
        (Err(Errno::EAGAIN | Errno::ENOMEM), Some(body)) => return Ok(body()),
        (Err(errno), _) => return Err(cannot(&output::cannot_fork(errno))),
    };
    let Some((mut told, tell)) = ends else { return Err(cannot(&"there is no pipe")) };
    drop(tell);
    let mut answer = Vec::new();
    let read = told.read_to_end(&mut answer);
    let ended = loop {
        match waitpid(pid, None) {
            Err(Errno::EINTR) => continue,
            ended => break ended,
        }
    };
    read.map_err(|error| cannot(&error))?;
    match serde_json::from_slice::<Result<T, String>>(&answer) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(panic)) => Err(format!(
            "a fault of faultmap's own, not of the case: {panic}. Please report it along with the case"
        )),
        Err(_) => Err(cannot(&format!("the process that was to do so is gone: {ended:?}"))),
    }
}

/// Sends what the body gives, or how it panicked.
fn tell_of<T: Serialize>(body: impl FnOnce() -> T, mut tell: File) -> Option<()> {
    let lost = tell.try_clone().ok()?;
    std::panic::set_hook(Box::new(move |panic| {
        let panic: Result<(), String> = Err(panic.to_string().replace('\n', " "));
        let _ = (&lost).write_all(&serde_json::to_vec(&panic).unwrap_or_default());
        // The rest of it is no news: an abort would be told once more, and leave a core.
        std::process::exit(1);
    }));
    let found: Result<T, String> = Ok(body());
    tell.write_all(&serde_json::to_vec(&found).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::judged;
    use crate::model::{Environment, predict};

    /// In one test: the thread that has forked once is the only one that may.
    #[test]
    fn a_panic_is_told_and_ends_nothing_here() {
        let case = crate::parse::case(
            "fd = file(1); m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(m, read);",
        );
        let case = case.expect("a case");
        let pages_of = |page| judged(|| predict(&case, &Environment::with_pages_of(page)).len());
        assert_eq!(pages_of(4096), Ok(1));
        // There are no such pages: the model divides by their size.
        let why = pages_of(0).expect_err("a panic");
        assert!(why.contains("faultmap's own") && why.contains("src/model/"), "{why}");
        assert_eq!(pages_of(4096), Ok(1));
    }
}
