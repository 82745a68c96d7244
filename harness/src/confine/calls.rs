//! The system calls that a worker and its victims may make; whoever makes another is killed.
//!
//! A list of what is allowed, since nobody can list what is not: kernels gain calls. Killed, and not
//! refused with an errno, which a picture could show as if the kernel had given it. A call that is
//! missing here is therefore found at once: SIGSYS ends the probe, or the worker, as a harness error.
//! Linux 5.11 and later look at the list once, and remember which numbers pass whatever their
//! arguments are.

use nix::libc;

/// What the vocabulary asks for, `victim/` does for it, and a worker does between two probes.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_mseal,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_remap_file_pages,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmdt,
    libc::SYS_shmget,
    // Files.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    libc::SYS_newfstatat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_pipe2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_statfs,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_write,
    // Processes: those of the pid namespace, nobody else has a number there.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_kill,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_yield,
    libc::SYS_setpgid,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // The machine.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_nanosleep,
    libc::SYS_uname,
];

/// linux/prctl.h, since Linux 6.4: how rustix learns the size of a page.
const PR_GET_AUXV: i32 = 0x4155_5856;

/// A victim is dumpable, its worker not: no other process may look into it.
const PRCTL: &[i32] =
    &[libc::PR_SET_PDEATHSIG, libc::PR_SET_CHILD_SUBREAPER, libc::PR_SET_DUMPABLE, PR_GET_AUXV];

/// The flags with which a nest is forked, and those with which it forks (sys/nest.rs).
const NEST: i32 = libc::CLONE_FILES | libc::SIGCHLD;
const NESTLING: i32 = libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID;

/// Calls that may be made with these values of the lower half of one argument alone.
const WITH: &[(libc::c_long, u32, &[i32])] = &[
    // A process, not a thread, and none in further namespaces: a victim, a nest, and what that forks.
    (libc::SYS_clone, 0, &[libc::SIGCHLD, NEST, NESTLING]),
    (libc::SYS_prctl, 0, PRCTL),
    // The C library's registration may be ended (linux/rseq.h: RSEQ_FLAG_UNREGISTER), none begun.
    (libc::SYS_rseq, 2, &[1]),
    // The process's own limits, and the core that it is to run on.
    (libc::SYS_prlimit64, 0, &[0]),
    (libc::SYS_sched_setaffinity, 0, &[0]),
];

/// AUDIT_ARCH_* of linux/audit.h: system calls are numbered by it.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
/// AUDIT_ARCH_* of linux/audit.h: system calls are numbered by it.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
/// AUDIT_ARCH_* of linux/audit.h: system calls are numbered by it.
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00f3);
/// Not tried there: no filter.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const ARCHITECTURE: Option<u32> = None;

/// Offsets in the `seccomp_data` that a filter sees (seccomp(2)).
const NUMBER: u32 = 0;
const CALLED_AS: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The filter, for [`crate::sys::install_call_filter`]; none where the numbers are not known.
pub(super) fn filter() -> Option<Vec<libc::sock_filter>> {
    // A 64-bit process can call as a 32-bit one, by other numbers: not here. The x32 calls of x86-64
    // have numbers of their own, which are not in the list.
    let right = jump(ARCHITECTURE?, 1, 0);
    let mut filter = vec![load(CALLED_AS), right, kill(), load(NUMBER)];
    for number in ALLOWED {
        filter.extend([unless(*number as u32, 1), allow()]);
    }
    for (number, argument, values) in WITH {
        // The load, two for each value, and the kill.
        filter.push(unless(*number as u32, 2 + 2 * values.len() as u8));
        filter.push(load(lower_half(*argument)));
        for value in *values {
            filter.extend([unless(*value as u32, 1), allow()]);
        }
        filter.push(kill());
    }
    filter.push(kill());
    Some(filter)
}

/// Where the lower half of an argument lies.
fn lower_half(argument: u32) -> u32 {
    ARGUMENTS + 8 * argument + if cfg!(target_endian = "big") { 4 } else { 0 }
}

fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

/// Skips so many instructions where what was loaded is another value.
fn unless(value: u32, skip: u8) -> libc::sock_filter {
    jump(value, 0, skip)
}

fn jump(value: u32, equal: u8, other: u8) -> libc::sock_filter {
    let code = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    libc::sock_filter { code, jt: equal, jf: other, k: value }
}

fn allow() -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW)
}

fn kill() -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_KILL_PROCESS)
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}
