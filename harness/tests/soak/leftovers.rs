//! A run must leave nothing behind: no process, descriptor, file, mount or segment.

use std::path::Path;
use std::time::{Duration, Instant};

use super::mix::Mix;
use super::own_process::children::{own_children, reap};
use super::own_process::is_inside;

/// Fails if a process of the run is left. The processes of a run that was ended early have some time to end.
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

/// The other things that a run may leave behind.
#[derive(Debug, PartialEq)]
pub struct Leftovers {
    descriptors: Vec<String>,
    files: Vec<String>,
    /// The lines of mountinfo and of System V segments (proc_sysvipc(5)), in the namespaces of this process.
    own: Vec<String>,
}

impl Leftovers {
    /// Returns the present state.
    pub fn now(mix: &Mix) -> Leftovers {
        let own = ["/proc/self/mountinfo", "/proc/sysvipc/shm"].into_iter().filter(|_| is_inside());
        let text: String =
            own.map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect();
        Leftovers {
            descriptors: names(Path::new("/proc/self/fd")),
            files: names(&mix.files()),
            own: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Fails if anything was added. A mount may be gone: when its folder is removed, the kernel unmounts it
    /// in every namespace (rmdir(2) since Linux 3.18).
    pub fn are_all(&self, mix: &Mix, what: &str) {
        let mut now = Leftovers::now(mix);
        let new: Vec<String> = now.own.drain(..).filter(|line| !self.own.contains(line)).collect();
        assert!(new.is_empty(), "{what}: left behind: {new:#?}");
        let before = (&self.descriptors, &self.files);
        assert_eq!(
            before,
            (&now.descriptors, &now.files),
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
