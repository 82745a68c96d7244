//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{exit, shell};
use crate::backing::Backing;
use crate::case::{Access, Size, limits};

const EXAMPLES: &str = "\
Examples:
  faultmap run                                   all cases, compared with snapshots/
  faultmap run notes/map_of_empty_file --dir /mnt/mine
                                                 one case, with its files in /mnt/mine
  faultmap run notes --json | jq .verdict        a family, for a script
  faultmap show my.case                          any case file, without comparing
  faultmap show my.case --access read --at 4096  one probe, with all that is recorded of it
  faultmap predict my.case --page-size 65536     what must happen, on a machine with larger pages
  faultmap run --isolation strict                children that reach only the files of their cases
  faultmap explore --for 60s --dir /mnt/mine     random programs, kernel against model";

/// What does a memory map do at its edges?
///
/// faultmap asks the kernel, one forked child per question, and compares the answers with the
/// pictures that are kept in snapshots/.
#[derive(Debug, Parser)]
#[command(name = "faultmap", version, after_help = format!("{EXAMPLES}\n\n{}", exit::HELP))]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure cases, compare them with their snapshots, and print each picture
    #[command(after_help = format!("{EXAMPLES}\n\n{}", exit::HELP))]
    Run {
        /// Ids (notes/map_of_empty_file), families (notes), case files or folders; all cases by default
        #[arg(value_name = "ID|FILE|DIR")]
        cases: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Measure one case, which may be any .case file, and print its picture without comparing
    #[command(after_help = exit::HELP)]
    Show {
        /// An id (notes/map_of_empty_file) or a case file
        #[arg(value_name = "ID|FILE")]
        case: String,
        #[command(flatten)]
        options: Options,
    },
    /// Draw what POSIX and Linux say must happen, on a machine that you need not have
    #[command(after_help = exit::HELP)]
    Predict {
        /// An id (notes/map_of_empty_file) or a case file
        #[arg(value_name = "ID|FILE")]
        case: String,
        /// Bytes of a page: 4096, 8192, 16384, ...
        #[arg(long, value_name = "BYTES", default_value_t = limits::SMALLEST_PAGE, value_parser = page_size)]
        page_size: u64,
    },
    /// Search for a program on which the kernel and the model part
    #[command(after_help = exit::HELP)]
    Explore {
        /// Programs to try
        #[arg(long, value_name = "N", conflicts_with = "time")]
        count: Option<u64>,
        /// How long to go on, such as 60s or 5m [default: 60s]
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
        /// Which programs: a seed stands for the same ones everywhere
        #[arg(long, value_name = "S", default_value = "1")]
        seed: u64,
        /// Where a split is written, as a case file
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// List the ids of all cases, with the first sentence of each
    List,
    /// Explain a rule of the model: what it says, its source, and the cases that show it
    #[command(after_help = exit::HELP)]
    Explain {
        /// A rule (PastEofIsSigbus) or a word (open, split, known, "not modelled") [default: all]
        #[arg(value_name = "RULE")]
        rule: Option<String>,
    },
}

/// How far the children of a case reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Isolation {
    /// What works everywhere, in containers too
    #[default]
    Default,
    /// Workers in namespaces of their own, behind a seccomp filter; cases are skipped where the kernel refuses
    Strict,
}

