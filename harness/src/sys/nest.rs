//! Where victims are forked from.
//!
//! What a fork costs is what the forking process has mapped. A worker is an ordinary program, with its
//! libraries and its heap; to keep those back from a child costs nearly as much as to hand them on,
//! since the kernel copies the list of all maps before it takes out what is not wanted. So a worker
//! forks one process that is given no more than victims need, a nest, and has that one fork them.
//!
//! They are the worker's own children all the same (clone(2), CLONE_PARENT), and it supervises them as
//! any other; worker and nest have one table of descriptors (CLONE_FILES), so that what the worker opens
//! for a victim is there to be inherited. A nest sends no signal when it ends, and so do those that it
//! forks: wait(2) knows such children by `__WCLONE`, and a plain wait does not see them, which is how a
//! worker asks whether anything else is left.
//!
//! Worker and nest talk through memory that no victim has, with a futex(2) at either side. Whatever
//! becomes of a nest, the worker finds it gone and goes on without.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32};
use std::time::{Duration, Instant};

use nix::libc;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::Child;
use super::child::end;
use super::record::SharedMemory;
use super::spawn::{Spawned, with_patience};
use super::system_call::{checked, system_call};

/// waitid(2): children of any kind, those without a signal included.
pub const ANY_KIND: WaitIdOptions = WaitIdOptions::from_bits_retain(0x4000_0000);
/// How often a worker that waits for its nest looks whether it is there.
const LOOKS: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What lies between worker and nest.
#[derive(Debug)]
#[repr(C)]
struct Desk<T> {
    /// How many victims have been asked for, and how many of these have been forked, or could not be.
    asked: AtomicU32,
    answered: AtomicU32,
    /// The victim's process id, or -errno.
    pid: AtomicI32,
    /// Its descriptor, as the kernel has written it.
    pidfd: AtomicI32,
    /// What the victim is to do.
    question: UnsafeCell<MaybeUninit<T>>,
}

/// Forks victims, each with a question of its own, for as long as it lives.
#[derive(Debug)]
pub struct Nest<T> {
    desk: SharedMemory<Desk<T>>,
    pid: Pid,
    pidfd: OwnedFd,
    asked: Cell<u32>,
}

/// Why a nest forks no victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoVictim {
    /// clone(2) failed.
    Fork(nix::errno::Errno),
    /// The nest was killed, or stopped and therefore killed.
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
        let (pid, pidfd) = fork_nest(&desk, own, body)?;
        Ok(Nest { desk, pid, pidfd, asked: Cell::new(0) })
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Has a victim forked, and waits for that, not longer than `patience`.
    pub fn spawn(&self, question: T, patience: Duration) -> Result<Spawned, NoVictim> {
        let deadline = Instant::now() + patience;
        let fork = || {
            self.ask(question, deadline).ok_or(nix::errno::Errno::ESRCH)?;
            match self.desk().pid.load(Relaxed) {
                error @ ..0 => Err(nix::errno::Errno::from_raw(-error)),
                pid => Ok(libc::c_long::from(pid)),
            }
        };
        let pid = match with_patience(fork) {
            Ok(pid) => i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(NoVictim::Gone)?,
            Err(nix::errno::Errno::ESRCH) => {
                self.end();
                self.close_unclaimed();
                return Err(NoVictim::Gone);
            }
            Err(errno) => return Err(NoVictim::Fork(errno)),
        };
        // SAFETY: the kernel has just opened this descriptor, in the table that is ours as well, and the
        // nest does nothing with it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(self.desk().pidfd.load(Relaxed)) };
        Ok(Spawned { pid, pidfd })
    }

    /// Puts a question and waits until it is dealt with; `None` where nobody does.
    fn ask(&self, question: T, deadline: Instant) -> Option<()> {
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let desk = self.desk();
        desk.pidfd.store(-1, Relaxed);
        // SAFETY: the nest reads it after `asked` has changed and before `answered` has.
        unsafe { (*desk.question.get()).write(question) };
        desk.asked.store(number, Release);
        wake(&desk.asked);
        loop {
            let answered = desk.answered.load(Acquire);
            if answered == number {
                return Some(());
            }
            wait(&desk.answered, answered, Some(&LOOKS));
            let late = desk.answered.load(Acquire) != number;
            if late && (self.is_dead_or_stopped() || Instant::now() > deadline) {
                return None;
            }
        }
    }

    /// Of a nest that has ended between a fork and its answer.
    fn close_unclaimed(&self) {
        if let Ok(number @ 0..) = usize::try_from(self.desk().pidfd.load(Relaxed)) {
            // SAFETY: the descriptor of that victim, which nobody has been told of; or, where the fork
            // failed, a number that is free.
            let _ = unsafe { checked(libc::SYS_close, [number, 0, 0, 0, 0, 0]) };
        }
    }

    fn is_dead_or_stopped(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | ANY_KIND;
        let options = options | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::PidFd(self.pidfd.as_fd()), options), Ok(None))
    }

    fn desk(&self) -> &Desk<T> {
        // SAFETY: zero is a valid value of every field, and all but the question are atomics; who may
        // touch that when is told by them.
        unsafe { self.desk.at().as_ref() }
    }
}

