//! Where victims are forked from.
//!
//! What a fork costs is what the forking process has mapped. A worker is an ordinary program, with its
//! libraries and its heap; to keep those back from a child costs nearly as much as to hand them on,
//! since the kernel copies the list of all maps before it takes out what is not wanted. So a worker
//! forks one process that is given no more than victims need, a fork server, and has that one fork them.
//!
//! They are the worker's own children all the same (clone(2), CLONE_PARENT), and it supervises them as
//! any other; worker and fork server have one table of descriptors (CLONE_FILES), so that what the worker opens
//! for a victim is there to be inherited.
//!
//! Worker and fork server talk through memory that no victim has. The worker wakes its fork server (futex(2)) and
//! sleeps until a child has ended: a fork server that has forked says nothing, the kernel has written the
//! victim's process id down before the victim ran (CLONE_PARENT_SETTID). All victims of a fork server start with
//! the same memory; what one is to do stands in the record. Whatever becomes of a fork server, the worker finds
//! it gone and goes on without it, or makes another.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32};

use nix::libc;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Child;
use super::dumpable;
use super::limits;
use super::own_descriptors;
use super::record::SharedMemory;
use super::sandbox::Sandbox;
use super::sole_thread::SoleThread;
use super::spawn::{Body, Entry, fork_victim, with_patience};
use super::system_call::{checked, system_call};
use super::victim_memory::lay_on_stack;

/// What lies between worker and fork server.
#[derive(Debug)]
#[repr(C)]
struct Desk {
    /// How many victims have been asked for.
    asked: AtomicU32,
    /// The process id of the last one, or -errno; 0 for as long as there is neither.
    pid: AtomicI32,
}

/// The flags with which a fork server forks: a victim is the worker's child, and its number is written down.
pub const FORK_FLAGS: i32 = libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID;

/// Forks victims, one after the other, for as long as it lives.
#[derive(Debug)]
pub struct ForkServer {
    desk: SharedMemory<Desk>,
    pid: Pid,
    asked: Cell<u32>,
    reaped: Cell<bool>,
}

/// The entry of a child that a fork server forks: the fork server has entered the sandbox.
struct Nested<B>(B);

impl<B: Body> Entry for Nested<B> {
    #[inline(always)]
    fn enter(&self, child: Child) -> i32 {
        own_descriptors::close(&child);
        self.0.run(child, Ok(()))
    }
}

/// Why a fork server forks no victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoVictim {
    /// clone(2) failed.
    Fork(nix::errno::Errno),
    /// The fork server was killed, or stopped.
    Gone,
}

impl ForkServer {
    /// Forks a fork server that enters the sandbox, and whose victims run `body`, and exit with what it gives. What
    /// `body` needs must lie where victims have it, see [`super::exclude_from_fork`]; they do not have `stack`, which
    /// is that of this process.
    ///
    /// Fails as clone(2) and mmap(2) do.
    pub fn start<B: Body + Copy>(
        _: SoleThread,
        stack: Range<usize>,
        sandbox: &Sandbox<'_>,
        body: B,
    ) -> Result<ForkServer, nix::errno::Errno> {
        let desk = SharedMemory::new()
            .map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))?;
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let body = lay_on_stack(&Nested(body));
        let pid = with_patience(|| match start_fork_server(&desk, own, &stack, sandbox, body) {
            error @ -4095..0 => Err(nix::errno::Errno::from_raw(-error as i32)),
            pid => Ok(pid as libc::c_long),
        })?;
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(nix::errno::Errno::ESRCH)?;
        Ok(ForkServer { desk, pid, asked: Cell::new(0), reaped: Cell::new(false) })
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Has a victim forked. The last one must have been reaped.
    pub fn ask(&self) {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let desk = self.desk();
        desk.pid.store(0, Relaxed);
        desk.asked.store(number, Release);
        wake(&desk.asked);
    }

    /// The victim that was asked for; `None` as long as there is none. Fails where there will be none.
    pub fn victim(&self) -> Result<Option<Pid>, NoVictim> {
        match self.desk().pid.load(Acquire) {
            0 if self.is_dead_or_stopped() => match self.desk().pid.load(Acquire) {
                pid @ 1.. => Ok(Pid::from_raw(pid)), // its last one
                _ => Err(NoVictim::Gone),
            },
            0 => Ok(None),
            error @ ..0 => Err(NoVictim::Fork(nix::errno::Errno::from_raw(-error))),
            pid => Ok(Pid::from_raw(pid)),
        }
    }

    fn is_dead_or_stopped(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED;
        let options = options | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None))
    }

    fn desk(&self) -> &Desk {
        // SAFETY: zero is a valid value of every field, and all are atomics.
        unsafe { self.desk.at().as_ref() }
    }

    /// Kills it, and has nothing left of it but what it forked.
    pub fn end(&self) {
        if self.reaped.replace(true) {
            return;
        }
        let _ = kill_process(self.pid, Signal::KILL);
        let wait = || waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED);
        while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The fork server's own code, which lies with that of its victims. Gives the fork server's process id, or -errno.
