//! The arguments of the command line.

use std::path::PathBuf;
use std::time::Duration;

use anstream::ColorChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::partition::Partition;
use super::pool::GuardMode;
use super::predict::Predicted;
use super::report::FORMATS;
use super::report::format::{Detail, Format};
use super::{examples, exit, shell, values};
use crate::backing::Backing;
use crate::case::{Access, Size, limits};
use crate::confine::Isolation;
use crate::environment::VERSION;
use crate::snapshot::Target;
use crate::victim::Probe;

const COMMANDS: &str =
    "Exit codes:\n  `faultmap COMMAND --help` lists the exit codes of a command.";

/// Measure what a memory map does at its edges
///
/// faultmap forks a child for each probe, records how it ends, and compares the answers with the
/// pictures in snapshots/. The cases are those below the nearest folder cases/, at or above this one; where
/// there is none, those that are built into this command.
#[derive(Debug, Parser)]
#[command(name = "faultmap", version = VERSION, after_help = format!("{}\n\n{COMMANDS}", examples::ALL))]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// When text for people has colours: auto means on terminals, unless NO_COLOR or CLICOLOR_FORCE
    /// says otherwise
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
}

/// When text has colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Decides it for all output of this process.
    pub fn choose(self) {
        let choice = match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure cases, compare them with their snapshots, and print the pictures that differ
    #[command(after_help = format!("{}\n\n{}", examples::ALL, exit::OF_RUN))]
    Run {
        /// Ids (notes/map_of_empty_file), families (notes), globs (map_8192*), parts of ids (three letters
        /// or more), case files or folders; `-` is stdin [default: all cases]
        #[arg(value_name = "ID|FILE|DIR")]
        cases: Vec<String>,
        /// Keep each picture that is new or has changed, unless it contradicts the model: in the snapshot
        /// that fits (a variant, where the base is the answer of another file system or kernel), in the base,
        /// or in a variant
        #[arg(long, value_name = "WHERE", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "fitting", conflicts_with_all = ["access", "watch"])]
        accept: Option<Target>,
        /// One part of the cases: 1/4 is a quarter, chosen by the hash of each id (count:1/4: by its
        /// place in the list); `faultmap merge` puts the results of all parts together
        #[arg(long, value_name = "PART/PARTS", value_parser = clap::value_parser!(Partition), conflicts_with = "watch")]
        partition: Option<Partition>,
        #[command(flatten)]
        amount: Amount,
        #[command(flatten)]
        options: Options,
    },
    /// Measure cases, or any .case file, and print their pictures without comparing them
    #[command(after_help = exit::OF_SHOW)]
    Show {
        /// An id (notes/map_of_empty_file), a family (notes), a glob (map_8192*), a part of an id, a case
        /// file or a folder; `-` is stdin
        #[arg(value_name = "ID|FILE|DIR")]
        case: String,
        /// Print the case as a C program of one file, which makes the same steps, says what is not as expected
        /// here, and exits with 0 or 1
        #[arg(long = "c", conflicts_with_all = ["watch", "exhaustive", "format", "json"])]
        c_program: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Put the results of several machines together, as one run would have printed them
    #[command(after_help = exit::OF_MERGE)]
    Merge {
        /// Files with the output of `run --json`, one for each part; `-` is stdin
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        amount: Amount,
        #[command(flatten)]
        form: FormOptions,
    },
    /// Hold the results of several machines against each other, and group what differs by its cause
    #[command(after_help = format!("{}\n\n{}", examples::OF_COMPARE, exit::OF_COMPARE))]
    Compare(super::compare::Options),
    /// Draw the picture that POSIX and Linux promise, for any kernel, file system and page size
    #[command(after_help = exit::OF_PREDICT)]
    Predict {
        /// An id (notes/map_of_empty_file), a family (notes), a glob (map_8192*), a part of an id, a case
        /// file or a folder; `-` is stdin
        #[arg(value_name = "ID|FILE|DIR")]
        case: String,
        #[command(flatten)]
        machine: Predicted,
    },
    /// Run random programs, to find one on which the kernel contradicts the model
    ///
    /// Programs that differ for one reason are one finding: what came, and what is promised. The smallest program
    /// of each is written to --out as finding-CAUSE.case and finding-CAUSE.c, as soon as it is found; the end tells
    /// all findings, the most frequent first. The first program on which an open rule of the model did not hold is
    /// written for each such rule, as open-SEED-NUMBER.case: it is no error. A file of the same name is replaced.
    /// If nothing is found, nothing is written.
    #[command(after_help = format!("{}\n\n{}", examples::OF_EXPLORE, exit::OF_EXPLORE))]
    Explore(super::explore::Options),
    /// Run any program, and explain the SIGSEGV or SIGBUS that ends it
    ///
    /// The program keeps its pid, its terminal and its exit status. Each process of it that is ended by a
    /// fault has a report on standard error: the access, the map, the file behind it and the reason. Other
    /// signals, such as SIGILL, SIGFPE and SIGABRT, are not explained.
    #[command(
        override_usage = "faultmap exec [OPTIONS] [--] COMMAND [ARGUMENTS]...\n       \
                          faultmap exec [OPTIONS] --core FILE",
        after_help = format!("{}\n\n{}", examples::OF_EXEC, exit::OF_EXEC)
    )]
    Exec(super::exec::Options),
    /// List the ids of cases, with the first sentence of each
    #[command(after_help = exit::OF_LIST)]
    List {
        /// Families (notes), globs (map_8192*), ids or parts of them, case files or folders [default:
        /// all cases]
        #[arg(value_name = "ID|FILE|DIR")]
        cases: Vec<String>,
    },
    /// Make a project of your own: a first case, the folders, and the lines for a CI
    #[command(after_help = exit::OF_INIT)]
    Init {
        /// The folder
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Write the built-in cases and their snapshots to a folder, to read or to change them
    #[command(after_help = exit::OF_CASES)]
    Cases {
        /// The folder; cases/ and snapshots/ come below it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Replace files that have another text. Without it, nothing is written where there is one
        #[arg(long)]
        overwrite: bool,
    },
    /// Explain a rule of the model: what it says, its source, and the cases that show it
    #[command(after_help = exit::OF_EXPLAIN)]
    Explain {
        /// A rule (PastEofIsSigbus) or a word (open, split, known, "not modelled") [default: all]
        #[arg(value_name = "RULE")]
        rule: Option<String>,
    },
    /// Print the completions of a shell
    ///
    /// For bash: faultmap completions bash > ~/.local/share/bash-completion/completions/faultmap
    #[command(after_help = exit::OF_TEXT)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print a page of the manual: faultmap man | man -l -
    #[command(after_help = exit::OF_TEXT)]
    Man {
        /// The command that it is about, such as run [default: the whole]
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
}

/// The amount of text for people.
#[derive(Debug, Args)]
pub struct Amount {
    /// Print what differs, and the last line
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Draw the picture of every case [default: of those that differ, and one line of the others]
    #[arg(long, short)]
    verbose: bool,
}

impl Amount {
    pub fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Drawn,
            (false, false) => Detail::Brief,
        }
    }
}

