//! A case that gets out of the vocabulary must not reach the kernel. This module lists the system calls that
//! a case's words and the victim's own code need, and the files that a victim opens.
//!
//! A filter that is made of this list stops such a case. So each word of the language adds what it needs
//! where a case uses it, and no case is given what another one needs. Whoever adds a system call to `victim/`
//! adds it here: otherwise SIGSYS kills its child, which has no answer. Those of the vocabulary come from its
//! table. The main type is [`Allowed`].

use std::ffi::CStr;

use nix::libc;

use super::price::Price;
use super::program::{Op, Operand, Program, System, Then};
use crate::case::Access;
use crate::sys::{FORK_FLAGS, PIDFD_SELF_THREAD, can_signal_itself};

/// A system call, with the values that the lower halves of some of its arguments must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Its number.
    pub number: libc::c_long,
    /// The numbers of arguments, counted from 0, and their values.
    pub with: Vec<(u8, u32)>,
}

/// A file that a victim opens, or whose name it removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened<'m> {
    /// The files that the harness has made, by the path of a descriptor.
    Made,
    /// The names of the files that the harness has made.
    Names,
    /// A file that exists anyway. (A directory is opened too; nothing in it can be reached by that.)
    Path(&'m CStr),
    /// A file in /proc: the victim's own memory and maps among them.
    Proc,
}

/// The system calls that each victim makes, whatever its case says: to begin, to end, and in its fault
/// handler.
const EVERY: &[(libc::c_long, &[(u8, u32)])] = &[
    (libc::SYS_close, &[]), // where close_range(2) is not there
    (libc::SYS_close_range, &[]),
    (libc::SYS_exit_group, &[]),
    (libc::SYS_getpid, &[]),
    (libc::SYS_getppid, &[]),
    (libc::SYS_prctl, &[(0, libc::PR_SET_PDEATHSIG as u32)]),
    (libc::SYS_restart_syscall, &[]), // when it is stopped and goes on
    (libc::SYS_rt_sigreturn, &[]),
    (libc::SYS_setpgid, &[(0, 0), (1, 0)]),
    // The fork server makes these, and has the same filter (sys/fork_server.rs).
    (libc::SYS_clone, &[(0, FORK_FLAGS as u32)]),
    (libc::SYS_futex, &[]),
];

/// Returns the system calls of a program in which these accesses are probed. Some may be listed twice.
pub fn calls(program: &Program<'_>, accesses: &[Access]) -> Vec<Allowed> {
    let mut all: Vec<Allowed> = EVERY.iter().map(|(number, with)| call(*number, with)).collect();
    all.extend(program.ops.iter().flat_map(of_op));
    if !program.files.is_empty() {
        // It tells how much of the disk the files take, see `super::budget`.
        all.push(call(libc::SYS_statx, &[(2, libc::AT_EMPTY_PATH as u32)]));
    }
    all.extend(accesses.iter().flat_map(|access| of_access(*access)));
    all
}

fn call(number: libc::c_long, with: &[(u8, u32)]) -> Allowed {
    Allowed { number, with: with.to_vec() }
}

/// Returns openat(2) of a path with these flags: it makes no file.
fn open(flags: i32) -> Allowed {
    call(libc::SYS_openat, &[(0, libc::AT_FDCWD as u32), (2, flags as u32)])
}

