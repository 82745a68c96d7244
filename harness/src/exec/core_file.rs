//! A program that has died cannot be traced any more, but its core file still tells most of a fault: this module makes a
//! [`Scene`] of one (core(5), elf(5)).
//!
//! Not in a core file: the size of a file at the death, guard pages, whether a map was shared, and the room of a file
//! system. What is told of a file is told of the one that has its name now.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use object::Endianness;
use object::elf::{
    FileHeader64, NT_FILE, NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO, PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE,
};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};

use super::cause::Cause;
use super::crashed_file::{self, HEAD, Mismatch};
use super::file_process::FileProcess;
use super::instruction::{self, LONGEST, SYSTEM_CALL};
use super::live::{Raised, told_address};
use super::maps::{Map, MapFlags, Maps, What};
use super::registers::Registers;
use super::scene::{Fate, Kind, Place, Process, Scene, Thread};
use super::stack::NEAR_STACK;
use super::symbol::accesses_for_others;
use crate::case::Signal;
use crate::sys::SoleThread;
use crate::sys::tracing::SignalInfo;
use crate::vocabulary::linux::SI_KERNEL;

/// A file that tells of no fault.
#[derive(Debug, thiserror::Error)]
pub enum NoCore {
    /// It is no ELF file of 64 bits, or a broken one.
    #[error("{0} is no core file of a 64-bit program: {1}")]
    NotElf(String, object::Error),
    /// It is an ELF file of another kind.
    #[error("{0} is an ELF file, and no core file")]
    NotCore(String),
    /// Its registers and its notes have another layout.
    #[error("{0} is the core file of another CPU than x86-64, which is not read yet")]
    OtherMachine(String),
    /// The part that tells of the fault is not in it.
    #[error(
        "{0} is a core file that was cut short: it has {1} bytes, without the notes that tell of the fault. A limit \
         of the shell does that (`ulimit -c unlimited` lifts it), or a full disk"
    )]
    CutShort(String, usize),
    /// It lacks a note.
    #[error("{0} lacks {1}: the kernel that has written it is too old, or it was cut short")]
    Lacks(String, &'static str),
}

/// The notes of a core file.
#[derive(Debug, Default)]
struct Notes {
    info: Option<SignalInfo>,
    /// Of the thread that got the signal, which is the first: its number and its registers as words.
    thread: Option<(i32, Vec<u64>)>,
    name: String,
    pid: Option<i32>,
    /// The files of maps: start, end, offset in bytes, name.
    files: Vec<(u64, u64, u64, PathBuf)>,
}

/// The memory as the process had it, and the files of its maps.
struct Memory<'a> {
    maps: Maps,
    /// The address of each part that the core file holds, and its bytes.
    contents: Vec<(u64, &'a [u8])>,
    files: &'a FileProcess,
    /// The time when the core file was written.
    written: Option<SystemTime>,
}

/// Makes a scene of a core file, whose path is only for messages. `written` is the time when it was written.
pub fn scene(
    path: &str,
    bytes: &[u8],
    written: Option<SystemTime>,
    thread: SoleThread,
) -> Result<Scene, NoCore> {
    let broken = |error| match is_core(bytes) {
        true => NoCore::CutShort(path.to_owned(), bytes.len()),
        false => NoCore::NotElf(path.to_owned(), error),
    };
    let core = ElfFile64::<Endianness>::parse(bytes).map_err(broken)?;
    let endian = core.endian();
    if core.elf_header().e_type(endian) != object::elf::ET_CORE {
        return Err(NoCore::NotCore(path.to_owned()));
    }
    if core.elf_header().e_machine(endian) != object::elf::EM_X86_64 {
        return Err(NoCore::OtherMachine(path.to_owned()));
    }
    let mut notes = Notes::default();
    let mut maps = Vec::new();
    let mut contents: Vec<(u64, &[u8])> = Vec::new();
    for header in core.elf_program_headers() {
        match header.p_type(endian) {
            PT_NOTE => read_notes(header, endian, bytes, &mut notes).map_err(broken)?,
            PT_LOAD => {
                let (start, flags) = (header.p_vaddr(endian), header.p_flags(endian));
                maps.push(map(start, header.p_memsz(endian), flags));
                // One that was cut short has what is left.
                let offset = header.p_offset(endian).min(bytes.len() as u64) as usize;
                let length = (header.p_filesz(endian) as usize).min(bytes.len() - offset);
                contents.push((start, &bytes[offset..offset + length]));
            }
            _ => {}
        }
    }
    let lacks = |what| NoCore::Lacks(path.to_owned(), what);
    let info = notes.info.ok_or_else(|| lacks("NT_SIGINFO"))?;
    let (tid, words) = notes.thread.take().ok_or_else(|| lacks("NT_PRSTATUS"))?;
    let registers = Registers::of_core(&words).unwrap_or_default();
    let maps = named(maps, &notes.files, registers.sp);
    let raised = Raised { info, thread: tid, registers };
    let files = FileProcess::new(thread);
    Ok(assemble(&notes, &raised, Memory { maps, contents, files: &files, written }))
}

