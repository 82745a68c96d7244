//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::exit;
use crate::backing::Backing;
use crate::case::{Access, Size};

const EXAMPLES: &str = "\
Examples:
  faultmap run                                   all cases, compared with snapshots/
  faultmap run notes/map_6000 --dir /mnt/mine    one case, with its files in /mnt/mine
  faultmap run notes --json | jq .verdict        a family, for a script
  faultmap show my.case                          any case file, without comparing
  faultmap show my.case --access read --at 4096  one probe, with all that is recorded of it";

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
    #[command(after_help = exit::HELP)]
    Run {
        /// Ids (notes/map_6000), families (notes), case files or folders; all cases by default
        #[arg(value_name = "ID|FILE|DIR")]
        cases: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Measure one case, which may be any .case file, and print its picture without comparing
    #[command(after_help = exit::HELP)]
    Show {
        /// An id (notes/map_6000) or a case file
        #[arg(value_name = "ID|FILE")]
        case: String,
        #[command(flatten)]
        options: Options,
    },
    /// List the ids of all cases, with the first sentence of each
    List,
}

#[derive(Debug, Args)]
pub struct Options {
    /// Where the files of the cases live [default: the folder for temporary files]
    #[arg(long, value_name = "DIR", conflicts_with = "memfd")]
    dir: Option<PathBuf>,
    /// Use memfds for the files, in no folder at all
    #[arg(long)]
    memfd: bool,
    /// Workers that measure cases at the same time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Print one JSON object a line, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Probe every byte instead of bisecting
    #[arg(long)]
    pub exhaustive: bool,
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
}

impl Options {
    pub fn backing(&self) -> Backing {
        match (&self.dir, self.memfd) {
            (_, true) => Backing::Memfd,
            (Some(dir), _) => Backing::Directory(dir.clone()),
            (None, _) => Backing::Directory(std::env::temp_dir()),
        }
    }

    /// The part of a command line that names this backing again.
    pub fn backing_again(&self) -> String {
        match (&self.dir, self.memfd) {
            (_, true) => " --memfd".to_owned(),
            (Some(dir), _) => format!(" --dir {}", dir.display()),
            (None, _) => String::new(),
        }
    }

    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, usize::from)
    }

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
