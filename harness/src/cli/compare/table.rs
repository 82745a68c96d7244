//! The table of all cases and all machines. The main type is [`Table`].

use std::collections::{BTreeMap, BTreeSet};

use super::Against;
use super::column::Column;
use crate::cli::exit::Exit;
use crate::cli::findings::{Basis, Differing};
use crate::cli::report::line::{CaseLine, Decided};
use crate::cli::report::verdict::Verdict;
use crate::picture;

/// A row for each case, in the order of their names.
#[derive(Debug, Default)]
pub struct Table {
    pub rows: Vec<Row>,
    /// The cases that differ, for the findings.
    pub differing: Vec<Differing>,
}

/// A case on all machines.
#[derive(Debug)]
pub struct Row {
    pub case: String,
    /// The first sentence of its comment.
    pub summary: String,
    /// One for each machine.
    pub cells: Vec<Cell>,
}

/// The label of the model's pictures.
pub const MODEL: &str = "model";

/// A case on a machine.
#[derive(Debug)]
pub struct Cell {
    pub state: State,
    /// Why there is nothing to compare.
    pub reason: Option<String>,
    /// The label of the picture that it is held against, and this picture; none where they do not differ.
    pub expected: Option<(String, String)>,
}

/// What a case on a machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The others are held against it.
    Reference,
    Same,
    Differs,
    /// The two are not of the same program, or not in the same unit.
    NotCompared,
    Skipped,
    NoAnswer,
    /// The file has no result of it.
    Missing,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Reference => "measured",
            State::Same => "same",
            State::Differs => "differs",
            State::NotCompared => "not compared",
            State::Skipped => "skipped",
            State::NoAnswer => "no answer",
            State::Missing => "missing",
        }
    }
}

impl Table {
    /// Holds the results of all machines against those of the first one that has a picture, or against the model.
    pub fn of(columns: &[Column], against: Against) -> Table {
        let mut names: BTreeMap<&str, &CaseLine> = BTreeMap::new();
        for line in columns.iter().flat_map(|column| column.cases.values()) {
            names.entry(&line.case).or_insert(line);
        }
        let mut table = Table::default();
        for (case, line) in names {
            let (case, summary) = (case.to_owned(), line.summary.clone());
            let reference = columns.iter().enumerate().find_map(|(index, column)| {
                let line = column.cases.get(&case)?;
                Some((index, column, line, picture_of(line)?))
            });
            let cells = columns.iter().enumerate().map(|(index, column)| {
                let Some(line) = column.cases.get(&case) else {
                    return Cell::plain(State::Missing);
                };
                let Some(picture) = picture_of(line) else { return Cell::without_a_picture(line) };
                let (cell, differing) = match (against, &reference) {
                    (Against::Model, _) => against_model(line, picture),
                    (Against::First, Some((own, ..))) if *own == index => {
                        (Cell::plain(State::Reference), None)
                    }
                    (Against::First, Some((_, first, other, expected))) => {
                        against_other((line, picture), (other, expected), &first.label)
                    }
                    (Against::First, None) => (Cell::plain(State::Reference), None),
                };
                table.differing.extend(differing.map(|own| own.on(index)));
                cell
            });
            let cells = cells.collect();
            table.rows.push(Row { case, summary, cells });
        }
        table
    }

    /// The reasons why cases have this state, with the number of cases and the machines, the most frequent first.
    pub fn reasons(&self, state: State) -> Vec<(&str, usize, BTreeSet<usize>)> {
        let mut reasons: BTreeMap<&str, (usize, BTreeSet<usize>)> = BTreeMap::new();
        for row in &self.rows {
            for (machine, cell) in
                row.cells.iter().enumerate().filter(|(_, own)| own.state == state)
            {
                let (number, machines) =
                    reasons.entry(cell.reason.as_deref().unwrap_or_default()).or_default();
                *number += 1;
                machines.insert(machine);
            }
        }
        let mut reasons: Vec<_> =
            reasons.into_iter().map(|(why, (number, machines))| (why, number, machines)).collect();
        reasons.sort_by_key(|(_, number, _)| std::cmp::Reverse(*number));
        reasons
    }

    /// Returns the exit code that these come to.
    pub fn exit(&self) -> Exit {
        let has = |state: State| self.rows.iter().any(|row| row.has(state));
        if has(State::NoAnswer) {
            Exit::Harness
        } else if has(State::Differs) {
            Exit::Differ
        } else if has(State::Same) {
            Exit::Agree
        } else {
            Exit::Nothing
        }
    }
}

