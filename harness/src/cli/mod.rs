//! The command line: arguments, workers, progress, colours, exit codes.

mod args;
mod built_in;
mod c_program;
mod cases;
mod compare;
mod examples;
mod exec;
mod exit;
mod explain;
mod explore;
mod export;
mod findings;
mod first_process;
mod init;
mod interrupt;
mod judging;
mod manual;
mod merge;
mod one;
mod output;
mod pages;
mod partition;
mod place;
mod pool;
mod predict;
mod report;
mod select;
mod shell;
mod usage;
mod values;
mod watch;

use std::cell::OnceCell;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::{Command, Options};
pub use built_in::BuiltIn;
use cases::{Cases, Task};
use exit::{Exit, Failed};
use interrupt::Interrupt;
pub use judging::judged;
use one::OneProbe;
use partition::{Chosen, Partition};
use place::Places;
use pool::{GuardMode, Setting};
use report::Reporter;
use report::format::Detail;
use report::sheet::Form;
use report::summary::tell_snapshots_without_case;
use report::verdict::Judge;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use select::{Loaded, Selection};
use usage::UsageError;

use crate::case::Case;
use crate::confine::Held;
use crate::environment::Machine;
use crate::printable::escaped;
use crate::snapshot::Target;
use crate::sys::{SoleThread, VERDICTS};
use crate::victim::Verdict;
use crate::vocabulary::Returns;
use crate::{backing, scarce};

/// The stack that the command asks for, and the least with which it can do: the frames of clap alone take
/// 127 KiB in a debug build.
const STACK_BYTES: u64 = 1 << 20;
const LEAST_STACK_BYTES: u64 = if cfg!(debug_assertions) { 320 << 10 } else { 64 << 10 };

/// Raises a soft limit on the stack that is lower than the command needs. The kernel looks at it when the stack
/// grows (getrlimit(2)). Returns the limit that it had. Fails with a message where the hard limit is too low.
fn allow_a_stack() -> Result<Rlimit, String> {
    let limit = getrlimit(Resource::Stack);
    if limit.current.is_none_or(|bytes| bytes >= STACK_BYTES) {
        return Ok(limit);
    }
    let most = limit.maximum.map_or(STACK_BYTES, |most| most.min(STACK_BYTES));
    let _ = setrlimit(Resource::Stack, Rlimit { current: Some(most), maximum: limit.maximum });
    match getrlimit(Resource::Stack).current {
        Some(bytes) if bytes < LEAST_STACK_BYTES => Err(format!(
            "the stack is limited to {bytes} bytes here, and faultmap needs {LEAST_STACK_BYTES}\n  \
             `ulimit -s {}` raises the limit, unless the hard limit is lower",
            STACK_BYTES >> 10
        )),
        _ => Ok(limit),
    }
}

/// Runs the command, which brings these files along, and returns its exit code.
pub fn main(files: BuiltIn) -> ExitCode {
    files.provide();
    let stack = match allow_a_stack() {
        Ok(stack) => stack,
        Err(why) => {
            let failed = Failed::harness(why).report() as u8;
            return ExitCode::from(if is_exec() { exec::FAILED } else { failed });
        }
    };
    let command = match args::Cli::try_parse() {
        Ok(cli) => {
            cli.color.choose();
            cli.command
        }
        Err(error) => return refused(&error),
    };
    match SoleThread::claim() {
        // A program that is run has what its starter has given to it: descriptors, and ignored signals.
        Ok(_) if matches!(command, Command::Exec(_)) => {}
        Ok(thread) => crate::sys::close_inherited(thread),
        Err(error) => return ExitCode::from(Failed::harness(error.to_string()).report() as u8),
    }
    run(command, stack)
}

/// True for `exec`, whose exit codes are its own, where the arguments cannot be read.
fn is_exec() -> bool {
    std::env::args_os().nth(1).is_some_and(|word| word == "exec")
}

/// Prints why these arguments run nothing: they ask for help, or are wrong.
fn refused(error: &clap::Error) -> ExitCode {
    // A limit on the size of files must not end what only prints: SIGXFSZ is ignored then.
    if let Ok(thread) = SoleThread::claim() {
        crate::sys::close_inherited(thread);
    }
    if error.kind() == ErrorKind::UnknownArgument && !is_exec() {
        if let Some(word) = select::like_an_option(std::env::args_os().skip(2)) {
            return ExitCode::from(Failed::from(UsageError::LikeAnOption(word)).report() as u8);
        }
    }
    // Help and version are printed to stdout and are no errors; anything else is wrong usage.
    let _ = error.print();
    ExitCode::from(first_process::ends_with(match error.use_stderr() {
        true if is_exec() => exec::FAILED,
        true => Exit::Usage as u8,
        false => 0,
    }))
}

fn run(command: Command, stack: Rlimit) -> ExitCode {
    let result = match command {
        Command::Exec(options) => return exec::run(options, stack),
        Command::List { cases } => list(&cases),
        Command::Init { folder } => init::run(&folder),
        Command::Cases { folder, overwrite } => export::run(&folder, overwrite),
        Command::Explain { rule } => explain::run(rule.as_deref()),
        Command::Predict { case, machine } => predict::run(&case, &machine),
        Command::Explore(options) => explore::run(&options),
        Command::Run { cases, accept, partition, amount, options } => {
            let detail = match amount.detail() {
                Detail::Brief if options.watch => Detail::Drawn,
                detail => detail,
            };
            let snapshots = Snapshots::Compared { accepts: accept };
            run_cases(&cases, &options, &Asked { snapshots, partition, detail })
        }
        Command::Show { case, c_program: true, options } => c_program::run(&case, &options),
        Command::Show { case, c_program: false, options } => {
            let (snapshots, detail) = (Snapshots::Ignored, Detail::Drawn);
            run_cases(&[case], &options, &Asked { snapshots, partition: None, detail })
        }
        Command::Merge { files, amount, form } => {
            merge::run(&files, Form { format: form.format(), detail: amount.detail() })
        }
        Command::Compare(options) => compare::run(&options),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
    };
    let exit = result.unwrap_or_else(|failed| failed.report());
    ExitCode::from(first_process::ends_with(exit as u8))
}

