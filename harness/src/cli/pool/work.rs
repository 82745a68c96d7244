//! The life of a worker, from its first item to the end of its pipe.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use serde::Serialize;

use super::job::{Job, Message, Setting};
use crate::confine::Namespaces;
use crate::journal::Journal;
use crate::measure::{Restrictions, become_worker};
use crate::supervise::Supervisor;
use crate::sys::{Arena, keep_only};

/// Runs a worker, one of `jobs`, and returns its exit status. With `namespaces`, it first enters
/// its namespaces. The descriptors are the pipe for its orders, the pipe for its messages, and its
/// journal.
pub fn work<J: Job>(
    job: &mut J,
    jobs: usize,
    namespaces: Option<Namespaces>,
    [orders, results, journal]: [OwnedFd; 3],
) -> i32 {
    // In a process group of its own, this process gets no Ctrl-C from the terminal. The controller
    // handles it, and the pipe hangs up.
    let _ = rustix::process::setpgid(None, None);
    // When memory runs out, a worker is killed before other processes: its item can be tried again.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut results = File::from(results);
    let (supervisor, mut memory) = match prepare(job.setting(), jobs, namespaces, &orders) {
        Ok(prepared) => prepared,
        Err(why) => {
            send(&mut results, &Message::<J::Report>::Broken(why.to_string()));
            return 1;
        }
    };
    let own = [orders, results.into(), journal];
    let Ok([mut orders, mut results, journal]) =
        keep_only(supervisor.thread(), own).map(|own| own.map(File::from))
    else {
        return 1;
    };
    let mut order = [0; size_of::<u64>()];
    while orders.read_exact(&mut order).is_ok() {
        let item = u64::from_ne_bytes(order);
        memory.clear();
        let Ok(journal) = Journal::resume(&journal) else { return 1 };
        let Some(report) = job.work(item, &supervisor, &mut memory, journal) else { return 1 };
        if !send(&mut results, &Message::Done { item, report }) {
            return 1;
        }
    }
    0 // told that there is no more, or the controller is gone
}

/// Isolates this process, and makes it the supervisor of its children.
fn prepare(
    setting: &Setting<'_>,
    jobs: usize,
    namespaces: Option<Namespaces>,
    orders: &OwnedFd,
) -> Result<(Supervisor, Arena), Box<dyn std::error::Error>> {
    let Setting { backing, held, ipc_namespace, guard, .. } = *setting;
    let restrictions = Restrictions { backing, held, namespaces, ipc_namespace };
    let (supervisor, memory) = become_worker(restrictions, orders.try_clone()?)?;
    let supervisor = if jobs == 1 { supervisor } else { supervisor.with_throttle() };
    let supervisor = if guard.is_on() { supervisor } else { supervisor.unguarded() };
    let supervisor = if guard.counts_costs() { supervisor } else { supervisor.without_budget() };
    Ok((supervisor, memory))
}

fn send(results: &mut File, message: &impl Serialize) -> bool {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    results.write_all(&line).is_ok()
}
