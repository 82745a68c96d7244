//! A worker forks a child itself, or has a fork server do it: [`Spawn`] is either.

use nix::errno::Errno;
use rustix::process::Pid;

use crate::sys::{self, Body, Child, ForkServer, NoVictim, Sandbox, SoleThread};
use crate::victim::Request;

/// A way to fork a child.
pub trait Spawn<'s> {
    /// Forks the child, or begins to. Fails as clone(2) does.
    fn spawn(self, thread: SoleThread) -> Result<Forked<'s>, Errno>;
}

/// A child that runs a body in a sandbox. The body gets the errno where the sandbox could not be entered.
#[derive(Debug, Clone, Copy)]
pub struct Fork<'s, B> {
    /// The sandbox.
    pub sandbox: &'s Sandbox<'s>,
    /// The body.
    pub body: B,
}

impl<B: Fn(Child, Result<(), i32>) -> i32> Fork<'static, B> {
    /// Returns a child in no sandbox: for children more hostile than any case.
    pub fn unconfined(body: B) -> Fork<'static, B> {
        Fork { sandbox: &Sandbox::NONE, body }
    }
}

impl<'s, B: Body> Spawn<'s> for Fork<'s, B> {
    fn spawn(self, thread: SoleThread) -> Result<Forked<'s>, Errno> {
        sys::spawn(thread, self.sandbox, self.body).map(Forked::Own)
    }
}

impl<'s> Spawn<'s> for &'s ForkServer {
    fn spawn(self, _: SoleThread) -> Result<Forked<'s>, Errno> {
        self.ask();
        Ok(Forked::By(self))
    }
}

/// A child that has been forked or is about to be.
#[derive(Debug, Clone, Copy)]
pub enum Forked<'s> {
    /// This child.
    Own(Pid),
    /// The child that this fork server was asked for last.
    By(&'s ForkServer),
}

impl Forked<'_> {
    /// Returns the child; `None` for as long as nobody knows which it is.
    pub(super) fn child(&self) -> Result<Option<Pid>, NoVictim> {
        match self {
            Forked::Own(child) => Ok(Some(*child)),
            Forked::By(fork_server) => fork_server.victim(),
        }
    }

    /// Returns the process that stays when the child has gone.
    pub(super) fn beside(&self) -> Option<Pid> {
        match self {
            Forked::Own(_) => None,
            Forked::By(fork_server) => Some(fork_server.pid()),
        }
    }
}

/// The request to a child.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'r> {
    /// The steps of a case, up to a probe or to the end.
    Case(&'r Request<'r>),
    /// Nothing but what its body does, which may fill so many slots of the record.
    Slots(usize),
}

impl Asked<'_> {
    pub(super) fn slots(&self) -> usize {
        match self {
            Asked::Case(request) => request.program.ops.len(),
            Asked::Slots(count) => *count,
        }
    }

    /// Returns the slots that hold the id of a shared memory segment.
    pub(super) fn segments(&self) -> &[usize] {
        match self {
            Asked::Case(request) => request.program.segments,
            Asked::Slots(_) => &[],
        }
    }
}
