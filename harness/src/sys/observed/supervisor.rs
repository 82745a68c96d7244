//! The supervisor of a closure's child: a process that forks the child, kills it at its deadline, and kills what
//! it leaves behind. So the process that observes is no parent of the child, gets no SIGCHLD, and is no
//! subreaper.
//!
//! As a rule the supervisor shares the memory of the process that observes (CLONE_VM), which saves a copy of its
//! page tables, and the thread-local memory of the thread that observes. While that thread waits, the supervisor
//! calls fork(3): the C library then has its locks in order, those of the allocator among them. From the moment
//! that the thread goes on, the supervisor uses nothing that is thread-local: it makes system calls itself, and
//! neither allocates nor panics. The main function is [`supervise`].

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use nix::libc;
use rustix::thread::CpuSet;

use super::note::{CANCELLED, STARTING};
use super::report;
use super::{Start, child};
use crate::case::limits;
use crate::sys::futex;
use crate::sys::system_call::checked;

/// Nanoseconds in which a child must come to the closure, at the first try: another thread may have held a lock
/// at the fork that the child needs on its way. Each further try has twice as many, up to a limit.
const START: u64 = 200 * MILLISECOND;
const LONGEST_START: u64 = 800 * MILLISECOND;
/// The number of tries.
const TRIES: u32 = 14;
/// Nanoseconds that killed processes may take to disappear.
const GRACE: u64 = limits::GRACE.as_nanos() as u64;
const MILLISECOND: u64 = 1_000_000;

/// Makes a system call. What the supervisor asks for is listed in this file, and changes nothing for the process
/// that observes but the memory that it gives.
fn call(number: libc::c_long, args: [usize; 4]) -> Result<usize, i32> {
    let [a, b, c, d] = args;
    // SAFETY: the callers pass addresses of their own values, and lengths that are theirs.
    unsafe { checked(number, [a, b, c, d, 0, 0]) }
}

/// Runs a child to its end, and reports it. Returns when nothing of it is left.
pub fn supervise(start: &Start<'_>) {
    let report = start.report;
    let _ = call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGTERM as usize, 0, 0]);
    // What the child leaves becomes a child of this process.
    let _ = call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as usize, 1, 0, 0]);
    // Where SIGCHLD is ignored the kernel reaps children at once. As the kernel has it, all zero is SIG_DFL.
    let default = [0usize; 4];
    let action = (&raw const default) as usize;
    let _ = call(libc::SYS_rt_sigaction, [libc::SIGCHLD as usize, action, 0, size_of::<u64>()]);
    if start.cores.is_some() {
        stay_on_this_core();
    }
    let forked = fork(start);
    start.note.released.store(1, Release);
    futex::wake(&start.note.released);
    // Otherwise a pipe or a lock of the process that observes would be held open here, too.
    let _ = call(libc::SYS_close_range, [0, u32::MAX as usize, 0, 0]);
    if let Some((pid, deadline)) = forked {
        follow(start, pid, deadline);
        report.left.store(sweep(), Relaxed);
    }
}

/// Keeps this process, and the child that it forks, on the core on which it is. The two take turns: left to itself, the
/// scheduler wakes each on another core, which takes longer than what they do there (`supervise/cores.rs`). The child
/// has the cores of the thread that observes when it comes to the closure.
fn stay_on_this_core() {
    let mut core = 0u32;
    let mut set = [0usize; CpuSet::MAX_CPU / usize::BITS as usize];
    let told = call(libc::SYS_getcpu, [(&raw mut core) as usize, 0, 0, 0]);
    let (word, bit) = ((core / usize::BITS) as usize, core % usize::BITS);
    if let Some(word) = set.get_mut(word).filter(|_| told.is_ok()) {
        *word = 1 << bit;
        let args = [0, size_of_val(&set), (&raw const set) as usize, 0];
        let _ = call(libc::SYS_sched_setaffinity, args);
    }
}

