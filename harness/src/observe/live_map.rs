//! A test of code that maps files wants to see where the map can be accessed, as a picture that it keeps: [`fault_map`]
//! draws the caller's own map as it is now.

use std::fmt;
use std::time::Duration;

use super::memory::{Memory, addresses};
use super::{Ending, Observation, Observe};
use crate::case::{Access, Clean, Errno, Fault, FaultAddress, FaultMap, HarnessError, Outcome};
use crate::picture::{Front, Offsets, grid};
use crate::sweep::Plan;
use crate::sys::{observed, told_address};

/// The time that one access may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The fault map of memory of this process. `Display` draws it, see [`fault_map`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMap(FaultMap);

/// Returns the fault map of the pages that some memory lies in: for loads, stores, and the kernel's copies from there
/// and to there; none of memory without bytes. Offsets count from the beginning of the first page, in bytes.
///
/// ```
/// # let page = rustix::param::page_size();
/// let file = tempfile::tempfile()?;
/// file.set_len(2 * page as u64)?;
/// // SAFETY: nobody else has the file.
/// let map = unsafe { memmap2::Mmap::map(&file)? };
/// file.set_len(page as u64 / 2)?;
/// # if page == 4096 {
/// assert_eq!(
///     faultmap::fault_map(&map).to_string(),
///     "               0              4096\n\
///      read           | ok           | SIGBUS ADRERR\n\
///      write          | SIGSEGV ACCERR\n\
///      copy_from_user | ok           | EFAULT\n\
///      copy_to_user   | EFAULT\n"
/// );
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Each access is made in a child of its own, as [`observe()`](crate::observe()) makes one; the boundaries are found by
/// bisection. A store puts back what was there, but it is a store: it takes room on the disk for a page of a file that
/// had none, and it undoes what another thread stores to the same byte of a shared map at the same moment.
///
/// # Panics
///
/// Where an access has no outcome: no child could be made, or it did not end within a minute. Where the memory does not
/// end below the last address.
#[track_caller]
pub fn fault_map(memory: impl Memory) -> LiveMap {
    let (own, page) = (addresses(memory), rustix::param::page_size());
    if own.is_empty() {
        return LiveMap(FaultMap { rows: Vec::new() });
    }
    let start = own.start / page * page;
    let end = own.end.next_multiple_of(page);
    let plan = Plan::of_pages((end - start) as i64, page as i64);
    let accesses = [Access::Read, Access::Write, Access::CopyFromUser, Access::CopyToUser];
    let rows = accesses.map(|access| {
        let found = plan.row(access, &Default::default(), |at, _| {
            let address = start.wrapping_add_signed(at as isize);
            outcome(access, address).map_err(HarnessError::System)
        });
        match found {
            Ok(found) => found.row,
            Err(unanswered) => panic!("{access} at {}: {}", unanswered.at, unanswered.error),
        }
    });
    LiveMap(FaultMap { rows: rows.into() })
}

/// Makes one access, and returns its outcome. Fails with what became of the child otherwise.
fn outcome(access: Access, address: usize) -> Result<Outcome, String> {
    let told = observed::probe(access, address, DEADLINE).map_err(|error| error.to_string())?;
    let seen: Observation = Observe::new().deadline(DEADLINE).observation(told);
    match &seen.ending {
        Ending::Returned { value, .. } if value == "0" => Ok(Outcome::Clean(Clean::Ok)),
        Ending::Returned { value, .. } => match value.parse() {
            Ok(errno) => Ok(Outcome::Errno(Errno(errno))),
            Err(_) => Err(seen.explain()),
        },
        Ending::Fault(fault) => Ok(Outcome::Fault(Fault {
            signal: fault.signal(),
            code: Some(fault.code()),
            address: match fault.address() {
                Some(told) if told as u64 == told_address(address as u64) => FaultAddress::Accessed,
                Some(_) => FaultAddress::Elsewhere,
                None => FaultAddress::Null,
            },
        })),
        _ => Err(seen.explain()),
    }
}

impl LiveMap {
    /// Returns the rows, with offsets from the beginning of the first page.
    pub fn rows(&self) -> &[crate::Row] {
        &self.0.rows
    }
}

impl fmt::Display for LiveMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.rows.is_empty() {
            return Ok(());
        }
        for line in grid(&self.0, None, &Offsets::in_bytes(), Front::NotProbed) {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