/// True for the first bytes of a core file of 64 bits.
fn is_core(bytes: &[u8]) -> bool {
    let header = FileHeader64::<Endianness>::parse(bytes);
    let kind = header.and_then(|header| Ok(header.e_type(header.endian()?)));
    kind.is_ok_and(|kind| kind == object::elf::ET_CORE)
}

fn assemble(notes: &Notes, raised: &Raised, memory: Memory<'_>) -> Scene {
    let Memory { maps, files, .. } = &memory;
    let Raised { info, thread: tid, registers } = raised;
    let told_address = told_address(info);
    let is_raised = info.code > 0;
    let code = memory.read(registers.pc, LONGEST);
    let word = |at| Some(u64::from_le_bytes(memory.read(at, 8).try_into().ok()?));
    let access = instruction::access(&code, registers, told_address, &word).filter(|_| is_raised);
    let address = told_address.or(access.and_then(|own| own.address));
    let page = rustix::param::page_size() as u64;
    let near = address.and_then(|at| maps.at_or_right_below(at, page));
    let file = near.and_then(Map::file).map(|path| files.named(path));
    let function = memory.place(registers.pc, false);
    // A function that accesses memory for others, and a jump to where no function is.
    let is_fetch = access.is_some_and(|access| access.kind == Kind::Fetch);
    let caller = (is_fetch || accesses_for_others(&function)).then(|| {
        let at = word(registers.sp)?;
        let is_code = maps.at(at).is_some_and(|map| map.exec);
        let before = memory.read(at.checked_sub(8)?, 8);
        (is_code && instruction::is_after_call(&before)).then(|| memory.place(at, true))
    });
    let before = memory.read(registers.pc.saturating_sub(SYSTEM_CALL), SYSTEM_CALL as usize);
    let scene = Scene {
        signal: Signal(info.signal),
        code: info.code,
        address,
        sender: (!is_raised).then_some(info.sender),
        process: Process { pid: notes.pid.unwrap_or(*tid), name: notes.name.clone(), age: None },
        thread: Thread { tid: *tid, name: String::new() },
        registers: registers.clone(),
        access,
        maps: memory.maps,
        flags: MapFlags::default(),
        is_guard: None,
        file,
        function: is_raised.then_some(function),
        caller: caller.flatten(),
        stack_limit: None,
        page,
        is_after_system_call: instruction::is_system_call(&before),
        is_of_core: true,
        within_handler: None,
        fate: Fate::Ends,
    };
    let is_full = scene.code == SI_KERNEL && Cause::of(&scene) == Cause::StackOverflow;
    let fate = if is_full { Fate::HandlerHasNoStack } else { Fate::Ends };
    Scene { fate, ..scene }.without_access_for_a_frame()
}

fn map(start: u64, length: u64, flags: u32) -> Map {
    Map {
        start,
        end: start.saturating_add(length),
        read: flags & PF_R != 0,
        write: flags & PF_W != 0,
        exec: flags & PF_X != 0,
        shared: None,
        offset: 0,
        inode: 0,
        what: What::Anonymous,
    }
}

/// Gives each map the file that `NT_FILE` names, and finds the stack by its pointer.
fn named(mut maps: Vec<Map>, files: &[(u64, u64, u64, PathBuf)], sp: u64) -> Maps {
    maps.sort_by_key(|map| map.start);
    for map in &mut maps {
        let file = files.iter().find(|(start, end, ..)| (*start..*end).contains(&map.start));
        if let Some((start, _, offset, path)) = file {
            map.what = What::File(path.clone());
            map.offset = offset.saturating_add(map.start - start);
        }
    }
    // The stack of the first thread is the last map of the lower half that grows: it ends right below the gap before
    // the kernel's own maps. A core file does not tell it from other memory, but by the stack pointer.
    let is_stack =
        |map: &&mut Map| map.holds(sp) || (map.start > sp && map.start - sp < NEAR_STACK);
    let above = maps.iter().any(|map| map.start > sp && map.file().is_some());
    if let (Some(map), false) = (maps.iter_mut().find(is_stack), above) {
        map.what = What::Stack;
    }
    Maps(maps)
}

