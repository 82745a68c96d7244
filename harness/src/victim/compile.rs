//! A case to a [`Program`]: names become variables by number, sizes become bytes, calls become system
//! call numbers with their arguments in the kernel's order.

use std::ffi::{CStr, CString};

use nix::libc;

use super::budget::Cost;
use super::maps::{Descriptors, Maps, Shown};
use super::program::{FileSpec, Op, Operand, Program, Then};
use super::reach::Reach;
use crate::case::{Arg, BlockKind, Call, Gives, Step};
use crate::sys::{Inheritance, Sandbox};

/// What is known of a variable before anything runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Variable {
    /// The file that it was made for, whatever its descriptor shows later.
    pub(super) file: Option<usize>,
    /// The length of a shared memory segment.
    length: usize,
}

/// Turns steps into ops.
pub(super) struct Compiler<'m> {
    pub(super) memory: &'m Inheritance,
    ops: Vec<Op<'m>>,
    into: Vec<Option<usize>>,
    files: Vec<FileSpec>,
    processes: Vec<usize>,
    segments: Vec<usize>,
    pub(super) page: u64,
    /// There are files or segments of huge pages.
    huge: bool,
    /// A step locks memory.
    locks: bool,
    frames: Vec<Vec<(String, usize)>>,
    pub(super) variables: Vec<Variable>,
}

