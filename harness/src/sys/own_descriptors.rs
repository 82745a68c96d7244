//! A victim must not have the descriptors that are its worker's alone.
//!
//! A victim inherits what its worker has open, since the files of its case are among that. The other
//! descriptors would let it do harm: with the pipe to the controller it could answer for other cases, with
//! the journal for probes to come, and with a file of /proc that both have open it could make its worker
//! wait. So these descriptors have the highest numbers that every worker may use, and each victim closes them
//! before anything else.

use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use nix::libc;

use super::startup::close_between;
use super::{Child, SoleThread};

/// The number of descriptors that a worker needs to be allowed: with fewer, steps of a case would fail for
/// what the caller has set.
pub const DESCRIPTORS: u64 = 64;
const FIRST: libc::c_int = 56;
const LAST: libc::c_int = DESCRIPTORS as libc::c_int - 1;

/// The numbers of two descriptors of a victim's own: it has closed what was there, and no step of a case is
/// given such a number.
pub const AHEAD: [usize; 2] = [FIRST as usize, FIRST as usize + 1];

/// Moves a descriptor out of the reach of victims. Fails as fcntl(2) does, F_DUPFD_CLOEXEC; with EMFILE
/// where there are too many such, or RLIMIT_NOFILE allows no such number.
pub fn keep_from_victims(descriptor: OwnedFd) -> Result<OwnedFd, rustix::io::Errno> {
    let moved =
        rustix::io::fcntl_dupfd_cloexec(&descriptor, FIRST).map_err(|errno| match errno {
            // The kernel says so, not EMFILE, where FIRST itself is beyond the limit (F_DUPFD in fcntl(2)).
            rustix::io::Errno::INVAL => rustix::io::Errno::MFILE,
            _ => errno,
        })?;
    if moved.as_raw_fd() > LAST { Err(rustix::io::Errno::MFILE) } else { Ok(moved) }
}

/// Moves these out of the reach of victims, and closes all others but the first three and those that have
/// been moved before: whatever else a worker has of its controller's. To be called in a worker that never
/// drops those. Fails as [`keep_from_victims`] does.
pub fn keep_only<const N: usize>(
    _: SoleThread,
    descriptors: [OwnedFd; N],
) -> Result<[OwnedFd; N], rustix::io::Errno> {
    let moved: Result<Vec<OwnedFd>, _> = descriptors.into_iter().map(keep_from_victims).collect();
    close_between(3, FIRST as libc::c_uint - 1);
    close_between(LAST as libc::c_uint + 1, libc::c_uint::MAX);
    moved?.try_into().map_err(|_| rustix::io::Errno::MFILE)
}

/// Closes all descriptors but the first three and these: what a worker has of a program that forked it, which may have
/// any number of them. To be called in a worker that never drops those.
pub fn close_all_but(_: SoleThread, kept: &[BorrowedFd<'_>]) {
    let kept = kept.iter().map(|descriptor| descriptor.as_raw_fd() as libc::c_uint);
    let mut kept: Vec<libc::c_uint> = kept.filter(|number| *number >= 3).collect();
    kept.sort_unstable();
    let mut first = 3;
    for number in kept {
        if number > first {
            close_between(first, number - 1);
        }
        first = first.max(number + 1);
    }
    close_between(first, libc::c_uint::MAX);
}

/// Closes the descriptors that no victim may have.
#[inline(always)]
pub(super) fn close(child: &Child) {
    let range = [FIRST as usize, LAST as usize, 0, 0, 0, 0];
    if child.call(libc::SYS_close_range, range) == Err(libc::ENOSYS) {
        // Before Linux 5.9.
        for descriptor in FIRST..=LAST {
            let _ = child.call(libc::SYS_close, [descriptor as usize, 0, 0, 0, 0, 0]);
        }
    }
}
