//! Stdout and stderr: messages, and output that somebody may no longer read.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use super::Failed;
use super::exit::Exit;
use crate::backing::Backing;
use crate::printable::escaped;

pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// The lines of a message that may name a file or a word of others.
pub fn printable(message: &str) -> String {
    message.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// A message for stderr.
pub fn error(message: &str) -> String {
    format!("{BAD}error{BAD:#}: {}", printable(message))
}

/// Something that changes no result, for stderr.
pub fn note(message: &str) -> String {
    format!("{NOTE}note{NOTE:#}: {}", printable(message))
}

/// Writes a line to stderr. Where that cannot be written to nobody is told, and the exit code tells enough.
pub fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Why it cannot go on, and the exit code for that.
pub fn failed(why: String) -> Failed {
    (Exit::Harness, error(&why))
}

/// Why files cannot live there, and with which exit code to end.
pub fn unusable(backing: &Backing, cause: &std::io::Error) -> Failed {
    // A full disk is nobody's mistake; a folder that is not there, or not to be written to, is.
    let exit = match cause.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Exit::Harness,
        _ => Exit::Usage,
    };
    let message = format!("cannot make a file in {}: {cause}", backing.describe());
    (exit, format!("{}\n  --dir DIR names another folder, --memfd does without", error(&message)))
}

/// Whether what is written to stderr may have colours.
pub fn coloured_stderr() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// `1 case`, `2 cases`
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is done without, for the end of a last line: `; without seccomp: REASON`
pub fn without(parts: &[String]) -> String {
    parts.iter().map(|part| format!("; without {part}")).collect()
}

/// What goes to stdout.
#[derive(Debug, Default)]
pub struct Output {
    lost: Option<std::io::Error>,
}

impl Output {
    /// Prints, unless nobody can be printed to any more.
    pub fn print(&mut self, text: &str) {
        if self.lost.is_none() {
            let mut stdout = anstream::stdout();
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            self.lost = written.err();
        }
    }

    /// The exit code, unless output was lost. A reader that has seen enough has lost nothing.
    pub fn end(self, exit: Exit) -> Result<Exit, Failed> {
        match self.lost {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(failed(format!("cannot print: {error}")))
            }
            _ => Ok(exit),
        }
    }
}

/// Why no process could be forked, and where to look.
pub fn cannot_fork(errno: nix::errno::Errno) -> String {
    let error = std::io::Error::from(errno);
    format!("cannot fork: {error}; see `ulimit -u` and the limits of this container")
}
