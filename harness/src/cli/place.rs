//! Accesses the places of files from a process that can be killed, see [`in_own_process`]. (Workers do
//! access the places, and are killed where they do not end.) The main type is [`Places`], the places to
//! check.

use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use super::environment::Surveyed;
use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::output;
use crate::backing::Backing;
use crate::confine::{NoAnswer, PATIENCE, in_own_process};
use crate::sys::forget_stale_segments;

/// The places to check before anything is run.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    pub backing: &'a Backing,
    /// A folder to write to.
    pub out: Option<&'a Path>,
    /// Files of earlier runs that were killed are to be cleared away.
    pub clear: bool,
}

impl Places<'_> {
    /// Checks that files can be made there, within this time. Returns the facts about the backing.
    pub fn look(&self, limit: Option<Duration>, interrupt: &Interrupt) -> Result<Surveyed, Failed> {
        forget_stale_segments();
        let limit = limit.map_or(PATIENCE, |limit| limit.min(PATIENCE));
        let place = self.backing.describe();
        let why = match in_own_process(limit, Some(interrupt.as_fd()), false, |_| self.try_them()) {
            Ok(Ok(surveyed)) => return Ok(surveyed),
            Ok(Err((true, message))) => return Err((Exit::Usage, message)),
            Ok(Err((false, message))) => return Err((Exit::Harness, message)),
            Err(NoAnswer::Interrupted) => {
                let exit = interrupt.caught().unwrap_or(Exit::Interrupted);
                let message = format!("{} ended the run before {place} answered", exit.signal());
                return Err((exit, output::note(&message)));
            }
            Err(NoAnswer::Late) => {
                let message = format!(
                    "{place} did not answer within {limit:?}; --dir DIR names another folder, --memfd \
                     uses none"
                );
                return Err(output::failed(message));
            }
            Err(NoAnswer::Fork(errno)) => output::cannot_fork(errno),
            Err(why) => why.to_string(),
        };
        Err(output::failed(format!("cannot access {place}: {why}")))
    }

    /// Checks each place. Fails with true where an argument is wrong, and with the message.
    fn try_them(&self) -> Result<Surveyed, (bool, String)> {
        if let Some(out) = self.out {
            tempfile::tempfile_in(out).map_err(|error| {
                let message = format!("cannot write cases to {}: {error}", out.display());
                (true, format!("{}\n  --out DIR names another folder", output::error(&message)))
            })?;
        }
        self.backing.check().map_err(|error| {
            let (exit, message) = output::unusable(self.backing, &error);
            (exit == Exit::Usage, message)
        })?;
        if self.clear {
            self.backing.remove_stale();
        }
        Ok(Surveyed::of(self.backing))
    }
}
