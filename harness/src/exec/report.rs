//! A program that dies has a few lines on standard error for its reason: this module writes them. The main type is
//! [`Reporter`].

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use anstream::adapter::strip_str;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::cause::Cause;
use super::json::{self, SCHEMA};
use super::reason::reason;
use super::scene::{Fate, Scene};
use super::shape;
use super::words::{head, signal};
use crate::picture::{coloured, coloured_outcome};
use crate::printable::escaped;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// One JSON object on a line.
    Json,
}

/// Writes reports.
#[derive(Debug)]
pub struct Reporter {
    pub form: Form,
    pub to: To,
    /// The words that start this program, for a command that is printed.
    pub program: &'static str,
    /// Text has colours.
    pub is_coloured: bool,
}

/// The place of reports.
#[derive(Debug)]
pub enum To {
    File(File),
    StandardError,
    StandardOutput,
    /// The standard error of the process that is reported, if it is the file with this device and this inode.
    SameOfProcess {
        device: u64,
        inode: u64,
    },
}

impl Reporter {
    pub fn file(&self) -> Option<&File> {
        match &self.to {
            To::File(file) => Some(file),
            _ => None,
        }
    }

    /// Writes the report of a fault. Fails where it cannot be written, which the tracer can tell to nobody.
    pub fn report(&mut self, scene: &Scene) -> std::io::Result<()> {
        let text = match self.form {
            Form::Text if self.is_coloured => text(scene, self.program),
            Form::Text => strip_str(&text(scene, self.program)).to_string(),
            Form::Json => format!("{}\n", json::report(scene)),
        };
        self.write(&text, scene.process.pid)
    }

    /// Writes a remark of faultmap's own on a process.
    pub fn remark(&mut self, process: i32, remark: &str) {
        let text = match self.form {
            Form::Text => format!("faultmap: {}\n", escaped(remark)),
            Form::Json => {
                format!("{}\n", serde_json::json!({ "schema": SCHEMA, "remark": remark }))
            }
        };
        let _ = self.write(&text, process);
    }

    /// Writes no more to this process's standard error: it may be a pipe whose reader waits for its end. From now on
    /// the reports go to the same file where the reported process has it as its own standard error.
    pub fn leave_standard_error(&mut self) {
        if !matches!(self.to, To::StandardError) {
            return;
        }
        let Ok(own) = rustix::fs::fstat(rustix::stdio::stderr()) else { return };
        self.to = To::SameOfProcess { device: own.st_dev, inode: own.st_ino };
        if let Ok(null) = File::options().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(null);
        }
    }

    /// Writes in one piece, as others write to the same place.
    fn write(&mut self, text: &str, process: i32) -> std::io::Result<()> {
        let text = text.as_bytes();
        match &mut self.to {
            To::File(file) => {
                let written = file.write_all(text);
                if let Err(error) = &written {
                    let why = format!("faultmap: cannot write the report to its file: {error}\n");
                    write_patiently(rustix::stdio::stderr(), why.as_bytes());
                    write_patiently(rustix::stdio::stderr(), text);
                }
                written
            }
            To::StandardOutput => {
                std::io::stdout().write_all(text).and_then(|()| std::io::stdout().flush())
            }
            To::StandardError => {
                write_patiently(rustix::stdio::stderr(), text);
                Ok(())
            }
            To::SameOfProcess { device, inode } => {
                if let Some(own) = standard_error_of(process, (*device, *inode)) {
                    write_patiently(own.as_fd(), text);
                }
                Ok(())
            }
        }
    }
}

/// The standard error of a process, as far as the process itself may write to it; `None` where it is another file than
/// the one with this device and this inode. To open it by its name would give rights that the process does not have.
fn standard_error_of(process: i32, expected: (u64, u64)) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()?;
    let own = pidfd_getfd(process, 2, PidfdGetfdFlags::empty()).ok()?;
    let file = rustix::fs::fstat(&own).ok()?;
    ((file.st_dev, file.st_ino) == expected).then_some(own)
}

/// Writes as long as somebody reads: the program stands still meanwhile, and must not do so for ever.
fn write_patiently(to: BorrowedFd<'_>, text: &[u8]) {
    const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
    // What fits into a pipe that poll(2) calls writable. (POSIX.1-2024 write(), PIPE_BUF)
    for part in text.chunks(4096) {
        let mut wanted = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
        match poll(&mut wanted, Some(&PATIENCE)) {
            Ok(1) if rustix::io::write(to, part).is_ok_and(|count| count == part.len()) => {}
            _ => return,
        }
    }
}

/// The report for people, with the colours that the pictures of cases have.
fn text(scene: &Scene, program: &str) -> String {
    let cause = Cause::of(scene);
    let mut text = format!("faultmap: {}{}\n", coloured_outcome(&signal(scene)), head(scene));
    match &scene.fate {
        Fate::Ends | Fate::HandlerHasNoStack => {}
        // One line for what a program does in the course of its work.
        Fate::IsHandled => return text.replacen("faultmap: ", "faultmap: handled: ", 1),
        Fate::WasHandled { is_running: true, ending } => {
            text.push_str(&format!("  The process {ending} while its handler was running.\n"));
        }
        Fate::WasHandled { is_running: false, ending } => {
            text.push_str(&format!("  It was handled. Afterwards the process {ending}.\n"));
        }
    }
    // One line: a newline is that of a name, and is escaped.
    if let Some(reason) = reason(scene, &cause) {
        text.push_str(&format!("  {}\n", escaped(&reason)));
    }
    let picture = shape::picture(scene, &cause);
    if !picture.is_empty() {
        text.push('\n');
    }
    for line in picture {
        text.push_str(&format!("    {}\n", coloured(&line)));
    }
    if let Some(case) = shape::case(scene, &cause) {
        text.push_str(&format!(
            "\n  to see it alone, save this case of the same shape as my.case and run `{program} show my.case`:\n"
        ));
        for line in case.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}
