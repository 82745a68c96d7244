//! A worker or a victim that leaves the case language must not reach other processes and files. So a seccomp
//! filter and a Landlock domain restrict, for good, what it may ask of the kernel.
//!
//! Both are made ready before the fork, as plain data and a descriptor: entering is one system call each. A
//! fork server enters once for all of its victims, so that they pay nothing. Both are inherited, and cannot
//! be left (seccomp(2), landlock(7)). Where a kernel lacks one of them, the other is entered alone. The
//! main type is [`Sandbox`].

use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use linux_raw_sys::landlock::{
    LANDLOCK_CREATE_RULESET_VERSION, landlock_path_beneath_attr, landlock_rule_type,
    landlock_ruleset_attr,
};
use nix::errno::Errno;
use nix::libc;

use super::Child;
use super::system_call::checked;

/// The flags of a filter: the process keeps the mitigations against speculation that it has, since watching
/// it must make what is measured neither slower nor different.
const FILTER_FLAGS: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;

/// The arguments of seccomp(2) that install a filter, by index, as their lower halves: a filter that is
/// already in force has to allow them.
pub const INSTALL_ARGUMENTS: [(u8, u32); 2] =
    [(0, libc::SECCOMP_SET_MODE_FILTER), (1, FILTER_FLAGS as u32)];

/// The filter and the ruleset that a process enters. Those of a victim lie in memory that victims inherit.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox<'m> {
    /// The seccomp filter, which checks each system call; empty where there is none.
    pub filter: &'m [libc::sock_filter],
    /// The number of the descriptor of a Landlock ruleset.
    pub ruleset: Option<i32>,
}

impl Sandbox<'_> {
    /// The sandbox that restricts nothing.
    pub const NONE: Sandbox<'static> = Sandbox { filter: &[], ruleset: None };

    /// Puts this process, and all that it forks, behind it. PR_SET_NO_NEW_PRIVS must be set. Fails with the
    /// kernel's errno.
    #[inline(always)]
    pub fn enter(&self, child: &Child) -> Result<(), i32> {
        if let Some(ruleset) = self.ruleset {
            child.call(libc::SYS_landlock_restrict_self, [ruleset as usize, 0, 0, 0, 0, 0])?;
        }
        if !self.filter.is_empty() {
            let program = program(self.filter);
            let operation = libc::SECCOMP_SET_MODE_FILTER as usize;
            let at = child.address_of(&program);
            child.call(libc::SYS_seccomp, [operation, FILTER_FLAGS as usize, at, 0, 0, 0])?;
        }
        Ok(())
    }
}

/// Returns the filter as seccomp(2) takes it. The kernel refuses one that is too long.
#[inline(always)]
fn program(filter: &[libc::sock_filter]) -> libc::sock_fprog {
    let len = filter.len().min(usize::from(u16::MAX)) as u16;
    libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() }
}

/// Puts this process, and all that it forks, behind a program that looks at each system call
/// (seccomp(2)). PR_SET_NO_NEW_PRIVS must be set. Fails with EINVAL or ENOSYS where the kernel was
/// built without, or with a program that it does not take.
pub fn install_call_filter(filter: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = program(filter);
    // SAFETY: the kernel copies the program, which lives until then, and checks it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            FILTER_FLAGS,
            &raw const program,
        )
    };
    Errno::result(result).map(drop)
}

/// Puts this process, and all that it forks, into a Landlock domain. PR_SET_NO_NEW_PRIVS must be set. Fails as
/// landlock_restrict_self(2) does.
pub fn enter_landlock(ruleset: &OwnedFd) -> Result<(), Errno> {
    let args = [ruleset.as_raw_fd() as usize, 0, 0, 0, 0, 0];
    // SAFETY: this process may do less from here on, and its memory stays as it is.
    let entered = unsafe { checked(libc::SYS_landlock_restrict_self, args) };
    entered.map(drop).map_err(Errno::from_raw)
}

/// Returns the version of Landlock that this kernel has. Fails with ENOSYS where it was built without, with
/// EOPNOTSUPP where that is not switched on.
pub fn landlock_version() -> Result<i32, Errno> {
    let version = LANDLOCK_CREATE_RULESET_VERSION as usize;
    // SAFETY: no structure is handed over, and none is made.
    let version = unsafe { checked(libc::SYS_landlock_create_ruleset, [0, 0, version, 0, 0, 0]) };
    version.map(|version| version as i32).map_err(Errno::from_raw)
}

/// A ruleset that forbids what it handles. The kernel knows nothing of fields that are newer than it is, if
/// they are 0. Fails as landlock_create_ruleset(2) does.
pub fn landlock_ruleset(handled: &landlock_ruleset_attr) -> Result<OwnedFd, Errno> {
    let (at, size) = ((&raw const *handled) as usize, size_of::<landlock_ruleset_attr>());
    // SAFETY: the kernel reads the structure.
    let ruleset = unsafe { checked(libc::SYS_landlock_create_ruleset, [at, size, 0, 0, 0, 0]) };
    let ruleset = ruleset.map_err(Errno::from_raw)?;
    // SAFETY: a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(ruleset as i32) })
}

/// Allows this access to a file, or below a directory. Fails as landlock_add_rule(2) does.
pub fn landlock_allow(
    ruleset: BorrowedFd<'_>,
    beneath: BorrowedFd<'_>,
    allowed_access: u64,
) -> Result<(), Errno> {
    let rule = landlock_path_beneath_attr { allowed_access, parent_fd: beneath.as_raw_fd() };
    let kind = landlock_rule_type::LANDLOCK_RULE_PATH_BENEATH as usize;
    let args = [ruleset.as_raw_fd() as usize, kind, (&raw const rule) as usize, 0, 0, 0];
    // SAFETY: the kernel reads the structure.
    let added = unsafe { checked(libc::SYS_landlock_add_rule, args) };
    added.map(drop).map_err(Errno::from_raw)
}