impl Row {
    /// True if it is so on some machine.
    pub fn has(&self, state: State) -> bool {
        self.cells.iter().any(|cell| cell.state == state)
    }

    /// True if it has to be looked at.
    pub fn stands_out(&self) -> bool {
        [State::Differs, State::NoAnswer, State::NotCompared].into_iter().any(|own| self.has(own))
    }

    /// The part of its name before the last slash.
    pub fn family(&self) -> &str {
        self.case.rsplit_once('/').map_or("", |(family, _)| family)
    }
}

impl Cell {
    fn plain(state: State) -> Cell {
        Cell { state, reason: None, expected: None }
    }

    fn because(state: State, reason: impl Into<String>) -> Cell {
        Cell { reason: Some(reason.into()), ..Cell::plain(state) }
    }

    fn without_a_picture(line: &CaseLine) -> Cell {
        let state = match line.verdict {
            Verdict::HarnessError => State::NoAnswer,
            Verdict::Skipped => State::Skipped,
            _ => return Cell::because(State::NotCompared, "the file has a single probe of it"),
        };
        Cell { reason: line.reason.clone(), ..Cell::plain(state) }
    }
}

/// The picture of a case with all its answers.
pub fn picture_of(line: &CaseLine) -> Option<&str> {
    line.picture.as_deref().filter(|_| line.verdict != Verdict::HarnessError)
}

fn against_model(line: &CaseLine, picture: &str) -> (Cell, Option<Differing>) {
    let Some(model) = &line.model else {
        return (
            Cell::because(State::NotCompared, "the file does not have the model's answer"),
            None,
        );
    };
    if line.counts.is_known {
        return (Cell::because(State::Same, "but for what the case knows of"), None);
    }
    if !line.counts.is_split {
        return (Cell::plain(State::Same), None);
    }
    let Some(promised) = &model.picture else {
        let why = "the file does not have the model's picture: measure again with this faultmap";
        return (Cell::because(State::NotCompared, why), None);
    };
    held(
        line,
        picture,
        Expected { basis: Basis::Promised, picture: promised, rule: model.rule.clone() },
    )
}

/// Holds the picture of a machine against that of another one, which has this label.
fn against_other(
    (line, picture): (&CaseLine, &str),
    (other, expected): (&CaseLine, &str),
    label: &str,
) -> (Cell, Option<Differing>) {
    let (page, other_page) = (line.machine.page_size, other.machine.page_size);
    if picture == expected {
        return (Cell::plain(State::Same), None);
    }
    if page != other_page && !picture::counts_in_pages(picture) {
        let why =
            format!("the case counts in bytes, and pages are of {page} and {other_page} bytes");
        return (Cell::because(State::NotCompared, why), None);
    }
    let rule = rule(line, other);
    held(
        line,
        picture,
        Expected { basis: Basis::Machine(label.to_owned()), picture: expected, rule },
    )
}

/// A picture that another one is held against.
struct Expected<'a> {
    basis: Basis,
    picture: &'a str,
    rule: Option<String>,
}

fn held(line: &CaseLine, picture: &str, own: Expected<'_>) -> (Cell, Option<Differing>) {
    if !picture::is_of_the_same_steps(own.picture, picture) {
        return (Cell::because(State::NotCompared, "the case has other steps there"), None);
    }
    let who = match &own.basis {
        Basis::Machine(label) => label.clone(),
        _ => MODEL.to_owned(),
    };
    match Differing::of(line, own.basis, own.picture, own.rule) {
        None => (Cell::plain(State::Same), None),
        differing => {
            let expected = Some((who, own.picture.to_owned()));
            (Cell { expected, ..Cell::plain(State::Differs) }, differing)
        }
    }
}

/// The rule that one of the two machines breaks; or else the open rule that holds on one of them alone.
fn rule(line: &CaseLine, other: &CaseLine) -> Option<String> {
    let broken = |line: &CaseLine| line.model.as_ref()?.rule.clone();
    let open = |line: &CaseLine| line.model.as_ref().map_or(Vec::new(), |own| own.open.clone());
    let (mine, theirs) = (open(line), open(other));
    let decided = |own: &&Decided| {
        theirs.iter().any(|it| (&it.rule, it.step, it.held) == (&own.rule, own.step, !own.held))
    };
    broken(line).or_else(|| broken(other)).or_else(|| Some(mine.iter().find(decided)?.rule.clone()))
}
