//! Arguments and case files may be wrong: [`UsageError`] says how, and what to write instead. No case is run
//! then.

use std::path::Path;

use thiserror::Error;

use super::report::format::Wrong;
use super::{output, shell};
use crate::parse::{ParseError, Renderer};

/// The reason why no case was run.
#[derive(Debug, Error)]
pub enum UsageError {
    /// As an unset variable of a shell leaves it: it does not ask for all cases.
    #[error("an empty word is no case")]
    EmptyWord,
    /// A word that names a case or a file begins with `-`.
    #[error("`{0}` begins as an option does")]
    LikeAnOption(String),
    /// A path ends in `.case`, and nothing is there.
    #[error("there is no file {0}")]
    NoFile(String),
    /// A word is neither an id, nor a family, nor a path.
    #[error("there is no case `{word}`")]
    NoCase {
        /// The word.
        word: String,
        /// The ids that may be meant.
        hint: String,
    },
    /// A word is neither a rule of the model nor a word that is explained.
    #[error("there is no rule `{name}`")]
    NoRule {
        /// The word.
        name: String,
        /// The rules that may be meant.
        hint: String,
    },
    /// There is no command of this name.
    #[error("there is no command `{name}`")]
    NoCommand {
        /// The word.
        name: String,
        /// The commands.
        hint: String,
    },
    /// Files hold no results, or results that do not belong together.
    #[error("{message}")]
    NotMerged {
        /// The files, and what is wrong with them.
        message: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// The file has a name that no snapshot can have.
    #[error("the name of {0} cannot be an id")]
    Name(String),
    /// No word names a case, and there is no folder of cases.
    #[error("there is no folder cases/ here or above")]
    NoFolder,
    /// A word has the signs of a glob, and is none.
    #[error("`{word}` is no pattern: {error}")]
    NoPattern {
        /// The word.
        word: String,
        /// What is wrong in it.
        error: String,
    },
    /// A probe is asked for in a sweep that the case does not have.
    #[error("{case} has {}: there is no sweep {sweep}", output::count(*.sweeps, "sweep"))]
    NoSweep {
        /// The word for the case.
        case: String,
        /// The number of its sweeps.
        sweeps: usize,
        /// The sweep, counted from 1.
        sweep: usize,
    },
    /// A C program is asked for, of more cases than one.
    #[error("{word} names {}, and a C program is of one", output::count(*.cases, "case"))]
    SeveralPrograms {
        /// The word for the cases.
        word: String,
        /// Their number.
        cases: usize,
    },
    /// A C program is asked for, of a case that it cannot be.
    #[error("{case} cannot be a C program: {why}")]
    NoProgram {
        /// The name of the case.
        case: String,
        /// The reason.
        why: String,
    },
    /// A case file or a folder cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file or the folder.
        path: String,
        /// The error of the system call.
        #[source]
        error: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Unwritable {
        /// The file.
        path: String,
        /// The error of the system call.
        #[source]
        error: std::io::Error,
    },
    /// A part of a new project is there already.
    #[error("nothing was written: there is {0} already")]
    Exists(String),
    /// A case is in no file that could be watched.
    #[error("{0} cannot be watched")]
    Unwatched(String),
    /// Files that were to be written are there, with another text.
    #[error("nothing was written: {} in {folder} would be replaced", output::count(*.number, "file"))]
    OtherText {
        /// The folder.
        folder: String,
        /// The number of files.
        number: usize,
        /// Some of them.
        files: String,
    },
    /// No file can be made where the files of the cases are to be.
    #[error("cannot make a file in {place}: {error}")]
    NoPlace {
        /// The place, in words.
        place: String,
        /// The error of the system call, found by another process.
        error: String,
    },
    /// No case can be written to the folder of a search.
    #[error("cannot write cases to {folder}: {error}")]
    NoOut {
        /// The folder.
        folder: String,
        /// The error of the system call, found by another process.
        error: String,
    },
    /// The text of a file is no case.
    #[error("{path} is no case")]
    Case {
        /// The file.
        path: String,
        /// Its text.
        text: Vec<u8>,
        /// All that is wrong in it, as far as the parser can tell.
        errors: Vec<ParseError>,
    },
    /// More than one thing is wrong.
    #[error("{}", output::count(.0.len(), "error"))]
    Several(Vec<UsageError>),
}

/// The number of errors that are shown in full.
const SHOWN: usize = 20;

impl UsageError {
    /// The failure where this file or folder cannot be written.
    pub fn unwritable(path: &Path, error: std::io::Error) -> UsageError {
        UsageError::Unwritable { path: path.display().to_string(), error }
    }

