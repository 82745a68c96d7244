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

use super::exit::{Exit, Failed};
use super::output::{self, count};
use super::partition::Partition;
use super::report::format::End;
use super::report::line::CaseLine;
use super::report::sheet::{Form, Sheet};
use super::report::summary::{Summary, tell_snapshots_without_case};
use super::usage::UsageError;

/// The largest size of a file of results.
const FILE_BYTES: u64 = 256 << 20;

const WRITE_ANEW: &str = "`faultmap run --json > FILE` writes such a file";
const ONE_VERSION: &str = "measure all parts with the same faultmap, and merge them with it";
const SAME_CASES: &str = "all parts must be of the same cases, with the same words for them";
const ONCE: &str = "name each file once, and measure each part once";

/// Merges the results in these files, and prints them. Returns the exit code of one run of all cases.
pub fn run(files: &[PathBuf], form: Form) -> Result<Exit, Failed> {
    let mut results = Results::default();
    for file in files {
        each_result(file, |line, name| results.add(line, name))?;
    }
    results.print(form)
}

/// The results of all files.
#[derive(Debug, Default)]
struct Results {
    /// By the number of the case, its line and its file.
    cases: BTreeMap<usize, (CaseLine, String)>,
    ids: BTreeMap<String, usize>,
}

impl Results {
    /// Adds a result. Fails if it cannot belong to the same run as those before.
    fn add(&mut self, line: CaseLine, file: &str) -> Result<(), UsageError> {
        let fails = |message, hint| Err(UsageError::NotMerged { message, hint });
        if let Some((other, its)) = self.cases.values().next() {
            let versions = (&other.machine.faultmap, &line.machine.faultmap);
            if versions.0 != versions.1 {
                let (one, two) = versions;
                let message = format!("{its} is of faultmap {one}, and {file} of {two}");
                return fails(message, ONE_VERSION);
            }
            if other.of != line.of {
                let message = format!("{its} is of {} cases, and {file} of {}", other.of, line.of);
                return fails(message, SAME_CASES);
            }
            if other.compared != line.compared {
                let message = format!("only one of {its} and {file} was compared with snapshots");
                return fails(message, "merge results of `run`, or results of `show`");
            }
        }
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
        let Some((first, _)) = self.cases.values().next() else {
            return Err(Failed::Nothing("the files hold no results".to_owned()));
        };
        let (of, compared) = (first.of, first.compared);
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
        let (cases, missing) = (count(of, "case"), missing.as_deref());
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
                Some((by, case)) => format!("\ncase {number}, which is {by} behind {case}"),
                None => format!("\ncase {number}"),
            };
        }
        if lost.len() > SHOWN {
            text += &format!("\nand {} more", lost.len() - SHOWN);
        }
        let parts = self.cases.values().filter_map(|(line, _)| line.partition.clone());
        let parts: BTreeSet<String> = parts.collect();
        let known = parts.iter().find_map(|part| part.parse::<Partition>().ok());
        let all = known.into_iter().flat_map(Partition::all).map(|part| part.to_string());
        for part in all.filter(|part| !parts.contains(part)).take(SHOWN) {
            text += &format!("\nno file holds part {part}");
        }
        text
    }
}

/// Hands over each result in a file, with the name of the file; `-` is stdin.
pub fn each_result(
    path: &Path,
    mut take: impl FnMut(CaseLine, &str) -> Result<(), UsageError>,
) -> Result<(), Failed> {
    let (name, source): (String, Box<dyn Read>) = match path == Path::new("-") {
        true => ("stdin".to_owned(), Box::new(std::io::stdin())),
        false => {
            let path_of = |error| UsageError::unreadable(path, error);
            (path.display().to_string(), Box::new(File::open(path).map_err(path_of)?))
        }
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
            line => take(line::read(line, &format!("{name}:{number}"))?, &name)?,
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
