//! What a run may leave behind, and must not.

use std::path::Path;
use std::time::{Duration, Instant};

use super::mix::Mix;
use super::own_process::children::{own_children, reap};
use super::own_process::is_inside;

/// Afterwards nobody of the run may be there. One that was ended in the middle has a while for it.
pub fn reap_adopted(killed: bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(if killed { 60 } else { 0 });
    loop {
        if killed {
            reap();
        }
        let left = own_children();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: processes are left: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All else that there may be too much of.
#[derive(Debug, PartialEq)]
pub struct Leftovers {
    descriptors: Vec<String>,
    files: Vec<String>,
    /// Mounts and SysV segments (proc_sysvipc(5)), in namespaces of this process alone.
    own: Option<(String, String)>,
}

impl Leftovers {
    /// What there is now.
    pub fn now(mix: &Mix) -> Leftovers {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Leftovers {
            descriptors: names(Path::new("/proc/self/fd")),
            files: names(&mix.files()),
            own: is_inside().then(|| (read("/proc/self/mountinfo"), read("/proc/sysvipc/shm"))),
        }
    }

    /// Fails where there is anything else by now.
    pub fn are_all(&self, mix: &Mix, what: &str) {
        assert_eq!(
            *self,
            Leftovers::now(mix),
            "{what}: left behind (below), beside what was there (above)"
        );
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