/// Forks until a child has come to the closure, or has ended. Returns its pid, and its deadline. The child lets the
/// thread that observes go on; this process sleeps meanwhile.
fn fork(start: &Start<'_>) -> Option<(usize, u64)> {
    let report = start.report;
    let own = call(libc::SYS_getpid, [0; 4]).unwrap_or(0);
    for tried in 0..TRIES {
        start.note.state.store(STARTING, Release);
        start.note.go.store(0, Release);
        start.note.tried.store(tried, Release);
        // SAFETY: the thread that observes waits. The child is a process like any that fork(3) makes in a
        // program of several threads.
        let pid = unsafe { libc::fork() };
        match pid {
            0 => child::run(start, own as i32),
            ..0 => {
                // SAFETY: the address of errno of the thread that waits.
                report.value.store(unsafe { *libc::__errno_location() }, Relaxed);
                report.kind.store(report::NOT_FORKED, Relaxed);
                return None;
            }
            _ => {}
        }
        start.note.go.store(1, Release);
        futex::wake(&start.note.go);
        let pid = pid as usize;
        let limit = now().saturating_add((START << tried).min(LONGEST_START));
        let deadline = now().saturating_add(start.nanoseconds);
        let state = &start.note.state;
        loop {
            let (now, is_in_closure) = (now(), state.load(Acquire) != STARTING);
            if has(pid, libc::WEXITED) == Ok(true) || (is_in_closure && now >= deadline) {
                return Some((pid, deadline));
            }
            if now >= limit {
                break;
            }
            let until = if is_in_closure || deadline > now { limit.min(deadline) } else { limit };
            sleep(until.saturating_sub(now));
        }
        if state.compare_exchange(STARTING, CANCELLED, Release, Relaxed).is_err() {
            return Some((pid, deadline));
        }
        let _ = call(libc::SYS_kill, [pid, libc::SIGKILL as usize, 0, 0]);
        let limit = now().saturating_add(GRACE);
        while call(libc::SYS_wait4, [pid, 0, libc::WNOHANG as usize, 0]) == Ok(0) && now() < limit {
            sleep(MILLISECOND);
        }
    }
    report.kind.store(report::NOT_STARTED, Relaxed);
    None
}

/// Waits for the end of the child, or makes one at the deadline.
fn follow(start: &Start<'_>, pid: usize, deadline: u64) {
    let report = start.report;
    let mut is_killed = false;
    let mut deadline = deadline;
    loop {
        let mut status = 0i32;
        let flags = libc::WNOHANG as usize;
        let ended = call(libc::SYS_wait4, [pid, (&raw mut status) as usize, flags, 0]);
        if ended != Ok(0) {
            if !is_killed && ended.is_ok() {
                report.value.store(status, Relaxed);
                report.kind.store(report::ENDED, Relaxed);
            }
            return;
        }
        // SIGTERM: the process that observes is gone, unless somebody else has sent it.
        let is_alone = call(libc::SYS_getppid, [0; 4]) != Ok(start.observer as usize);
        let late = now() >= deadline;
        if late && is_killed {
            report.kind.store(report::STUCK, Relaxed);
            return;
        }
        if late || (is_alone && !is_killed) {
            report.system_call.store(system_call_of(pid), Relaxed);
            report.stopped.store(u32::from(has(pid, libc::WSTOPPED) == Ok(true)), Relaxed);
            report.kind.store(report::LATE, Relaxed);
            let _ = call(libc::SYS_kill, [pid, libc::SIGKILL as usize, 0, 0]);
            is_killed = true;
            deadline = now().saturating_add(GRACE);
        }
        sleep(deadline.saturating_sub(now()).min(500 * MILLISECOND));
    }
}

/// Kills and reaps all that the child has left. Returns the number of processes.
fn sweep() -> u32 {
    let mut reaped = 0;
    let deadline = now().saturating_add(GRACE);
    loop {
        loop {
            match call(libc::SYS_wait4, [usize::MAX, 0, libc::WNOHANG as usize, 0]) {
                Ok(0) => break,
                Ok(_) => reaped += 1,
                Err(_) => return reaped, // ECHILD
            }
        }
        for_each_child(|pid| {
            let _ = call(libc::SYS_kill, [pid, libc::SIGKILL as usize, 0, 0]);
        });
        if now() >= deadline {
            return reaped;
        }
        sleep(MILLISECOND);
    }
}

