//! Looks at the places of files from a process that can be killed.
//!
//! A file system may never answer: a FUSE server that hangs, a network that is gone. Whoever calls it sleeps
//! then until it is killed, and Ctrl-C, which the controller reads from a descriptor, would go unread. So the
//! controller touches no such place itself: it forks a process for it ([`apart`]), and waits for that and for
//! signals. (Workers touch them all the time; they are killed when they do not end.)

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::{Failed, output};
use crate::backing::Backing;
use crate::sys::{SoleThread, forget_stale_segments, fork_worker};

/// How long a place may take to answer: a disk that has to spin up, a network.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long files of earlier runs may take to be cleared away, and a killed process to be gone.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no answer.
enum Silent {
    /// A signal has come.
    Signal(Exit),
    /// The time is over.
    Late,
    /// There is no such process to be had, or it has died.
    Lost(String),
}

/// What is looked at before anything is run.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    pub backing: &'a Backing,
    /// A folder to write to.
    pub out: Option<&'a Path>,
    /// Files of earlier runs that were killed are to be cleared away.
    pub clear: bool,
}

impl Places<'_> {
    /// Sees that files can be made there, within this time at most. Gives the name of the backing's file system.
    pub fn look(&self, limit: Option<Duration>, interrupt: &Interrupt) -> Result<String, Failed> {
        forget_stale_segments();
        let limit = limit.map_or(PATIENCE, |limit| limit.min(PATIENCE));
        let place = self.backing.describe();
        match apart(Some(interrupt), limit, || self.try_them()) {
            Ok(Ok(file_system)) => Ok(file_system),
            Ok(Err((true, message))) => Err((Exit::Usage, message)),
            Ok(Err((false, message))) => Err((Exit::Harness, message)),
            Err(Silent::Signal(exit)) => {
                let message = format!("ended by {} before {place} had answered", exit.signal());
                Err((exit, output::note(&message)))
            }
            Err(Silent::Late) => {
                let message = format!(
                    "{place} has not answered for {limit:?}; --dir DIR names another folder, --memfd \
                     does without"
                );
                Err(output::failed(message))
            }
            Err(Silent::Lost(why)) => Err(output::failed(format!("cannot look at {place}: {why}"))),
        }
    }

    /// Fails with whether that is a wrong argument, and what to say.
    fn try_them(&self) -> Result<String, (bool, String)> {
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
        Ok(self.backing.file_system())
    }
}

/// Clears away what workers have left that were killed, and the children of those.
pub fn clear(backing: &Backing) {
    forget_stale_segments();
    if let Backing::Directory(_) = backing {
        let _ = apart(None, GRACE, || backing.remove_stale());
    }
}

/// What the body gives, run in a process of its own, which is killed where it takes longer than this, or where
/// a signal comes.
fn apart<T: Serialize + DeserializeOwned>(
    interrupt: Option<&Interrupt>,
    limit: Duration,
    body: impl FnOnce() -> T,
) -> Result<T, Silent> {
    let lost = |error: std::io::Error| Silent::Lost(error.to_string());
    let thread = SoleThread::claim().map_err(|error| Silent::Lost(error.to_string()))?;
    let (told, tell) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| lost(errno.into()))?;
    let mut ends = Some((File::from(told), File::from(tell)));
    let forked = fork_worker(thread, || {
        let Some((_, mut tell)) = ends.take() else { return 1 };
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        let answer = serde_json::to_vec(&body()).unwrap_or_default();
        i32::from(tell.write_all(&answer).is_err())
    });
    let pid = forked.map_err(|errno| Silent::Lost(output::cannot_fork(errno)))?;
    let Some((mut told, tell)) = ends else { return Err(Silent::Lost("no pipe".to_owned())) };
    drop(tell);
    let answered = await_answer(&told, interrupt, Instant::now() + limit);
    if answered.is_err() {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
    }
    let mut answer = Vec::new();
    let read = answered.and_then(|()| told.read_to_end(&mut answer).map_err(lost));
    await_end(pid);
    read?;
    serde_json::from_slice(&answer)
        .map_err(|_| Silent::Lost("the process that was to do it has died".to_owned()))
}

/// Waits until there is something to read.
fn await_answer(
    told: &File,
    interrupt: Option<&Interrupt>,
    deadline: Instant,
) -> Result<(), Silent> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let signals = interrupt.map(|interrupt| interrupt.as_fd());
        let mut fds: Vec<PollFd<'_>> = [told.as_fd()]
            .into_iter()
            .chain(signals)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        match poll(&mut fds, Some(&left)) {
            Err(rustix::io::Errno::INTR) => continue,
            Ok(0) | Err(_) => return Err(Silent::Late),
            Ok(_) => {}
        }
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        if let Some(exit) = interrupt.and_then(Interrupt::caught) {
            return Err(Silent::Signal(exit));
        }
    }
}

/// Waits for a process that has ended or was killed; not for ever, as the kernel may not let it go.
fn await_end(pid: Pid) {
    let deadline = Instant::now() + GRACE;
    while waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
        if Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
