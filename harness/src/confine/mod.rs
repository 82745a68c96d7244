//! A worker and its victims must reach nothing on this machine but the files of their case.
//!
//! A case can ask for nothing that does harm, and a victim performs nothing else. But a victim runs
//! loads, stores and jumps that are meant to be wrong; should one ever get out of the vocabulary, what
//! its user may do it may do as well. So, at every level of isolation, where the kernel allows it:
//!
//! - no new privileges (PR_SET_NO_NEW_PRIVS), for workers and all that they fork;
//! - a seccomp filter for workers, and a narrower one for the victims of each case: the system calls of its
//!   own words and of the victim's own code; whoever makes another is killed (`calls`);
//! - a Landlock domain for the victims of each case: the files that its words name (`opens`).
//!
//! If the kernel refuses a part of that, the part is left out and the run says so ([`Held`]). It costs a
//! victim next to nothing: the process that forks it is restricted already.
//!
//! Under `--isolation strict` a worker is shut in as well before its first child, without root:
//!
//! - user and pid namespaces: no process outside has a number in there, and the kernel kills all that
//!   is inside when the worker ends, however it ends. The worker stays who it was, by name;
//! - a mount namespace with a root of its own: the directory of the files, /proc of the inside, and
//!   the few files of /dev that a case may open are all that there is (`files`);
//! - an IPC namespace: shared memory segments end with the worker;
//! - no capabilities.
//!
//! All of that and the filter or nothing: where a part is refused, nothing is measured, and the reason is
//! told. Left out, because something here does the same already: a network namespace, which would cost more
//! than the others together (no socket can be made); a UTS namespace (no name can be set).

mod calls;
mod files;
mod held;
mod opens;
mod own_process;
mod refusal;

pub use held::Held;
pub use own_process::{NoAnswer, in_own_process};
pub use refusal::Refusal;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::backing::Backing;
use crate::supervise::Ending;
use crate::sys::{self, SoleThread};

/// The time that a place may take to answer: a disk that has to spin up, a network.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The level of isolation of workers and their children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Isolation {
    /// Filters for each child, as far as this kernel has them; works in containers too
    #[default]
    Default,
    /// Workers in their own namespaces too; cases are skipped where the kernel refuses
    Strict,
}

/// A process in namespaces of its own that still has to be shut in: see [`Namespaces::enter`].
#[derive(Debug)]
pub struct Namespaces {
    /// The user who forked it. In its user namespace it is nobody yet, and could not tell.
    user: u32,
    group: u32,
}

/// Forks a worker, in namespaces of its own for strict isolation. Fails as [`sys::fork_worker`] and [`sys::clone_worker`] do.
pub fn fork_worker(
    thread: SoleThread,
    isolation: Isolation,
    body: impl FnOnce(Option<Namespaces>) -> i32,
) -> Result<Pid, Errno> {
    // A worker cannot ask any more once it is shut in.
    sys::MemoryRules::here();
    if isolation == Isolation::Default {
        return sys::fork_worker(thread, || body(None));
    }
    let (user, group) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    sys::clone_worker(thread, || body(Some(Namespaces { user, group })))
}

/// Shuts a process in and lets it end, to see that this machine allows it. Fails with the reason why it does
/// not; it is no such reason that there is no room for one more process now, that somebody kills it, or that
/// what is `watched` can be read.
pub fn check(backing: &Backing, watched: Option<BorrowedFd<'_>>) -> Result<(), Refusal> {
    let shut_in = |namespaces: Option<Namespaces>| match namespaces {
        Some(namespaces) => namespaces.enter(backing),
        None => Err(Refusal::Untried("it has no namespaces".to_owned())),
    };
    match in_own_process(PATIENCE, watched, Isolation::Strict, shut_in) {
        Ok(entered) => entered,
        Err(NoAnswer::Fork(Errno::EAGAIN | Errno::ENOMEM) | NoAnswer::Interrupted) => Ok(()),
        Err(NoAnswer::Ended(Ending::Killed(signal))) if signal == Signal::KILL.as_raw() => Ok(()),
        Err(NoAnswer::Fork(errno)) => Err(refused(errno)),
        Err(NoAnswer::Late) => Err(Refusal::Silent(backing.describe())),
        Err(why) => Err(Refusal::Untried(why.to_string())),
    }
}

/// Returns the reason why no namespaces can be made.
fn refused(errno: Errno) -> Refusal {
    let hint = match errno {
        Errno::EPERM => {
            "; the seccomp profile of a container, a chroot or a sysctl such as \
             kernel.unprivileged_userns_clone forbids it"
        }
        Errno::ENOSPC | Errno::EUSERS => "; see the limits in /proc/sys/user",
        Errno::EINVAL | Errno::ENOSYS => "; this kernel was built without them",
        _ => "",
    };
    let error = std::io::Error::from(errno).to_string();
    Refusal::Namespaces { error, hint: hint.to_owned() }
}

impl Namespaces {
    /// Shuts this process in, and with it all that it forks. It keeps what it has open, but for
    /// standard input and output. Fails with the reason, and must then end.
    pub fn enter(self, backing: &Backing) -> Result<(), Refusal> {
        self.be_who_one_was()?;
        files::enter(backing)?;
        // The mounts needed them; no victim does.
        sys::give_up_capabilities().map_err(Refusal::of("give up capabilities"))?;
        held::hold_worker()?;
        sys::make_undumpable().map_err(Refusal::of("hide from children"))?;
        let place = backing.describe();
        let made = backing.check();
        made.map_err(Refusal::of(format!("make a file in {place} from a user namespace")))
    }

    /// user_namespaces(7): an ordinary user may map themselves, and a group once setgroups is denied.
    fn be_who_one_was(&self) -> Result<(), Refusal> {
        let Namespaces { user, group } = self;
        let write = |name: &str, text: String| {
            let path = format!("/proc/self/{name}");
            std::fs::write(&path, text).map_err(Refusal::of(format!("write {path}")))
        };
        write("setgroups", "deny".to_owned())?;
        write("uid_map", format!("{user} {user} 1"))?;
        write("gid_map", format!("{group} {group} 1"))
    }
}