    /// The failure where this file or folder cannot be read.
    pub fn unreadable(path: &Path, error: std::io::Error) -> UsageError {
        UsageError::Unreadable { path: path.display().to_string(), error }
    }

    /// Returns these as one; `None` where there is none.
    pub fn all(mut errors: Vec<UsageError>) -> Option<UsageError> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(UsageError::Several(errors)),
        }
    }

    /// Returns the errors in case files.
    pub fn in_files(&self) -> Vec<Wrong<'_>> {
        match self {
            UsageError::Case { path, errors, .. } => {
                let wrong = |error: &ParseError| Wrong {
                    file: path,
                    line: error.line,
                    message: error.to_string(),
                };
                errors.iter().map(wrong).collect()
            }
            UsageError::Several(errors) => errors.iter().flat_map(UsageError::in_files).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the advice on what to write instead.
    fn hint(&self) -> Option<String> {
        Some(match self {
            UsageError::EmptyWord => "without any word, all cases are meant".to_owned(),
            UsageError::LikeAnOption(word) => {
                format!("`./{word}` names a file, and `-- {word}` behind all options a case")
            }
            UsageError::NoFile(_) => format!("`{} list` names the cases", shell::program()),
            UsageError::NoCase { hint, .. }
            | UsageError::NoRule { hint, .. }
            | UsageError::NoCommand { hint, .. } => hint.clone(),
            UsageError::NotMerged { hint, .. } => (*hint).to_owned(),
            UsageError::NoFolder => "run it in the project, or name a case file".to_owned(),
            UsageError::NoPattern { .. } => {
                "as in a shell: `*`, `?` and `[a-z]`; `notes/*`, `map_8192*`".to_owned()
            }
            UsageError::Name(_) => "use printable text".to_owned(),
            UsageError::Exists(_) => {
                format!("`{} init DIR` takes another folder", shell::program())
            }
            UsageError::Unwatched(_) => {
                format!(
                    "name a case file; `{} cases DIR` makes files of the built-in cases",
                    shell::program()
                )
            }
            UsageError::OtherText { files, .. } => {
                format!("{files}\n  --overwrite replaces them; or name another folder")
            }
            UsageError::NoPlace { .. } => output::OTHER_PLACE.to_owned(),
            UsageError::NoOut { .. } => "--out DIR names another folder".to_owned(),
            UsageError::SeveralPrograms { .. } => {
                format!("`{} list` names the cases", shell::program())
            }
            UsageError::NoSweep { .. }
            | UsageError::NoProgram { .. }
            | UsageError::Unreadable { .. }
            | UsageError::Unwritable { .. }
            | UsageError::Case { .. }
            | UsageError::Several(_) => {
                return None;
            }
        })
    }

    /// Returns the text for stderr: of a case file, with the place and the line.
    pub fn text(&self) -> String {
        let message = match self {
            UsageError::Case { path, text, errors } => {
                let renderer = match output::coloured_stderr() {
                    true => Renderer::styled(),
                    false => Renderer::plain(),
                };
                let shown = errors.iter().map(|error| error.render(path, text, &renderer));
                return shown.collect::<Vec<_>>().join("\n\n");
            }
            UsageError::Several(errors) => {
                let mut shown: Vec<String> =
                    errors.iter().take(SHOWN).map(UsageError::text).collect();
                if errors.len() > SHOWN {
                    let more = errors.len() - SHOWN;
                    shown.push(output::note(&format!("and {more} more words or files are wrong")));
                }
                return shown.join("\n\n");
            }
            UsageError::Unreadable { error, .. } | UsageError::Unwritable { error, .. } => {
                format!("{self}: {error}")
            }
            _ => self.to_string(),
        };
        match self.hint() {
            Some(hint) => format!("{}\n  {}", output::error(&message), output::printable(&hint)),
            None => output::error(&message),
        }
    }
}
