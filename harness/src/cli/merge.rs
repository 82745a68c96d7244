//! `faultmap merge`: the parts of a run may have been measured on several machines, and their results are read
//! as one.
//!
//! Each line of JSON says which number its case has among all of them, so that a case that is missing, or is
//! there twice, is told of. The main type is [`Results`].

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::line::{Line, read};
use super::exit::{Exit, Failed};
use super::output::{self, count};
use super::partition::Partition;
use super::report::format::End;
use super::report::line::CaseLine;
use super::report::sheet::{Form, Sheet};
use super::report::summary::{Summary, cases_in_words, tell_snapshots_without_case};
use super::usage::UsageError;

/// The largest size of a file of results.
const FILE_BYTES: u64 = 256 << 20;

const WRITE_ANEW: &str = "`faultmap run --json > FILE` writes such a file";
const ONE_VERSION: &str = "measure all parts with the same faultmap, and merge them with it";
const SAME_CASES: &str = "all parts must be of the same cases, with the same words for them";
const ONCE: &str = "name each file once, and measure each part once";

/// Merges the results in these files, and prints them. Returns the exit code of one run of all cases.
pub fn run(files: &[PathBuf], form: Form) -> Result<Exit, Failed> {
    named_once(files)?;
    let mut results = Results::default();
    for file in files {
        let mut is_empty = true;
        each_result(file, |line, name| {
            is_empty = false;
            results.add(line, name)
        })?;
        if is_empty {
            results.empty_files.push(name_of(file));
        }
    }
    results.print(form)
}

/// Fails if two words name one file.
fn named_once(files: &[PathBuf]) -> Result<(), UsageError> {
    let mut seen = BTreeSet::new();
    let twice = files
        .iter()
        .find(|file| !seen.insert(file.canonicalize().unwrap_or_else(|_| file.to_path_buf())));
    twice.map_or(Ok(()), |file| {
        let message = format!("{} is named twice", name_of(file));
        Err(UsageError::NotMerged { message, hint: "name each file once" })
    })
}