impl Memory<'_> {
    /// Reads memory: from the core file, or where that has left it out, from the mapped file.
    fn read(&self, address: u64, bytes: usize) -> Vec<u8> {
        let holds = |own: &&(u64, &[u8])| address >= own.0 && address - own.0 < own.1.len() as u64;
        if let Some((start, content)) = self.contents.iter().find(holds) {
            let at = (address - start) as usize;
            return content[at..].iter().take(bytes).copied().collect();
        }
        let from_file = || {
            let map = self.maps.at(address)?;
            let bytes = bytes.min((map.end - address) as usize);
            let offset = map.offset.checked_add(address - map.start)?;
            let path = map.file().filter(|path| self.mismatch(path).is_none())?;
            Some(self.files.content(path, offset, bytes))
        };
        from_file().unwrap_or_default()
    }

    /// The place of an instruction. No name is looked for in a file that is not the one that has crashed.
    fn place(&self, address: u64, is_return: bool) -> Place {
        let map = self.maps.at(address);
        let mismatch = map.and_then(Map::file).and_then(|path| self.mismatch(path));
        match (map, mismatch) {
            (Some(map), Some(_)) => Place { mismatch, ..Place::of_map(map, address) },
            _ => self.files.place(Path::new("/"), &self.maps, address, is_return),
        }
    }

    /// Compares the file of this name with the one that was mapped, whose first bytes the core file holds.
    fn mismatch(&self, path: &Path) -> Option<Mismatch> {
        let is_first = |map: &&Map| map.file() == Some(path) && map.offset == 0;
        let first = self.maps.0.iter().find(is_first);
        let holds = |start| self.contents.iter().find(|own| own.0 == start);
        let crashed = first.and_then(|map| holds(map.start)).map_or(&[][..], |own| own.1);
        let crashed = &crashed[..crashed.len().min(HEAD)];
        let now = self.files.content(path, 0, HEAD);
        crashed_file::mismatch(crashed, &now, self.files.named(path).changed, self.written)
    }
}

fn read_notes(
    header: &object::elf::ProgramHeader64<Endianness>,
    endian: Endianness,
    bytes: &[u8],
    notes: &mut Notes,
) -> Result<(), object::Error> {
    let Some(mut all) = header.notes(endian, bytes)? else { return Ok(()) };
    while let Some(note) = all.next()? {
        let content = note.desc();
        let int = |at: usize| Some(i32::from_le_bytes(content.get(at..at + 4)?.try_into().ok()?));
        let word = |at: usize| Some(u64::from_le_bytes(content.get(at..at + 8)?.try_into().ok()?));
        match note.n_type(endian) {
            // siginfo_t: si_signo, si_errno, si_code, and at 16 si_addr or si_pid.
            NT_SIGINFO => {
                let read = || {
                    let (signal, code) = (int(0)?, int(8)?);
                    Some(SignalInfo { signal, code, address: word(16)?, sender: int(16)? })
                };
                notes.info = notes.info.or_else(read);
            }
            // struct elf_prstatus in <linux/elfcore.h>: pr_pid at 32, pr_reg at 112.
            NT_PRSTATUS if notes.thread.is_none() => {
                let words = (0..27).map_while(|index| word(112 + 8 * index)).collect();
                notes.thread = int(32).map(|tid| (tid, words));
            }
            // struct elf_prpsinfo: pr_pid at 24, pr_fname at 40.
            NT_PRPSINFO => {
                let name = content.get(40..56).unwrap_or_default();
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                notes.name = String::from_utf8_lossy(name).into_owned();
                notes.pid = int(24);
            }
            NT_FILE => notes.files = files(content).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(())
}

/// `NT_FILE`: a count, the unit of offsets, three words for each file, and the names. (fs/binfmt_elf.c:
/// fill_files_note)
fn files(content: &[u8]) -> Option<Vec<(u64, u64, u64, PathBuf)>> {
    use std::os::unix::ffi::OsStrExt as _;
    let word = |index: usize| {
        Some(u64::from_le_bytes(content.get(8 * index..8 * index + 8)?.try_into().ok()?))
    };
    let (count, unit) = (usize::try_from(word(0)?).ok()?, word(1)?);
    let names = content.get(count.checked_mul(24)?.checked_add(16)?..)?;
    let names = names.split(|byte| *byte == 0);
    let mut files = Vec::new();
    for (index, name) in (0..count).zip(names) {
        let at = 2 + 3 * index;
        let offset = word(at + 2)?.checked_mul(unit)?;
        let path = Path::new(std::ffi::OsStr::from_bytes(name)).to_owned();
        files.push((word(at)?, word(at + 1)?, offset, path));
    }
    Some(files)
}

/// The file to which the kernel has written the core of a process that has just died in this folder; the reason where
/// there is none to be found. (core(5), "Naming of core dump files")
pub fn of_process(pid: i32) -> Result<PathBuf, String> {
    let read = |name: &str| {
        std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default()
    };
    let (pattern, uses_pid) = (read("core_pattern"), read("core_uses_pid"));
    let pattern = pattern.trim_end();
    if let Some(command) = pattern.strip_prefix('|') {
        return Err(format!("its core went to a program: {command}"));
    }
    let mut name = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '%' { letters.next() } else { None }) {
            ('%', Some('%')) => name.push('%'),
            ('%', Some('p' | 'P')) => name.push_str(&pid.to_string()),
            ('%', _) => return Err(format!("its core has a name of the pattern {pattern}")),
            (letter, _) => name.push(letter),
        }
    }
    if uses_pid.trim() == "1" && !pattern.contains("%p") {
        name.push_str(&format!(".{pid}"));
    }
    match Path::new(&name).is_file() {
        true => Ok(PathBuf::from(name)),
        false => Err(format!("there is no core file {name}")),
    }
}
