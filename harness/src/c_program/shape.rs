//! A program has only what its case needs: whether that is a child, more than one access, files, or signals is found
//! out once. The main type is [`Shape`].

use std::collections::BTreeSet;

use super::Expected;
use super::call;
use super::rows::Row;
use super::steps::Functions;
use crate::case::limits::{BUFFER_BYTES, LARGEST_PAGE};
use crate::case::{Access, Arg, BlockKind, Case, Outcome, Pattern, Step, StepResult, SweepResult};
use crate::vocabulary::{Action, Returns, Syscall};

/// What a program needs.
#[derive(Debug)]
pub struct Shape {
    /// True where it makes the steps anew for each of many accesses.
    pub is_each: bool,
    /// True where children make steps, and share with it what they tell.
    pub is_shared: bool,
    /// True where a step may send a signal, or let one kill its process.
    pub has_signals: bool,
    /// True where a step makes a memfd.
    pub has_memfds: bool,
    /// True where a step removes a name of a file.
    pub keeps_names: bool,
    /// True where a block is of an unrelated process.
    pub has_processes: bool,
    /// Which accesses fetch instructions from the files.
    pub fetches: Fetches,
    /// The number of sweeps, of files that the steps make, and of segments.
    pub sweeps: usize,
    pub files: usize,
    pub segments: usize,
    /// The bytes of the largest file or read, on any machine.
    pub largest: u64,
    /// True where the expected byte of a file is that of its first access, and moves with later ones.
    pub is_relative: bool,
}

/// Which accesses fetch instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetches {
    None,
    Some,
    All,
}

impl Shape {
    /// Returns the shape of the program with these rows and functions.
    pub fn of(case: &Case, expected: &Expected, rows: &[Row], functions: &Functions) -> Shape {
        let is_each = expected.probe.is_none() && !rows.is_empty();
        let has = |action: fn(&Action) -> bool| case.calls().any(|(call, _)| action(&call.action));
        let has_signals = has(|own| {
            matches!(
                own,
                Action::Raise | Action::Sigaction | Action::Sigprocmask | Action::Setrlimit
            )
        });
        let keeps_names = has(|own| *own == Action::Unlink);
        let segments = case.calls().filter(|(call, _)| call.returns == Returns::Id).count();
        let has_blocks = case.walk().any(|(_, _, step)| matches!(step, Step::Block { .. }));
        let ends = has(|own| *own == Action::Exit) || is_ended(expected);
        let fetched = rows.iter().flat_map(|row| &row.accesses).any(|own| *own == Access::Exec);
        Shape {
            is_each,
            is_shared: is_each || has_signals || keeps_names || segments > 0 || has_blocks || ends,
            has_signals,
            has_memfds: has(|own| *own == Action::MakeMemfd),
            keeps_names,
            has_processes: has_process(case),
            fetches: match (fetched, is_each) {
                (false, _) => Fetches::None,
                (true, true) => Fetches::Some,
                (true, false) => Fetches::All,
            },
            sweeps: case.sweeps().count(),
            files: case.calls().filter(|(call, _)| call.makes_file()).count(),
            segments,
            largest: largest(case),
            is_relative: is_each || functions.lines().any(|line| line.contains("SEES(")),
        }
    }

    /// Returns the byte of a file with which it is filled.
    pub fn fill(&self) -> String {
        let (_, ahead) = Pattern::First.period();
        let plain = match self.is_relative {
            true => format!("BYTE({ahead}L * number + n)"),
            false => "DATA(number, n)".to_owned(),
        };
        let code = "code[n % (code_end - code)]";
        match self.fetches {
            Fetches::None => plain,
            Fetches::Some => format!("asked.access == EXEC ? {code} : {plain}"),
            Fetches::All => code.to_owned(),
        }
    }

    /// Returns the statements around the steps: those before the first, which make what later processes need, and those
    /// after the last, which remove what is left. The kernel refuses some files.
    pub fn around(&self, case: &Case, refused: &BTreeSet<usize>) -> (Vec<String>, Vec<String>) {
        let (mut make, mut clear) = (Vec::new(), Vec::new());
        let ahead = are_files_ahead(case);
        let files = case.calls().filter(|(call, _)| call.makes_file()).enumerate();
        for (file, (call, args)) in files.filter(|(file, _)| !refused.contains(file)) {
            if ahead {
                make.push(format!("close({});", call::made(call, args, file)));
            }
            if self.keeps_names && call.action == Action::MakeFile {
                clear.push(format!("unlink(names[{file}]);"));
            }
        }
        for segment in 0..self.segments {
            make.push(format!("now->ids[{segment}] = -1;"));
            clear.push(format!("shmctl(now->ids[{segment}], IPC_RMID, NULL);"));
        }
        (make, clear)
    }

    /// Returns the expression for what a store gives.
    pub fn stored(&self) -> &'static str {
        if self.files == 0 { "NOT_IN_FILE" } else { "in_file()" }
    }
}

/// True where files must be there before the first step: a step could not make them, or another process needs them.
pub fn are_files_ahead(case: &Case) -> bool {
    let in_the_way =
        |(call, _): (&Syscall, &[Arg])| matches!(call.action, Action::Setrlimit | Action::Unlink);
    let in_a_block = case.walk().any(|(_, depth, step)| {
        depth > 0 && matches!(step, Step::Call { call, .. } if call.makes_file())
    });
    in_a_block || has_process(case) || case.calls().any(in_the_way)
}

fn has_process(case: &Case) -> bool {
    case.walk().any(|(_, _, step)| matches!(step, Step::Block { kind: BlockKind::Process, .. }))
}

/// True where a step is expected to end its process, or where the access does so without the handler.
fn is_ended(expected: &Expected) -> bool {
    let ends = |result: &StepResult| matches!(result, StepResult::Fault(_) | StepResult::Killed(_));
    let outcome =
        expected.probe.and_then(|probe| match expected.measurement.sweeps.get(probe.sweep) {
            Some(SweepResult::Map(map)) => {
                map.rows.iter().find(|row| row.access == probe.access)?.at(probe.at)
            }
            _ => None,
        });
    let unhandled = matches!(outcome, Some(Outcome::Fault(own)) if own.code.is_none());
    unhandled || expected.measurement.steps.iter().any(ends)
}

/// Returns the bytes of the largest file, on any machine, or those of the largest read.
fn largest(case: &Case) -> u64 {
    let files = case.calls().filter(|(call, _)| call.makes_file());
    let sizes = files.filter_map(|(_, args)| match args.first() {
        Some(Arg::Size(size)) => u64::try_from(size.eval(LARGEST_PAGE)?).ok(),
        _ => None,
    });
    sizes.max().unwrap_or(0).max(BUFFER_BYTES).next_power_of_two()
}