/// The name of a file for a message; `-` is stdin.
fn name_of(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

/// The results of all files.
#[derive(Debug, Default)]
struct Results {
    /// By the number of the case, its line and its file.
    cases: BTreeMap<usize, (CaseLine, String)>,
    ids: BTreeMap<String, usize>,
    /// What the first line says of the whole run, and its file.
    whole: Option<(Whole, String)>,
    /// The parts that hold no case, and the files without a line.
    empty_parts: BTreeSet<String>,
    empty_files: Vec<String>,
}

/// What all lines of one run say alike.
#[derive(Debug, Clone)]
struct Whole {
    faultmap: String,
    of: usize,
    compared: bool,
}

impl Whole {
    /// Fails if a line in this file, which says the other, cannot belong to the same run as one in its own.
    fn belongs(&self, its: &str, other: &Whole, file: &str) -> Result<(), UsageError> {
        let fails = |message, hint| Err(UsageError::NotMerged { message, hint });
        if self.faultmap != other.faultmap {
            let (one, two) = (&self.faultmap, &other.faultmap);
            let message = format!("{its} is of faultmap {one}, and {file} of {two}");
            return fails(message, ONE_VERSION);
        }
        if self.of != other.of {
            let message = format!("{its} is of {} cases, and {file} of {}", self.of, other.of);
            return fails(message, SAME_CASES);
        }
        if self.compared != other.compared {
            let message = format!("only one of {its} and {file} was compared with snapshots");
            return fails(message, "merge results of `run`, or results of `show`");
        }
        Ok(())
    }
}

impl Results {
    /// Adds a result. Fails if it cannot belong to the same run as those before.
    fn add(&mut self, line: Line, file: &str) -> Result<(), UsageError> {
        let whole = match &line {
            Line::Case(line) => Whole {
                faultmap: line.machine.faultmap.clone(),
                of: line.of,
                compared: line.compared,
            },
            Line::EmptyPart(part) => {
                Whole { faultmap: part.faultmap.clone(), of: part.of, compared: part.compared }
            }
        };
        match &self.whole {
            Some((own, its)) => own.belongs(its, &whole, file)?,
            None => self.whole = Some((whole, file.to_owned())),
        }
        match line {
            Line::Case(line) => self.add_case(*line, file),
            Line::EmptyPart(part) => {
                self.empty_parts.insert(part.partition);
                Ok(())
            }
        }
    }

    /// Adds the result of a case. Fails if the case has one already.
    fn add_case(&mut self, line: CaseLine, file: &str) -> Result<(), UsageError> {
        let fails = |message, hint| Err(UsageError::NotMerged { message, hint });
        if let Some((other, its)) = self.cases.get(&line.number) {
            let (case, number) = (&line.case, line.number);
            return match other.case == *case {
                true => fails(twice(case, its, file), ONCE),
                false => {
                    let other = &other.case;
                    let message =
                        format!("case {number} is {other} in {its}, and {case} in {file}");
                    fails(message, SAME_CASES)
                }
            };
        }
        if let Some((_, its)) = self.ids.get(&line.case).and_then(|number| self.cases.get(number)) {
            return fails(twice(&line.case, its, file), ONCE);
        }
        self.ids.insert(line.case.clone(), line.number);
        self.cases.insert(line.number, (line, file.to_owned()));
        Ok(())
    }

    /// Prints the results in the order of the cases.
    fn print(self, form: Form) -> Result<Exit, Failed> {
        let whole = self.whole.as_ref().filter(|_| !self.cases.is_empty());
        let Some(&(Whole { of, compared, .. }, _)) = whole else {
            return Err(Failed::Nothing("the files hold no results".to_owned()));
        };
        let lost = of - self.cases.len();
        if lost > 0 {
            output::tell(&output::error(&self.lost(of)));
        }
        let mut summary = Summary::of(compared);
        let mut sheet = Sheet::begin(form, self.cases.len());
        let mut elapsed = Duration::ZERO;
        for (line, _) in self.cases.into_values() {
            summary.add(&line);
            elapsed = elapsed.saturating_add(line.elapsed());
            sheet.case(line);
        }
        let missing = (lost > 0).then(|| format!("{lost} without a result"));
        // A run is of built-in cases, or of a project's.
        let built_in = if summary.built_in == summary.cases { of } else { summary.built_in };
        let (cases, missing) = (cases_in_words(of, built_in), missing.as_deref());
        let last = summary.line(&cases, missing, elapsed.as_secs_f64());
        let exit = summary.totals.exit();
        let without_case = std::mem::take(&mut summary.snapshots_without_case);
        let (findings, summary) = (summary.findings(), last.as_str());
        sheet.end(End { cases: &[], findings: &findings, summary, missing, elapsed })?;
        tell_snapshots_without_case(without_case.iter());
        Ok(if lost > 0 { Exit::Harness } else { exit })
    }

    /// Returns which cases have no result: the names of others stand around them.
    fn lost(&self, of: usize) -> String {
        const SHOWN: usize = 10;
        let lost: Vec<usize> = (1..=of).filter(|number| !self.cases.contains_key(number)).collect();
        let have = if lost.len() == 1 { "has" } else { "have" };
        let mut text = format!("{} of {} {have} no result", lost.len(), count(of, "case"));
        for number in lost.iter().take(SHOWN) {
            let before = self.cases.range(..*number).next_back();
            let behind = before.map(|(at, (line, _))| (number - at, &line.case));
            text += &match behind {
                Some((1, case)) => format!("\ncase {number}: the next one after {case}"),
                Some((by, case)) => format!("\ncase {number}: {by} places after {case}"),
                None => format!("\ncase {number}"),
            };
        }
        if lost.len() > SHOWN {
            text += &format!("\nand {} more", lost.len() - SHOWN);
        }
        let parts = self.cases.values().filter_map(|(line, _)| line.partition.clone());
        let parts: BTreeSet<String> = parts.chain(self.empty_parts.iter().cloned()).collect();
        let known = parts.iter().find_map(|part| part.parse::<Partition>().ok());
        let all = known.into_iter().flat_map(Partition::all).map(|part| part.to_string());
        for part in all.filter(|part| !parts.contains(part)).take(SHOWN) {
            text += &format!("\nno file holds part {part}");
        }
        for file in self.empty_files.iter().take(SHOWN) {
            text += &format!("\n{file} is empty: a part without a case has a line that says so");
        }
        text
    }
}

/// Hands over each result in a file, with the name of the file; `-` is stdin.
pub fn each_result(
    path: &Path,
    mut take: impl FnMut(Line, &str) -> Result<(), UsageError>,
) -> Result<(), Failed> {
    let name = name_of(path);
    each_line(path, |text, place| take(read(text, place)?, &name))
}

/// Hands over each line of a file that holds anything, with its place; `-` is stdin.
pub fn each_line(
    path: &Path,
    mut take: impl FnMut(&[u8], &str) -> Result<(), UsageError>,
) -> Result<(), Failed> {
    let name = name_of(path);
    let source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).map_err(|error| UsageError::unreadable(path, error))?),
    };
    let mut source = BufReader::new(source.take(FILE_BYTES + 1));
    let (mut text, mut bytes) = (Vec::new(), 0);
    for number in 1.. {
        text.clear();
        let read = source.read_until(b'\n', &mut text);
        let read = read.map_err(|error| UsageError::unreadable(Path::new(&name), error))?;
        bytes += read as u64;
        if bytes > FILE_BYTES {
            let message = format!("{name} has more than {FILE_BYTES} bytes");
            return Err(UsageError::NotMerged { message, hint: WRITE_ANEW }.into());
        }
        match text.trim_ascii() {
            _ if read == 0 => break,
            [] => {}
            line => take(line, &format!("{name}:{number}"))?,
        }
    }
    Ok(())
}

fn twice(case: &str, one: &str, two: &str) -> String {
    match one == two {
        true => format!("{case} is twice in {one}"),
        false => format!("{case} is in {one} and in {two}"),
    }
}
