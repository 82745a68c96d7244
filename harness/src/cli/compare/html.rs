//! The page for a browser is one file: its style and its script stand in it, and the results as JSON, from which
//! the script makes the table. It loads nothing. The main type is [`Page`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::Comparison;
use super::table::{Cell, Row, picture_of};
use crate::c_program::{Expected, c_program, expect};
use crate::case::{Case, limits};
use crate::cli::findings::Finding;
use crate::cli::judging::judged;
use crate::cli::report::json_text;
use crate::picture::{Beside, Byte, Span, beside, changed_byte};
use crate::printable::escaped;
use crate::victim::Probe;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The data of the page.
#[derive(Debug, Serialize)]
struct Page {
    machines: Vec<Machine>,
    findings: Vec<Found>,
    rows: Vec<Line>,
    /// The pictures that cells show, each once, line by line.
    drawings: Vec<Vec<Beside>>,
}

#[derive(Debug, Serialize)]
struct Machine {
    label: String,
    name: String,
    about: String,
}

#[derive(Debug, Serialize)]
struct Found {
    words: String,
    on: String,
    rules: Vec<(String, String)>,
    shows: Vec<String>,
    /// The cases, each with the number of the machine.
    cases: Vec<(String, usize)>,
}

#[derive(Debug, Serialize)]
struct Line {
    case: String,
    family: String,
    summary: String,
    stands_out: bool,
    cells: Vec<Shown>,
    /// A case on which machines differ, as a program in C that expects what the model says of the first of them; none
    /// where that leaves something open.
    c_program: Option<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    state: &'static str,
    reason: Option<String>,
    /// The numbers of its findings, counted from 1.
    findings: Vec<usize>,
    /// The index of its drawing: of its picture alone, or to the right of another one.
    drawing: Option<usize>,
    /// Who has the picture to the left.
    against: Option<String>,
}

/// Returns the page.
pub fn page(comparison: &Comparison) -> String {
    // A `<` could end the element that holds the data. It stands in strings alone, so it may be escaped.
    let data = json_text(&Page::of(comparison)).replace('<', "\\u003c");
    PAGE.replacen("/* style */", STYLE, 1).replacen("/* script */", SCRIPT, 1).replacen(
        "\"data\"",
        data.trim_end(),
        1,
    )
}

impl Page {
    fn of(comparison: &Comparison) -> Page {
        let mut drawings = Drawings::default();
        let rows = &comparison.table.rows;
        let rows = rows.iter().map(|row| line(comparison, row, &mut drawings)).collect();
        let machines = comparison.columns.iter().map(|column| Machine {
            label: column.label.clone(),
            name: shown(&column.name),
            about: shown(&column.about()),
        });
        let findings = comparison.findings.iter().map(|own| found(comparison, own)).collect();
        Page { machines: machines.collect(), findings, rows, drawings: drawings.all }
    }
}

fn found(comparison: &Comparison, finding: &Finding) -> Found {
    let rules = finding.rules.iter().map(|rule| {
        let text = rule.text().split_whitespace().collect::<Vec<_>>().join(" ");
        (rule.name(), text)
    });
    Found {
        words: shown(&finding.words),
        on: comparison.machines_of(finding),
        rules: rules.collect(),
        shows: finding.shows.iter().map(|own| shown(own)).collect(),
        cases: finding.cases.iter().map(|(case, machine)| (shown(case), *machine)).collect(),
    }
}

fn line(comparison: &Comparison, row: &Row, drawings: &mut Drawings) -> Line {
    let cells = row.cells.iter().enumerate().map(|(machine, cell)| Shown {
        state: cell.state.word(),
        reason: cell.reason.as_deref().map(shown),
        findings: comparison.findings_of(&row.case, machine).collect(),
        drawing: drawings.of(comparison, row, machine, cell),
        against: cell.expected.as_ref().map(|(label, _)| {
            let column = comparison.columns.iter().find(|column| column.label == *label);
            shown(column.map_or(label, |column| &column.name))
        }),
    });
    Line {
        cells: cells.collect(),
        case: shown(&row.case),
        family: shown(row.family()),
        summary: shown(&row.summary),
        stands_out: row.stands_out(),
        c_program: row.stands_out().then(|| program_of(comparison, row)).flatten(),
    }
}

/// Returns the case of a row as a C program, with the first access of which a machine says something else.
fn program_of(comparison: &Comparison, row: &Row) -> Option<String> {
    let line = comparison.columns.iter().find_map(|column| column.cases.get(&row.case))?;
    let steps = line.picture.as_deref()?.split("\n\n").next()?;
    let case = crate::parse::case(steps).ok()?;
    let machine = &line.machine;
    let page = Some(machine.page_size).filter(|page| limits::is_page_size(*page))?;
    let environment = machine.environment();
    let write = || {
        let (measurement, source) = expect(&case, &environment)?;
        let mut pictures = comparison.columns.iter().filter_map(|column| {
            let line = column.cases.get(&row.case)?;
            picture_of(line).filter(|_| line.machine.page_size == page)
        });
        let byte = pictures.find_map(|came| changed_byte(&case, &measurement, came, page));
        let probe = byte.map(|Byte { sweep, access, at }| Probe { sweep, access, at });
        // Where only steps differ, any access will do.
        let probe = probe.or_else(|| any_probe(&case));
        let title = row.case.clone();
        c_program(&case, &Expected { title, page, measurement, source, probe }).ok()
    };
    // The steps are those of a file from anywhere.
    judged(write).ok().flatten()
}

/// Returns an access that the case makes, if it makes one.
fn any_probe(case: &Case) -> Option<Probe> {
    let (_, _, accesses) = case.sweeps().next()?;
    Some(Probe { sweep: 0, access: *accesses.first()?, at: 0 })
}

#[derive(Debug, Default)]
struct Drawings {
    all: Vec<Vec<Beside>>,
    /// By the pictures that are drawn.
    known: BTreeMap<(Option<String>, String), usize>,
}

impl Drawings {
    /// Returns the index of the drawing of a cell.
    fn of(
        &mut self,
        comparison: &Comparison,
        row: &Row,
        machine: usize,
        cell: &Cell,
    ) -> Option<usize> {
        let column = &comparison.columns[machine];
        let came = column.cases.get(&row.case).and_then(picture_of)?;
        let expected = cell.expected.as_ref();
        let key = (expected.map(|(_, picture)| picture.clone()), came.to_owned());
        if let Some(index) = self.known.get(&key) {
            return Some(*index);
        }
        let lines = match expected {
            Some((_, expected)) => beside(expected, came)?,
            None => came.lines().map(alone).collect(),
        };
        self.all.push(lines.into_iter().map(printable).collect());
        self.known.insert(key, self.all.len() - 1);
        Some(self.all.len() - 1)
    }
}

/// A line of the only picture.
fn alone(line: &str) -> Beside {
    Beside { left: Vec::new(), right: vec![Span(line.to_owned(), false)] }
}

fn printable(line: Beside) -> Beside {
    let spans = |spans: Vec<Span>| -> Vec<Span> {
        spans.into_iter().map(|Span(text, differs)| Span(shown(&text), differs)).collect()
    };
    Beside { left: spans(line.left), right: spans(line.right) }
}

/// Text that a reader sees as it is.
fn shown(text: &str) -> String {
    escaped(text).into_owned()
}
