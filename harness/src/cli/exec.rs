//! `faultmap exec`: a program of somebody else's is run, and its fault is explained.
//!
//! Its exit status is the program's own, as this process becomes the program. Only where the caller asks for a verdict
//! (`--expect`), or where the program cannot be traced and leaves a core file, does faultmap stay as its parent.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use clap::ValueHint;
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, Rlimit, WaitOptions, WaitStatus, getrlimit, waitpid};

use super::{output, shell};
use crate::exec::{self, Form, NotStarted, Program, Reporter, To};
use crate::sys::{self, SoleThread, make_undumpable};

/// The failures of faultmap itself, as env(1) has them.
pub const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// The part of a core file that is read, in bytes: what tells of the fault lies at its beginning, and the memory that is
/// left out is read from the files of the program.
const LARGEST_CORE: u64 = 4 << 30;

/// The arguments of `exec`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Explain a core file instead of running a program; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "watch", "command"])]
    core: Option<PathBuf>,
    /// Tell each SIGSEGV and SIGBUS that the program handles, too
    #[arg(long)]
    all: bool,
    /// Note the size of each file when it is mapped: calls of mmap(2) then take longer
    #[arg(long)]
    watch: bool,
    /// Succeed if a process ends by this signal (SIGBUS or SIGSEGV), and fail otherwise
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    expect: Option<i32>,
    /// Write reports to a file [default: standard error; with --core standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write each report as one JSON object on a line
    #[arg(long)]
    json: bool,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, required_unless_present = "core", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// The signals that can be expected, for completions: their short names and small letters are taken, too.
pub const SIGNALS: [&str; 2] = ["SIGBUS", "SIGSEGV"];

fn signal(name: &str) -> Result<i32, String> {
    match name.to_ascii_uppercase().trim_start_matches("SIG") {
        "BUS" => Ok(libc::SIGBUS),
        "SEGV" => Ok(libc::SIGSEGV),
        _ => Err("it is SIGBUS or SIGSEGV; other signals are not explained".to_owned()),
    }
}

/// Runs the program. `stack` is the limit of the stack that the program is to have. Returns only where the program was
/// not started, or faultmap had to stay.
pub fn run(options: Options, stack: Rlimit) -> ExitCode {
    let done = match &options.core {
        Some(core) => explain_core(&options, core),
        None => run_program(options, stack),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(not_started(&error) as u8),
    }
}

impl Options {
    fn reporter(&self, standard: To) -> Result<Reporter, NotStarted> {
        let to = match &self.output {
            None => standard,
            Some(path) => To::File(File::create(path).map_err(|error| {
                NotStarted::Failed(format!("cannot write to {}: {error}", path.display()))
            })?),
        };
        let form = if self.json { Form::Json } else { Form::Text };
        let choice = match &to {
            To::File(file) => AutoStream::choice(file),
            To::StandardOutput => AutoStream::choice(&std::io::stdout()),
            To::StandardError | To::SameOfProcess { .. } => AutoStream::choice(&std::io::stderr()),
        };
        let is_coloured = choice != ColorChoice::Never;
        Ok(Reporter { form, to, program: shell::program(), is_coloured })
    }
}

fn explain_core(options: &Options, path: &Path) -> Result<u8, NotStarted> {
    let shown = path.display().to_string();
    let failed = |error: String| NotStarted::Failed(error);
    let bytes = match shown.as_str() {
        "-" => read_core(std::io::stdin()),
        // A pipe has no end that is known, and a device none at all.
        _ if std::fs::metadata(path).is_ok_and(|own| !own.is_file()) => {
            return Err(failed(format!("{shown} is no regular file; `--core -` reads a pipe")));
        }
        _ => File::open(path).and_then(read_core),
    };
    let bytes = bytes.map_err(|error| failed(format!("cannot read {shown}: {error}")))?;
    let thread = SoleThread::claim().map_err(|error| failed(error.to_string()))?;
    let scene = exec::scene_of_core(&shown, &bytes, written(path), thread);
    let scene = scene.map_err(|error| failed(error.to_string()))?;
    let printed = options.reporter(To::StandardOutput)?.report(&scene);
    printed.map_err(|error| failed(format!("cannot print: {error}")))?;
    Ok(match options.expect {
        Some(expected) if expected != scene.signal.0 => 1,
        _ => 0,
    })
}

