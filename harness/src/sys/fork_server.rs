//! A fork costs what the forking process has mapped, so each worker forks its victims from a process that has
//! mapped little, the fork server.
//!
//! A worker is an ordinary program, with its libraries and its heap. To exclude those from a child costs
//! nearly as much as to copy them, since the kernel copies the list of all VMAs before it takes out the
//! excluded ones. So a worker forks one process that gets no more than victims need, a fork server, and that
//! one forks them.
//!
//! The victims are the worker's own children all the same (clone(2), CLONE_PARENT), and it supervises them as
//! any other; worker and fork server share one table of descriptors (CLONE_FILES), so that a victim inherits
//! what the worker opens for it.
//!
//! Worker and fork server communicate through memory that no victim has. The worker wakes its fork server
//! (futex(2)) and sleeps until a child has ended: a fork server that has forked says nothing, since the
//! kernel writes the victim's pid down before the victim runs (CLONE_PARENT_SETTID). All victims of a fork
//! server start with the same memory; the record holds what one is to do. When a fork server ends or is
//! stopped, for whatever reason, the worker notices and goes on without it, or makes another.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32};

use nix::libc;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Child;
use super::dumpable;
use super::futex;
use super::limits;
use super::own_descriptors;
use super::record::SharedMemory;
use super::sandbox::Sandbox;
use super::sole_thread::SoleThread;
use super::spawn::{Body, Entry, fork_victim, pid_of, run, with_patience};
use super::system_call::system_call;
use super::victim_memory::lay_on_stack;

/// The memory that worker and fork server share.
#[derive(Debug)]
#[repr(C)]
struct ForkRequest {
    /// The number of victims that the worker has asked for.
    asked: AtomicU32,
    /// The pid of the last victim, or -errno; 0 for as long as there is neither.
    pid: AtomicI32,
}

/// The flags with which a fork server forks: a victim is the worker's child, and the kernel writes its pid
/// down.
pub const FORK_FLAGS: i32 = libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID;

/// Forks victims, one after the other, for as long as it lives.
#[derive(Debug)]
pub struct ForkServer {
    request: SharedMemory<ForkRequest>,
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
        run(&self.0, child, Ok(()))
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
    /// Forks a fork server that enters the sandbox, and whose victims run `body` and exit with its result.
    /// All that `body` needs must lie where victims have it, see [`super::exclude_from_fork`]; they do not
    /// have `stack`, which is that of this process. Fails as clone(2) and mmap(2) do.
    pub fn start<B: Body + Copy>(
        _: SoleThread,
        stack: Range<usize>,
        sandbox: &Sandbox<'_>,
        body: B,
    ) -> Result<ForkServer, nix::errno::Errno> {
        let request = SharedMemory::new()
            .map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))?;
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let body = lay_on_stack(&Nested(body));
        let pid =
            with_patience(|| match start_fork_server(&request, own, &stack, sandbox, body) {
                error @ -4095..0 => Err(nix::errno::Errno::from_raw(-error as i32)),
                pid => Ok(pid as libc::c_long),
            })?;
        Ok(ForkServer { request, pid: pid_of(pid)?, asked: Cell::new(0), reaped: Cell::new(false) })
    }

    /// Returns the pid of the fork server.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Makes the fork server fork a victim. The last one must have been reaped.
    pub fn ask(&self) {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let request = self.request();
        request.pid.store(0, Relaxed);
        request.asked.store(number, Release);
        futex::wake(&request.asked);
    }

    /// Returns the victim that was asked for; `None` as long as there is none. Fails where there will be
    /// none.
    pub fn victim(&self) -> Result<Option<Pid>, NoVictim> {
        match self.request().pid.load(Acquire) {
            0 if self.is_dead_or_stopped() => match self.request().pid.load(Acquire) {
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

    fn request(&self) -> &ForkRequest {
        // SAFETY: zero is a valid value of every field, and all are atomics.
        unsafe { self.request.at().as_ref() }
    }

    /// Kills and reaps the fork server. What it forked stays.
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

/// Starts the fork server, whose code lies with that of its victims. Returns its pid, or -errno.
///
/// No large value may be moved here, or in a victim: a memcpy of some length reads data of the C library, to
/// choose its method, and neither process has those data.
// SAFETY: an ordinary function in a section of code.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
fn start_fork_server<F: Entry>(
    request: &SharedMemory<ForkRequest>,
    worker: i32,
    stack: &Range<usize>,
    sandbox: &Sandbox<'_>,
    body: *const F,
) -> isize {
    let address = request.at();
    let flags = (libc::CLONE_FILES | libc::SIGCHLD) as usize;
    // SAFETY: without CLONE_VM the child has a copy of the memory and the same stack pointer (a null
    // stack means that), exactly as after fork(2), but for the table of descriptors.
    let pid = unsafe { system_call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) };
    if pid == 0 {
        // SAFETY: the worker has mapped it for at least as long as this process lives.
        let request: &ForkRequest = unsafe { address.as_ref() };
        live(request, worker, stack, sandbox, body)
    }
    pid
}

/// Runs the fork server from start to end.
#[inline(always)]
fn live<F: Entry>(
    request: &ForkRequest,
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
    let kept = exclude_from_fork(std::ptr::from_ref(request) as usize, size_of::<ForkRequest>());
    if kept.is_err() || fork_server.call(libc::SYS_getppid, [0; 6]) != Ok(worker as usize) {
        fork_server.exit(1);
    }
    // Without it no victim is forked here; one that the worker forks tells why.
    if sandbox.enter(&fork_server).is_err() {
        fork_server.exit(1);
    }
    let mut done = 0;
    loop {
        while request.asked.load(Acquire) == done {
            futex::wait(&request.asked, done, None);
        }
        done = request.asked.load(Acquire);
        // SAFETY: the worker has laid the body there, and these flags share nothing.
        if let Err(errno) = unsafe { fork_victim(FORK_FLAGS, Some(&request.pid), body) } {
            // Its end wakes the worker: a signal that it sent would need a filter that lets victims send some.
            request.pid.store(-errno, Release);
            fork_server.exit(0);
        }
    }
}