fn list(words: &[String]) -> Result<Exit, Failed> {
    let all = Selection::load(words)?;
    let width = all.cases.iter().map(|case| escaped(&case.name).chars().count()).max().unwrap_or(0);
    let mut out = output::Output::default();
    for Loaded { name, case, .. } in &all.cases {
        out.print(&format!("{:width$}  {}\n", escaped(name), escaped(&case.summary())));
    }
    out.end()?;
    Ok(Exit::Agree)
}

/// Measures the cases that the words name, once or whenever they are saved.
fn run_cases(words: &[String], options: &Options, asked: &Asked) -> Result<Exit, Failed> {
    if !options.watch {
        let format = options.form.format();
        let all = Selection::load(words).inspect_err(|failed| report::refused(failed, format))?;
        all.tell_notes();
        let chosen = Chosen::of(all, asked.partition);
        return measure(&chosen, options, asked, &Start::now()?);
    }
    let start = Start::now()?;
    watch::run(words, &start.interrupt, |all| {
        measure(&Chosen::of(all, asked.partition), options, asked, &start)
    })
}

/// What is asked of the cases that the words name.
struct Asked {
    snapshots: Snapshots,
    /// The part that is measured; none where all are.
    partition: Option<Partition>,
    detail: Detail,
}

/// What is found out once, however often cases are measured.
struct Start {
    interrupt: Interrupt,
    held: OnceCell<Held>,
}

impl Start {
    fn now() -> Result<Start, Failed> {
        Ok(Start { interrupt: Interrupt::watch()?, held: OnceCell::new() })
    }
}

/// The snapshots of the cases that are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Snapshots {
    Compared {
        /// Those that new pictures are kept in, if they are kept.
        accepts: Option<Target>,
    },
    Ignored,
}

fn measure(all: &Chosen, options: &Options, asked: &Asked, start: &Start) -> Result<Exit, Failed> {
    let form = Form { format: options.form.format(), detail: asked.detail };
    if all.cases.is_empty() {
        tell_snapshots_without_case(all.snapshots_without_case.iter());
        return match all.partition.filter(|_| all.of > 0) {
            Some(partition) => report::empty_part(all, &partition, form),
            None => Err(Failed::Nothing(all.nothing())),
        };
    }
    let backing = options.place.backing();
    let Start { interrupt, held } = start;
    let clear = all.cases.iter().any(|loaded| backing::needs_a_name(&loaded.case));
    let places = Places { backing: &backing, out: None, clear };
    let surveyed = places.look(None, interrupt)?;
    let held = held.get_or_init(Held::find);
    let page = rustix::param::page_size() as u64;
    let jobs = options.place.jobs();
    let alone = all.cases.iter().enumerate().filter_map(|(number, loaded)| {
        Some((number, scarce::scarce(&loaded.case, surveyed.free_bytes, page, jobs)?))
    });
    let setting = Setting {
        backing: &backing,
        surveyed: &surveyed,
        held,
        isolation: options.place.isolation,
        interrupt,
        jobs,
        guard: options.guard,
        ipc_namespace: all.cases.iter().any(|loaded| makes_segments(&loaded.case))
            && held.ipc_namespace(),
        until: None,
    };
    let machine = Machine::here(jobs, options.place.isolation, &surveyed).lacking(held.without());
    let mut cases = Cases {
        cases: &all.cases,
        setting,
        deadline: options.deadline(),
        task: Task::Whole { exhaustive: options.exhaustive },
        seed: options.seed,
        alone: alone.collect(),
        bar: None,
    };
    if let Some(probe) = options.one_probe(page) {
        return OneProbe { chosen: all, machine: &machine, probe }.run(cases, form);
    }
    let (compares, accepts) = match asked.snapshots {
        Snapshots::Compared { accepts } => (true, accepts),
        Snapshots::Ignored => (false, None),
    };
    let judge = Judge { machine, options: options.again(), compares, accepts };
    let bar = report::progress::bar(all, options.exhaustive);
    cases.bar = (all.cases.len() == 1).then(|| bar.clone());
    let mut reporter = Reporter::new(all, judge, form, bar);
    let mut verdicts = [0; VERDICTS];
    let interrupted = cases.measure(|index, report| {
        verdicts.iter_mut().zip(report.verdicts).for_each(|(all, own)| *all += own);
        reporter.take(index, report);
    });
    let exit = reporter.finish(interrupted);
    if options.guard == GuardMode::Counted {
        let counts = Verdict::ALL.iter().zip(verdicts);
        let counts: Vec<_> = counts.map(|((_, name), count)| format!("{name} {count}")).collect();
        anstream::eprintln!("guard: {}", counts.join(", "));
    }
    exit
}

fn makes_segments(case: &Case) -> bool {
    case.calls().any(|(call, _)| call.returns == Returns::Id)
}
