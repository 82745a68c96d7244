//! A case is a file, a text that is built into this command, or stdin. The main type is [`Source`].

use std::io::Read;
use std::path::{Path, PathBuf};

use nix::libc;

use crate::case::limits;
use crate::cli::exit::Failed;
use crate::cli::usage::UsageError;
use crate::cli::{built_in, shell};

/// The beginning of the name of a file that is a part of this command.
pub const BUILT_IN: &str = "built-in:";

/// The place of the text of a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The case of this id in the command.
    BuiltIn(String),
    /// Stdin, which can be read once.
    Stdin,
}

impl Source {
    /// Reads the text. Of one that is too long, it reads a little more than the limit, so that the error can show
    /// the line.
    pub fn read(&self) -> Result<Vec<u8>, Failed> {
        match self {
            Source::File(path) => read_file(path).map_err(|error| unreadable(path, error)),
            Source::BuiltIn(id) => {
                Ok(built_in::cases().get(id).copied().unwrap_or_default().as_bytes().to_vec())
            }
            Source::Stdin => {
                bounded(std::io::stdin()).map_err(|error| unreadable(Path::new("stdin"), error))
            }
        }
    }

    /// The name for a message.
    pub fn shown(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::BuiltIn(id) => format!("the built-in case {id}"),
            Source::Stdin => "stdin".to_owned(),
        }
    }

    /// The file, for a program. A built-in case has none, and its name is that of its snapshot in messages.
    pub fn file(&self) -> String {
        match self {
            Source::BuiltIn(id) => format!("{BUILT_IN}cases/{id}.case"),
            other => other.shown(),
        }
    }

    /// The word for it on a command line, where no id leads to it.
    pub fn word(&self) -> String {
        match self {
            Source::File(path) => shell::path(path),
            Source::BuiltIn(id) => shell::word(id),
            Source::Stdin => "-".to_owned(),
        }
    }

    /// The same for every path of one file.
    pub fn whole(&self) -> Source {
        match self {
            Source::File(path) => {
                Source::File(path.canonicalize().unwrap_or_else(|_| path.clone()))
            }
            other => other.clone(),
        }
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    if !path.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    bounded(std::fs::File::open(path)?)
}

fn bounded(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(limits::SOURCE_BYTES as u64 + 256).read_to_end(&mut text)?;
    Ok(text)
}

/// The failure where a file cannot be read: wrong usage, unless the machine has run out of
/// something.
pub fn unreadable(path: &Path, error: std::io::Error) -> Failed {
    let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO];
    let path = path.display().to_string();
    match error.raw_os_error().is_some_and(|errno| exhausted.contains(&errno)) {
        true => Failed::harness(format!("cannot read {path}: {error}")),
        false => UsageError::Unreadable { path, error }.into(),
    }
}