fn read_core(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST_CORE).read_to_end(&mut bytes).map(|_| bytes)
}

/// The time when a core file was written; `None` for standard input.
fn written(core: &Path) -> Option<SystemTime> {
    let file = Some(core).filter(|core| core.as_os_str() != "-");
    file.and_then(|core| std::fs::metadata(core).ok()?.modified().ok())
}

fn run_program(options: Options, stack: Rlimit) -> Result<u8, NotStarted> {
    let thread = SoleThread::claim().map_err(|error| NotStarted::Failed(error.to_string()))?;
    let reporter = options.reporter(To::StandardError)?;
    let program = Program {
        words: options.command.clone(),
        stack,
        is_watched: options.watch,
        tells_all: options.all,
    };
    if let Some(expected) = options.expect {
        return expect(thread, &program, reporter, expected);
    }
    // A service must run, whatever keeps it from being traced.
    let tell = |reason: &NotStarted| {
        output::tell(&format!("faultmap: {reason}; running it untraced"));
    };
    if exec::adopts_orphans() {
        let otherwise = |reason: NotStarted| {
            tell(&reason);
            exec::become_program(&program)
        };
        return Ok(end_as(run_traced_child(thread, &program, (reporter, None), otherwise)?));
    }
    match exec::trace_this_process(thread, &program, reporter, None) {
        Ok(()) => Err(become_program(&program)),
        Err(reason) => {
            tell(&reason);
            run_untraced(thread, &program, options.reporter(To::StandardError)?)
        }
    }
}

fn become_program(program: &Program) -> NotStarted {
    if program.is_watched {
        if let Err(why) = exec::watch_this_process() {
            output::tell(&format!("faultmap: cannot watch mmap(2): {why}"));
        }
    }
    exec::become_program(program)
}

/// Runs the program as a child. Returns 0 if a process was ended by the expected signal, and 1 otherwise.
fn expect(
    thread: SoleThread,
    program: &Program,
    reporter: Reporter,
    expected: i32,
) -> Result<u8, NotStarted> {
    let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
    let (reader, writer): (OwnedFd, OwnedFd) =
        pipe.map_err(|error| NotStarted::Failed(format!("cannot make a pipe: {error}")))?;
    let told = Some(File::from(writer));
    let status = run_traced_child(thread, program, (reporter, told), |reason| reason)?;
    let mut told = Vec::new();
    // What was reported of it was written before it ended; the pipe may be open still, in those that it left.
    let _ = File::from(reader).read_to_end(&mut told);
    match status.exit_status() {
        Some(code @ 125..=127) if told.is_empty() => Ok(code as u8),
        _ => Ok(u8::from(!told.contains(&(expected as u8)))),
    }
}

/// Runs the program as a child that is traced, and waits for its end. The reports and the signals go to `to`. Where it
/// cannot be traced, the child does what `otherwise` says, and ends with the failure that it returns.
fn run_traced_child(
    thread: SoleThread,
    program: &Program,
    to: (Reporter, Option<File>),
    otherwise: impl FnOnce(NotStarted) -> NotStarted,
) -> Result<WaitStatus, NotStarted> {
    let mut given = Some((to, otherwise));
    run_child(thread, || {
        let Some(((reporter, told), otherwise)) = given.take() else { return i32::from(FAILED) };
        not_started(&match exec::trace_this_process(thread, program, reporter, told) {
            Ok(()) => become_program(program),
            Err(reason) => otherwise(reason),
        })
    })
    .map(|(_, status)| status)
}

