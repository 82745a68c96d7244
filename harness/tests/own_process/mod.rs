//! Some tests must not run on a thread of a test runner, because they fork, or because their crash would end
//! the other tests: each runs in a process of its own.
//!
//! The main type is [`Test`]; a test program is a `main` that hands a list of them to [`run`]. Filters,
//! `--list` and the rest of the command line are those of libtest_mimic, as `cargo nextest` needs them.
//! For each test that is chosen the program starts itself once more, with [`ALONE`] and the name, and
//! the body runs on the only thread of that process.

#![allow(dead_code, reason = "each test program uses some of it")]

pub mod children;
pub mod refusal;
pub mod refused_call;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The argument before the name of the only test to run.
const ALONE: &str = "--alone";
/// The argument before the name of the only test whose trial to run.
const TRY: &str = "--try";
/// The variable that is set for a test that runs [`Test::inside`] namespaces.
const INSIDE: &str = "FAULTMAP_TEST_INSIDE";
/// The time after which a hanging test is killed. Other tests stay far below it, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Returns the reason why this machine refuses a test, if it does.
type Refusal = Box<dyn Fn() -> Option<String> + Send>;

/// One test.
pub struct Test {
    name: String,
    refusals: Vec<Refusal>,
    /// A refusal that is asked for in a process of its own.
    trial: Option<fn() -> Option<String>>,
    /// The options of unshare(1).
    namespaces: &'static [&'static str],
    patience: Duration,
    body: Box<dyn FnOnce() + Send>,
}

/// Returns a test with this name and body.
pub fn test(name: impl Into<String>, body: impl FnOnce() + Send + 'static) -> Test {
    Test {
        name: name.into(),
        refusals: Vec::new(),
        trial: None,
        namespaces: &[],
        patience: PATIENCE,
        body: Box::new(body),
    }
}

/// Returns a test for each row of a table, with the word of the row behind the name.
pub fn table<Row: Copy + Send + 'static>(
    name: &'static str,
    rows: &[(&'static str, Row)],
    body: impl Fn(Row) + Copy + Send + 'static,
) -> impl Iterator<Item = Test> {
    rows.iter().map(move |&(word, row)| test(format!("{name}::{word}"), move || body(row)))
}

impl Test {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ignores the test if this returns a reason.
    pub fn unless(mut self, refusal: impl Fn() -> Option<String> + Send + 'static) -> Test {
        self.refusals.push(Box::new(refusal));
        self
    }

    /// Ignores the test if this returns a reason. It runs in a process of its own, as it forks or changes its
    /// process.
    pub fn unless_tried(mut self, trial: fn() -> Option<String>) -> Test {
        self.trial = Some(trial);
        self
    }

    /// Runs the test in new namespaces, which unshare(1) makes with these options.
    pub fn inside(mut self, namespaces: &'static [&'static str]) -> Test {
        self.namespaces = namespaces;
        self
    }

    /// Removes the time limit of the test.
    pub fn without_deadline(mut self) -> Test {
        self.patience = Duration::MAX;
        self
    }

    fn refused(&self) -> Option<String> {
        let inside = (!self.namespaces.is_empty()).then(|| refusal::namespaces(self.namespaces));
        let refused = inside.flatten();
        let refused = refused.or_else(|| self.refusals.iter().find_map(|refusal| refusal()));
        refused.or_else(|| self.trial.and_then(|_| tried(&self.name)))
    }

    /// Runs the test in a process of its own. Its output is shown if it fails.
    fn run_alone(&self, show: bool) -> Result<(), Failed> {
        let program = std::env::current_exe()?;
        let mut command = match self.namespaces {
            [] => Command::new(&program),
            options => {
                let mut command = Command::new("unshare");
                command.args(options).arg("--").arg(&program).env(INSIDE, "1");
                command
            }
        };
        command.args([ALONE, &self.name]).stdin(Stdio::null());
        // A file, unlike a pipe, is never full, and this process does not wait until all others have closed
        // it.
        let mut printed = tempfile::tempfile()?;
        if !show {
            command.stdout(printed.try_clone()?).stderr(printed.try_clone()?);
        }
        match end_of(command.spawn()?, self.patience)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{status}\n{}", text(&mut printed)).into()),
            None => {
                let printed = text(&mut printed);
                Err(format!("no end within {:?}\n{printed}", self.patience).into())
            }
        }
    }

    fn trial(self, arguments: &Arguments) -> Trial {
        let (name, show) = (self.name.clone(), arguments.nocapture || arguments.show_output);
        // A runner such as nextest asks for a list of the ignored tests, and runs the tests that it does not
        // contain.
        let asked = arguments.list || arguments.ignored;
        let listed = asked && self.refused().is_some();
        let trial = Trial::ignorable_test(name, move || match self.refused() {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => self.run_alone(show).map(|()| Completion::Completed),
        });
        trial.with_ignored_flag(listed)
    }
}

/// Runs the tests that the command line asks for, as the rest of a test program.
pub fn run(tests: Vec<Test>) -> ExitCode {
    run_at_once(tests, None)
}

/// Runs tests that mostly wait: this many at a time, for any number of cores.
pub fn run_waiting(tests: Vec<Test>) -> ExitCode {
    run_at_once(tests, Some(8))
}

fn run_at_once(tests: Vec<Test>, at_once: Option<usize>) -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if words.len() == 3 && [ALONE, TRY].contains(&words[1].as_str()) {
        let test = tests.into_iter().find(|test| test.name == words[2]);
        let test = test.expect("the program has such a test");
        match &*words[1] {
            ALONE => (test.body)(),
            _ => print!("{}", test.trial.and_then(|trial| trial()).unwrap_or_default()),
        }
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    if let Some(at_once) = at_once {
        arguments.test_threads.get_or_insert(at_once);
    }
    let trials = tests.into_iter().map(|test| test.trial(&arguments)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// True if this process is a test that runs [`Test::inside`] namespaces.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Returns the reason of the trial of this test, which runs in a process of its own.
fn tried(name: &str) -> Option<String> {
    let program = std::env::current_exe().expect("it runs");
    let output = Command::new(program).args([TRY, name]).output().expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned()).filter(|reason| !reason.is_empty())
}

/// Waits for a process. Kills it if it hangs, and then returns no status.
fn end_of(mut process: Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut nap = Duration::from_millis(1);
    while started.elapsed() < patience {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(50));
    }
    process.kill()?;
    process.wait()?;
    Ok(None)
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Fails if the program has the standard test runner: then `harness = false` is missing in Cargo.toml, and no
/// test of the program would run.
#[test]
fn main_is_run() {
    panic!("the program needs a [[test]] with `harness = false` in Cargo.toml");
}
