//! Accesses the places of files from a process that can be killed, see [`in_own_process`]. (Workers do
//! access the places, and are killed where they do not end.) The main type is [`Places`], the places to
//! check.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::output;
use super::usage::UsageError;
use crate::backing::{Backing, Surveyed};
use crate::case::limits::GRACE;
use crate::confine::{Isolation, NoAnswer, PATIENCE, in_own_process};
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

/// The reason why a place is of no use, with the error of the system call.
#[derive(Debug, Serialize, Deserialize)]
enum Unusable {
    /// Nothing can be written to the folder of the search.
    Out(String),
    /// No file can be made in the place of the files.
    Place(String),
    /// The same, as the disk is full: no argument is wrong.
    Full(String),
}

impl Places<'_> {
    /// Checks that files can be made there, within this time. Returns the facts about the backing.
    pub fn look(&self, limit: Option<Duration>, interrupt: &Interrupt) -> Result<Surveyed, Failed> {
        forget_stale_segments();
        let limit = limit.map_or(PATIENCE, |limit| limit.clamp(Duration::from_secs(1), PATIENCE));
        let place = self.backing.describe();
        let try_now = || {
            in_own_process(limit, Some(interrupt.as_fd()), Isolation::Default, |_| self.try_them())
        };
        let mut tried = try_now();
        // Without this answer nothing is measured; a process table that is full often has room soon.
        let since = Instant::now();
        while matches!(tried, Err(NoAnswer::Fork(Errno::EAGAIN))) && since.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(100));
            tried = try_now();
        }
        let why = match tried {
            Ok(Ok(surveyed)) => return Ok(surveyed),
            Ok(Err(Unusable::Out(error))) => {
                let folder = self.out.unwrap_or(Path::new(".")).display().to_string();
                return Err(UsageError::NoOut { folder, error }.into());
            }
            Ok(Err(Unusable::Place(error))) => {
                return Err(UsageError::NoPlace { place, error }.into());
            }
            Ok(Err(Unusable::Full(error))) => {
                let full = UsageError::NoPlace { place, error };
                return Err(Failed::harness(format!("{full}\n  {}", output::OTHER_PLACE)));
            }
            Err(NoAnswer::Interrupted) => {
                let exit = interrupt.caught().unwrap_or(Exit::Interrupted);
                return Err(Failed::Interrupted { exit, place });
            }
            Err(NoAnswer::Late) => {
                let message =
                    format!("{place} did not answer within {limit:?}; {}", output::OTHER_PLACE);
                return Err(Failed::harness(message));
            }
            Err(NoAnswer::Fork(errno)) => output::cannot_fork(errno),
            Err(why) => why.to_string(),
        };
        Err(Failed::harness(format!("cannot access {place}: {why}")))
    }

    fn try_them(&self) -> Result<Surveyed, Unusable> {
        if let Some(out) = self.out {
            tempfile::tempfile_in(out).map_err(|error| Unusable::Out(error.to_string()))?;
        }
        self.backing.check().map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Unusable::Full(error.to_string()),
            _ => Unusable::Place(error.to_string()),
        })?;
        if self.clear {
            self.backing.remove_stale();
        }
        Ok(Surveyed::of(self.backing))
    }
}
