//! Stdout and stderr: messages, and output whose reader may be gone.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use crate::case::HarnessError;
use crate::printable::escaped;

pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// The advice where the place of the files is of no use.
pub const OTHER_PLACE: &str = "--dir DIR names another folder, --memfd uses none";

/// Escapes each line of a message, which may hold text from files.
pub fn printable(message: &str) -> String {
    message.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// The text of an error for stderr.
pub fn error(message: &str) -> String {
    format!("{BAD}error{BAD:#}: {}", printable(message))
}

/// The text of a remark for stderr that changes no result.
pub fn note(message: &str) -> String {
    format!("{NOTE}note{NOTE:#}: {}", printable(message))
}

/// Writes a line to stderr. An error of that is ignored: the exit code is the same.
pub fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// True where text on stderr may have colours.
pub fn coloured_stderr() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// A number with its noun: `1 case`, `2 cases`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The missing parts of the isolation, for the end of the last line: `; without seccomp: REASON`.
pub fn without(parts: &[String]) -> String {
    parts.iter().map(|part| format!("; without {part}")).collect()
}

/// Output to stdout.
#[derive(Debug, Default)]
pub struct Output {
    lost: Option<std::io::Error>,
}

impl Output {
    /// Prints the text, unless an earlier print has failed.
    pub fn print(&mut self, text: &str) {
        if self.lost.is_none() {
            let mut stdout = anstream::stdout();
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            self.lost = written.err();
        }
    }

    /// Fails where output was lost. A pipe that the reader closed is no loss.
    pub fn end(self) -> Result<(), HarnessError> {
        match self.lost {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(HarnessError::System(format!("cannot print: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// The message where fork(2) failed, with the limit to look at.
pub fn cannot_fork(errno: nix::errno::Errno) -> String {
    let error = std::io::Error::from(errno);
    format!("cannot fork: {error}; see `ulimit -u` and the limits of this container")
}