/// Tells why the program was not started. Returns the exit status.
fn not_started(error: &NotStarted) -> i32 {
    output::tell(&format!("faultmap: {}", output::printable(&error.to_string())));
    i32::from(match error {
        NotStarted::Program(_, Errno::ENOENT) | NotStarted::Interpreter(..) => NOT_FOUND,
        NotStarted::Program(..) => NOT_EXECUTABLE,
        _ => FAILED,
    })
}

/// The signals that end or tell a program, as far as they are meant for it and not for its terminal.
const HANDED_ON: [Signal; 4] = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// Forks a child that runs this, hands on the signals that are sent to this process, and returns its end.
/// Reaps what else this process adopts.
fn run_child(
    thread: SoleThread,
    body: impl FnOnce() -> i32,
) -> Result<(Pid, WaitStatus), NotStarted> {
    let mut signals = SigSet::empty();
    HANDED_ON.into_iter().chain([Signal::SIGCHLD]).for_each(|signal| signals.add(signal));
    // Before the fork, so that none is lost: the child has them back before it goes on.
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let before = before.map_err(|errno| NotStarted::Failed(format!("sigprocmask: {errno}")))?;
    let actions = sys::wait_as_parent();
    let child = sys::fork_worker(thread, || {
        actions.restore();
        let _ = before.thread_set_mask();
        body()
    });
    let child = child.map_err(|errno| NotStarted::Failed(output::cannot_fork(errno)))?;
    loop {
        match waitpid(None, WaitOptions::NOHANG) {
            Ok(Some((ended, status))) if ended == child => return Ok((child, status)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => continue,
            Ok(None) => {}
            Err(errno) => return Err(NotStarted::Failed(format!("cannot wait: {errno}"))),
        }
        match signals.wait() {
            Ok(Signal::SIGCHLD) | Err(_) => {}
            Ok(signal) => {
                let child = nix::unistd::Pid::from_raw(child.as_raw_nonzero().get());
                let _ = nix::sys::signal::kill(child, signal);
            }
        }
    }
}

/// Ends as a child has ended: by its signal, or by the exit status that is returned.
fn end_as(status: WaitStatus) -> u8 {
    let Some(signal) = status.terminating_signal() else {
        return status.exit_status().unwrap_or(0) as u8;
    };
    // A core file is the child's.
    let _ = make_undumpable();
    sys::die_by(signal);
    128 + signal as u8
}

/// Runs a program that cannot be traced, and explains its core file if it leaves one. Then this process ends as the
/// program did.
fn run_untraced(
    thread: SoleThread,
    program: &Program,
    mut reporter: Reporter,
) -> Result<u8, NotStarted> {
    if getrlimit(Resource::Core).current == Some(0) {
        return Err(exec::become_program(program));
    }
    let (child, status) = match run_child(thread, || not_started(&exec::become_program(program))) {
        Ok(ended) => ended,
        Err(_) => return Err(exec::become_program(program)),
    };
    if status.terminating_signal().is_some_and(exec::is_explained)
        && libc::WCOREDUMP(status.as_raw())
    {
        match core_of(child.as_raw_nonzero().get(), thread) {
            Ok(scene) => drop(reporter.report(&scene)),
            Err(why) => output::tell(&format!("faultmap: {why}")),
        }
    }
    Ok(end_as(status))
}

/// The scene of the core file that a process has just left. Fails with the reason where there is none.
fn core_of(pid: i32, thread: SoleThread) -> Result<exec::Scene, String> {
    let path = exec::core_of_process(pid)?;
    let bytes = File::open(&path).and_then(read_core).map_err(|error| error.to_string())?;
    let shown = path.display().to_string();
    let scene = exec::scene_of_core(&shown, &bytes, written(&path), thread);
    let scene = scene.map_err(|error| error.to_string())?;
    // An older one may lie there, where the program has changed its folder.
    match scene.process.pid == pid {
        true => Ok(scene),
        false => Err(format!("{shown} is the core file of process {}", scene.process.pid)),
    }
}
