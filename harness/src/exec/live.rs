//! A thread stands still at its fault: this module makes a [`Scene`] of what /proc tells of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use procfs_core::FromRead as _;
use procfs_core::process::{Stat, Status};

use super::file_process::FileProcess;
use super::instruction::{self, LONGEST, SYSTEM_CALL};
use super::maps::{Map, MapFlags, Maps};
use super::registers::Registers;
use super::scene::{Fate, Kind, Process, Scene, Thread};
use super::symbol::accesses_for_others;
use crate::case::Signal;
use crate::sys::tracing::SignalInfo;
use crate::vocabulary::linux::{BUS_ADRALN, SEGV_MAPERR, SI_KERNEL, SI_TIMER, SIGBUS};

/// Bit 58 of an entry: the page is a guard. (Documentation/admin-guide/mm/pagemap.rst, Linux 6.15)
const PAGEMAP_GUARD: u64 = 1 << 58;

/// The memory of a process, read through /proc/PID/mem.
pub struct Memory(Option<File>);

impl Memory {
    pub fn of(process: i32) -> Memory {
        Memory(File::open(format!("/proc/{process}/mem")).ok())
    }

    /// Reads up to so many bytes; fewer where a page cannot be read.
    pub fn read(&self, address: u64, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        let mut done = 0;
        while done < bytes {
            let at = address.wrapping_add(done as u64);
            match self.0.as_ref().map(|file| file.read_at(&mut read[done..], at)) {
                Some(Ok(count)) if count > 0 => done += count,
                _ => break,
            }
        }
        read.truncate(done);
        read
    }

    /// Reads a word.
    fn word(&self, address: u64) -> Option<u64> {
        Some(u64::from_ne_bytes(self.read(address, 8).try_into().ok()?))
    }
}

/// A fault that a thread of a stopped process has raised: what siginfo tells, and the registers.
#[derive(Debug, Clone)]
pub struct Raised {
    pub info: SignalInfo,
    pub thread: i32,
    pub registers: Registers,
}

/// The process that has sent a signal. In a pid namespace it has another number, which is that of the receiver where
/// the process has sent it to itself. The id of a timer stands in its place.
fn sender(at: Stopped, info: &SignalInfo) -> Option<i32> {
    if info.code > 0 || info.code == SI_TIMER {
        return None;
    }
    let inner = status(at.process).and_then(|own| own.nspid).and_then(|all| all.last().copied());
    Some(if inner == Some(info.sender) { at.process } else { info.sender })
}

/// A thread that stands still, and its process. What the kernel tells of the memory is asked of the thread: the first
/// one of its process may have ended before.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    pub process: i32,
    pub thread: i32,
}

/// Makes the scene of a fault that this thread, or another one of its process, has raised.
pub fn scene(at: Stopped, raised: &Raised, files: &FileProcess) -> Scene {
    let page = rustix::param::page_size() as u64;
    let Stopped { process, thread } = at;
    let memory = Memory::of(thread);
    let maps = Maps::of_process(thread);
    let registers = raised.registers.clone();
    let told_address = told_address(&raised.info);
    let code = memory.read(registers.pc, LONGEST);
    let is_raised = raised.info.code > 0;
    // A word of a 32-bit program is the lower half.
    let word = |at| memory.word(at).map(|word| word & registers.last_address());
    let access = instruction::access(&code, &registers, told_address, &word).filter(|_| is_raised);
    // Where the CPU tells none, the operand is the address.
    let address = told_address.or(access.and_then(|own| own.address));
    let map = address.and_then(|address| maps.at(address));
    // Where nothing is mapped there are none; and to read them takes long in a large process.
    let flags = map.filter(|_| raised.info.code != SEGV_MAPERR || raised.info.signal == SIGBUS);
    let flags = flags.map_or_else(MapFlags::default, |map| MapFlags::of_process(thread, map.start));
    // Or of a map that ends right below the address, for its picture.
    let near = address.and_then(|address| maps.at_or_right_below(address, page));
    let mut file = near.and_then(|map| files.behind(thread, map));
    if let (Some(file), Some(map)) = (&mut file, near) {
        // To read a page would ask the file system, too.
        if file.size.is_none() && file.is_deleted && !file.is_silent {
            file.size = Some(map.offset + readable(&memory, map, page));
            file.is_at_most = true;
        }
    }
    let root = PathBuf::from(format!("/proc/{thread}/root"));
    let function = is_raised.then(|| files.place(&root, &maps, registers.pc, false));
    // A function that accesses memory for others, and a jump to where no function is.
    let is_fetch = access.is_some_and(|access| access.kind == Kind::Fetch);
    let is_for_others = is_fetch || function.as_ref().is_some_and(accesses_for_others);
    let caller = word(registers.sp).filter(|_| is_for_others);
    let caller = caller.filter(|address| is_return_address(&memory, &maps, *address));
    let caller = caller.map(|address| files.place(&root, &maps, address, true));
    let before = memory.read(raised.registers.pc.saturating_sub(SYSTEM_CALL), SYSTEM_CALL as usize);
    let scene = Scene {
        signal: Signal(raised.info.signal),
        code: raised.info.code,
        address,
        sender: sender(at, &raised.info),
        process: Process {
            pid: process,
            name: name(&format!("/proc/{process}/comm")),
            age: age(process),
        },
        thread: Thread {
            tid: raised.thread,
            name: name(&format!("/proc/{process}/task/{}/comm", raised.thread)),
        },
        registers,
        access,
        is_guard: address.and_then(|address| is_guard(thread, address, page)),
        maps,
        flags,
        file,
        function,
        caller,
        stack_limit: stack_limit(thread),
        page,
        is_after_system_call: instruction::is_system_call(&before),
        is_of_core: false,
        within_handler: None,
        fate: Fate::Ends,
    };
    scene.without_access_for_a_frame()
}

