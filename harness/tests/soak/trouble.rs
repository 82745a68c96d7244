//! A run may meet trouble at any time: kills, signals, limits, a full disk, a clock that jumps.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use super::mix::{Output, Setting};
use super::own_process::children::{children_of, offspring};
use super::random::Random;

/// A kind of trouble for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    None,
    KillWorkers,
    /// Any process of the run but the first gets any signal.
    SignalAnybody,
    KillController,
    FullDisk,
    /// An ordinary user has few processes.
    FewProcesses,
    /// The table of process ids is full, for root too.
    FewPids,
    /// A limit binds the mapped memory.
    LittleAddressSpace,
    /// A limit binds the used memory: the kernel kills processes.
    LittleMemory,
    FewDescriptors,
    ClockJumps,
}

use Trouble::*;

impl Trouble {
    pub const ALL: [Trouble; 11] = [
        None,
        KillWorkers,
        SignalAnybody,
        KillController,
        FullDisk,
        FewProcesses,
        FewPids,
        LittleAddressSpace,
        LittleMemory,
        FewDescriptors,
        ClockJumps,
    ];

    pub fn name(self) -> &'static str {
        match self {
            None => "none",
            KillWorkers => "workers killed",
            SignalAnybody => "anybody sent signals",
            KillController => "controller killed",
            FullDisk => "full disk",
            FewProcesses => "few processes",
            FewPids => "few process ids",
            LittleAddressSpace => "little address space",
            LittleMemory => "little memory",
            FewDescriptors => "few descriptors",
            ClockJumps => "clock that jumps",
        }
    }

    /// True if the kernel itself may give another answer under this trouble.
    pub fn changes_answers(self) -> bool {
        matches!(self, FullDisk | FewProcesses | FewPids | LittleAddressSpace | FewDescriptors)
    }

    /// True if the controller may be killed, for example by the kernel.
    pub fn may_end_it_all(self) -> bool {
        matches!(self, KillController | LittleMemory)
    }

    /// Returns the settings for runs under this trouble.
    pub fn settings(self) -> Vec<Setting> {
        let all = match self {
            FullDisk => {
                vec![Setting::Tmpfs(1 << 12), Setting::Tmpfs(1 << 15), Setting::Tmpfs(1 << 18)]
            }
            FewProcesses => vec![Setting::Nobody],
            _ => vec![Setting::Folder, Setting::Memfd, Setting::Strict],
        };
        all.into_iter().filter(|setting| setting.refused().is_none()).collect()
    }

    /// Returns the reason why this machine cannot have this trouble; `None` if it can.
    pub fn refused(self) -> Option<String> {
        let root = nix::unistd::geteuid().is_root();
        let group = |controller| match ControlGroup::make(controller, "0") {
            Ok(group) => {
                group.remove();
                Option::None
            }
            Err(error) => Some(format!("no control group can be made: {error}")),
        };
        match self {
            FullDisk => Setting::Tmpfs(1).refused(),
            FewProcesses => Setting::Nobody.refused(),
            FewPids => group(&PIDS),
            LittleMemory => group(&MEMORY),
            ClockJumps if !root => Some("only root can set the clock".to_owned()),
            ClockJumps if std::env::var_os("FAULTMAP_SOAK_CLOCK").is_none() => {
                Some("FAULTMAP_SOAK_CLOCK=1 lets it set this machine's clock".to_owned())
            }
            _ => Option::None,
        }
    }

    /// Returns the limits that hold from the start of a run on.
    pub fn limits(self, random: &mut Random) -> Limits {
        let mut limits = Limits::default();
        // The limit is a power of two or a number between two of them.
        let mut size = |from: u32, to: u32| {
            let power = random.within(u64::from(from), u64::from(to));
            (1 << power) + random.within(0, 1 << power)
        };
        match self {
            FewDescriptors => limits.resource = Some(format!("--nofile={}", size(4, 8))),
            FewProcesses => limits.resource = Some(format!("--nproc={}", size(1, 4))),
            LittleAddressSpace => limits.resource = Some(format!("--as={}", size(34, 38))),
            LittleMemory => {
                limits.group = ControlGroup::make(&MEMORY, &size(22, 26).to_string()).ok()
            }
            FewPids => limits.group = ControlGroup::make(&PIDS, &size(1, 4).to_string()).ok(),
            _ => {}
        }
        limits
    }

    /// Makes trouble until the run has ended. If asked for, it waits for the first answer before it begins.
    /// Returns the number of signals that it has sent.
    pub fn make(self, run: &mut Child, random: &mut Random, wait_for: Option<&Output>) -> u64 {
        while wait_for.is_some_and(Output::is_empty)
            && run.try_wait().expect("it was started").is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        let controller =
            i32::try_from(run.id()).ok().and_then(Pid::from_raw).expect("a process id");
        let since_boot = real_time() - monotonic_time();
        let mut sent = 0;
        let gap = random.within(2, 60);
        while run.try_wait().expect("it was started").is_none() {
            std::thread::sleep(Duration::from_micros(random.within(0, 2000 * gap)));
            sent += u64::from(match self {
                KillWorkers => {
                    signal_one(&children_of(controller), controller, Signal::KILL, random)
                }
                SignalAnybody => {
                    let signals =
                        [Signal::KILL, Signal::SEGV, Signal::BUS, Signal::STOP, Signal::TERM];
                    signal_one(&offspring(controller), controller, random.of(&signals), random)
                }
                KillController => {
                    std::thread::sleep(Duration::from_millis(random.within(0, 300)));
                    run.kill().is_ok()
                }
                ClockJumps => {
                    let seconds = random.within(0, 200_000) as i64 - 100_000;
                    set_real_time(real_time() + seconds * 1_000_000_000)
                }
                _ => false,
            });
        }
        if self == ClockJumps {
            assert!(set_real_time(monotonic_time() + since_boot), "the clock cannot be put right");
        }
        sent
    }
}

