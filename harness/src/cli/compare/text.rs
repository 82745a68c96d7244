//! The table, the findings and the pictures for a terminal. What agrees is folded, and of the cases that differ for
//! one reason one is drawn. The main function is [`of`].

use std::collections::BTreeMap;

use super::Comparison;
use super::table::{Row, State, picture_of};
use crate::cli::explain::paragraph;
use crate::cli::findings::{Finding, NAMED, named, side_by_side};
use crate::cli::output::{BAD, GOOD, NOTE, count};
use crate::cli::report::format::Detail;
use crate::printable::escaped;

/// Returns all that is told of a comparison.
pub fn of(comparison: &Comparison, detail: Detail) -> String {
    let mut text = String::new();
    if detail != Detail::Quiet {
        for column in &comparison.columns {
            let machine = format!("{}  {}: {}", column.label, column.name, column.about());
            text.push_str(&format!("{}\n", escaped(&machine)));
        }
        text.push('\n');
        text.push_str(&table(comparison));
        text.push('\n');
    }
    for (number, finding) in comparison.findings.iter().enumerate() {
        text.push_str(&told(comparison, number + 1, finding, detail));
    }
    text.push_str(&reasons(comparison));
    if detail == Detail::Drawn {
        for row in &comparison.table.rows {
            for machine in 0..row.cells.len() {
                let drawn = drawn(comparison, &row.case, machine);
                if !drawn.is_empty() {
                    let name = escaped(&comparison.columns[machine].name);
                    text.push_str(&format!("{} on {name}\n{drawn}\n", escaped(&row.case)));
                }
            }
        }
    }
    text + &last_line(comparison)
}

/// The families, with a row for each case that does not agree.
fn table(comparison: &Comparison) -> String {
    let rows = &comparison.table.rows;
    let mut families: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|row| families.entry(row.family()).or_default().push(row));
    let names = rows.iter().filter(|row| row.stands_out()).map(|row| escaped(&row.case).len());
    let width = names.max().unwrap_or(0) + 2;
    let labels: Vec<String> =
        comparison.columns.iter().map(|column| format!("{:14}", column.label)).collect();
    let mut text = format!("{:width$}    {}\n", "", labels.concat().trim_end());
    for (family, rows) in families {
        let is_same = |row: &&&Row| !row.stands_out() && row.has(State::Same);
        let alone = |row: &&&Row| !row.stands_out() && !row.has(State::Same);
        let (same, alone) =
            (rows.iter().filter(is_same).count(), rows.iter().filter(alone).count());
        let counts = [
            (same, format!("{same} of {} agree", count(rows.len(), "case"))),
            (alone, format!("{alone} compared with nothing")),
        ];
        let counts = counts.into_iter().filter(|(number, _)| *number > 0).map(|(_, words)| words);
        let counts: Vec<String> = counts.collect();
        let counts = if counts.is_empty() { "none agrees".to_owned() } else { counts.join(", ") };
        let family = if family.is_empty() { "no family" } else { family };
        text.push_str(&format!("{}: {counts}\n", escaped(family)));
        for row in rows.iter().filter(|row| row.stands_out()) {
            let cells: String =
                (0..row.cells.len()).map(|machine| cell(comparison, row, machine)).collect();
            text.push_str(&format!("    {:width$}{}\n", escaped(&row.case), cells.trim_end()));
        }
    }
    text
}

fn cell(comparison: &Comparison, row: &Row, machine: usize) -> String {
    let state = row.cells[machine].state;
    let style = match state {
        State::Differs | State::NoAnswer => BAD,
        State::Same => GOOD,
        _ => NOTE,
    };
    let mut words = state.word().to_owned();
    if state == State::Differs {
        let numbers = comparison.findings_of(&row.case, machine);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        words.push_str(&format!(" {}", numbers.join(",")));
    }
    let gap = " ".repeat(14usize.saturating_sub(words.chars().count()).max(1));
    format!("{style}{words}{style:#}{gap}")
}

/// A finding, with the picture of its best example.
fn told(comparison: &Comparison, number: usize, finding: &Finding, detail: Detail) -> String {
    let on = comparison.machines_of(finding);
    let cases = count(finding.number(), "case");
    let mut text = format!("{BAD}{number}. {}{BAD:#}: {cases} on {on}\n", escaped(&finding.words));
    if detail == Detail::Quiet {
        return text;
    }
    for rule in &finding.rules {
        text.push_str(&paragraph(&format!("rule {}: {}", rule.name(), rule.text())));
    }
    text.push_str(&paragraph(&format!("in: {}", named(&finding.shows))));
    let mut ids: Vec<String> = Vec::new();
    for (case, _) in &finding.cases {
        if !ids.contains(case) {
            ids.push(case.clone());
        }
    }
    text.push_str(&paragraph(&format!("cases: {}", named(&ids))));
    let (example, machine) = &finding.cases[0];
    if !comparison.findings[..number - 1]
        .iter()
        .any(|own| own.cases.first() == finding.cases.first())
    {
        text.push_str(&format!("\n{}", drawn(comparison, example, *machine)));
    }
    text + "\n"
}

/// The picture of a case on a machine, beside the one that it is held against; nothing where it does not differ.
fn drawn(comparison: &Comparison, case: &str, machine: usize) -> String {
    let row = comparison.table.rows.iter().find(|row| row.case == case);
    let expected = row.and_then(|row| row.cells[machine].expected.as_ref());
    let column = &comparison.columns[machine];
    let came = column.cases.get(case).and_then(picture_of);
    let (Some((who, expected)), Some(came)) = (expected, came) else { return String::new() };
    let lines = side_by_side::lines([expected, came], [who, &column.label]);
    lines.iter().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect()
}

/// Why cases have no answer, or were not compared.
fn reasons(comparison: &Comparison) -> String {
    let mut text = String::new();
    for state in [State::NoAnswer, State::NotCompared] {
        let reasons = comparison.table.reasons(state);
        for (why, number, machines) in reasons.iter().take(NAMED) {
            let (cases, on) =
                (count(*number, "case"), comparison.labels(|own| machines.contains(own)));
            let line = format!("{}: {why}: {cases} on {on}", state.word());
            text.push_str(&format!("{}\n", escaped(&line)));
        }
        if reasons.len() > NAMED {
            text.push_str(&format!(
                "{}: and {} more reasons\n",
                state.word(),
                reasons.len() - NAMED
            ));
        }
    }
    text
}

fn last_line(comparison: &Comparison) -> String {
    let rows = &comparison.table.rows;
    let machines = count(comparison.columns.len(), "machine");
    let differ = rows.iter().filter(|row| row.has(State::Differs)).count();
    let agree = rows.iter().filter(|row| !row.stands_out() && row.has(State::Same)).count();
    let counted = [
        (State::NoAnswer, "without an answer on some machine"),
        (State::NotCompared, "not compared on some machine"),
        (State::Skipped, "skipped on some machine"),
        (State::Missing, "missing on some machine"),
    ];
    let counted = counted
        .into_iter()
        .map(|(state, words)| (rows.iter().filter(|row| row.has(state)).count(), words));
    let more: String = counted
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!(", {number} {words}"))
        .collect();
    let findings = count(comparison.findings.len(), "finding");
    let cases = count(rows.len(), "case");
    format!("{cases} on {machines}: {agree} agree, {differ} differ{more}; {findings}\n")
}
