//! The supervisor of a closure's child is made beside all other threads of the program, and waited for by the one that
//! observes. The main type is [`Supervisor`].

use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use nix::libc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::report::Report;
use super::{Output, Start, supervisor};
use crate::sys::system_call::checked;

/// Bytes of the stack of the supervisor and of the child, as the first thread of a program has them (RLIMIT_STACK).
const STACK: usize = 8 << 20;

/// A supervisor that was made.
pub enum Supervisor {
    /// It shares the memory of this process, and has no exit signal: a pidfd tells its end.
    Sharing(OwnedFd),
    /// It is a child of this process, as any other.
    Forked(i32),
}

/// Makes the supervisor, and returns when the child is in the closure, or never will be.
pub fn start_supervisor(
    start: &mut Start<'_>,
    report: &Report,
    stack: &Stack,
) -> std::io::Result<Supervisor> {
    // SAFETY: all pointers are to values of this function or of `start`. No handler of this thread may run while
    // the supervisor uses its thread-local memory.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigaction(libc::SIGCHLD, ptr::null(), &mut start.sigchld);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut start.mask);
        let made = make_supervisor(start, report, stack);
        libc::pthread_sigmask(libc::SIG_SETMASK, &start.mask, ptr::null_mut());
        made
    }
}

/// # Safety
/// All signals of this thread must be blocked.
unsafe fn make_supervisor(
    start: &mut Start<'_>,
    report: &Report,
    stack: &Stack,
) -> std::io::Result<Supervisor> {
    let mut pidfd: libc::c_int = -1;
    let handed = Handed { start: ptr::from_ref(start).cast(), report };
    let argument = (&raw const handed).cast_mut().cast();
    let flags = libc::CLONE_VM | libc::CLONE_PIDFD;
    // SAFETY: the stack is the supervisor's alone. What it reads outlives it: this thread waits for its end. It
    // writes to `report` and to the stack, and calls the C library only while this thread waits, here.
    let pid = unsafe { libc::clone(enter, stack.top(), flags, argument, &raw mut pidfd) };
    if pid > 0 {
        supervisor::await_release(&report.released, || has_ended(libc::P_PIDFD, pidfd));
        // SAFETY: the kernel has just made it for this process.
        return Ok(Supervisor::Sharing(unsafe { OwnedFd::from_raw_fd(pidfd) }));
    }
    // Linux before 5.2, or an emulator of it.
    start.shares_memory = false;
    // SAFETY: the child of a program of several threads, made by fork(3). It does what a supervisor does.
    match unsafe { libc::fork() } {
        0 => {
            supervisor::supervise(start, report);
            // SAFETY: it has no preconditions.
            unsafe { libc::_exit(0) }
        }
        ..0 => Err(std::io::Error::last_os_error()),
        pid => {
            supervisor::await_release(&report.released, || has_ended(libc::P_PID, pid));
            Ok(Supervisor::Forked(pid))
        }
    }
}

/// The argument of [`enter`].
struct Handed<'r> {
    start: *const Start<'r>,
    report: &'r Report,
}

/// The first function of a supervisor that shares memory.
extern "C" fn enter(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `make_supervisor` passes such a value, and waits until it has been read.
    let (start, report) = unsafe {
        let handed = &*argument.cast::<Handed<'_>>();
        (&*handed.start, handed.report)
    };
    supervisor::supervise(start, report);
    0
}

/// True if this child has ended, or there is none. It stays a zombie.
fn has_ended(kind: libc::idtype_t, number: i32) -> bool {
    wait(kind, number, libc::WEXITED | libc::WNOWAIT) != Ok(false)
}

/// True if waitid(2) finds this child in such a state.
fn wait(kind: libc::idtype_t, number: i32, state: libc::c_int) -> Result<bool, i32> {
    // si_signo, the first field, is SIGCHLD where it does. A siginfo has 128 bytes.
    let mut information = [0u32; 32];
    let options = state | libc::WNOHANG | libc::__WALL;
    let information_at = (&raw mut information) as usize;
    let args = [kind as usize, number as usize, information_at, options as usize, 0, 0];
    // SAFETY: the kernel writes a siginfo.
    unsafe { checked(libc::SYS_waitid, args) }.map(|_| information[0] == libc::SIGCHLD as u32)
}

/// The time between two looks for a supervisor that has no pidfd, and for one that was stopped.
const SHORT: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
const LONG: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

impl Supervisor {
    /// Reads the output of the child until the supervisor has ended, and reaps that. Kills one that was stopped:
    /// it would see no deadline. The child then ends with it.
    pub fn await_end(&self, told: &OwnedFd, output: &mut Output) {
        let (kind, number, pause) = match self {
            Supervisor::Sharing(pidfd) => (libc::P_PIDFD, pidfd.as_raw_fd(), LONG),
            Supervisor::Forked(pid) => (libc::P_PID, *pid, SHORT),
        };
        loop {
            output.read(told);
            if has_ended(kind, number) {
                break;
            }
            if wait(kind, number, libc::WSTOPPED | libc::WNOWAIT) == Ok(true) {
                self.kill();
            }
            let pidfd = match self {
                Supervisor::Sharing(pidfd) => Some(pidfd.as_fd()),
                Supervisor::Forked(_) => None,
            };
            let told = (!output.is_over).then_some(told.as_fd());
            let fds = pidfd.into_iter().chain(told);
            let mut fds: Vec<PollFd<'_>> =
                fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            let _ = poll(&mut fds, Some(&pause));
        }
        let _ = wait(kind, number, libc::WEXITED);
        output.read(told);
    }

    fn kill(&self) {
        let signal = libc::SIGKILL as usize;
        // SAFETY: the supervisor is a child of this process, and not yet reaped.
        let _ = unsafe {
            match self {
                Supervisor::Sharing(pidfd) => {
                    let pidfd = pidfd.as_raw_fd() as usize;
                    checked(libc::SYS_pidfd_send_signal, [pidfd, signal, 0, 0, 0, 0])
                }
                Supervisor::Forked(pid) => {
                    checked(libc::SYS_kill, [*pid as usize, signal, 0, 0, 0, 0])
                }
            }
        };
    }
}

/// The stack of a supervisor: a page that cannot be accessed, and above it the stack.
pub struct Stack(*mut libc::c_void);

impl Stack {
    /// Reserves it. Fails as mmap(2) does.
    pub fn new() -> std::io::Result<Stack> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a new mapping at an address of the kernel's choice, and its first page.
        unsafe {
            let start =
                mmap_anonymous(ptr::null_mut(), STACK, ProtFlags::READ | ProtFlags::WRITE, flags)?;
            let stack = Stack(start);
            mprotect(start, rustix::param::page_size(), MprotectFlags::empty())?;
            Ok(stack)
        }
    }

    fn top(&self) -> *mut libc::c_void {
        self.0.wrapping_byte_add(STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length. Whoever ran on it has ended.
        let _ = unsafe { munmap(self.0, STACK) };
    }
}
