//! The outcome of one access. A test can make these values by hand, so no process has to die in
//! order to test the code that judges them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::vocabulary::linux::{ERRNOS, name_of};

/// The answer to one probe. Only an answer can be part of a snapshot; all else is a
/// [`super::HarnessError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// The access succeeded, and the child reached its end and exited with 0.
    Clean(Clean),
    /// The access killed the child.
    Fault(Fault),
    /// The kernel made the access, and its system call failed with this error.
    Errno(Errno),
    /// The access never returned: in a case that says `timeout(...)`, or in two children that were running all the time.
    TimedOut,
}

/// The value that an access which succeeded saw, or the place that its store reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Clean {
    /// The byte of the file's pattern that belongs at this offset.
    Data,
    /// A byte of the pattern of a file, but of another offset or another file: it was copied here,
    /// or the map shows the wrong page.
    OtherData,
    /// A zero.
    Zero,
    /// Any other byte: a step of the case has stored it.
    Byte(u8),
    /// A store whose byte could be read back from the file.
    ToFile,
    /// A store whose byte did not reach the file.
    MemoryOnly,
    /// The access succeeded, and there is no file to compare with.
    Ok,
    /// The byte may be fetched, but it is no return instruction and was not run.
    NoCode,
}

/// An error number, shown by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Outcome {
    /// Returns the word for the outcome in JSON output: `data`, `to file`, `SIGBUS`, `EFAULT`.
    pub fn word(&self) -> String {
        match self {
            Outcome::Clean(clean) => clean.to_string(),
            Outcome::Fault(fault) => fault.signal.to_string(),
            Outcome::Errno(errno) => errno.to_string(),
            Outcome::TimedOut => "never returned".to_owned(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Fault(fault) => fault.fmt(f),
            _ => f.write_str(&self.word()),
        }
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clean::Data => f.write_str("data"),
            Clean::OtherData => f.write_str("other data"),
            Clean::Zero => f.write_str("zero"),
            Clean::Byte(byte) if byte.is_ascii_graphic() && *byte != b'\'' && *byte != b'\\' => {
                write!(f, "'{}'", char::from(*byte))
            }
            Clean::Byte(byte) => write!(f, "{byte:#04x}"),
            Clean::ToFile => f.write_str("to file"),
            Clean::MemoryOnly => f.write_str("memory only"),
            Clean::Ok => f.write_str("ok"),
            Clean::NoCode => f.write_str("no code"),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name_of(self.0, ERRNOS) {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}
