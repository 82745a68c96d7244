//! Where victims are forked from.
//!
//! What a fork costs is what the forking process has mapped. A worker is an ordinary program, with its
//! libraries and its heap; to keep those back from a child costs nearly as much as to hand them on,
//! since the kernel copies the list of all maps before it takes out what is not wanted. So a worker
//! forks one process that is given no more than victims need, a nest, and has that one fork them.
//!
//! They are the worker's own children all the same (clone(2), CLONE_PARENT), and it supervises them as
//! any other; worker and nest have one table of descriptors (CLONE_FILES), so that what the worker opens
//! for a victim is there to be inherited.
//!
//! Worker and nest talk through memory that no victim has. The worker wakes its nest (futex(2)) and
//! sleeps until a child has ended: a nest that has forked says nothing, the kernel has written the
//! victim's process id down before the victim ran (CLONE_PARENT_SETTID). Whatever becomes of a nest, the
//! worker finds it gone and goes on without.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32};

use nix::libc;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Child;
use super::child::end;
use super::record::SharedMemory;
use super::sigchld;
use super::spawn::{begin, clone, with_patience};
use super::system_call::checked;

/// What lies between worker and nest.
#[derive(Debug)]
#[repr(C)]
struct Desk<T> {
    /// How many victims have been asked for.
    asked: AtomicU32,
    /// The process id of the last one, or -errno; 0 for as long as there is neither.
    pid: AtomicI32,
    /// What the victim is to do.
    question: UnsafeCell<MaybeUninit<T>>,
}

/// Forks victims, each with a question of its own, for as long as it lives.
#[derive(Debug)]
pub struct Nest<T> {
    desk: SharedMemory<Desk<T>>,
    pid: Pid,
    asked: Cell<u32>,
    reaped: Cell<bool>,
}

/// Why a nest forks no victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoVictim {
    /// clone(2) failed.
    Fork(nix::errno::Errno),
    /// The nest was killed, or stopped.
    Gone,
}

impl<T: Copy> Nest<T> {
    /// Forks a nest whose victims run `body` with their question, and exit with what it gives. What
    /// `body` needs must lie where victims have it, see [`super::keep_back`].
    ///
    /// The calling process must be single-threaded. Fails as clone(2) and mmap(2) do.
    pub fn start(body: impl Fn(Child, &T) -> i32) -> Result<Nest<T>, nix::errno::Errno> {
        let desk = SharedMemory::new()
            .map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))?;
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let pid = fork_nest(&desk, own, body)?;
        Ok(Nest { desk, pid, asked: Cell::new(0), reaped: Cell::new(false) })
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Has a victim forked, with this question. The last one must have been reaped.
    pub fn ask(&self, question: T) {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let desk = self.desk();
        desk.pid.store(0, Relaxed);
        // SAFETY: the nest reads it after `asked` has changed, and once.
        unsafe { (*desk.question.get()).write(question) };
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

    fn desk(&self) -> &Desk<T> {
        // SAFETY: zero is a valid value of every field, and all but the question are atomics; who may
        // touch that when is told by them.
        unsafe { self.desk.at().as_ref() }
    }
}

impl<T> Nest<T> {
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

impl<T> Drop for Nest<T> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The nest's own code, which lies with that of its victims.
// SAFETY: an ordinary function in a section of code.
#[unsafe(link_section = "faultmap_victim")]
#[inline(never)]
fn fork_nest<T: Copy>(
    desk: &SharedMemory<Desk<T>>,
    worker: i32,
    body: impl Fn(Child, &T) -> i32,
) -> Result<Pid, nix::errno::Errno> {
    let address = desk.at();
    match with_patience(|| clone(libc::CLONE_FILES | libc::SIGCHLD, None))? {
        0 => {
            // SAFETY: the worker has mapped it for at least as long as this process lives.
            let desk: &Desk<T> = unsafe { address.as_ref() };
            live(desk, worker, body)
        }
        pid => i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(nix::errno::Errno::ESRCH),
    }
}

/// A nest's whole life.
#[inline(always)]
fn live<T: Copy>(desk: &Desk<T>, worker: i32, body: impl Fn(Child, &T) -> i32) -> ! {
    let nest = Child::new();
    let kill = libc::SIGKILL as usize;
    let _ = nest.call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, kill, 0, 0, 0, 0]);
    sigchld::release(&nest);
    let at = std::ptr::from_ref(desk) as usize;
    let bytes = size_of::<Desk<T>>();
    let kept = nest.call(libc::SYS_madvise, [at, bytes, libc::MADV_DONTFORK as usize, 0, 0, 0]);
    if kept.is_err() || nest.call(libc::SYS_getppid, [0; 6]) != Ok(worker as usize) {
        nest.exit(1);
    }
    let mut done = 0;
    let mut question = MaybeUninit::uninit();
    loop {
        while desk.asked.load(Acquire) == done {
            wait(&desk.asked, done);
        }
        done = desk.asked.load(Acquire);
        let question = take(&desk.question, &mut question);
        match clone(libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID, Some(&desk.pid)) {
            Ok(0) => end(body(begin(), question)),
            Ok(_) => {}
            Err(errno) => {
                desk.pid.store(-(errno as i32), Release);
                let told = [worker as usize, libc::SIGCHLD as usize, 0, 0, 0, 0];
                let _ = nest.call(libc::SYS_kill, told);
            }
        }
    }
}

/// The question, in memory that victims have.
///
/// Word by word, and not moved from there: a memcpy of this length looks up in the C library's data how
/// long it is worth while to be clever, and a nest does not have those.
#[inline(always)]
fn take<'a, T: Copy>(place: &UnsafeCell<MaybeUninit<T>>, taken: &'a mut MaybeUninit<T>) -> &'a T {
    const { assert!(align_of::<T>() == align_of::<usize>()) };
    let to: *mut MaybeUninit<usize> = taken.as_mut_ptr().cast();
    let from: *const MaybeUninit<usize> = place.get().cast();
    for word in 0..size_of::<T>() / size_of::<usize>() {
        // SAFETY: both hold so many words, see the assertion. The worker has written before it asked, and
        // a copy of plain values is as good as they are.
        unsafe { to.add(word).write(from.add(word).read_volatile()) };
    }
    // SAFETY: every word of it has been written.
    unsafe { taken.assume_init_ref() }
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
