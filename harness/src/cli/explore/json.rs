//! The findings of a search for programs: a line of JSON for each one that is new, and one for the search.
//! harness/docs/explore.md tells what each field means. The main function is [`lines`].

use serde::Serialize;

use super::causes::Finding;
use crate::cli::findings::Cause;
use crate::cli::report::{SCHEMA, json_text};
use crate::environment::Machine;

/// A finding.
#[derive(Debug, Serialize)]
struct FindingLine<'a> {
    schema: u32,
    finding: &'a str,
    cause: &'a Cause,
    programs: u64,
    numbers: &'a [u64],
    seed: u64,
    rule: Option<&'a str>,
    shows_in: Option<&'a str>,
    program: Option<&'a str>,
    promised: Option<&'a str>,
    came: Option<&'a str>,
    c_program: Option<&'a str>,
    files: Vec<String>,
    #[serde(flatten)]
    machine: &'a Machine,
}

/// The totals of a search.
#[derive(Debug, Serialize)]
struct SearchLine<'a> {
    schema: u32,
    search: &'a Counts,
    seed: u64,
    #[serde(flatten)]
    machine: &'a Machine,
}

/// What a search has tried and found.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Counts {
    pub programs: u64,
    pub skipped: u64,
    pub not_modelled: u64,
    /// Programs in which an open rule did not hold.
    pub open: u64,
    /// Bytes that were compared. Steps are compared as well, and not counted.
    pub bytes: u64,
    pub splits: u64,
    pub new_findings: u64,
    pub known_findings: u64,
    pub errors: u64,
    pub elapsed_us: u64,
}

/// Returns the lines of what is new, and that of the search.
pub fn lines(findings: &[Finding<'_>], counts: &Counts, seed: u64, machine: &Machine) -> String {
    let new = findings.iter().filter(|own| !own.is_known);
    let mut text: String = new.map(|own| of_finding(own, seed, machine)).collect();
    text.push_str(&json_text(&SearchLine { schema: SCHEMA, search: counts, seed, machine }));
    text
}

fn of_finding(finding: &Finding<'_>, seed: u64, machine: &Machine) -> String {
    let measured = finding.example.and_then(|own| own.measured.as_ref());
    json_text(&FindingLine {
        schema: SCHEMA,
        finding: &finding.words,
        cause: finding.cause,
        programs: finding.programs,
        numbers: &finding.numbers,
        seed,
        rule: measured.and_then(|own| own.rule.as_deref()),
        shows_in: measured.map(|own| &*own.place),
        program: finding.example.map(|own| &*own.text),
        promised: measured.map(|own| &*own.promised),
        came: measured.map(|own| &*own.came),
        c_program: measured.and_then(|own| own.c_program.as_deref().ok()),
        files: finding.files.iter().map(|path| path.display().to_string()).collect(),
        machine,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::backing::Surveyed;
    use crate::cli::explore::causes::Causes;
    use crate::cli::explore::programs::Parted;
    use crate::cli::findings::Shown;
    use crate::confine::Isolation;
    use crate::picture::{Difference, Of};

    fn machine() -> Machine {
        let here = Machine::here(1, Isolation::Default, &Surveyed::default());
        Machine { faultmap: "1".to_owned(), kernel: "6.18".to_owned(), ..here }
    }

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    /// The fields of a section of the page.
    fn documented(heading: &str) -> BTreeSet<String> {
        let page = include_str!("../../../docs/explore.md");
        let (_, section) = page.split_once(&format!("### {heading}\n")).expect("a section");
        let section = section.split("\n### ").next().expect("a section");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
    }

    /// A program that differs so at a byte.
    fn parted(expected: &str, came: &str) -> Parted {
        let (expected, came) = (expected.to_owned(), came.to_owned());
        let of = Of::Row("read".to_owned());
        Parted { shown: Shown::of(&Difference { of, expected, came }), example: None }
    }

    #[test]
    fn the_page_tells_of_every_field() {
        let known = BTreeSet::new();
        let mut causes = Causes::of(Path::new("."), 1, &known);
        causes.add(3, parted("data", "zero")).expect("nothing is written");
        let text = lines(&causes.findings(), &Counts::default(), 1, &machine());
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [finding, search] = &lines[..] else { panic!("two lines: {text}") };
        let machine = keys(&serde_json::to_value(machine()).expect("JSON"));
        let own: BTreeSet<String> = keys(finding).difference(&machine).cloned().collect();
        assert_eq!(own, documented("Finding"));
        assert_eq!(keys(&finding["cause"]), documented("Cause"));
        assert_eq!(keys(&search["search"]), documented("Search"));
    }

    #[test]
    fn the_most_frequent_comes_first_and_a_known_one_is_left_out() {
        let known = BTreeSet::from([parted("data", "'x'").shown.cause]);
        let mut causes = Causes::of(Path::new("."), 1, &known);
        for (number, came) in [(9, "zero"), (4, "'x'"), (5, "SIGBUS ADRERR"), (1, "SIGBUS ADRERR")]
        {
            causes.add(number, parted("data", came)).expect("nothing is written");
        }
        let findings = causes.findings();
        let told: Vec<(&str, u64, bool)> =
            findings.iter().map(|own| (&*own.words, own.programs, own.is_known)).collect();
        let expected = [
            ("SIGBUS ADRERR where data is promised", 2, false),
            ("stored bytes where data is promised", 1, true),
            ("zero where data is promised", 1, false),
        ];
        assert_eq!(told, expected);
        assert_eq!(findings[0].numbers, [1, 5]);
        assert_eq!(lines(&findings, &Counts::default(), 1, &machine()).lines().count(), 3);
    }
}
