//! No case may take more disk and memory than its budget. This module samples from outside what the cases
//! take while they run: the blocks of the tmpfs every 2 ms, and everything else after five of these samples.
//!
//! The disk is the blocks of the world's own tmpfs and of every file that a descendant has open. The memory
//! is the private and the shared memory of the descendants, each page counted once (Pss of smaps_rollup,
//! proc_pid_smaps(5)).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The disk that one worker and its children may take.
pub const DISK_BYTES: u64 = 64 << 20;
/// The memory that one worker and its children may take.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// A thread that samples until it is told to stop.
pub struct Sampler {
    peaks: Arc<Peaks>,
    thread: std::thread::JoinHandle<()>,
}

/// The largest samples.
#[derive(Debug, Default)]
pub struct Peaks {
    stop: AtomicBool,
    pub disk: AtomicU64,
    pub memory: AtomicU64,
    pub samples: AtomicU64,
}

impl Sampler {
    /// Starts the thread.
    pub fn start(tmpfs: Option<PathBuf>) -> Sampler {
        let peaks = Arc::new(Peaks::default());
        let shared = peaks.clone();
        let thread = std::thread::spawn(move || {
            while !shared.stop.load(Ordering::Relaxed) {
                for _ in 0..5 {
                    let blocks = tmpfs.as_ref().map_or(0, blocks_of_tmpfs);
                    shared.disk.fetch_max(blocks, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
                let (disk, memory) = of_descendants();
                shared.disk.fetch_max(disk, Ordering::Relaxed);
                shared.memory.fetch_max(memory, Ordering::Relaxed);
                shared.samples.fetch_add(1, Ordering::Relaxed);
            }
        });
        Sampler { peaks, thread }
    }

    /// Returns the largest samples since the last call.
    pub fn take(&self) -> (u64, u64) {
        let take = |peak: &AtomicU64| peak.swap(0, Ordering::Relaxed);
        (take(&self.peaks.disk), take(&self.peaks.memory))
    }

    /// Ends the thread. Returns the number of samples of descendants.
    pub fn stop(self) -> u64 {
        self.peaks.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sampler does not panic");
        self.peaks.samples.load(Ordering::Relaxed)
    }
}

fn blocks_of_tmpfs(path: &PathBuf) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |all| (all.f_blocks - all.f_bfree) * all.f_frsize)
}

/// Returns the bytes of the open files of the descendants, and of their memory.
fn of_descendants() -> (u64, u64) {
    let mut files = BTreeMap::new();
    let mut memory = 0;
    for pid in descendants() {
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            if let Ok(file) = std::fs::metadata(entry.path()) {
                if file.is_file() && file.nlink() == 0 {
                    files.insert((file.dev(), file.ino()), file.blocks() * 512);
                }
            }
        }
        let rollup =
            std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        for line in rollup.lines() {
            let of_own =
                ["Pss_Anon:", "Pss_Shmem:"].iter().find_map(|name| line.strip_prefix(name));
            let kib = of_own.and_then(|rest| rest.trim().strip_suffix(" kB"));
            memory += kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024;
        }
    }
    (files.values().sum(), memory)
}

fn descendants() -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let parent = fields.split_whitespace().nth(1).and_then(|field| field.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut next = vec![std::process::id() as i32];
    while let Some(pid) = next.pop() {
        let own = children.remove(&pid).unwrap_or_default();
        found.extend(&own);
        next.extend(own);
    }
    found
}