fn of_op(op: &Op<'_>) -> Vec<Allowed> {
    match op {
        Op::System(System { number, args, fixed, then, price, .. }) => {
            // A map that the kernel puts beside the harness is moved.
            let maps = matches!(then, Then::Mapped { .. } | Then::Remapped { .. });
            let moved = maps.then(|| call(libc::SYS_mremap, &[]));
            // It tells what is mapped, see `Victim::has_gap`.
            let grows = matches!(price, Price::GrownDown { .. });
            let asks = grows || maps || matches!(then, Then::Detached);
            let asked = asks.then(|| call(libc::SYS_msync, &[(2, 0)]));
            let number = Allowed { number: *number, with: values(*fixed, args) };
            moved.into_iter().chain(asked).chain([number]).collect()
        }
        Op::OpenFile { reopen: None, .. } => vec![call(libc::SYS_dup, &[])],
        Op::OpenFile { reopen: Some(flags), .. } | Op::OpenPath { flags, .. } => vec![open(*flags)],
        Op::Pipe => vec![call(libc::SYS_pipe2, &[(1, 0)])],
        Op::Unlink { .. } => vec![call(libc::SYS_unlinkat, &[(2, 0)])],
        Op::Touch { .. } | Op::Sweep { .. } | Op::Exit { .. } => Vec::new(),
        Op::Sigaction { signal, .. } => {
            vec![call(libc::SYS_rt_sigaction, &[(0, *signal as u32)])]
        }
        Op::Sigprocmask { how, .. } => vec![call(libc::SYS_rt_sigprocmask, &[(0, *how as u32)])],
        Op::Setrlimit { resource, .. } => {
            vec![call(libc::SYS_prlimit64, &[(0, 0), (1, *resource as u32)])]
        }
        Op::Raise { signal } => {
            let own = call(
                libc::SYS_pidfd_send_signal,
                &[(0, PIDFD_SELF_THREAD as u32), (1, *signal as u32), (2, 0)],
            );
            // A filter cannot tell to which process the signal goes.
            let any = (!can_signal_itself()).then(|| call(libc::SYS_kill, &[(1, *signal as u32)]));
            // The fault handler makes way for a signal that was sent.
            let default = call(libc::SYS_rt_sigaction, &[(0, *signal as u32)]);
            any.into_iter().chain([default, own]).collect()
        }
        Op::Block { .. } => vec![
            call(libc::SYS_clone, &[(0, libc::SIGCHLD as u32)]),
            call(libc::SYS_wait4, &[]),
            call(libc::SYS_futex, &[]),
            // It tells which maps a child does not have.
            call(libc::SYS_msync, &[(2, 0)]),
        ],
    }
}

/// Returns the values of the arguments without which the call would be another one; `fixed` has a bit for
/// each.
fn values(fixed: u8, args: &[Operand<'_>; 6]) -> Vec<(u8, u32)> {
    let value = |(index, operand): (u8, &Operand<'_>)| match operand {
        Operand::Number(value) if fixed >> index & 1 != 0 => Some((index, *value as u32)),
        _ => None,
    };
    (0..).zip(args).filter_map(value).collect()
}

fn of_access(access: Access) -> Vec<Allowed> {
    let mut all = match access {
        Access::Read | Access::Write => Vec::new(),
        Access::CopyFromUser | Access::CopyToUser => vec![
            call(libc::SYS_pipe2, &[(1, 0)]),
            call(libc::SYS_dup3, &[(2, 0)]),
            call(libc::SYS_read, &[]),
            call(libc::SYS_write, &[]),
        ],
        // The victim looks at the bytes before it jumps to them, some by way of a pipe.
        Access::Exec => vec![
            call(libc::SYS_pipe2, &[(1, 0)]),
            call(libc::SYS_write, &[]),
            call(libc::SYS_prctl, &[(0, libc::PR_SET_DUMPABLE as u32)]),
            open(libc::O_RDONLY),
            call(libc::SYS_dup3, &[(2, 0)]),
            call(libc::SYS_mmap, &[(2, libc::PROT_EXEC as u32), (4, u32::MAX)]),
            call(libc::SYS_read, &[]),
            call(libc::SYS_pread64, &[]),
        ],
    };
    // The victim looks up in the file where the byte went.
    all.extend(access.stores().then(|| call(libc::SYS_pread64, &[])));
    all
}

/// Returns the files that a program opens if these accesses are probed. Some may be listed twice.
pub fn opened<'m>(program: &Program<'m>, accesses: &[Access]) -> Vec<Opened<'m>> {
    let of_op = |op: &Op<'m>| match op {
        Op::OpenFile { reopen: Some(_), .. } => Some(Opened::Made),
        Op::OpenPath { path, .. } if path.to_bytes().starts_with(b"/proc/") => Some(Opened::Proc),
        Op::OpenPath { path, .. } => Some(Opened::Path(path)),
        Op::Unlink { .. } => Some(Opened::Names),
        _ => None,
    };
    let looks = accesses.contains(&Access::Exec).then_some(Opened::Proc);
    program.ops.iter().filter_map(of_op).chain(looks).collect()
}