/// The form of the output.
#[derive(Debug, Args)]
pub struct FormOptions {
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = FORMATS[0].name(), value_parser = values::format())]
    format: &'static dyn Format,
    /// Print one JSON object on each line, and nothing else: --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormOptions {
    pub fn format(&self) -> &'static dyn Format {
        let json = FORMATS.iter().find(|form| self.json && form.name() == "json");
        json.copied().unwrap_or(self.format)
    }
}

/// The place of the files, the isolation, and the number of workers.
#[derive(Debug, Args)]
pub struct Place {
    /// Folder for the files of the cases [default: TMPDIR; else /tmp or /dev/shm, if files can be made there; else
    /// memfds]
    #[arg(long, value_name = "DIR", conflicts_with = "memfd")]
    dir: Option<PathBuf>,
    /// Use memfds as the files, instead of a folder
    #[arg(long)]
    memfd: bool,
    /// Isolation of the children from this machine
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub isolation: Isolation,
    /// Number of workers that measure at the same time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// Options of measuring and printing.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub form: FormOptions,
    /// Measure each case again whenever its file is saved, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Probe every byte instead of bisecting
    #[arg(long)]
    pub exhaustive: bool,
    /// Seed of the random bytes that are probed to check a picture [default: made from each case's id]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[arg(long, value_name = "TIME", help = format!("Time after which a child is killed that waits, such as 5s or 500ms (one that could run has six times as long); a bare number is milliseconds [default: {}]", humantime::format_duration(limits::DEADLINE)), value_parser = values::timeout)]
    timeout: Option<Duration>,
    /// Make one probe only: with this access ...
    #[arg(long, value_name = "ACCESS", requires = "at", value_parser = values::access())]
    access: Option<Access>,
    /// ... at this byte of the map, such as 4096, -1 or PAGE+1
    #[arg(long, value_name = "BYTE", requires = "access", allow_hyphen_values = true, value_parser = values::offset)]
    at: Option<Size>,
    /// ... in this sweep of the case, counted from 1
    #[arg(long, value_name = "N", requires = "access", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    sweep: u16,
    /// Treatment of addresses that reach memory of the harness, for tests of this program
    #[arg(long, hide = true, value_enum, default_value_t)]
    pub guard: GuardMode,
}

impl Place {
    pub fn backing(&self) -> Backing {
        match (&self.dir, self.memfd) {
            (_, true) => Backing::Memfd,
            (Some(dir), _) => Backing::Directory(dir.clone()),
            (None, _) => values::temporary_folder().map_or(Backing::Memfd, Backing::Directory),
        }
    }

    /// The options that select this place and isolation, for a command that is printed.
    pub fn backing_again(&self) -> String {
        let place = match (&self.dir, self.memfd) {
            (_, true) => " --memfd".to_owned(),
            (Some(dir), _) => format!(" --dir {}", shell::path(dir)),
            (None, _) => String::new(),
        };
        match self.isolation {
            Isolation::Default => place,
            Isolation::Strict => place + " --isolation strict",
        }
    }

    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, usize::from)
    }
}

impl Options {
    /// The part of a command line that says once more where files live and how long a child may take.
    pub fn again(&self) -> String {
        let place = self.place.backing_again();
        match self.timeout {
            None => place,
            Some(timeout) => format!("{place} --timeout {}ms", timeout.as_millis()),
        }
    }

    pub fn deadline(&self) -> Duration {
        self.timeout.unwrap_or(limits::DEADLINE)
    }

    /// The only probe that is asked for, on a machine with pages of this size; none where all are.
    pub fn one_probe(&self, page: u64) -> Option<Probe> {
        let (access, at) = self.access.zip(self.at.as_ref())?;
        let at = at.eval(page).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
        // The sweeps are counted from 1 on the command line.
        Some(Probe { sweep: usize::from(self.sweep) - 1, access, at })
    }
}
