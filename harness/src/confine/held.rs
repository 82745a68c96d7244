//! A kernel may lack seccomp, Landlock or IPC namespaces, and a container may refuse them: this module finds
//! out what there is, and restricts workers and victims by that, at every level of isolation.
//!
//! A process that tries them finds out once for each run: a container's own filter may refuse what the kernel
//! could do. The main type is [`Held`].

use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::thread::set_no_new_privs;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::{Isolation, PATIENCE, calls, in_own_process, opens};
use crate::backing::Backing;
use crate::case::Access;
use crate::supervise::adopt_orphans;
use crate::sys::{self, Arena, Sandbox};
use crate::victim::{self, Program};

/// The availability of seccomp and of Landlock, or the reason why one is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    seccomp: Result<(), Refusal>,
    /// The version of Landlock.
    landlock: Result<i32, Refusal>,
    /// A worker that asks for an IPC namespace gets one, or stays as it is.
    ipc_namespace: bool,
    /// Orphans become children of their worker; or they do not, for this reason.
    orphans: Result<(), Refusal>,
}

impl Held {
    /// Returns that there is neither, for this reason: as on a kernel that has neither.
    pub fn by_nothing(why: &str) -> Held {
        let why = || Refusal::Missing(why.to_owned());
        Held { seccomp: Err(why()), landlock: Err(why()), ipc_namespace: false, orphans: Ok(()) }
    }

    /// Finds out what there is.
    pub fn find() -> Held {
        let found = opens::version();
        let tried = in_own_process(PATIENCE, None, Isolation::Default, |_| try_on_oneself(&found));
        tried.unwrap_or_else(|why| {
            let why = Refusal::Untried(why.to_string());
            let orphans = Err(why.clone());
            Held { seccomp: Err(why.clone()), landlock: Err(why), ipc_namespace: false, orphans }
        })
    }

    /// True if a worker may ask for an IPC namespace. False where that would take it only half the way: a user
    /// namespace can be made, but its user cannot be mapped, and the worker could not go on.
    pub fn ipc_namespace(&self) -> bool {
        self.ipc_namespace
    }

    /// Returns what is missing, and why: `seccomp: Function not implemented (os error 38)`.
    pub fn without(&self) -> Vec<String> {
        let seccomp = self.seccomp.as_ref().err().map(|why| format!("seccomp: {why}"));
        let landlock = self.landlock.as_ref().err().map(|why| format!("Landlock: {why}"));
        let orphans = self.orphans.as_ref().err().map(|why| format!("orphans: {why}"));
        seccomp.into_iter().chain(landlock).chain(orphans).collect()
    }

    /// Restricts this worker, and all that it forks. A worker that has been shut in is restricted already.
    /// Fails with the reason, and the worker must then end.
    pub fn hold_worker(&self) -> Result<(), Refusal> {
        match self.seccomp {
            Ok(()) => hold_worker(),
            Err(_) => no_new_privileges(),
        }
    }

    /// Returns the sandbox for the victims of this program and these accesses, laid into `memory`, and the
    /// descriptor that must stay open until they have entered it. Fails with the reason.
    pub fn sandbox<'m>(
        &self,
        program: &Program<'m>,
        accesses: &[Access],
        backing: &Backing,
        memory: &'m Arena,
    ) -> Result<(&'m Sandbox<'m>, Option<OwnedFd>), Refusal> {
        let filter = match self.seccomp {
            Ok(()) => memory.keep(&calls::of_victims(program, accesses)?),
            Err(_) => &[],
        };
        let ruleset = match self.landlock {
            Ok(version) => {
                Some(opens::ruleset(version, backing, &victim::opened(program, accesses))?)
            }
            Err(_) => None,
        };
        let number = ruleset.as_ref().map(|ruleset| ruleset.as_raw_fd());
        let sandbox = memory.keep(&[Sandbox { filter, ruleset: number }]);
        Ok((&sandbox[0], ruleset))
    }
}

/// Sets PR_SET_NO_NEW_PRIVS, and installs the filter of a worker.
pub(super) fn hold_worker() -> Result<(), Refusal> {
    no_new_privileges()?;
    let filter = calls::of_worker()?;
    sys::install_call_filter(&filter).map_err(Refusal::of("install a seccomp filter"))
}

fn no_new_privileges() -> Result<(), Refusal> {
    set_no_new_privs(true).map_err(Refusal::of("set PR_SET_NO_NEW_PRIVS"))
}

/// Restricts this process for good, by all that there is.
fn try_on_oneself(found: &Result<i32, Refusal>) -> Held {
    // In the order of a worker: the filter allows no namespace.
    let ipc_namespace = sys::own_ipc_namespace().is_ok();
    let orphans = match adopt_orphans() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::Missing(
            "this kernel has no subreaper, and a process that leaves its group may stay".to_owned(),
        )),
        Err(errno) => Err(Refusal::of("become a subreaper")(errno)),
    };
    let landlock = found.clone().and_then(|version| {
        no_new_privileges()?;
        let ruleset = opens::ruleset(version, &Backing::Memfd, &[])?;
        sys::enter_landlock(&ruleset).map_err(Refusal::of("enter a Landlock domain"))?;
        Ok(version)
    });
    Held { seccomp: hold_worker(), landlock, ipc_namespace, orphans }
}
