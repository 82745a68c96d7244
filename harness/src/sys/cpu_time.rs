//! A supervisor has to know how much a child has computed. The C library's way to its clock, clock_getcpuclockid(3), asks
//! for the clock's resolution too, a call that a worker's filter does not allow.

use std::time::Duration;

use nix::libc;
use rustix::process::Pid;

use super::system_call::checked;

/// Returns the CPU time of all threads of a process so far; `None` where there is no such process, or where the kernel
/// does not tell.
pub fn cpu_time(process: Pid) -> Option<Duration> {
    // A process's clock in the encoding of the kernel: MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED, in
    // include/linux/posix-timers_types.h. The C libraries have the same.
    const CPUCLOCK_SCHED: i32 = 2;
    let clock = (!process.as_raw_nonzero().get() << 3) | CPUCLOCK_SCHED;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let at = (&raw mut time) as usize;
    // SAFETY: the kernel writes to the time alone.
    unsafe { checked(libc::SYS_clock_gettime, [clock as usize, at, 0, 0, 0, 0]) }.ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}
