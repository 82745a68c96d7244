//! The supervisor of a closure's child is made beside all other threads of the program, and waited for by the one that
//! observes. The main type is [`Supervisor`].

use std::ops::Range;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use nix::libc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::{Output, Start, supervisor};
use crate::sys::record::SharedMemory;
use crate::sys::rseq;
use crate::sys::system_call::checked;

/// A supervisor that was made. Until it is reaped, no other process has its pid.
pub struct Supervisor {
    pid: i32,
    /// None before Linux 5.2, and for one that fork(3) has made.
    pidfd: Option<OwnedFd>,
}

/// Makes the supervisor, and returns when the child is in the closure, or never will be.
pub fn start_supervisor(start: &mut Start<'_>, stack: &Stack) -> std::io::Result<Supervisor> {
    rseq::offset(); // the child must not look it up
    // SAFETY: all pointers are to values of this function or of `start`. No handler of this thread may run while
    // the supervisor uses its thread-local memory.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigaction(libc::SIGCHLD, ptr::null(), &mut start.sigchld);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut start.mask);
        let made = make_supervisor(start, stack);
        libc::pthread_sigmask(libc::SIG_SETMASK, &start.mask, ptr::null_mut());
        made
    }
}

/// # Safety
/// All signals of this thread must be blocked.
unsafe fn make_supervisor(start: &mut Start<'_>, stack: &Stack) -> std::io::Result<Supervisor> {
    let mut pidfd: libc::c_int = -1;
    let argument = ptr::from_mut(start).cast();
    let flags = libc::CLONE_VM | libc::CLONE_PIDFD;
    // SAFETY: the stack is the supervisor's alone. What it reads outlives it: this thread waits for its end. It
    // writes to the report and to the stack, and calls the C library only while this thread waits, here.
    let pid = unsafe { libc::clone(enter, stack.top(), flags, argument, &raw mut pidfd) };
    if pid > 0 {
        supervisor::await_release(&start.note.released, || has_ended_or_goes_on(pid));
        // SAFETY: where it is one, the kernel has just made it for this process.
        let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
        return Ok(Supervisor { pid, pidfd });
    }
    // An emulator of Linux, as a rule; or there is no room for one more process.
    start.shares_memory = false;
    let mapped = SharedMemory::new()?;
    let mapped = start.mapped_report.get_or_init(|| mapped);
    // SAFETY: all zero is a valid value, all fields are atomics, and the memory outlives `start`.
    start.report = unsafe { mapped.at().as_ref() };
    // SAFETY: the child of a program of several threads, made by fork(3). It does what a supervisor does.
    match unsafe { libc::fork() } {
        0 => {
            supervisor::supervise(start);
            // SAFETY: it has no preconditions.
            unsafe { libc::_exit(0) }
        }
        ..0 => Err(std::io::Error::last_os_error()),
        pid => {
            supervisor::await_release(&start.note.released, || has_ended_or_goes_on(pid));
            Ok(Supervisor { pid, pidfd: None })
        }
    }
}

/// The first function of a supervisor that shares memory.
extern "C" fn enter(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `make_supervisor` passes such a value, which outlives the supervisor.
    supervisor::supervise(unsafe { &*argument.cast::<Start<'_>>() });
    0
}

/// True if this child has ended, or there is none. It stays a zombie.
fn has_ended(pid: i32) -> bool {
    matches!(supervisor::has(pid as usize, libc::WEXITED), Ok(true) | Err(libc::ECHILD))
}

/// The same; and where somebody has stopped the child, it goes on: it holds locks of this process.
fn has_ended_or_goes_on(pid: i32) -> bool {
    if is_stopped(pid) {
        kill(pid, libc::SIGCONT);
    }
    has_ended(pid)
}

fn is_stopped(pid: i32) -> bool {
    supervisor::has(pid as usize, libc::WSTOPPED) == Ok(true)
}

/// Sends a signal to a child that is not yet reaped.
fn kill(pid: i32, signal: i32) {
    // SAFETY: it is a child of this process.
    let _ = unsafe { checked(libc::SYS_kill, [pid as usize, signal as usize, 0, 0, 0, 0]) };
}

/// The time between two looks for a supervisor that has no pidfd, and for one that was stopped.
const SHORT: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
const LONG: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

impl Supervisor {
    /// Reads the output of the child until the supervisor has ended, and reaps that. Kills one that was stopped:
    /// it would see no deadline. The child then ends with it.
    pub fn await_end(&self, pipe: &OwnedFd, output: &mut Output) {
        let pause = if self.pidfd.is_some() { LONG } else { SHORT };
        loop {
            output.read(pipe);
            if has_ended(self.pid) {
                break;
            }
            if is_stopped(self.pid) {
                kill(self.pid, libc::SIGKILL);
            }
            let pidfd = self.pidfd.as_ref().map_or(pipe.as_fd(), |pidfd| pidfd.as_fd());
            let fds = [pipe.as_fd(), pidfd];
            let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            let _ = poll(&mut fds, Some(&pause));
        }
        let _ = supervisor::wait(self.pid as usize, libc::WEXITED);
        output.read(pipe);
    }
}

/// A stack: a page that cannot be accessed, and above it the stack.
pub struct Stack {
    start: *mut libc::c_void,
    length: usize,
}

impl Stack {
    /// Reserves it. Fails as mmap(2) does.
    pub fn new(length: usize) -> std::io::Result<Stack> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a new mapping at an address of the kernel's choice, and its first page.
        unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let stack =
                Stack { start: mmap_anonymous(ptr::null_mut(), length, access, flags)?, length };
            mprotect(stack.start, rustix::param::page_size(), MprotectFlags::empty())?;
            Ok(stack)
        }
    }

    /// The page that cannot be accessed.
    pub fn guard(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + rustix::param::page_size()
    }

    /// Its last byte, and one more.
    pub fn top(&self) -> *mut libc::c_void {
        self.start.wrapping_byte_add(self.length)
    }

    /// Its first byte that can be accessed, and the number of bytes from there. It is never given back.
    pub fn leak(self) -> (*mut libc::c_void, usize) {
        let page = rustix::param::page_size();
        let stack = std::mem::ManuallyDrop::new(self);
        (stack.start.wrapping_byte_add(page), stack.length - page)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length. Whoever ran on it has ended.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}