impl<'m> Compiler<'m> {
    pub fn compile(steps: &[Step], page: u64, memory: &'m Inheritance) -> Program<'m> {
        let mut compiler = Compiler {
            memory,
            ops: Vec::new(),
            into: Vec::new(),
            files: Vec::new(),
            processes: Vec::new(),
            segments: Vec::new(),
            page,
            huge: false,
            locks: steps_lock(steps),
            frames: vec![Vec::new()],
            variables: Vec::new(),
        };
        compiler.block(steps);
        let Compiler { ops, into, files, processes, segments, .. } = compiler;
        Program {
            ops: memory.keep(&ops),
            into: memory.keep(&into),
            files: memory.keep(&files),
            processes: memory.keep(&processes),
            segments: memory.keep(&segments),
            page,
            maps: &memory.keep(&[Maps::none(ops.len(), memory)])[0],
            descriptors: &memory.keep(&[Descriptors::none(ops.len(), memory)])[0],
            sandbox: &Sandbox::NONE,
        }
    }

    fn block(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Call { assign, call, args } => {
                    let (op, known) = self.call(*call, args);
                    // After the arguments: `fd = open(fd)` in a block opens the outer `fd`.
                    let into = assign.as_deref().and_then(|name| self.define(name, known));
                    if call.signature().gives == Gives::Id {
                        self.segments.push(self.ops.len());
                    }
                    self.push(op, into);
                }
                Step::Touch { map, at, to, store } => {
                    let at = self.signed(at);
                    let width = to.as_ref().map_or(1, |to| self.signed(to) - at) as usize;
                    let map = self.find(map);
                    self.push(Op::Touch { map, at, width, store: *store }, None);
                }
                Step::Sweep { map, .. } => {
                    let map = self.find(map);
                    self.push(Op::Sweep { map }, None);
                }
                Step::Block { kind, steps } => {
                    let index = self.ops.len();
                    let process = self.processes.len();
                    self.push(Op::Block { kind: *kind, end: 0, process }, None);
                    if *kind == BlockKind::Process {
                        self.processes.push(index);
                    }
                    self.frames.push(Vec::new());
                    self.block(steps);
                    self.frames.pop();
                    let end = self.ops.len();
                    self.ops[index] = Op::Block { kind: *kind, end, process };
                }
            }
        }
    }

    fn push(&mut self, op: Op<'m>, into: Option<usize>) {
        self.ops.push(op);
        self.into.push(into);
    }

    /// The op of a call, and what is known of the thing that it gives.
    fn call(&mut self, call: Call, args: &[Arg]) -> (Op<'m>, Variable) {
        let mut known = Variable::default();
        let op = match call {
            Call::File => {
                known.file = Some(self.new_file(&args[0], None));
                // The harness's own descriptor reads and writes: only other flags need an open.
                let flags = self.open_flags(args.get(1));
                self.open_file(known.file, Some(flags).filter(|flags| *flags != libc::O_RDWR))
            }
            Call::Memfd => {
                let flags = self.flags(args.get(1)) as u32;
                self.huge |= flags & libc::MFD_HUGETLB != 0;
                known.file = Some(self.new_file(&args[0], Some(flags)));
                self.open_file(known.file, None)
            }
            Call::Open => match &args[0] {
                // Without flags, as those who may not write can open it.
                Arg::Text(path) => self.open_path(path, self.flags(args.get(1)) as i32),
                descriptor => {
                    known.file = self.file_of(descriptor);
                    self.open_file(known.file, Some(self.open_flags(args.get(1))))
                }
            },
            Call::Devzero => self.open_path(b"/dev/zero", self.open_flags(args.first())),
            Call::Dir => self.open_path(b"/", libc::O_RDONLY | libc::O_DIRECTORY),
            Call::Pipe => Op::Pipe,
            Call::Unlink => {
                let file = self.file_of(&args[0]).unwrap_or(0);
                self.files[file].named = self.files[file].memfd.is_none();
                Op::Unlink { file }
            }
            Call::Pread => Op::Pread {
                descriptor: self.operand(&args[0]),
                offset: self.number(&args[1]) as u64,
                length: self.number(&args[2]),
            },
            Call::Sigaction => {
                let ignore = self.flags(args.get(1)) == libc::SIG_IGN as i64;
                Op::Sigaction { signal: self.flags(args.first()) as i32, ignore }
            }
            Call::Sigprocmask => {
                let how = self.flags(args.first()) as i32;
                Op::Sigprocmask { how, signal: self.flags(args.get(1)) as i32 }
            }
            Call::Setrlimit => Op::Setrlimit {
                resource: self.flags(args.first()) as i32,
                limit: self.number(&args[1]) as u64,
            },
            Call::Raise => Op::Raise { signal: self.flags(args.first()) as i32 },
            // The kernel keeps the low byte (_exit(2)).
            Call::Exit => Op::Exit { code: (self.number(&args[0]) & 0xff) as i32 },
            _ => self.system(call, args, &mut known),
        };
        (op, known)
    }

    /// Adds a file of the harness. Gives its number.
    fn new_file(&mut self, size: &Arg, memfd: Option<u32>) -> usize {
        let size = self.number(size) as u64;
        self.files.push(FileSpec { size, memfd, named: false });
        self.files.len() - 1
    }

    fn open_file(&self, file: Option<usize>, reopen: Option<i32>) -> Op<'m> {
        Op::OpenFile { file: file.unwrap_or(0), reopen }
    }

    fn open_path(&self, path: &[u8], flags: i32) -> Op<'m> {
        let shown = if path.starts_with(b"/proc/") { Shown::Varying } else { Shown::Nothing };
        let path = CString::new(path).unwrap_or_default();
        let path = CStr::from_bytes_with_nul(self.memory.keep(path.as_bytes_with_nul()));
        Op::OpenPath { path: path.unwrap_or_default(), flags, shown }
    }

    /// The flags of an open; a file is for reading and writing where the case does not say.
    fn open_flags(&self, arg: Option<&Arg>) -> i32 {
        arg.map_or(libc::O_RDWR, |arg| self.number(arg) as i32)
    }

    /// A call whose arguments go to the kernel as they stand.
    fn system(&mut self, call: Call, args: &[Arg], known: &mut Variable) -> Op<'m> {
        let mut operands: [Operand<'m>; 6] = std::array::from_fn(|index| match args.get(index) {
            Some(arg) => self.operand(arg),
            None => Operand::Number(0),
        });
        let length = |index: usize| match operands.get(index) {
            Some(Operand::Number(length)) => {
                length.checked_next_multiple_of(self.page as usize).unwrap_or(0)
            }
            _ => 0,
        };
        let mut then = Then::Nothing;
        let number = match call {
            Call::Mmap => {
                let fixed = libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE;
                let flags = self.flags(args.get(3));
                let anonymous = flags & i64::from(libc::MAP_ANONYMOUS) != 0;
                let offset = self.number(&args[5]) as u64;
                then = Then::Mapped { offset: (!anonymous).then_some(offset), length: length(1) };
                if matches!(operands[0], Operand::Number(0)) && flags & i64::from(fixed) == 0 {
                    operands[0] = Operand::Place;
                }
                libc::SYS_mmap
            }
            Call::Mremap => {
                then = Then::Remapped { old: length(1), length: length(2) };
                // With MREMAP_DONTUNMAP alone the fifth argument is a hint (Linux 5.7).
                let flags = self.flags(args.get(3)) as i32;
                if args.len() < 5 && flags & libc::MREMAP_DONTUNMAP != 0 {
                    operands[4] = Operand::Place;
                }
                libc::SYS_mremap
            }
            Call::Shmget => {
                known.length = length(1);
                self.huge |= self.flags(args.get(2)) as i32 & libc::SHM_HUGETLB != 0;
                libc::SYS_shmget
            }
            Call::Shmat => {
                let length = match &args[0] {
                    Arg::Id(name) => self.variables[self.find(name)].length,
                    _ => 0,
                };
                then = Then::Mapped { offset: None, length };
                let remaps = self.flags(args.get(2)) as i32 & libc::SHM_REMAP != 0;
                if matches!(operands[1], Operand::Number(0)) && !remaps {
                    operands[1] = Operand::Place;
                }
                libc::SYS_shmat
            }
            Call::Pwrite => {
                let length = match &operands[1] {
                    Operand::Bytes(bytes) => bytes.len(),
                    _ => 0,
                };
                operands[3] = std::mem::replace(&mut operands[2], Operand::Number(length));
                libc::SYS_pwrite64
            }
            Call::Munmap => {
                then = Then::Unmapped;
                libc::SYS_munmap
            }
            Call::Mprotect => libc::SYS_mprotect,
            Call::Madvise => libc::SYS_madvise,
            Call::Msync => libc::SYS_msync,
            Call::Mlock => libc::SYS_mlock,
            Call::Munlock => libc::SYS_munlock,
            Call::Mseal => libc::SYS_mseal,
            Call::RemapFilePages => {
                // Of a part of a page nothing is said. (remap_file_pages(2))
                let page = self.page;
                let offset = (self.number(&args[3]) as u64).wrapping_mul(page);
                let whole = self.number(&args[1]) / page as usize * page as usize;
                then = Then::Shows { offset, length: whole };
                libc::SYS_remap_file_pages
            }
            Call::Ftruncate => libc::SYS_ftruncate,
            Call::Fallocate => libc::SYS_fallocate,
            Call::Read => libc::SYS_read,
            Call::Write => libc::SYS_write,
            Call::Fsync => libc::SYS_fsync,
            Call::Fcntl => libc::SYS_fcntl,
            Call::Close => {
                then = Then::Closed;
                libc::SYS_close
            }
            Call::Shmdt => libc::SYS_shmdt,
            Call::Shmctl => libc::SYS_shmctl,
            // rt_sigtimedwait and the like would need a mask; ppoll with no descriptor and no
            // timeout is pause(2) on every architecture.
            Call::Pause => libc::SYS_ppoll,
            // Before the fork, where a mistake in this table may still be loud.
            other => unreachable!("{} is not the kernel's alone", other.signature().name),
        };
        let segment = match then {
            Then::Mapped { length, .. } => length,
            _ => 0,
        };
        let maps_huge =
            call == Call::Mmap && self.flags(args.get(3)) as i32 & libc::MAP_HUGETLB != 0;
        self.huge |= maps_huge;
        let reach = Reach::of(call, args, self.page as usize, self.huge, segment);
        let cost = Cost::of(call, args, self.locks, self.huge);
        Op::System { number, args: operands, reach, cost, then }
    }

    /// The variable of that name, as seen from here.
    pub(super) fn find(&self, name: &str) -> usize {
        let mut names = self.frames.iter().rev().flatten();
        names.find(|(own, _)| own == name).map_or(0, |(_, index)| *index)
    }

    /// The variable of that name in the innermost block, new or given once more.
    fn define(&mut self, name: &str, known: Variable) -> Option<usize> {
        let frame = self.frames.last_mut()?;
        let index = match frame.iter().find(|(own, _)| own == name) {
            Some((_, index)) => *index,
            None => {
                frame.push((name.to_owned(), self.variables.len()));
                self.variables.push(Variable::default());
                self.variables.len() - 1
            }
        };
        self.variables[index] = known;
        Some(index)
    }
}

/// Whether a step locks memory, those in blocks included.
fn steps_lock(steps: &[Step]) -> bool {
    let locked = |arg: &Arg| match arg {
        Arg::Flags(words) => words.iter().any(|word| word.is("MAP_LOCKED")),
        _ => false,
    };
    steps.iter().any(|step| match step {
        Step::Call { call, args, .. } => *call == Call::Mlock || args.iter().any(locked),
        Step::Block { steps, .. } => steps_lock(steps),
        _ => false,
    })
}