/// Where files live, and how many workers there are.
#[derive(Debug, Args)]
pub struct Place {
    /// Where the files of the cases live [default: the folder for temporary files]
    #[arg(long, value_name = "DIR", conflicts_with = "memfd")]
    dir: Option<PathBuf>,
    /// Use memfds for the files, in no folder at all
    #[arg(long)]
    memfd: bool,
    /// How far the children reach
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    isolation: Isolation,
    /// Workers that measure cases at the same time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// How cases are measured and shown.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON object a line, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Probe every byte instead of bisecting
    #[arg(long)]
    pub exhaustive: bool,
    /// Which random bytes of a picture are looked at once more [default: made of each case's id]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How long a child may take
    #[arg(long, value_name = "MS", default_value = "5000", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout: u64,
    /// Make one probe only: this access ...
    #[arg(long, value_name = "ACCESS", requires = "at", value_parser = access)]
    access: Option<Access>,
    /// ... at this byte of the map, such as 4096, -1 or PAGE+1
    #[arg(long, value_name = "BYTE", requires = "access", allow_hyphen_values = true, value_parser = offset)]
    at: Option<Size>,
    /// ... in this sweep of the case, counted from 1
    #[arg(long, value_name = "N", requires = "access", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    sweep: u16,
    /// What is done about addresses of a case that reach the harness: for tests of this program
    #[arg(long, hide = true, value_enum, default_value_t)]
    pub guard: GuardMode,
}

/// What is done about the addresses of a case, see [`crate::victim::Guard`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GuardMode {
    /// They are held against what the case may reach.
    #[default]
    On,
    /// The same, and at the end stderr tells how often the guard came to each of its verdicts.
    Counted,
    /// They are not looked at.
    #[cfg(debug_assertions)]
    Off,
}

impl GuardMode {
    pub fn is_on(self) -> bool {
        #[cfg(debug_assertions)]
        return self != GuardMode::Off;
        #[cfg(not(debug_assertions))]
        true
    }
}

impl Place {
    pub fn backing(&self) -> Backing {
        match (&self.dir, self.memfd) {
            (_, true) => Backing::Memfd,
            (Some(dir), _) => Backing::Directory(dir.clone()),
            (None, _) => Backing::Directory(temporary_folder()),
        }
    }

    /// The part of a command line that says all this again.
    pub fn backing_again(&self) -> String {
        let place = match (&self.dir, self.memfd) {
            (_, true) => " --memfd".to_owned(),
            (Some(dir), _) => format!(" --dir {}", shell::path(dir)),
            (None, _) => String::new(),
        };
        place + if self.strict() { " --isolation strict" } else { "" }
    }

    /// The word for it.
    pub fn isolation(&self) -> &'static str {
        if self.strict() { "strict" } else { "default" }
    }

    pub fn strict(&self) -> bool {
        self.isolation == Isolation::Strict
    }

    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, usize::from)
    }
}

impl Options {
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }

    pub fn one_probe(&self) -> Option<(Access, &Size)> {
        self.access.zip(self.at.as_ref())
    }

    /// The sweep to probe, counted from 0.
    pub fn sweep(&self) -> usize {
        usize::from(self.sweep) - 1
    }
}

/// TMPDIR, or /tmp where that is not set. One that is empty is none, and not the folder at hand.
fn temporary_folder() -> PathBuf {
    let given = std::env::temp_dir();
    if given.as_os_str().is_empty() { PathBuf::from("/tmp") } else { given }
}

/// A power of two that some machine has.
fn page_size(text: &str) -> Result<u64, String> {
    let sizes = limits::SMALLEST_PAGE..=limits::LARGEST_PAGE;
    match text.parse::<u64>() {
        Ok(size) if !size.is_power_of_two() => Err(format!(
            "no page has {size} bytes: an address is split into page and offset by its bits, so that a \
             page is a power of two"
        )),
        Ok(size) if sizes.contains(&size) => Ok(size),
        Ok(_) => Err(format!("from {} to {}", sizes.start(), sizes.end())),
        Err(error) => Err(error.to_string()),
    }
}

/// `60s`, `5m`, `500ms`
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "such as 60s or 5m".to_owned())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a unit belongs to it: 60s, 5m".to_owned()),
    };
    Ok(Duration::from_millis(number.saturating_mul(millis)))
}

fn access(name: &str) -> Result<Access, String> {
    let known = || Access::ALL.map(Access::name).join(", ");
    Access::from_name(name).ok_or_else(|| format!("one of: {}", known()))
}

fn offset(text: &str) -> Result<Size, String> {
    crate::parse::size(text).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}
