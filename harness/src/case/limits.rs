//! How large a case may be. A case file can do no harm: it is bounded in text, steps, processes,
//! memory and disk before anything of it is run.

/// Bytes of a case file.
pub const SOURCE_BYTES: usize = 64 * 1024;
/// Steps, those in blocks included.
pub const STEPS: usize = 100;
/// Variables.
pub const VARIABLES: usize = 32;
/// Files that the harness makes for one probe.
pub const FILES: usize = 8;
/// `fork` and `process` blocks.
pub const BLOCKS: usize = 8;
/// Blocks within blocks.
pub const DEPTH: usize = 3;
/// Nesting of parentheses in a size.
pub const SIZE_DEPTH: usize = 16;
/// Bytes that the files of a case take: what the harness fills, and what the case asks room for.
pub const FILE_BYTES: u64 = 64 << 20;
/// Bytes of memory that a case takes with its worker, its files included.
pub const MEMORY_BYTES: u64 = 256 << 20;
/// Bytes of these that its worker may need itself, page tables included.
pub const WORKER_BYTES: u64 = 16 << 20;
/// Offset or size of a file in a step; more would only fill the disk.
pub const FILE_OFFSET: u64 = 1 << 30;
/// Bytes of one map.
pub const MAP_BYTES: u64 = 1 << 30;
/// Bytes of all maps together.
pub const MAPS_BYTES: u64 = 1 << 30;
/// A length from here on is one that no process has addresses for (without a hint, x86-64 gives 47
/// bits of them, arm64 up to 52): it is there to fail.
pub const HOPELESS_BYTES: u64 = 1 << 52;
/// Maps, those that replace others included.
pub const MAPS: usize = 48;
/// Value of a limit that a case sets for its process.
pub const RESOURCE: u64 = 1 << 30;
/// Bytes of one read, write or pread.
pub const BUFFER_BYTES: u64 = 1 << 20;
/// Milliseconds in a `timeout(...)`. Less could be over before a busy machine had begun.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// A bare address below this, or from [`HOPELESS_ADDRESS`] on, cannot hit memory of the harness.
pub const LOW_ADDRESS: u64 = 64 * 1024;
/// See [`LOW_ADDRESS`]: the upper half belongs to the kernel on every 64-bit Linux.
pub const HOPELESS_ADDRESS: u64 = 1 << 63;
/// A descriptor written as a number is -1 or lies in this range, where the harness has none open.
pub const BAD_DESCRIPTORS: std::ops::RangeInclusive<i64> = 64..=1_000_000;
/// The largest byte that a step may store: the pattern of a file and the mark of a probe lie above.
pub const STORED_BYTE: u64 = 0x7e;
/// The largest page size of any Linux machine; limits are checked for it.
pub const LARGEST_PAGE: u64 = 64 * 1024;
/// The smallest page size of any Linux machine.
pub const SMALLEST_PAGE: u64 = 4 * 1024;
