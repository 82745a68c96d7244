//! The exit status of the command, and the failures that lead to it: [`Failed`].

use thiserror::Error;

use super::output;
use super::usage::UsageError;
use crate::case::HarnessError;

/// The meaning of each exit status. Where several apply, the first of 3, 1, 5 and 0 is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All cases agree with their snapshots (`run`), or were measured (`show`).
    Agree = 0,
    /// A picture differs from its snapshot or from the model.
    Differ = 1,
    /// The arguments or a case file are wrong; no case was run.
    Usage = 2,
    /// The harness has no answer for some probe.
    Harness = 3,
    /// Nothing was run: no case was found, or all were skipped.
    Nothing = 4,
    /// Nothing differs, but some pictures have no snapshot yet.
    New = 5,
    /// SIGINT (Ctrl-C) ended the run: 128 plus the number of the signal, as in a shell.
    Interrupted = 130,
    /// SIGTERM ended the run.
    Terminated = 143,
}

impl Exit {
    /// The name of the signal that ended the run.
    pub fn signal(self) -> &'static str {
        if self == Exit::Terminated { "SIGTERM" } else { "SIGINT" }
    }

    /// The words for cases that have no result because that signal has ended the run.
    pub fn missing(self, cases: usize) -> String {
        format!("{cases} not measured because of {}", self.signal())
    }
}

/// A command that did not do its work.
#[derive(Debug, Error)]
pub enum Failed {
    /// The arguments or a case file are wrong.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The harness could not do it.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// There is nothing to do, or nothing may be done here.
    #[error("{0}")]
    Nothing(String),
    /// A signal arrived first.
    #[error("{} ended the run before {place} answered", .exit.signal())]
    Interrupted {
        /// The exit status that tells the signal.
        exit: Exit,
        /// The place of the files, in words.
        place: String,
    },
}

impl Failed {
    /// The failure of the harness for this reason.
    pub fn harness(why: impl Into<String>) -> Failed {
        HarnessError::System(why.into()).into()
    }

    /// Prints the reason to stderr. Returns the exit status that tells it to a script.
    pub fn report(&self) -> Exit {
        let (exit, text) = match self {
            Failed::Usage(error) => (Exit::Usage, error.text()),
            Failed::Harness(error) => (Exit::Harness, output::error(&error.to_string())),
            Failed::Nothing(why) => (Exit::Nothing, output::error(why)),
            Failed::Interrupted { exit, .. } => (*exit, output::note(&self.to_string())),
        };
        output::tell(&text);
        exit
    }
}

/// The exit codes of `run`, for its `--help`.
pub const OF_RUN: &str = "\
Exit codes:
  0  all cases agree with their snapshots, or were accepted
  1  some differ from snapshot or model, or keep a `known:` line or a variant that is
     needed no more
  2  wrong usage or a bad case file; no case was run
  3  harness error: some probe has no answer
  4  nothing was run: the folder holds no case, or all were skipped
  5  none differs, but some have no snapshot yet, as every file outside of cases/
  130, 143  ended by Ctrl-C or SIGTERM, with what was measured so far";

/// The exit codes of `show`, which compares nothing.
pub const OF_SHOW: &str = "\
Exit codes:
  0  all cases were measured, but for some that were skipped; or the C program was printed
  2  wrong usage or a bad case file, or one that C cannot say (--c); no case was run
  3  harness error: some probe has no answer
  4  nothing was run: the folder holds no case, or all were skipped
  130, 143  ended by Ctrl-C or SIGTERM, with what was measured so far";

/// The exit codes of `predict`, which runs nothing.
pub const OF_PREDICT: &str = "\
Exit codes:
  0  the model predicts a picture of one case at least
  2  wrong usage or a bad case file
  3  the model failed
  4  the model predicts nothing of it, or the folder holds no case";

/// The exit codes of `explore`.
pub const OF_EXPLORE: &str = "\
Exit codes:
  0  kernel and model agree on every program, or differ as --against knows
  1  the kernel contradicts the model on some program, for a cause that is not known
  2  wrong usage, or the file of known findings holds something else; no program was run
  3  harness error: some program has no answer
  4  nothing was run: no program was asked for, or this machine has no strict isolation
  130, 143  ended by Ctrl-C or SIGTERM, with what was found so far";

/// The exit codes of `merge`.
pub const OF_MERGE: &str = "\
Exit codes:
  2  a file holds something else than results, or results that do not belong together
  3  a case has no result, or a probe of it has no answer
  4  the files are empty
  Otherwise the code is that of one `run` of all cases, see `faultmap run --help`.";

/// The exit codes of `compare`.
pub const OF_COMPARE: &str = "\
Exit codes:
  0  all cases that were compared agree
  1  some differ
  2  wrong usage, or a file holds something else than results
  3  a case has no answer on some machine
  4  nothing was compared";

/// The exit codes of `completions` and `man`.
pub const OF_TEXT: &str = "\
Exit codes:
  0  the text was printed
  2  wrong usage
  3  it could not be printed";

/// The exit codes of `list`.
pub const OF_LIST: &str = "\
Exit codes:
  0  the cases were listed
  2  a case file is bad, or there is no such case
  3  the list could not be printed";

/// The exit codes of `init`.
pub const OF_INIT: &str = "\
Exit codes:
  0  the files were written
  2  a part of a project is there already, or a file cannot be written
  3  what was done could not be printed";

/// The exit codes of `cases`.
pub const OF_CASES: &str = "\
Exit codes:
  0  all files are there
  2  a file has another text, or cannot be written
  3  what was done could not be printed";

/// The exit codes of `explain`.
pub const OF_EXPLAIN: &str = "\
Exit codes:
  0  the rules, or this one, were explained
  2  there is no such rule, or a case file below cases/ is bad
  3  the model failed";

/// The exit codes of `exec`.
pub const OF_EXEC: &str = "\
Exit codes:
  those of the program, whose signal ends this process as well
  0, 1      with --expect: some process was, or none was ended by this signal
  0         with --core: the file was explained
  125       faultmap itself has failed, or its arguments are wrong
  126, 127  the program cannot be executed, or was not found";