impl<T> Nest<T> {
    /// Kills it, and has nothing left of it but what it forked.
    fn end(&self) {
        let _ = pidfd_send_signal(self.pidfd.as_fd(), Signal::KILL);
        let options = WaitIdOptions::EXITED | ANY_KIND;
        let wait = || waitid(WaitId::PidFd(self.pidfd.as_fd()), options);
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
) -> Result<(Pid, OwnedFd), nix::errno::Errno> {
    let address = desk.at();
    let pidfd = AtomicI32::new(-1);
    match with_patience(|| clone(libc::CLONE_FILES | libc::CLONE_PIDFD, &pidfd))? {
        0 => {
            // SAFETY: the worker has mapped it for at least as long as this process lives.
            let desk: &Desk<T> = unsafe { address.as_ref() };
            live(desk, worker, body)
        }
        pid => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            // SAFETY: the kernel has just opened this descriptor for us; nobody else knows it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd.load(Relaxed)) };
            Ok((pid.ok_or(nix::errno::Errno::ESRCH)?, pidfd))
        }
    }
}

/// A nest's whole life.
#[inline(always)]
fn live<T: Copy>(desk: &Desk<T>, worker: i32, body: impl Fn(Child, &T) -> i32) -> ! {
    let nest = Child::new();
    let kill = libc::SIGKILL as usize;
    let _ = nest.call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, kill, 0, 0, 0, 0]);
    let at = std::ptr::from_ref(desk) as usize;
    let bytes = size_of::<Desk<T>>();
    let kept = nest.call(libc::SYS_madvise, [at, bytes, libc::MADV_DONTFORK as usize, 0, 0, 0]);
    if kept.is_err() || nest.call(libc::SYS_getppid, [0; 6]) != Ok(worker as usize) {
        nest.exit(1);
    }
    let mut done = 0;
    loop {
        while desk.asked.load(Acquire) == done {
            wait(&desk.asked, done, None);
        }
        done = desk.asked.load(Acquire);
        let question = take(&desk.question);
        match clone(libc::CLONE_PARENT | libc::CLONE_PIDFD, &desk.pidfd) {
            Ok(0) => {
                // Before anything that it may fork.
                let _ = rustix::process::setpgid(None, None);
                end(body(Child::new(), &question))
            }
            result => {
                let pid = result.map_or_else(|errno| -(errno as i32), |pid| pid as i32);
                desk.pid.store(pid, Relaxed);
                desk.answered.store(done, Release);
                wake(&desk.answered);
            }
        }
    }
}

/// The question, in memory that victims have.
///
/// Word by word: a memcpy of this length looks up in the C library's data how long it is worth while to be
/// clever, and a nest does not have those.
#[inline(always)]
fn take<T: Copy>(place: &UnsafeCell<MaybeUninit<T>>) -> T {
    const { assert!(align_of::<T>() == align_of::<usize>()) };
    let mut taken = MaybeUninit::<T>::uninit();
    let to: *mut MaybeUninit<usize> = taken.as_mut_ptr().cast();
    let from: *const MaybeUninit<usize> = place.get().cast();
    for word in 0..size_of::<T>() / size_of::<usize>() {
        // SAFETY: both hold so many words, see the assertion. The worker has written before it asked, and
        // a copy of plain values is as good as they are.
        unsafe { to.add(word).write(from.add(word).read_volatile()) };
    }
    // SAFETY: every word of it has been written.
    unsafe { taken.assume_init() }
}

/// A fork with these flags. 0 in the child, whose stack is a copy.
#[inline(always)]
fn clone(flags: i32, pidfd: &AtomicI32) -> Result<libc::c_long, nix::errno::Errno> {
    let args = [flags as usize, 0, pidfd.as_ptr() as usize, 0, 0, 0];
    // SAFETY: as in `spawn()`: without CLONE_VM the child has a copy of the memory, and the same stack
    // pointer. The third argument takes the descriptor.
    match unsafe { system_call(libc::SYS_clone, args) } {
        error @ -4095..0 => Err(nix::errno::Errno::from_raw(-error as i32)),
        pid => Ok(pid as libc::c_long),
    }
}

/// futex(2): sleeps while the word holds this value. Returns early now and then.
#[inline(always)]
fn wait(word: &AtomicU32, value: u32, at_most: Option<&libc::timespec>) {
    let timeout = at_most.map_or(0, |time| std::ptr::from_ref(time) as usize);
    let args = [word.as_ptr() as usize, libc::FUTEX_WAIT as usize, value as usize, timeout, 0, 0];
    // SAFETY: the kernel reads the word and the time.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}

/// futex(2): wakes who sleeps on the word.
#[inline(always)]
fn wake(word: &AtomicU32) {
    let args = [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, 1, 0, 0, 0];
    // SAFETY: the word is not even read.
    let _ = unsafe { checked(libc::SYS_futex, args) };
}
