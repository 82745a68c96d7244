//! A tracer sees each signal of a program before the program does: this module has the requests of ptrace(2) that
//! `exec` needs. The main type is [`Stop`].
//!
//! A thread is seized (PTRACE_SEIZE), not attached: nothing stops it then, and a stop by job control can be told from
//! the others (PTRACE_LISTEN).

use std::ptr;

use nix::errno::Errno;
use nix::libc;

/// A thread of the program that waits for the tracer, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The thread.
    pub thread: i32,
    /// The reason.
    pub why: Why,
}

/// The reason of a stop. (ptrace(2), "Stopped states")
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The thread has ended, and is no longer traced.
    Ended,
    /// A signal is about to be delivered.
    Signal(i32),
    /// Job control has stopped the process.
    StoppedByJobControl,
    /// The thread has made another one, or a process, which is traced as well.
    Made(i32),
    /// The process has a new program. The thread that called execve(2) had this number before.
    NewProgram(i32),
    /// The thread is about to end with this wait status. Its memory is still there.
    Ends(i32),
    /// A seccomp filter asks the tracer.
    FilteredCall,
    /// It has just been seized, or nothing of the above.
    Nothing,
}

/// A signal as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalInfo {
    /// The signal.
    pub signal: i32,
    /// `si_code`. A value above 0 is of the kernel.
    pub code: i32,
    /// `si_addr`, for a signal that an instruction has raised.
    pub address: u64,
    /// `si_pid`, for a signal that was sent.
    pub sender: i32,
}

/// Traces this process, with all threads and processes that it makes from now on. Fails as ptrace(2) does.
pub fn seize(process: i32, asked_by_filter: bool) -> Result<(), Errno> {
    let filter = if asked_by_filter { libc::PTRACE_O_TRACESECCOMP } else { 0 };
    let options = libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEEXIT
        | filter;
    request(libc::PTRACE_SEIZE, process, 0, options as usize).map(drop)
}

/// Waits for the next stop of a thread. Returns `None` when all have ended.
pub fn next_stop() -> Option<Stop> {
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes to the status alone.
        let thread = unsafe { libc::waitpid(-1, &mut status, libc::__WALL) };
        match Errno::result(thread) {
            Ok(thread) => return Some(Stop { thread, why: why(thread, status) }),
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn why(thread: i32, status: i32) -> Why {
    if !libc::WIFSTOPPED(status) {
        return Why::Ended;
    }
    let message = || event_message(thread).unwrap_or(0) as i32;
    match status >> 16 {
        0 => Why::Signal(libc::WSTOPSIG(status)),
        libc::PTRACE_EVENT_STOP if libc::WSTOPSIG(status) != libc::SIGTRAP => {
            Why::StoppedByJobControl
        }
        libc::PTRACE_EVENT_CLONE | libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => {
            Why::Made(message())
        }
        libc::PTRACE_EVENT_EXEC => Why::NewProgram(message()),
        libc::PTRACE_EVENT_EXIT => Why::Ends(message()),
        libc::PTRACE_EVENT_SECCOMP => Why::FilteredCall,
        _ => Why::Nothing,
    }
}

/// Lets a thread go on, and delivers this signal to it; 0 is none. Fails with ESRCH where somebody has killed it.
pub fn resume(thread: i32, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_CONT, thread, 0, signal as usize).map(drop)
}

/// Leaves a thread that job control has stopped as it is, until SIGCONT.
pub fn listen(thread: i32) -> Result<(), Errno> {
    request(libc::PTRACE_LISTEN, thread, 0, 0).map(drop)
}

/// Traces a thread no longer, and lets it go on.
pub fn detach(thread: i32) -> Result<(), Errno> {
    request(libc::PTRACE_DETACH, thread, 0, 0).map(drop)
}

/// Returns the signal at which a thread has stopped.
pub fn signal_info(thread: i32) -> Result<SignalInfo, Errno> {
    // SAFETY: plain numbers.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETSIGINFO, thread, 0, (&raw mut info) as usize)?;
    // SAFETY: each of these reads four or eight bytes of the value, whatever they mean.
    let (address, sender) = unsafe { (info.si_addr() as u64, info.si_pid()) };
    Ok(SignalInfo { signal: info.si_signo, code: info.si_code, address, sender })
}

/// Returns the number and the arguments of the call at which a filter has stopped a thread. (Linux 5.3)
pub fn filtered_call(thread: i32) -> Result<(u64, [u64; 6]), Errno> {
    const PTRACE_GET_SYSCALL_INFO: i32 = 0x420e;
    // `struct ptrace_syscall_info` in <linux/ptrace.h>: op, architecture, two registers, and then the call.
    let mut info = [0u64; 11];
    let at = (&raw mut info) as usize;
    request(PTRACE_GET_SYSCALL_INFO, thread, size_of_val(&info), at)?;
    let [_, _, _, number, a, b, c, d, e, f, _] = info;
    Ok((number, [a, b, c, d, e, f]))
}

/// Returns the registers of a stopped thread.
#[cfg(target_arch = "x86_64")]
pub fn registers(thread: i32) -> Result<libc::user_regs_struct, Errno> {
    // SAFETY: plain numbers.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETREGS, thread, 0, (&raw mut registers) as usize)?;
    Ok(registers)
}

fn event_message(thread: i32) -> Result<libc::c_ulong, Errno> {
    let mut message: libc::c_ulong = 0;
    request(libc::PTRACE_GETEVENTMSG, thread, 0, (&raw mut message) as usize)?;
    Ok(message)
}

/// Makes a request. All that are made here change nothing of this process but what `data` points to.
fn request(
    request: impl TryInto<i32>,
    thread: i32,
    address: usize,
    data: usize,
) -> Result<libc::c_long, Errno> {
    let request = request.try_into().map_err(|_| Errno::EINVAL)?;
    let address: *mut libc::c_void = ptr::without_provenance_mut(address);
    let data: *mut libc::c_void = ptr::with_exposed_provenance_mut(data);
    // SAFETY: where data is an address, it is that of a value of the caller, of the size that the request writes.
    Errno::result(unsafe { libc::ptrace(request as _, thread, address, data) })
}
