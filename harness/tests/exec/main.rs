//! `faultmap exec` runs programs that die of faults, and says why; and no program notices that it is traced.
//!
//! This test program is also the program that is run: with `--program NAME` it does what [`programs`] says.

#![expect(unsafe_code, reason = "programs that fault, as strangers write them")]

#[path = "../command/mod.rs"]
mod command;
mod core_file;
#[path = "../fuse/mod.rs"]
mod fuse;
mod handlers;
mod huge_file;
#[path = "../own_process/mod.rs"]
mod own_process;
mod programs;
mod real;
mod report;
mod silent;
mod transparent;

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output};

use serde_json::Value;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, option, name] = words.as_slice() {
        if option == "--program" {
            programs::run(name);
            return ExitCode::SUCCESS;
        }
    }
    let tests = report::tests().into_iter().chain(transparent::tests());
    let tests = tests.chain(core_file::tests()).chain(real::tests()).chain(silent::tests());
    let tests = tests.chain(handlers::tests());
    own_process::run_waiting(tests.collect())
}

/// A program that was run with `faultmap exec` in a folder of its own.
pub(crate) struct Ran {
    pub code: Option<i32>,
    /// The number of the signal that has ended it.
    pub signal: Option<i32>,
    pub printed: String,
    pub told: String,
    pub folder: tempfile::TempDir,
}

impl Ran {
    /// The reports, which are JSON.
    pub fn reports(&self) -> Vec<Value> {
        let lines = self.told.lines().filter(|line| line.starts_with('{'));
        lines.map(|line| serde_json::from_str(line).expect("one object on a line")).collect()
    }

    /// The only report.
    pub fn report(&self) -> Value {
        match &*self.reports() {
            [report] => report.clone(),
            reports => panic!("{} reports: {}", reports.len(), self.told),
        }
    }

    /// The address that the program has announced last.
    pub fn announced(&self) -> &str {
        self.printed.lines().rfind(|line| line.starts_with("0x")).unwrap_or_default()
    }
}

/// Runs `faultmap exec` with these options on a program of this file.
pub(crate) fn exec(options: &[&str], program: &str) -> Ran {
    let this = this_program();
    let this = this.to_str().expect("a path of UTF-8");
    exec_command(options, &[this, "--program", program])
}

/// Runs `faultmap exec` with these options on any command.
pub(crate) fn exec_command(options: &[&str], words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut command = Command::new(command::BIN);
    command.arg("exec").args(options).arg("--").args(words).current_dir(&folder);
    ran(&mut command, folder)
}

pub(crate) fn ran(command: &mut Command, folder: tempfile::TempDir) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the command can be started");
    Ran {
        code: status.code(),
        signal: status.signal(),
        printed: String::from_utf8_lossy(&stdout).into_owned(),
        told: String::from_utf8_lossy(&stderr).into_owned(),
        folder,
    }
}

/// The reason why a program cannot be run: it is not installed.
pub(crate) fn missing(program: &str) -> Option<String> {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let is_there = found.is_ok_and(|output| output.status.success());
    (!is_there).then(|| format!("{program} is not installed"))
}

pub(crate) fn this_program() -> PathBuf {
    std::env::current_exe().expect("it runs")
}