/// The limits that hold from the start of a run on.
#[derive(Debug, Default)]
pub struct Limits {
    /// The limit as options of prlimit(1).
    resource: Option<String>,
    group: Option<ControlGroup>,
}

impl Limits {
    /// Returns the words that precede the command.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(group) = &self.group {
            let enter = "echo $$ > $0 && exec \"$@\"";
            let members = group.folder.join("cgroup.procs").to_string_lossy().into_owned();
            words.extend(["sh".to_owned(), "-c".to_owned(), enter.to_owned(), members]);
        }
        words.extend(self.resource.iter().flat_map(|limit| ["prlimit".to_owned(), limit.clone()]));
        words
    }

    /// Removes the limits when the run has ended.
    pub fn remove(self) {
        self.group.into_iter().for_each(ControlGroup::remove);
    }
}

/// A kind of control group, in its first and its second version (cgroups(7)).
struct Controller {
    folders: [&'static str; 2],
    limits: [&'static str; 2],
}

const MEMORY: Controller = Controller {
    folders: ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"],
    limits: ["memory.limit_in_bytes", "memory.max"],
};
const PIDS: Controller = Controller {
    folders: ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"],
    limits: ["pids.max", "pids.max"],
};

/// A control group with one limit.
#[derive(Debug)]
struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroup {
    fn make(controller: &Controller, limit: &str) -> std::io::Result<ControlGroup> {
        let mut result = Err(std::io::ErrorKind::NotFound.into());
        for (folder, file) in controller.folders.iter().zip(controller.limits) {
            let folder = Path::new(folder).join(format!("faultmap-soak-{}", std::process::id()));
            result = std::fs::create_dir(&folder).and_then(|()| {
                let group = ControlGroup { folder };
                let limited = std::fs::write(group.folder.join(file), limit);
                limited
                    .map(|()| ControlGroup { folder: group.folder.clone() })
                    .inspect_err(|_| group.remove())
            });
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn remove(self) {
        // Its processes have ended, and the kernel may take a moment to notice it.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} cannot be removed", self.folder.display());
    }
}

fn real_time() -> i64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// Returns the time of a clock that never jumps.
fn monotonic_time() -> i64 {
    nanoseconds(clock_gettime(ClockId::Boottime))
}

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn set_real_time(nanoseconds: i64) -> bool {
    let (tv_sec, tv_nsec) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec }).is_ok()
}

/// Sends a signal to one process, by a descriptor: its number may have been given to another process.
fn signal_one(all: &[Pid], controller: Pid, signal: Signal, random: &mut Random) -> bool {
    if all.is_empty() {
        return false;
    }
    let chosen = random.of(all);
    let Ok(descriptor) = pidfd_open(chosen, PidfdFlags::empty()) else { return false };
    offspring(controller).contains(&chosen) && pidfd_send_signal(descriptor, signal).is_ok()
}
