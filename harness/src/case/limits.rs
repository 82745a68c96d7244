//! The limits on a case. The parser enforces them before any step is performed, so that a case file
//! cannot exhaust the memory, the disk or the processes of the machine.

use std::time::Duration;

/// The time that a child may take, unless its case or the command line says otherwise; one that could run when it is over
/// has more, see [`Patience`](crate::supervise::Patience). A child takes well below a millisecond; on a machine with ten
/// busy processes for each core some have taken more than five seconds.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// The CPU time that a child may use in one step, where its case does not say how long that may take. The dearest step of
/// a case uses below a tenth of a second.
pub const RUNNING: Duration = Duration::from_secs(1);
/// The time that a killed child may take to disappear. It takes longer only while the kernel itself is stuck
/// on its behalf.
pub const GRACE: Duration = Duration::from_secs(5);
/// Bytes of a case file.
pub const SOURCE_BYTES: usize = 64 * 1024;
/// Steps, those in blocks included.
pub const STEPS: usize = 100;
/// Variables.
pub const VARIABLES: usize = 32;
/// Files made by the harness for one probe.
pub const FILES: usize = 8;
/// `fork` and `process` blocks.
pub const BLOCKS: usize = 8;
/// Blocks within blocks.
pub const DEPTH: usize = 3;
/// Nesting of parentheses in a size.
pub const SIZE_DEPTH: usize = 16;
/// Bytes of all files together: those that the harness fills and those that the steps allocate.
pub const FILE_BYTES: u64 = 64 << 20;
/// Bytes of memory for a case and its worker together, files included.
pub const MEMORY_BYTES: u64 = 256 << 20;
/// The part of these bytes that the worker itself may need, page tables included.
pub const WORKER_BYTES: u64 = 16 << 20;
/// The largest offset or size of a file in a step. A larger one would only fill the disk.
pub const FILE_OFFSET: u64 = 1 << 30;
/// Bytes of one map.
pub const MAP_BYTES: u64 = 1 << 30;
/// Bytes of all maps together.
pub const MAPS_BYTES: u64 = 1 << 30;
/// The smallest length for which no process has addresses (without a hint, x86-64 gives out 47 bits
/// of them, arm64 up to 52). A case may ask for such a length, in order to see the call fail.
pub const HOPELESS_BYTES: u64 = 1 << 52;
/// Calls that make a map, those that replace another map included.
pub const MAPS: usize = 48;
/// The largest value of a resource limit that a case may set.
pub const RESOURCE: u64 = 1 << 30;
/// Bytes of one read, write or pread.
pub const BUFFER_BYTES: u64 = 1 << 20;
/// Bytes of one access by the CPU.
pub const WIDTHS: &[u64] = &[1, 2, 4, 8];
/// The existing files that a case may open. To read or map them changes nothing on the machine.
pub const PATHS: &[&str] =
    &["/dev/zero", "/dev/null", "/dev/full", "/proc/self/maps", "/proc/cpuinfo", "/proc/version"];
/// Milliseconds in a `timeout(...)`. A shorter one could pass on a busy machine before the first
/// step.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// A bare address below this one, or at [`HOPELESS_ADDRESS`] or above, is never memory of the
/// harness.
pub const LOW_ADDRESS: u64 = 64 * 1024;
/// The first address of the upper half, which belongs to the kernel on every 64-bit Linux.
pub const HOPELESS_ADDRESS: u64 = 1 << 63;
/// The numbers that a case may write as a bad descriptor, besides negative ones: the harness has no
/// descriptor open in this range, and a case only where it opens that many.
pub const BAD_DESCRIPTORS: std::ops::RangeInclusive<i64> = 64..=1_000_000;
/// The largest byte that a step may store. Larger ones are the pattern of files and the mark of
/// probes.
pub const STORED_BYTE: u64 = 0x7e;
/// The largest page size of any Linux machine, in bytes. Limits are checked for this size too.
pub const LARGEST_PAGE: u64 = 64 * 1024;
/// The smallest page size of any Linux machine, in bytes.
pub const SMALLEST_PAGE: u64 = 4 * 1024;

/// True if some Linux machine has pages of so many bytes: a power of two between these.
pub fn is_page_size(bytes: u64) -> bool {
    bytes.is_power_of_two() && (SMALLEST_PAGE..=LARGEST_PAGE).contains(&bytes)
}
