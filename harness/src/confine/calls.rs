//! A worker or a victim that leaves the case language must make no other system calls: a seccomp filter
//! allows some, and any other kills.
//!
//! The lists say what is allowed, since nobody can list what is not: kernels gain calls. Another call kills,
//! and does not fail with an errno, which a picture could show as if the kernel had given it. A call that is
//! missing is therefore found at once: SIGSYS ends the probe, or the worker, as a harness error. Linux 5.11
//! and later evaluate a list once, and remember which numbers pass whatever their arguments are.
//!
//! A worker has the long list below. The process that runs the steps of a case is behind a second filter,
//! made of what [`victim::calls`] tells of that case; the kernel asks both, and the stricter answer counts
//! (seccomp(2)).

use nix::libc;
#[cfg(target_endian = "little")]
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::refusal::Refusal;
use crate::sys::{FORK_FLAGS, INSTALL_ARGUMENTS, OWN_CALLS, PIDFD_SELF_THREAD};
use crate::victim::{self, Allowed};
use crate::vocabulary::{self, Syscall};

/// The system calls that `victim/` makes beside those of the vocabulary, and a worker between two probes.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munmap,
    // Files.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    // The calls that restrict victims: they take rights away, and give none.
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_restrict_self,
    // Processes. Under strict isolation nobody outside of the pid namespace has a number that could be given;
    // elsewhere a victim's own filter allows it none but its own, where the kernel has PIDFD_SELF_THREAD,
    // and its Landlock domain keeps signals inside from version 6 on.
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

/// A victim makes itself dumpable: what forks it may not be (a fork server never is, a worker is not under strict
/// isolation), and no other process may look into that (ptrace(2)).
const PRCTL: &[i32] =
    &[libc::PR_SET_PDEATHSIG, libc::PR_SET_CHILD_SUBREAPER, libc::PR_SET_DUMPABLE, PR_GET_AUXV];

/// The flags with which a fork server is forked (sys/fork_server.rs).
const FORK_SERVER: i32 = libc::CLONE_FILES | libc::SIGCHLD;

/// Calls that may be made with these values of the lower half of one argument alone.
const WITH: &[(libc::c_long, u8, &[i32])] = &[
    // A process, not a thread, and none in further namespaces: a victim, a fork server, and what that forks.
    (libc::SYS_clone, 0, &[libc::SIGCHLD, FORK_SERVER, FORK_FLAGS]),
    (libc::SYS_pidfd_send_signal, 0, &[PIDFD_SELF_THREAD]),
    (libc::SYS_prctl, 0, PRCTL),
    // The C library's registration may be ended (linux/rseq.h: RSEQ_FLAG_UNREGISTER), none begun.
    (libc::SYS_rseq, 2, &[1]),
    // The process's own limits, and the core that it is to run on.
    (libc::SYS_prlimit64, 0, &[0]),
    (libc::SYS_sched_setaffinity, 0, &[0]),
];

/// The filter of a worker. Fails with the reason where there is none.
pub(super) fn of_worker() -> Result<Vec<libc::sock_filter>, Refusal> {
    let vocabulary = vocabulary::all().filter_map(Syscall::number).map(libc::c_long::from);
    let any = ALLOWED.iter().chain(OWN_CALLS).copied().chain(vocabulary);
    let any = any.map(|number| Allowed { number, with: Vec::new() });
    let with = WITH.iter().flat_map(|(number, argument, values)| {
        values
            .iter()
            .map(|value| Allowed { number: *number, with: vec![(*argument, *value as u32)] })
    });
    let narrower = Allowed { number: libc::SYS_seccomp, with: INSTALL_ARGUMENTS.to_vec() };
    compile(any.chain(with).chain([narrower]))
}

/// The filter of a case's victims, and of what forks them. Fails with the reason where there is none.
pub(super) fn of_victims(
    program: &victim::Program<'_>,
    accesses: &[crate::case::Access],
) -> Result<Vec<libc::sock_filter>, Refusal> {
    compile(victim::calls(program, accesses))
}

/// A filter that kills whoever makes another call, or one as a process of another architecture: 32-bit
/// calls have other numbers. The x32 calls of x86-64 have numbers of their own, which are in no list.
#[cfg(target_endian = "little")]
fn compile(allowed: impl IntoIterator<Item = Allowed>) -> Result<Vec<libc::sock_filter>, Refusal> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|_| unknown_here())?;
    // No rules at all stand for any arguments.
    let mut rules: std::collections::BTreeMap<i64, Option<Vec<SeccompRule>>> = Default::default();
    for Allowed { number, with } in allowed {
        let rules = rules.entry(number).or_insert_with(|| Some(Vec::new()));
        match rules {
            Some(listed) if !with.is_empty() => listed.push(rule(&with)?),
            _ => *rules = None,
        }
    }
    let rules = rules.into_iter().map(|(number, rules)| (number, rules.unwrap_or_default()));
    let (other, listed) = (SeccompAction::KillProcess, SeccompAction::Allow);
    let program = SeccompFilter::new(rules.collect(), other, listed, architecture)
        .and_then(BpfProgram::try_from)
        .map_err(|error| Refusal::Filter(error.to_string()))?;
    let instruction = |own: seccompiler::sock_filter| {
        let seccompiler::sock_filter { code, jt, jf, k } = own;
        libc::sock_filter { code, jt, jf, k }
    };
    Ok(program.into_iter().map(instruction).collect())
}

/// These arguments must have these values in their lower halves.
#[cfg(target_endian = "little")]
fn rule(with: &[(u8, u32)]) -> Result<SeccompRule, Refusal> {
    let (half, equal) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
    let condition = |(argument, value): &(u8, u32)| {
        SeccompCondition::new(*argument, half.clone(), equal.clone(), u64::from(*value))
    };
    let conditions: Result<Vec<_>, _> = with.iter().map(condition).collect();
    conditions.and_then(SeccompRule::new).map_err(|error| Refusal::Filter(error.to_string()))
}

/// Fails: seccompiler has nothing for big-endian architectures.
#[cfg(target_endian = "big")]
fn compile(_: impl IntoIterator<Item = Allowed>) -> Result<Vec<libc::sock_filter>, Refusal> {
    Err(unknown_here())
}

fn unknown_here() -> Refusal {
    Refusal::Architecture(std::env::consts::ARCH.to_owned())
}
