//! A search that runs for hours keeps no program that splits, but the [`Causes`], with a number and the best example
//! of each. The files of an example are written as soon as it is found, so that nothing is lost where the search is
//! killed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::example::Example;
use super::programs::Parted;
use crate::cli::findings::{Basis, Cause};

/// The number of programs of a finding that are named.
const NUMBERS: usize = 5;

/// The causes so far.
#[derive(Debug)]
pub struct Causes<'a> {
    out: &'a Path,
    seed: u64,
    known: &'a BTreeSet<Cause>,
    groups: BTreeMap<Cause, Group>,
}

/// The programs of a cause.
#[derive(Debug, Default)]
struct Group {
    programs: u64,
    numbers: BTreeSet<u64>,
    /// What was expected, with the number of programs.
    expected: BTreeMap<String, u64>,
    example: Option<Example>,
}

/// A cause, as it is told.
#[derive(Debug)]
pub struct Finding<'a> {
    pub cause: &'a Cause,
    pub words: String,
    pub is_known: bool,
    /// The number of programs, and the numbers of the first of them.
    pub programs: u64,
    pub numbers: Vec<u64>,
    pub example: Option<&'a Example>,
    /// The case file and the C program, as far as they were written.
    pub files: Vec<PathBuf>,
}

impl<'a> Causes<'a> {
    /// No programs yet, and a folder for the examples of causes that are not known.
    pub fn of(out: &'a Path, seed: u64, known: &'a BTreeSet<Cause>) -> Causes<'a> {
        Causes { out, seed, known, groups: BTreeMap::new() }
    }

    /// Adds a program, and writes the files of a better example. Fails with what to say of one that was not written.
    pub fn add(&mut self, number: u64, parted: Parted) -> Result<(), String> {
        let Parted { shown, example } = parted;
        let group = self.groups.entry(shown.cause.clone()).or_default();
        group.programs += 1;
        group.numbers.insert(number);
        if group.numbers.len() > NUMBERS {
            group.numbers.pop_last();
        }
        *group.expected.entry(shown.expected).or_default() += 1;
        let Some(example) = example else { return Ok(()) };
        if group.example.as_ref().is_some_and(|own| own.size() <= example.size()) {
            return Ok(());
        }
        let words = words(&shown.cause, group);
        group.example = Some(example);
        let Some(example) = &group.example else { return Ok(()) };
        for (path, text) in files(self.out, self.seed, (&shown.cause, &words), example) {
            std::fs::write(&path, text)
                .map_err(|error| format!("cannot write {}: {error}\n", path.display()))?;
        }
        Ok(())
    }

    /// Returns the findings, those of the most programs first.
    pub fn findings(&self) -> Vec<Finding<'_>> {
        let told = self.groups.iter().map(|(cause, group)| {
            let words = words(cause, group);
            let example = group.example.as_ref();
            let files = example.map(|own| files(self.out, self.seed, (cause, &words), own));
            let files = files.into_iter().flatten().map(|(path, _)| path).collect();
            let (programs, numbers) = (group.programs, group.numbers.iter().copied().collect());
            let is_known = self.known.contains(cause);
            Finding { cause, words, is_known, programs, numbers, example, files }
        });
        let mut findings: Vec<Finding<'_>> = told.collect();
        findings.sort_by(|one, other| {
            let key = |own: &Finding<'_>| (Reverse(own.programs), own.words.clone());
            key(one).cmp(&key(other))
        });
        findings
    }
}

/// The cause in words; of a call that fails, with all that was expected of it, the most frequent first.
fn words(cause: &Cause, group: &Group) -> String {
    let mut expected: Vec<(&String, &u64)> = group.expected.iter().collect();
    expected.sort_by_key(|(words, programs)| (Reverse(**programs), *words));
    let expected: Vec<String> = expected.into_iter().map(|(words, _)| words.clone()).collect();
    cause.words(&Basis::Promised, &expected)
}

/// The files of an example, with their texts.
fn files(
    out: &Path,
    seed: u64,
    (cause, words): (&Cause, &str),
    example: &Example,
) -> Vec<(PathBuf, String)> {
    let path = |ending: &str| out.join(format!("finding-{}.{ending}", cause.file_name()));
    let measured = example.measured.as_ref();
    let rule = measured.and_then(|own| own.rule.as_ref());
    let rule = rule
        .map_or(String::new(), |name| format!("// Without the rule {name} the model agrees.\n"));
    let head =
        format!("// {words}.\n{rule}// Program {} of seed {seed}, shrunk.\n", example.number);
    let case = (path("case"), format!("{head}{}", example.text));
    let c_program = measured.and_then(|own| own.c_program.as_ref().ok());
    let c_program = c_program.map(|text| (path("c"), text.clone()));
    [case].into_iter().chain(c_program).collect()
}