/// Sleeps until a child may have ended, a SIGTERM has come, or the time is over.
fn sleep(nanoseconds: u64) {
    let signals = 1u64 << (libc::SIGCHLD - 1) | 1 << (libc::SIGTERM - 1);
    let time = futex::timespec(nanoseconds);
    let args = [(&raw const signals) as usize, 0, (&raw const time) as usize, size_of::<u64>()];
    let _ = call(libc::SYS_rt_sigtimedwait, args);
}

/// Nanoseconds of a clock that only goes forward.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let args = [libc::CLOCK_MONOTONIC as usize, (&raw mut time) as usize, 0, 0];
    let _ = call(libc::SYS_clock_gettime, args);
    (time.tv_sec as u64).saturating_mul(1_000 * MILLISECOND).saturating_add(time.tv_nsec as u64)
}

/// True if this child has this state (waitid(2): WEXITED, WSTOPPED). It keeps it. Fails with the errno.
pub fn has(pid: usize, state: libc::c_int) -> Result<bool, i32> {
    wait(pid, state | libc::WNOWAIT)
}

/// The same; but a child that has ended is reaped.
pub fn wait(pid: usize, state: libc::c_int) -> Result<bool, i32> {
    // si_signo, the first field, is SIGCHLD where there is such a child. A siginfo has 128 bytes.
    let mut information = [0u32; 32];
    let options = (state | libc::WNOHANG | libc::__WALL) as usize;
    let args = [libc::P_PID as usize, pid, (&raw mut information) as usize, options];
    call(libc::SYS_waitid, args).map(|_| information[0] == libc::SIGCHLD as u32)
}

/// Returns the number of the system call that a process is in. (proc_pid_syscall(5))
fn system_call_of(pid: usize) -> i64 {
    let mut path = [0u8; 32];
    let mut end = 0;
    let mut push = |bytes: &[u8]| {
        for byte in bytes {
            if let Some(at) = path.get_mut(end) {
                (*at, end) = (*byte, end + 1);
            }
        }
    };
    push(b"/proc/");
    let mut digits = [0u8; 10];
    let (mut rest, mut first) = (pid, digits.len());
    while rest > 0 && first > 0 {
        first -= 1;
        if let Some(digit) = digits.get_mut(first) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
    push(digits.get(first..).unwrap_or(&[]));
    push(b"/syscall\0");
    let mut text = [0u8; 64];
    match read_file(&path, &mut text) {
        0 => report::UNTOLD,
        _ if text[0] == b'r' => report::RUNNING,
        // "-1": it waits, and in no system call: for a page, for example.
        _ if text[0] == b'-' => report::UNTOLD,
        _ => number(&text) as i64,
    }
}

/// Passes on each child of this process (proc_pid_task(5): children). None where the kernel has no such list.
fn for_each_child(mut each: impl FnMut(usize)) {
    let mut text = [0u8; 4096];
    let length = read_file(b"/proc/thread-self/children\0", &mut text);
    let text = text.get(..length).unwrap_or(&[]);
    // A space follows each number. The last one may have been cut; then it is read whole the next time.
    let whole = text.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
    let words = text.get(..whole).unwrap_or(&[]).split(|byte| *byte == b' ');
    words.filter(|word| !word.is_empty()).for_each(|word| each(number(word)));
}

/// The number at the beginning of a text.
fn number(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0usize, |all, digit| all.wrapping_mul(10).wrapping_add((digit - b'0') as usize))
}

/// Reads the beginning of a file whose path ends with a zero. Returns the number of bytes; 0 where it cannot be
/// read.
fn read_file(path: &[u8], text: &mut [u8]) -> usize {
    let args = [libc::AT_FDCWD as usize, path.as_ptr() as usize, libc::O_RDONLY as usize, 0];
    let Ok(fd) = call(libc::SYS_openat, args) else { return 0 };
    let length = call(libc::SYS_read, [fd, text.as_mut_ptr() as usize, text.len(), 0]);
    let _ = call(libc::SYS_close, [fd, 0, 0, 0]);
    length.unwrap_or(0)
}

/// Waits until the child has come to the closure, without any memory of this thread's own: the supervisor uses
/// it. `is_gone` tells that the supervisor has ended.
pub fn await_release(released: &AtomicU32, is_gone: impl Fn() -> bool) {
    while released.load(Acquire) == 0 && !is_gone() {
        futex::wait(released, 0, Some(50 * MILLISECOND));
    }
}
