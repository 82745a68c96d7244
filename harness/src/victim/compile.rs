//! A victim cannot look up names or evaluate sizes, so a case becomes a [`Program`]: names become variables
//! by number, sizes become bytes, calls become system call numbers with their arguments in the kernel's
//! order.

use std::ffi::{CStr, CString};

use nix::libc;

use super::maps::{Descriptors, Maps, Shown};
use super::program::{FileSpec, Op, Program};
use crate::case::{Arg, BlockKind, Case, Step, says};
use crate::sys::{Arena, Sandbox};
use crate::vocabulary::{Action, Effect, Facet, Returns, Syscall};

/// The facts about a variable that are known before anything runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Variable {
    /// The file that it was made for, whatever its descriptor shows later.
    pub(super) file: Option<usize>,
    /// The length of a shared memory segment.
    pub(super) length: usize,
}

/// Turns steps into ops.
pub(super) struct Compiler<'m> {
    pub(super) memory: &'m Arena,
    ops: Vec<Op<'m>>,
    into: Vec<Option<usize>>,
    files: Vec<FileSpec>,
    processes: Vec<usize>,
    segments: Vec<usize>,
    pub(super) page: u64,
    /// True if there are files or segments of huge pages.
    pub(super) huge: bool,
    /// True if a step locks memory.
    pub(super) locks: bool,
    frames: Vec<Vec<(String, usize)>>,
    pub(super) variables: Vec<Variable>,
}

impl<'m> Program<'m> {
    /// Returns the program of a case, on a machine with pages of `page` bytes, laid into `memory`. The case
    /// has passed the parser, so that its names are defined and its numbers fit.
    pub fn of(case: &Case, page: u64, memory: &'m Arena) -> Program<'m> {
        let mut compiler = Compiler {
            memory,
            ops: Vec::new(),
            into: Vec::new(),
            files: Vec::new(),
            processes: Vec::new(),
            segments: Vec::new(),
            page,
            huge: false,
            locks: locks(case),
            frames: vec![Vec::new()],
            variables: Vec::new(),
        };
        compiler.block(&case.steps);
        let Compiler { ops, into, files, processes, segments, huge, .. } = compiler;
        Program {
            ops: memory.keep(&ops),
            into: memory.keep(&into),
            files: memory.keep(&files),
            processes: memory.keep(&processes),
            segments: memory.keep(&segments),
            page,
            asks_for_huge_pages: case.calls().any(|(call, args)| {
                call.number().is_some()
                    && call.effect == Effect::None
                    && args.iter().any(|arg| arg.has(Facet::Huge))
            }),
            huge,
            keeps_from_children: case
                .calls()
                .any(|(_, args)| args.iter().any(|arg| arg.has(Facet::NotForked))),
            maps: &memory.keep(&[Maps::none(ops.len(), memory)])[0],
            descriptors: &memory.keep(&[Descriptors::none(ops.len(), memory)])[0],
            sandbox: &Sandbox::NONE,
        }
    }
}

impl<'m> Compiler<'m> {
    fn block(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Call { assign, call, args } => {
                    let (op, known) = self.call(call, args);
                    // After the arguments: `fd = open(fd)` in a block opens the outer `fd`.
                    let into = assign.as_deref().and_then(|name| self.define(name, known));
                    if call.returns == Returns::Id {
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

    /// Returns the op of a call, and the facts that are known about its result.
    fn call(&mut self, call: &Syscall, args: &[Arg]) -> (Op<'m>, Variable) {
        let mut known = Variable::default();
        let op = match call.action {
            Action::MakeFile => {
                known.file = Some(self.new_file(&args[0], None));
                // The harness's own descriptor reads and writes: only other flags need an open.
                let flags = self.open_flags(args.get(1), libc::O_RDWR);
                self.open_file(known.file, Some(flags).filter(|flags| *flags != libc::O_RDWR))
            }
            Action::MakeMemfd => {
                self.huge |= says(args, 1, Facet::Huge);
                let flags = self.flags(args.get(1)) as u32;
                known.file = Some(self.new_file(&args[0], Some(flags)));
                self.open_file(known.file, None)
            }
            Action::Open => match &args[0] {
                // Without flags, as those who may not write can open it.
                Arg::Text(path) => self.open_path(path, self.flags(args.get(1)) as i32),
                descriptor => {
                    known.file = self.file_of(descriptor);
                    let flags = self.open_flags(args.get(1), libc::O_RDWR);
                    self.open_file(known.file, Some(flags))
                }
            },
            Action::OpenPath(path, flags) => {
                self.open_path(path.as_bytes(), self.open_flags(args.first(), flags))
            }
            Action::Pipe => Op::Pipe,
            Action::Unlink => {
                let file = self.file_of(&args[0]).unwrap_or(0);
                self.files[file].named = self.files[file].memfd.is_none();
                Op::Unlink { file }
            }
            Action::Sigaction => {
                let handler = self.flags(args.get(1)) as usize;
                Op::Sigaction { signal: self.flags(args.first()) as i32, handler }
            }
            Action::Sigprocmask => {
                let how = self.flags(args.first()) as i32;
                Op::Sigprocmask { how, signal: self.flags(args.get(1)) as i32 }
            }
            Action::Setrlimit => Op::Setrlimit {
                resource: self.flags(args.first()) as i32,
                limit: self.number(&args[1]) as u64,
            },
            Action::Raise => Op::Raise { signal: self.flags(args.first()) as i32 },
            // The kernel keeps the low byte (_exit(2)).
            Action::Exit => Op::Exit { code: (self.number(&args[0]) & 0xff) as i32 },
            Action::System(number) => {
                let system = self.system(libc::c_long::from(number), call, args, &mut known);
                Op::System(&self.memory.keep(&[system])[0])
            }
            Action::Arranged(number, arguments) => {
                let system = self.system(libc::c_long::from(number), call, args, &mut known);
                let system = self.arranged(system, arguments, args);
                Op::System(&self.memory.keep(&[system])[0])
            }
        };
        (op, known)
    }

    /// Adds a file of the harness, and returns its number.
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

    /// Returns the flags of an open, or these where the case gives none.
    fn open_flags(&self, arg: Option<&Arg>, otherwise: i32) -> i32 {
        arg.map_or(otherwise, |arg| self.number(arg) as i32)
    }

    /// Returns the variable of that name, as seen from here.
    pub(super) fn find(&self, name: &str) -> usize {
        let mut names = self.frames.iter().rev().flatten();
        names.find(|(own, _)| own == name).map_or(0, |(_, index)| *index)
    }

    /// Defines a variable of that name in the innermost block, anew if there is one, and returns its number.
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

/// True if a step locks memory, or maps some that is locked.
fn locks(case: &Case) -> bool {
    case.calls().any(|(call, args)| {
        matches!(call.effect, Effect::Locks { .. }) || args.iter().any(|arg| arg.has(Facet::Locks))
    })
}
