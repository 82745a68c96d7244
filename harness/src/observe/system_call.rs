//! A closure that hangs is in some system call: this module has the names of those that wait.

use nix::libc;

/// Makes a table of the numbers and the names of system calls.
macro_rules! calls {
    ($($name:ident)*) => { &[$((libc::$name, stringify!($name)),)*] };
}

/// The system calls in which a process can wait long, on each architecture.
const WAITS: &[(libc::c_long, &str)] = calls![
    SYS_accept4 SYS_clock_nanosleep SYS_connect SYS_epoll_pwait SYS_fcntl SYS_fdatasync SYS_flock
    SYS_fsync SYS_futex SYS_io_getevents SYS_kill SYS_mmap SYS_mprotect SYS_msync SYS_munmap
    SYS_nanosleep SYS_openat SYS_ppoll SYS_pread64 SYS_pselect6 SYS_pwrite64 SYS_read SYS_readv
    SYS_recvfrom SYS_recvmsg SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_sched_yield SYS_sendmsg
    SYS_sendto SYS_tgkill SYS_tkill SYS_wait4 SYS_waitid SYS_write SYS_writev
];

/// One that the C library's list has not on s390x and powerpc64le.
const SEMAPHORES: &[(libc::c_long, &str)] =
    &[(linux_raw_sys::general::__NR_semtimedop as libc::c_long, "SYS_semtimedop")];

/// Those that newer architectures lack.
#[cfg(target_arch = "x86_64")]
const OLD_WAITS: &[(libc::c_long, &str)] =
    calls![SYS_accept SYS_epoll_wait SYS_open SYS_pause SYS_poll SYS_select];
#[cfg(not(target_arch = "x86_64"))]
const OLD_WAITS: &[(libc::c_long, &str)] = &[];

/// Returns the name of a system call that waits; `system call 1` for another.
pub fn name(number: u32) -> String {
    let mut known = WAITS.iter().chain(SEMAPHORES).chain(OLD_WAITS);
    let known = known.find(|(own, _)| *own == libc::c_long::from(number));
    let name = known.and_then(|(_, name)| name.strip_prefix("SYS_"));
    name.map_or_else(|| format!("system call {number}"), str::to_owned)
}
