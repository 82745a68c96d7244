//! A program must not notice that it is traced: it keeps its pid, its parent, its terminal and its descriptors, and its
//! exit status is its own. So this process becomes the program, and a grandchild of it becomes the tracer, as `strace
//! -D` does it. The main type is [`Program`].

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use nix::errno::Errno;
use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader as _};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PTracer, Rlimit, set_ptracer};

use super::file_process::FileProcess;
use super::report::Reporter;
use super::trace::Tracer;
use super::watch;
use crate::sys::{self, SoleThread, sigpipe, tracing};

/// A program, its arguments, and how it is traced.
#[derive(Debug)]
pub struct Program {
    /// The command and its arguments.
    pub words: Vec<OsString>,
    /// The limit of the stack that this process had when it was started.
    pub stack: Rlimit,
    /// The sizes of files are looked at when they are mapped.
    pub is_watched: bool,
    /// Handled faults are told as well.
    pub tells_all: bool,
}

/// A program that was not started.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// execve(2) has failed.
    #[error("cannot run {0}: {error}", error = std::io::Error::from(*.1))]
    Program(String, Errno),
    /// It names another program that is to run it, which does not exist.
    #[error("cannot run {0}: it names {1} as its interpreter, which does not exist (execve(2))")]
    Interpreter(String, String),
    /// The kernel does not let it be traced, or the machine has run out of something.
    #[error("{0}")]
    Failed(String),
}

/// True where a tracer beside this process would become a child of the program, which could then wait for one more: the
/// first process of a container, and one that adopts orphans. (PR_SET_CHILD_SUBREAPER in prctl(2))
pub fn adopts_orphans() -> bool {
    std::process::id() == 1
        || rustix::process::child_subreaper().is_ok_and(|reaper| reaper.is_some())
}

/// Makes the tracer of this process, which writes reports with `reporter`, and the number of each signal to `told`.
/// Fails where the process cannot be traced.
pub fn trace_this_process(
    thread: SoleThread,
    program: &Program,
    reporter: Reporter,
    told: Option<File>,
) -> Result<(), NotStarted> {
    let failed = |what: &str, error: std::io::Error| NotStarted::Failed(format!("{what}: {error}"));
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)
        .map_err(|errno| failed("cannot make a pipe", errno.into()))?;
    let (mut reader, mut writer) = (File::from(reader), File::from(writer));
    // Yama lets an ancestor trace, and whom a process names. EINVAL: there is no Yama. (PR_SET_PTRACER in prctl(2))
    let _ = set_ptracer(PTracer::Any);
    let this = std::process::id() as i32;
    let mut tracer = Tracer {
        reporter,
        tells_all: program.tells_all,
        told,
        is_watching: program.is_watched,
        processes: Default::default(),
        files: FileProcess::new(thread),
    };
    let mut trace = || {
        // Signals of the terminal are for the program.
        let _ = rustix::process::setsid();
        let seized = tracing::seize(this, program.is_watched);
        let errno = seized.err().map_or(0, |errno| errno as i32);
        let is_told = writer.write_all(&errno.to_ne_bytes()).is_ok();
        if errno == 0 && is_told {
            leave_input_and_output();
            // A limit on the size of files is then an error of the report, and no end of the tracer.
            sys::ignore_sigxfsz();
            // Or the program could not unmount the folder in which it was started.
            let _ = rustix::process::chdir("/");
            sys::close_all_but(thread, &tracer.descriptors());
            tracer.run(this);
        }
        0
    };
    sys::without_sigchld(|| sys::fork_grandchild(thread, &mut trace))
        .map_err(|errno| failed("cannot fork", errno.into()))?;
    drop(writer);
    let mut answer = [0; 4];
    let answered = reader.read_exact(&mut answer);
    let _ = set_ptracer(PTracer::None);
    match (answered, i32::from_ne_bytes(answer)) {
        (Ok(()), 0) => Ok(()),
        (Ok(()), errno) => Err(NotStarted::Failed(super::refused::why(Errno::from_raw(errno)))),
        (Err(error), _) => Err(failed("the tracer could not be started", error)),
    }
}

/// The readers and the writers of the program must not wait for the tracer.
fn leave_input_and_output() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Makes each map of a file stop for the tracer, in this process and those that it makes. Fails with the reason.
pub fn watch_this_process() -> Result<(), String> {
    let filter = watch::filter().ok_or("no filter for this architecture")?;
    let installed = match sys::install_call_filter(&filter) {
        // Only root may do it to a program that could gain privileges (seccomp(2)).
        Err(Errno::EACCES) => rustix::thread::set_no_new_privs(true)
            .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
            .and_then(|()| sys::install_call_filter(&filter)),
        installed => installed,
    };
    installed.map_err(|errno| std::io::Error::from(errno).to_string())
}

/// Becomes the program. Returns the reason if that fails.
pub fn become_program(program: &Program) -> NotStarted {
    let words = program.words.iter().cloned().map(|word| CString::new(word.into_vec()));
    let name = program.words.first().map(|word| word.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let Ok(words) = words.collect::<Result<Vec<CString>, _>>() else {
        return NotStarted::Program(name, Errno::EINVAL);
    };
    let Some(first) = words.first() else {
        return NotStarted::Program(name, Errno::ENOENT);
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Stack, program.stack);
    sigpipe::restore();
    let Err(errno) = nix::unistd::execvp(first, &words);
    let interpreter = || program.words.first().and_then(|word| interpreter(word));
    match (errno == Errno::ENOENT).then(interpreter).flatten() {
        Some(interpreter) => NotStarted::Interpreter(name, interpreter),
        None => NotStarted::Program(name, errno),
    }
}

/// The interpreter that a program names: in the first line of a script, or in PT_INTERP of an ELF file. `None` where
/// there is no such program.
fn interpreter(word: &OsStr) -> Option<String> {
    let path = match word.as_bytes().contains(&b'/') {
        true => PathBuf::from(word),
        false => std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|folder| folder.join(word))
            .find(|path| path.is_file())?,
    };
    let mut head = Vec::new();
    File::open(path).ok()?.take(INTERPRETER_WITHIN).read_to_end(&mut head).ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = text(line.split(|byte| *byte == b'\n').next()?);
        return line.split_whitespace().next().map(str::to_owned);
    }
    let of_64_bits = of_elf::<FileHeader64<Endianness>>(&head);
    let found = of_64_bits.or_else(|| of_elf::<FileHeader32<Endianness>>(&head))?;
    Some(text(found))
}

/// The bytes at the beginning of a program that are read for its interpreter.
const INTERPRETER_WITHIN: u64 = 64 << 10;

fn of_elf<Header: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<&[u8]> {
    let header = Header::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let parts = header.program_headers(endian, head).ok()?;
    parts.iter().find_map(|part| part.interpreter(endian, head).ok()?)
}