///
/// Nothing large is moved about in there, or in a victim: a memcpy of some length looks up in the C
/// library's data how long it is worth while to be clever, and neither has those.
// SAFETY: an ordinary function in a section of code.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
fn start_fork_server<F: Entry>(
    desk: &SharedMemory<Desk>,
    worker: i32,
    stack: &Range<usize>,
    sandbox: &Sandbox<'_>,
    body: *const F,
) -> isize {
    let address = desk.at();
    let flags = (libc::CLONE_FILES | libc::SIGCHLD) as usize;
    // SAFETY: without CLONE_VM the child has a copy of the memory and the same stack pointer (a null
    // stack means that), exactly as after fork(2), but for the table of descriptors.
    let pid = unsafe { system_call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) };
    if pid == 0 {
        // SAFETY: the worker has mapped it for at least as long as this process lives.
        let desk: &Desk = unsafe { address.as_ref() };
        live(desk, worker, stack, sandbox, body)
    }
    pid
}

/// A fork server's whole life.
#[inline(always)]
fn live<F: Entry>(
    desk: &Desk,
    worker: i32,
    stack: &Range<usize>,
    sandbox: &Sandbox<'_>,
    body: *const F,
) -> ! {
    let fork_server = Child::new();
    let kill = libc::SIGKILL as usize;
    let _ = fork_server.call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, kill, 0, 0, 0, 0]);
    limits::release(&fork_server);
    dumpable::make_fork_server_undumpable(&fork_server);
    let exclude_from_fork = |at: usize, bytes: usize| {
        fork_server.call(libc::SYS_madvise, [at, bytes, libc::MADV_DONTFORK as usize, 0, 0, 0])
    };
    // The stack for speed alone: what this process writes there it would have to copy after each fork.
    let _ = exclude_from_fork(stack.start, stack.len());
    let kept = exclude_from_fork(std::ptr::from_ref(desk) as usize, size_of::<Desk>());
    if kept.is_err() || fork_server.call(libc::SYS_getppid, [0; 6]) != Ok(worker as usize) {
        fork_server.exit(1);
    }
    // Without it no victim is forked here; one that the worker forks tells why.
    if sandbox.enter(&fork_server).is_err() {
        fork_server.exit(1);
    }
    let mut done = 0;
    loop {
        while desk.asked.load(Acquire) == done {
            wait(&desk.asked, done);
        }
        done = desk.asked.load(Acquire);
        // SAFETY: the worker has laid the body there, and these flags share nothing.
        if let Err(errno) = unsafe { fork_victim(FORK_FLAGS, Some(&desk.pid), body) } {
            // Its end wakes the worker: a signal that it sent would need a filter that lets victims send some.
            desk.pid.store(-errno, Release);
            fork_server.exit(0);
        }
    }
}

/// futex(2): sleeps while the word holds this value. Returns early now and then.
#[inline(always)]
fn wait(word: &AtomicU32, value: u32) {
    let args = [word.as_ptr() as usize, libc::FUTEX_WAIT as usize, value as usize, 0, 0, 0];
    // SAFETY: the kernel reads the word.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}

/// futex(2): wakes who sleeps on the word.
#[inline(always)]
fn wake(word: &AtomicU32) {
    let args = [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, 1, 0, 0, 0];
    // SAFETY: the word is not even read.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}
