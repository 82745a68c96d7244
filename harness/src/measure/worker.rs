//! A process becomes a worker once, and for good: it is restricted, and may then run hostile children.

use std::os::fd::OwnedFd;

use crate::backing::Backing;
use crate::confine::{Held, Namespaces};
use crate::supervise::Supervisor;
use crate::sys::{Arena, SharedRecord, own_ipc_namespace};

/// The restrictions of a worker.
#[derive(Debug)]
pub struct Restrictions<'a> {
    /// The place of the files.
    pub backing: &'a Backing,
    /// The filters that this machine has.
    pub held: &'a Held,
    /// The namespaces that this process is in already, for strict isolation.
    pub namespaces: Option<Namespaces>,
    /// True if it gets an IPC namespace otherwise, for shared memory segments.
    pub ipc_namespace: bool,
}

/// Makes this process a worker. Fails with the reason, and must then end.
///
/// `controller` is one end of a pipe whose other end only the controller holds.
pub fn become_worker(
    restrictions: Restrictions<'_>,
    controller: OwnedFd,
) -> Result<(Supervisor, Arena), Box<dyn std::error::Error>> {
    match restrictions.namespaces {
        // With the filters.
        Some(namespaces) => namespaces.enter(restrictions.backing)?,
        None => {
            if restrictions.ipc_namespace {
                // Without an IPC namespace, the harness removes each segment itself.
                own_ipc_namespace().map_err(|errno| {
                    format!("cannot map the user into a new IPC namespace: {errno}")
                })?;
            }
            restrictions.held.hold_worker()?;
        }
    }
    let record = Box::leak(Box::new(SharedRecord::new()?));
    Ok((Supervisor::new(record, Some(controller))?, Arena::new()?))
}
