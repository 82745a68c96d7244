//! What a run really has is told by /proc alone, and only while it goes on. The main function is [`watched`].

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use super::command::{case_file, faultmap};

/// The largest sums over all processes of a run at one moment, in bytes.
#[derive(Debug, Default, Clone, Copy)]
pub struct Most {
    pub disk: u64,
    pub memory: u64,
}

/// Runs a case, and samples as often as possible what its processes have.
pub fn watched(text: &str, arguments: &[&str]) -> (Option<i32>, String, Most) {
    let (_dir, path) = case_file(text);
    let mut command = faultmap(&["show", "--jobs", "1"]);
    command.arg(path).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().expect("the command can be started");
    let mut most = Most::default();
    while run.try_wait().expect("it can be waited for").is_none() {
        let now = taken(run.id());
        most.disk = most.disk.max(now.disk);
        most.memory = most.memory.max(now.memory);
    }
    let output = run.wait_with_output().expect("it can be read");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text, most)
}

/// Returns what a process and its descendants have: their open files, each counted once, and their anonymous
/// memory, of which each process that shares a page has its part (proc(5), smaps_rollup).
fn taken(root: u32) -> Most {
    let mut files = HashMap::new();
    let (mut memory, mut waiting) = (0, vec![root]);
    while let Some(process) = waiting.pop() {
        let folder = format!("/proc/{process}");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
        let children = read(&format!("task/{process}/children")).unwrap_or_default();
        waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        let maps = read("smaps_rollup").unwrap_or_default();
        let kilobytes = |key: &str| {
            let line = maps.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace()
                .next()
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0)
        };
        memory += (kilobytes("Pss_Anon:") + kilobytes("Pss_Shmem:")) * 1024;
        let open = std::fs::read_dir(Path::new(&folder).join("fd"));
        for entry in open.into_iter().flatten().flatten() {
            if let Ok(file) = std::fs::metadata(entry.path()).map_err(drop) {
                if file.is_file() {
                    files.insert((file.dev(), file.ino()), file.blocks() * 512);
                }
            }
        }
    }
    Most { disk: files.values().sum(), memory }
}
