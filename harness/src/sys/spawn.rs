//! The C library's fork runs code of the library in the parent and in the child, and a victim has no memory
//! of the library. So a bare clone(2) forks victims.
//!
//! No other process gets the pid of a victim until the victim is reaped, so that none can be waited for or
//! killed in its place.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;

use nix::libc;
use rustix::process::Pid;

use super::Child;
use super::arch::clone_onto;
use super::child::end;
use super::limits;
use super::own_descriptors;
use super::sandbox::Sandbox;
use super::sole_thread::SoleThread;
use super::victim_memory::lay_on_stack;

/// The code that a victim runs. A closure is one. Where all of the code must lie in the victims' section, the
/// body is a type of its own: the compiler can be told to inline its `run` there, however long it is.
pub trait Body {
    /// Runs the victim from start to end, in the sandbox, or with the errno that kept it out. Returns the
    /// exit status.
    fn run(&self, child: Child, entered: Result<(), i32>) -> i32;
}

impl<F: Fn(Child, Result<(), i32>) -> i32> Body for F {
    #[inline(always)]
    fn run(&self, child: Child, entered: Result<(), i32>) -> i32 {
        self(child, entered)
    }
}

/// A body, and what comes before it.
pub(super) trait Entry {
    fn enter(&self, child: Child) -> i32;
}

/// The entry of a child that the worker forks itself.
struct Direct<'s, B> {
    sandbox: &'s Sandbox<'s>,
    body: B,
}

impl<B: Body> Entry for Direct<'_, B> {
    #[inline(always)]
    fn enter(&self, child: Child) -> i32 {
        limits::release(&child);
        let entered = self.sandbox.enter(&child);
        // Afterwards: the sandbox needs one of them.
        own_descriptors::close(&child);
        run(&self.body, child, entered)
    }
}

/// Runs a body. One function for both entries: the section must not be longer than the 64 KiB that one page fault maps.
// SAFETY: an ordinary function in a section of code.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
pub(super) fn run<B: Body>(body: &B, child: Child, entered: Result<(), i32>) -> i32 {
    body.run(child, entered)
}

/// Forks a child that enters the sandbox, runs `body`, in a process group of its own, and exits with the
/// result. `body` gets the errno where the sandbox could not be entered. Returns the child's pid, which is
/// that of the group as well.
///
/// Fails as clone(2) does, EAGAIN only after a while.
pub fn spawn(
    _: SoleThread,
    sandbox: &Sandbox<'_>,
    body: impl Body,
) -> Result<Pid, nix::errno::Errno> {
    let body = lay_on_stack(&Direct { sandbox, body });
    // SAFETY: the body lies there, and the flags share nothing.
    let fork = || unsafe { fork_victim(libc::SIGCHLD, None, body) };
    let pid = with_patience(|| fork().map_err(nix::errno::Errno::from_raw))?;
    pid_of(pid)
}

/// Returns the pid that clone(2) has returned.
pub(super) fn pid_of(returned: libc::c_long) -> Result<Pid, nix::errno::Errno> {
    i32::try_from(returned).ok().and_then(Pid::from_raw).ok_or(nix::errno::Errno::ESRCH)
}

/// Forks a victim, with these flags, onto the stack on which its body has been laid (it starts right
/// below), and returns its pid. Where `tid` is given, the kernel writes the pid there before the victim
/// runs (CLONE_PARENT_SETTID).
///
/// # Safety
/// [`lay_on_stack`] has given `body`, and nothing else has been laid there since. The flags must not let
/// the child share memory.
#[inline(always)]
pub(super) unsafe fn fork_victim<F: Entry>(
    flags: i32,
    tid: Option<&AtomicI32>,
    body: *const F,
) -> Result<libc::c_long, i32> {
    let tid = tid.map_or(0, |tid| tid.as_ptr() as usize);
    // SAFETY: as the caller promises: the child has a copy of the memory, as after fork(2), with the body
    // where it starts, and it does not come back.
    match unsafe { clone_onto(flags as usize, tid, body as usize, start::<F>) } {
        error @ -4095..0 => Err(-error as i32),
        pid => Ok(pid as libc::c_long),
    }
}

/// Runs a victim from its first instruction to its last.
// SAFETY: an ordinary function in a section of code. What a victim runs lies together there.
#[unsafe(link_section = "faultmap_victim")]
extern "C" fn start<F: Entry>(body: usize) -> ! {
    let child = Child::new();
    // Before anything that it may fork. A signal to the group that comes before this misses it, and the
    // one to the child itself does not.
    let _ = child.call(libc::SYS_setpgid, [0; 6]);
    // SAFETY: it was laid there before the fork, and lies above what this process writes to its stack. It is
    // not moved from there, see `super::fork_server`.
    let body = unsafe { &*std::ptr::with_exposed_provenance::<F>(body) };
    end(body.enter(child))
}

/// Forks a worker, which goes on as an ordinary Rust program: `body` and then exit.
///
/// The process should have no other thread: whatever lock that held would stay locked in the worker. Fails
/// as fork(2) does.
pub fn fork_worker(_: SoleThread, body: impl FnOnce() -> i32) -> Result<Pid, nix::errno::Errno> {
    // SAFETY: the process is single-threaded, so the child's memory is in order.
    let fork = || nix::errno::Errno::result(libc::c_long::from(unsafe { libc::fork() }));
    match with_patience(fork)? {
        0 => {
            let code = body();
            // SAFETY: `_exit` has no preconditions; atexit handlers are the controller's.
            unsafe { libc::_exit(code) }
        }
        pid => pid_of(pid),
    }
}

/// Forks a process that is nobody's child here: its parent ends at once. Fails where that parent cannot be forked.
pub fn fork_grandchild(
    thread: SoleThread,
    body: impl FnOnce() -> i32,
) -> Result<(), nix::errno::Errno> {
    let middle = fork_worker(thread, || i32::from(fork_worker(thread, body).is_err()))?;
    let _ = rustix::process::waitpid(Some(middle), rustix::process::WaitOptions::empty());
    Ok(())
}

/// Forks, and tries again for a while where the process table is full (EAGAIN), which often passes. Where
/// that was in vain, it does not wait so long again until a fork has succeeded.
pub(super) fn with_patience(
    mut fork: impl FnMut() -> Result<libc::c_long, nix::errno::Errno>,
) -> Result<libc::c_long, nix::errno::Errno> {
    static IN_VAIN: AtomicBool = AtomicBool::new(false);
    let pauses: &[u64] = if IN_VAIN.load(Relaxed) { &[1] } else { &[1, 10, 50, 100, 200] };
    let mut forked = fork();
    for pause in pauses {
        if forked != Err(nix::errno::Errno::EAGAIN) {
            break;
        }
        std::thread::sleep(Duration::from_millis(*pause));
        forked = fork();
    }
    // Only where it changes: a page that is written to after a fork is copied.
    if forked != Ok(0) && IN_VAIN.load(Relaxed) != forked.is_err() {
        IN_VAIN.store(forked.is_err(), Relaxed);
    }
    forked
}
