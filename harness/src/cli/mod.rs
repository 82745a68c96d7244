//! The command: arguments, workers, progress, colours, exit codes.

mod args;
mod exit;
mod json;
mod one;
mod pool;
mod report;
mod select;
mod work;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Command, Options};
use exit::Exit;
use report::Reporter;
use select::{Loaded, Selection};
use work::{Job, Task};

use crate::backing;

/// Everything from the arguments to the exit code.
pub fn main() -> ExitCode {
    crate::sys::drop_inherited();
    match args::Cli::try_parse() {
        Ok(cli) => ExitCode::from(run(cli.command) as u8),
        Err(error) => {
            // Help and version go to stdout and are no error; all else is a usage error.
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Agree } as u8)
        }
    }
}

fn run(command: Command) -> Exit {
    let result = match command {
        Command::List => list(),
        Command::Run { cases, options } => {
            Selection::load(&cases).and_then(|all| measure(&all, &options, true))
        }
        Command::Show { case, options } => {
            Selection::load(&[case]).and_then(|all| measure(&all, &options, false))
        }
    };
    result.unwrap_or_else(|(exit, message)| {
        anstream::eprintln!("{message}");
        exit
    })
}

/// An exit code and what to say on stderr.
type Failed = (Exit, String);

fn list() -> Result<Exit, Failed> {
    let all = Selection::load(&[])?;
    let width = all.cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
    let mut out = report::Output::default();
    for Loaded { id, case, .. } in &all.cases {
        out.print(&format!("{id:width$}  {}\n", case.summary()));
    }
    out.end(Exit::Agree)
}

fn measure(all: &Selection, options: &Options, compare: bool) -> Result<Exit, Failed> {
    if all.cases.is_empty() {
        return Err((Exit::Nothing, report::error("there is no case here")));
    }
    let backing = options.backing();
    backing.check().map_err(|error| report::unusable(&backing, &error))?;
    if all.cases.iter().any(|loaded| backing::needs_a_name(&loaded.case)) {
        backing.remove_stale();
    }
    if let Some((access, at)) = options.one_probe() {
        return one::run(all, options, &backing, access, at);
    }
    let mut reporter = Reporter::new(all, options, &backing, compare);
    let task = Task::Whole { exhaustive: options.exhaustive };
    let job = Job { cases: &all.cases, backing: &backing, deadline: options.deadline(), task };
    pool::run(&job, options.jobs(), |index, report| reporter.take(index, report))
        .map_err(|message| (Exit::Harness, report::error(&message)))?;
    reporter.finish()
}
