//! Shared memory segments outlive the process that made them: those of victims have to be told from all
//! others, and removed.
//!
//! If a worker has no IPC namespace of its own, a segment stays until some process removes it, even if the
//! worker is killed. A segment that was made with IPC_PRIVATE cannot be found again. So a victim makes its
//! segments under keys of a range of its own, each new (IPC_CREAT | IPC_EXCL): no process looks at a key
//! beside that, and the segment is like one made with IPC_PRIVATE (shmget(2)).

use linux_raw_sys::general::__NR_shmget;
use nix::libc;
use rustix::process::{Pid, test_kill_process};

use super::Child;

/// The upper half of each key: no ftok(3) of a file on disk number 0x66 and for a project `f` is likely.
const KEYS: usize = 0x6666_0000;
const LOWER_HALF: usize = 0xffff;
/// Keys from the first that one process tries to the first of the process after it.
const APART: usize = 64;

impl Child {
    /// shmget(2) of a new segment, for which `args` say IPC_PRIVATE. Fails as that does, with EEXIST only where
    /// each key of the range has a segment. Each try that fails has met one, and a system has no more of them
    /// than kernel.shmmni (4096 unless somebody raises it).
    #[inline(always)]
    pub fn new_segment(&self, args: [usize; 6]) -> Result<usize, i32> {
        let [_, size, flags, ..] = args;
        let flags = flags | (libc::IPC_CREAT | libc::IPC_EXCL) as usize;
        let own = self.call(libc::SYS_getpid, [0; 6])?;
        let mut made = Err(libc::EEXIST);
        for attempt in 0..=LOWER_HALF {
            // Processes one after the other begin at keys that lie apart.
            let key = KEYS | (own.wrapping_mul(APART).wrapping_add(attempt) & LOWER_HALF);
            made = self.call(__NR_shmget as libc::c_long, [key, size, flags, 0, 0, 0]);
            if made != Err(libc::EEXIST) {
                break;
            }
        }
        made
    }
}

/// Marks a shared memory segment as to be removed when nobody has it attached any more.
pub fn forget_segment(id: i32) {
    // SAFETY: IPC_RMID takes no buffer; an id that does not exist is an error and nothing more.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
}

/// Removes the segments of this user that victims have made and nobody has attached, where the victim is gone.
/// Does nothing where /proc does not list them.
pub fn forget_stale_segments() {
    let own = rustix::process::geteuid().as_raw();
    let all = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    all.lines().filter_map(|line| stale(line, own)).for_each(forget_segment);
}

/// The id of the segment of this line, if it is such a one (proc_sysvipc(5)). The crate procfs-core reads user
/// ids of 16 bits, and refuses the whole list where one user has a larger id.
fn stale(line: &str, own: u32) -> Option<i32> {
    let fields: Vec<i64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let &[key, id, _, _, creator, _, attached, uid, _, creator_uid, ..] = fields.as_slice() else {
        return None;
    };
    let is_ours = key as u32 as usize & !LOWER_HALF == KEYS;
    let is_own = [uid, creator_uid].iter().all(|uid| *uid == i64::from(own));
    // 0 where its creator is of another pid namespace, and may live.
    let creator = Pid::from_raw(creator as i32)?;
    let is_gone = test_kill_process(creator) == Err(rustix::io::Errno::SRCH);
    (is_ours && is_own && attached == 0 && is_gone).then_some(id as i32)
}

#[cfg(test)]
mod tests {
    use super::stale;

    /// As this kernel lists a segment: key, id, mode, bytes, creator, last, attached, and four owners.
    fn line(key: i64, creator: u32, attached: u32, uid: u32) -> String {
        format!("{key:10} 7  600  4096 {creator:5} 0 {attached} {uid} 0 {uid} 0 0 0 0 4096 0")
    }

    #[test]
    fn a_segment_is_told_from_others() {
        let (ours, gone) = (0x6666_1234, i32::MAX as u32); // no process has so high a number
        assert_eq!(stale(&line(ours, gone, 0, 5), 5), Some(7));
        assert_eq!(stale(&line(0, gone, 0, 5), 5), None, "another key");
        assert_eq!(stale(&line(0x6667_1234, gone, 0, 5), 5), None, "another key");
        assert_eq!(stale(&line(ours, std::process::id(), 0, 5), 5), None, "its creator lives");
        assert_eq!(stale(&line(ours, 0, 0, 5), 5), None, "its creator may live elsewhere");
        assert_eq!(stale(&line(ours, gone, 1, 5), 5), None, "somebody has it attached");
        assert_eq!(stale(&line(ours, gone, 0, 6), 5), None, "somebody else's");
        assert_eq!(stale("       key      shmid perms", 5), None, "the headings");
    }
}
