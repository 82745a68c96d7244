//! To look at some things may take for ever, or cannot be undone: a process of its own does it, which can be
//! killed.
//!
//! A file system may never answer: a FUSE server that hangs, a network that is gone. A process that calls it
//! sleeps until it is killed, and Ctrl-C, which the controller reads from a descriptor, goes unread. A
//! seccomp filter cannot be taken off again. So the controller neither touches such a place itself nor tries
//! a filter on itself: [`in_own_process`] forks a process for it, and waits for that and for signals, but not
//! for ever.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Isolation, Namespaces, fork_worker};
use crate::case::limits::GRACE;
use crate::supervise::{Ending, await_end, is_stopped};
use crate::sys::SoleThread;

/// The number of processes that may be killed, one after the other, before there is no answer. On a busy machine each
/// lives long, so that somebody who kills processes now and then meets many of them.
const TRIES: u32 = 30;

/// The pause after the first of them; the next ones are longer by as much. All together take half a second.
const PAUSE: Duration = Duration::from_millis(1);

/// The interval between two checks for a process that somebody has stopped.
const LOOK: Duration = Duration::from_secs(1);

/// The reason why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The descriptor that was watched can be read.
    Interrupted,
    /// The time is over.
    Late,
    /// Somebody has stopped the process. (It was killed then.)
    Stopped,
    /// No process could be forked.
    Fork(Errno),
    /// The body panicked, with this message.
    Panicked(String),
    /// It has ended without an answer.
    Ended(Ending),
    /// It could not be asked.
    Unasked(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Interrupted => f.write_str("a signal arrived"),
            NoAnswer::Late => f.write_str("the process that tried it did not end"),
            NoAnswer::Stopped => f.write_str("the process that tried it was stopped"),
            NoAnswer::Fork(errno) => write!(f, "cannot fork: {}", std::io::Error::from(*errno)),
            NoAnswer::Panicked(message) => f.write_str(message),
            NoAnswer::Ended(ending) => {
                write!(f, "the process that tried it gave no answer: {ending}")
            }
            NoAnswer::Unasked(why) => f.write_str(why),
        }
    }
}

/// Runs `body` in a process of its own, isolated like a worker, and returns its result.
///
/// The process is killed where it takes longer than `limit`, if there is one, and where a descriptor that is
/// `watched`, such as a signalfd, can be read: reading it is left to the caller. A process that somebody else
/// kills or stops says nothing of what it was to try: the next one runs `body` again.
pub fn in_own_process<T: Serialize + DeserializeOwned>(
    limit: impl Into<Option<Duration>>,
    watched: Option<BorrowedFd<'_>>,
    isolation: Isolation,
    body: impl Fn(Option<Namespaces>) -> T,
) -> Result<T, NoAnswer> {
    let limit = limit.into();
    let mut tried = try_once(limit, watched, isolation, &body);
    for number in 1..TRIES {
        match tried {
            Err(NoAnswer::Stopped | NoAnswer::Ended(Ending::Killed(_))) => {
                std::thread::sleep(PAUSE * number);
                tried = try_once(limit, watched, isolation, &body);
            }
            answer => return answer,
        }
    }
    tried
}

fn try_once<T: Serialize + DeserializeOwned>(
    limit: Option<Duration>,
    watched: Option<BorrowedFd<'_>>,
    isolation: Isolation,
    body: impl FnOnce(Option<Namespaces>) -> T,
) -> Result<T, NoAnswer> {
    let unasked = |error: std::io::Error| NoAnswer::Unasked(error.to_string());
    let thread = SoleThread::claim().map_err(|error| NoAnswer::Unasked(error.to_string()))?;
    let (told, tell) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| unasked(errno.into()))?;
    let mut ends = Some((File::from(told), File::from(tell)));
    let forked = fork_worker(thread, isolation, |namespaces| {
        let Some((_, mut tell)) = ends.take() else { return 1 };
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        let Ok(lost) = tell.try_clone() else { return 1 };
        tell_panics(lost);
        let answer: Result<T, String> = Ok(body(namespaces));
        let answer = serde_json::to_vec(&answer).unwrap_or_default();
        i32::from(tell.write_all(&answer).is_err())
    });
    let pid = forked.map_err(NoAnswer::Fork)?;
    let Some((mut told, tell)) = ends else {
        return Err(NoAnswer::Unasked("there is no pipe".to_owned()));
    };
    drop(tell);
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut answer = Vec::new();
    let mut part = [0; 16 * 1024];
    // The process may be stopped, or hang, after a part of its answer as well.
    let read = loop {
        let read = await_answer(pid, &told, watched, deadline)
            .and_then(|()| told.read(&mut part).map_err(unasked));
        match read {
            Ok(0) => break Ok(()),
            Ok(bytes) => answer.extend_from_slice(&part[..bytes]),
            Err(why) => break Err(why),
        }
    };
    if read.is_err() {
        let _ = kill_process(pid, Signal::KILL);
    }
    let ended = await_end(pid, GRACE);
    read?;
    match serde_json::from_slice::<Result<T, String>>(&answer) {
        Ok(answer) => answer.map_err(NoAnswer::Panicked),
        Err(_) => Err(NoAnswer::Ended(ended)),
    }
}

/// Sends the message of a panic in place of an answer, and ends the process: an abort would print it once more,
/// and leave a core.
fn tell_panics(tell: File) {
    std::panic::set_hook(Box::new(move |panic| {
        let panic: Result<(), String> = Err(panic.to_string().replace('\n', " "));
        let _ = (&tell).write_all(&serde_json::to_vec(&panic).unwrap_or_default());
        std::process::exit(1);
    }));
}

/// Waits until there is something to read.
fn await_answer(
    pid: Pid,
    told: &File,
    watched: Option<BorrowedFd<'_>>,
    deadline: Option<Instant>,
) -> Result<(), NoAnswer> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let wait = left.map_or(LOOK, |left| left.min(LOOK));
        let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let mut fds: Vec<PollFd<'_>> = [told.as_fd()]
            .into_iter()
            .chain(watched)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        match poll(&mut fds, Some(&wait)) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(NoAnswer::Unasked(errno.to_string())),
            Ok(0) if left.is_some_and(|left| left <= LOOK) => return Err(NoAnswer::Late),
            Ok(0) if is_stopped(pid) => return Err(NoAnswer::Stopped),
            Ok(0) => continue,
            Ok(_) => {}
        }
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        return Err(NoAnswer::Interrupted);
    }
}