/// The bytes from the start of a map to the first page that cannot be read: of a map of a file that is its end, as a
/// page is there or not whatever comes before.
fn readable(memory: &Memory, map: &Map, page: u64) -> u64 {
    let (mut good, mut bad) = (0, map.length() / page);
    while good < bad {
        let middle = good + (bad - good) / 2;
        match memory.read(map.start + middle * page, 1).is_empty() {
            true => bad = middle,
            false => good = middle + 1,
        }
    }
    good * page
}

/// `si_addr`, where it means something: SI_KERNEL is that of a fault without an address, and x86 tells none of a
/// misaligned access. (arch/x86/kernel/traps.c: do_trap, exc_alignment_check)
pub fn told_address(info: &SignalInfo) -> Option<u64> {
    let is_misaligned = info.signal == SIGBUS && info.code == BUS_ADRALN;
    let is_told = info.code > 0 && info.code != SI_KERNEL;
    (is_told && !(is_misaligned && info.address == 0)).then_some(info.address)
}

/// True for what lies on top of the stack of a function without a frame: an address of code, with a call right before it.
fn is_return_address(memory: &Memory, maps: &Maps, address: u64) -> bool {
    const CALL: usize = 8;
    let is_code = maps.at(address).is_some_and(|map| map.exec);
    let before = || memory.read(address.saturating_sub(CALL as u64), CALL);
    cfg!(target_arch = "x86_64") && is_code && instruction::is_after_call(&before())
}

fn is_guard(process: i32, address: u64, page: u64) -> Option<bool> {
    let file = File::open(format!("/proc/{process}/pagemap")).ok()?;
    let mut entry = [0; 8];
    file.read_exact_at(&mut entry, (address / page).checked_mul(8)?).ok()?;
    Some(u64::from_ne_bytes(entry) & PAGEMAP_GUARD != 0)
}

/// The name of a thread, or of a process.
fn name(path: &str) -> String {
    let name = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// The time since the process was started. (proc_pid_stat(5), starttime; proc_uptime(5))
fn age(process: i32) -> Option<Duration> {
    let stat = Stat::from_file(format!("/proc/{process}/stat")).ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let started = stat.starttime as f64 / rustix::param::clock_ticks_per_second() as f64;
    Duration::try_from_secs_f64(uptime - started).ok()
}

/// The soft limit of the stack, in bytes; `None` where there is none.
fn stack_limit(process: i32) -> Option<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max stack size"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Reads what /proc tells of a thread. Its name may be any bytes: the kernel cuts it within a letter, too.
pub fn status(thread: i32) -> Option<Status> {
    let text = std::fs::read(format!("/proc/{thread}/status")).ok()?;
    Status::from_read(String::from_utf8_lossy(&text).as_bytes()).ok()
}

/// True if a thread is in this system call: `NUMBER ARGUMENTS...`. (proc_pid_syscall(5))
pub fn is_in_call(thread: i32, number: libc::c_long) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
    text.split_whitespace().next() == Some(&number.to_string())
}

/// True if a process has more than one thread.
pub fn has_other_threads(process: i32) -> bool {
    std::fs::read_dir(format!("/proc/{process}/task")).is_ok_and(|threads| threads.count() > 1)
}
