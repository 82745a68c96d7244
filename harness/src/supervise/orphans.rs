//! A child may fork processes and leave them behind: a worker has to find, kill and reap them.
//!
//! The worker is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): orphans become its own children. Those in
//! the child's process group have been killed with it and only need to be reaped; one that made a session or
//! group of its own has to be found and killed, and so have those that it forks meanwhile.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use procfs_core::FromRead as _;
use procfs_core::process::{Stat, Status};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper, waitid,
};

/// Makes this process the one that gets the orphans of its descendants. Returns false where the kernel does not know
/// that, as gVisor and QEMU's emulation of processes: a process that leaves its group is then lost with its parent.
pub fn adopt_orphans() -> Result<bool, Errno> {
    match set_child_subreaper(Some(getpid())) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Kills and reaps every child of this process but those in `keep`. Returns the number of those that were not
/// gone after `grace`.
pub fn sweep_orphans(keep: &[Pid], grace: Duration) -> usize {
    let deadline = Instant::now() + grace;
    let mut pause = Duration::from_micros(50);
    loop {
        if keep.is_empty() && reap_all() {
            return 0; // as nearly always, at the cost of one system call
        }
        let mut left = children();
        left.retain(|pid| !keep.contains(pid));
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
            if !keep.is_empty() {
                let _ = waitid(WaitId::Pid(*pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
        let done = !keep.is_empty() && left.is_empty();
        if done || Instant::now() >= deadline {
            // Without anybody to keep there is somebody, even if nothing tells who.
            return left.len().max(usize::from(keep.is_empty()));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// True if `child` and the processes `beside` it are all the children of this process, by the kernel's
/// `list`. Then a child that has ended has left nobody behind that could still be running: what it had forked
/// has become this process's child, and would be in the list too.
pub fn are_all(child: Pid, beside: &[Pid], list: &File) -> bool {
    let mut text = [0; 64];
    let read = list.read_at(&mut text, 0).unwrap_or(0);
    let Some(Ok(text)) = text.get(..read).map(std::str::from_utf8) else { return false };
    let is_known = |word: &str| pid(word).is_some_and(|pid| pid == child || beside.contains(&pid));
    let mut listed = text.split_whitespace();
    listed.clone().count() == 1 + beside.len() && listed.all(is_known)
}

/// Opens the list of this process's children, zombies included; none without CONFIG_PROC_CHILDREN or /proc.
pub fn open_children() -> Option<File> {
    open_children_of(getpid())
}

/// Opens the list of the children of the only thread of a process, as that of this process's.
fn open_children_of(parent: Pid) -> Option<File> {
    let parent = parent.as_raw_nonzero();
    File::open(format!("/proc/{parent}/task/{parent}/children")).ok().filter(|_| numbers_are_ours())
}

/// Returns the children of a process of one thread; `None` where the kernel has no list of them.
pub(super) fn children_of(parent: Pid) -> Option<Vec<Pid>> {
    let list = std::io::read_to_string(open_children_of(parent)?).ok()?;
    Some(list.split_whitespace().filter_map(pid).collect())
}

/// True for a process that is on a CPU, or is kept from one by others. (proc_pid_stat(5): state)
pub fn is_runnable(process: Pid) -> bool {
    let stat = Stat::from_file(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| stat.state == 'R') && numbers_are_ours()
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

/// True if /proc is that of this pid namespace, and not of one around it where processes have other pids
/// (NSpid in proc(5): one for each namespace from that of /proc down to the process's own).
fn numbers_are_ours() -> bool {
    let own = Status::from_file("/proc/self/status").ok().and_then(|status| status.nspid);
    own.is_some_and(|numbers| numbers.len() == 1)
}

/// Reaps every child that has ended; true when none at all is left.
fn reap_all() -> bool {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => return true, // ECHILD
        }
    }
}

/// Returns the children of this process: from the kernel's list where it has one, otherwise from the parents
/// of all processes. None where /proc is not mounted, or shows another pid namespace with other pids.
pub fn children() -> Vec<Pid> {
    if let Some(children) = children_of(getpid()) {
        return children;
    }
    let Some(processes) = std::fs::read_dir("/proc").ok().filter(|_| numbers_are_ours()) else {
        return Vec::new();
    };
    let own = getpid().as_raw_nonzero().get();
    processes
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stat = Stat::from_file(format!("/proc/{name}/stat")).ok()?;
            (stat.ppid == own).then(|| pid(&name)).flatten()
        })
        .collect()
}
