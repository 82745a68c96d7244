//! The exit status of the command.

/// The meaning of each exit status. Where several apply, the highest of 3, 1 and 0 is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All cases agree with their snapshots (`run`), or were measured (`show`).
    Agree = 0,
    /// A picture differs from its snapshot or from the model, or has no snapshot.
    Differ = 1,
    /// The arguments or a case file are wrong; no case was run.
    Usage = 2,
    /// The harness has no answer for some probe.
    Harness = 3,
    /// Nothing was run: no case was found, or all were skipped.
    Nothing = 4,
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
}

/// The table of exit codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0  all cases agree with their snapshots (show: were measured)
  1  some differ from snapshot or model, have no snapshot yet, or keep a
     `known:` line or a variant that is needed no more
  2  wrong usage or a bad case file; no case was run
  3  harness error: some probe has no answer
  4  nothing was run: the folder holds no case, or all were skipped
  130, 143  ended by Ctrl-C or SIGTERM, with what was measured so far";
