//! What a person sees: pictures, diffs, the last line; and what it all comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Instant;

use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};

use super::args::Options;
use super::difference::{diff, probe};
use super::exit::Exit;
use super::json::{CaseLine, Context};
use super::output::{Output, count, without};
use super::select::Selection;
use super::verdict::{
    BAD, GOOD, NOTE, Verdict, failed, plain, skipped, told, unanswered, unexplained,
};
use super::work::{CaseReport, CaseResult};
use super::{Failed, Loaded, environment};
use crate::backing::Backing;
use crate::confine::Held;
use crate::model;
use crate::picture;
use crate::snapshot::Comparison;

const BOLD: Style = Style::new().bold();

/// How many cases came out how.
#[derive(Debug, Default)]
pub struct Totals {
    same: usize,
    changed: usize,
    new: usize,
    split: usize,
    skipped: usize,
    harness_errors: usize,
    measured: usize,
}

impl Totals {
    /// The exit code that these come to.
    pub fn exit(&self) -> Exit {
        if self.harness_errors > 0 {
            Exit::Harness
        } else if self.changed + self.new + self.split > 0 {
            Exit::Differ
        } else if self.same + self.measured == 0 {
            Exit::Nothing
        } else {
            Exit::Agree
        }
    }
}

/// Prints reports in the order of the cases, whatever the order in which they come.
pub struct Reporter<'a> {
    cases: &'a [Loaded],
    options: &'a Options,
    compare: bool,
    page: u64,
    file_system: String,
    place: String,
    /// What holds victims back elsewhere and is not here, with the reason.
    without: Vec<String>,
    started: Instant,
    waiting: BTreeMap<usize, CaseReport>,
    next: usize,
    totals: Totals,
    children: u64,
    reported: usize,
    out: Output,
    bar: ProgressBar,
}

impl<'a> Reporter<'a> {
    pub fn new(
        all: &'a Selection,
        options: &'a Options,
        (backing, file_system, held): (&Backing, String, &Held),
        compare: bool,
    ) -> Reporter<'a> {
        let bar = match std::io::stderr().is_terminal() && all.cases.len() > 1 {
            true => ProgressBar::new(all.cases.len() as u64),
            false => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases  {elapsed}") {
            bar.set_style(style);
        }
        Reporter {
            cases: &all.cases,
            options,
            compare,
            page: rustix::param::page_size() as u64,
            file_system,
            place: backing.describe(),
            without: held.without(),
            started: Instant::now(),
            waiting: BTreeMap::new(),
            next: 0,
            totals: Totals::default(),
            children: 0,
            reported: 0,
            out: Output::default(),
            bar,
        }
    }

    /// Takes the report of a case.
    pub fn take(&mut self, index: usize, report: CaseReport) {
        self.waiting.insert(index, report);
        while let Some(report) = self.waiting.remove(&self.next) {
            self.print(self.next, &report);
            self.next += 1;
        }
    }

    fn print(&mut self, index: usize, report: &CaseReport) {
        let text = self.text(index, report);
        self.children += report.probes;
        self.reported += 1;
        self.bar.suspend(|| self.out.print(&text));
        self.bar.inc(1);
    }

    /// Prints the last line. Gives the exit code that all of it comes to, or the one of the signal that
    /// has ended it early.
    pub fn finish(mut self, interrupted: Option<Exit>) -> Result<Exit, Failed> {
        for (index, report) in std::mem::take(&mut self.waiting) {
            self.print(index, &report);
        }
        self.bar.finish_and_clear();
        if !self.options.json {
            let seconds = self.started.elapsed().as_secs_f64();
            let Totals { same, changed, new, split, skipped, harness_errors, measured } =
                &self.totals;
            let errors = count(*harness_errors, "harness error");
            let counts = match self.compare {
                true => format!("{same} same, {changed} changed, {new} new, {split} split"),
                false => format!("{measured} measured"),
            };
            let children = match self.children {
                1 => "1 child".to_owned(),
                children => format!("{children} children"),
            };
            let cases = count(self.cases.len(), "case");
            let missing = match interrupted.map(Exit::signal) {
                Some(signal) => {
                    let left = self.cases.len() - self.reported;
                    format!("{left} not measured because of {signal}, ")
                }
                None => String::new(),
            };
            self.out.print(&format!(
                "{cases}: {missing}{counts}, {skipped} skipped, {errors}; {children} in {seconds:.2} s, files on \
                 {} in {}{}{}\n",
                self.file_system,
                self.place,
                if self.options.place.strict() { ", strictly isolated" } else { "" },
                without(&self.without)
            ));
        }
        let exit = interrupted.unwrap_or(self.totals.exit());
        self.out.end(exit)
    }

    fn text(&mut self, index: usize, report: &CaseReport) -> String {
        let loaded = &self.cases[index];
        let measurement = match &report.result {
            CaseResult::Measured(measurement) => Some(measurement),
            _ => None,
        };
        let judged =
            measurement.map(|measured| model::judge(&loaded.case, &environment(), measured));
        let picture = measurement.map(|measured| picture::draw(&loaded.case, measured, self.page));
        let notes = measurement.zip(judged.as_ref()).map(|(measured, judged)| {
            picture::draw_judgement(&loaded.case, measured, judged, self.page)
        });
        let verdict = self.verdict(loaded, &report.result, picture.as_deref());
        let verdict = match judged.and_then(|judged| unexplained(&loaded.case, &judged)) {
            Some(reason) if self.compare && matches!(verdict.word, "same" | "new") => Verdict {
                below: format!("    {BAD}{reason}{BAD:#}\n"),
                reason: Some(reason),
                ..plain("split", BAD)
            },
            _ => verdict,
        };
        *match verdict.word {
            "same" => &mut self.totals.same,
            "changed" => &mut self.totals.changed,
            "new" => &mut self.totals.new,
            "split" => &mut self.totals.split,
            "skipped" => &mut self.totals.skipped,
            "measured" => &mut self.totals.measured,
            _ => &mut self.totals.harness_errors,
        } += 1;
        if self.options.json {
            let context = Context {
                id: &loaded.id,
                verdict: verdict.word,
                reason: verdict.reason,
                picture: picture.as_deref(),
                notes: notes
                    .as_deref()
                    .unwrap_or_default()
                    .lines()
                    .filter(|line| !line.is_empty())
                    .collect(),
                file_system: &self.file_system,
                page: self.page,
                isolation: self.options.place.isolation(),
                without: &self.without,
            };
            return CaseLine::new(&loaded.case, measurement, report, context).text() + "\n";
        }
        let mut text = format!("{BOLD}{}{BOLD:#}", loaded.id);
        if !matches!(verdict.word, "same" | "measured") {
            let style = verdict.style;
            let _ = write!(text, "  {style}{}{style:#}", verdict.word);
        }
        text.push('\n');
        for line in picture.iter().chain(&notes).flat_map(|text| text.lines()) {
            let _ = writeln!(text, "{}", format!("    {line}").trim_end());
        }
        text.push_str(&verdict.below);
        text.push('\n');
        text
    }

    fn verdict(&self, loaded: &Loaded, result: &CaseResult, picture: Option<&str>) -> Verdict {
        match (result, picture) {
            (CaseResult::Skipped(reason), _) => skipped(reason.clone()),
            (CaseResult::Failed(error), _) => {
                failed(&told(&loaded.case, error), &self.again("show", loaded, ""))
            }
            (CaseResult::Measured(measured), Some(picture)) => match unanswered(measured) {
                Some((error, probe)) => failed(&error, &self.again("show", loaded, &probe)),
                None if !self.compare => plain("measured", GOOD),
                None => self.comparison(loaded, measured, picture),
            },
            (CaseResult::Measured(_) | CaseResult::Probed(..), None | Some(_)) => {
                plain("measured", GOOD)
            }
        }
    }

    /// The command that does it again, for this case and on this backing.
    fn again(&self, command: &str, loaded: &Loaded, probe: &str) -> String {
        let program = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(_) => "cargo run --", // as this was started
            None => "faultmap",
        };
        let place = self.options.place.backing_again();
        format!("{program} {command} {}{probe}{place}", loaded.word)
    }

    fn comparison(
        &self,
        loaded: &Loaded,
        measured: &crate::case::Measurement,
        picture: &str,
    ) -> Verdict {
        if self.page != crate::case::limits::SMALLEST_PAGE && !loaded.case.says_page() {
            return skipped(format!(
                "its numbers are for pages of {} bytes; here they have {}",
                crate::case::limits::SMALLEST_PAGE,
                self.page
            ));
        }
        let compared = loaded
            .snapshots
            .as_ref()
            .map(|snapshots| snapshots.compare(&loaded.id, &self.file_system, picture));
        match compared {
            None => Verdict {
                below: "    it does not lie below cases/: nothing is kept of it\n".to_owned(),
                ..plain("new", NOTE)
            },
            Some(Ok(Comparison::New)) => Verdict {
                below: "    no snapshot is kept of it: `make review` shows and accepts it\n"
                    .to_owned(),
                ..plain("new", NOTE)
            },
            Some(Ok(Comparison::Same)) => plain("same", GOOD),
            Some(Ok(Comparison::NeedlessVariant { path })) => Verdict {
                below: format!("    {} is the same as its base: delete it\n", path.display()),
                ..plain("changed", BAD)
            },
            Some(Ok(Comparison::Changed { path, kept })) => {
                let mut below = format!("\n    kept in {}:\n", path.display());
                below.push_str(&diff(&kept, picture));
                let byte = picture::changed_byte(&loaded.case, measured, &kept, self.page);
                if let Some(byte) = byte {
                    let offsets = picture::Offsets::of(&loaded.case, self.page);
                    let repeat = self.again("run", loaded, &probe(&byte, &offsets));
                    let _ = writeln!(below, "    one byte that changed: {repeat}");
                }
                Verdict { below, ..plain("changed", BAD) }
            }
            Some(Err(error)) => failed(&format!("cannot read the snapshot: {error}"), ""),
        }
    }
}
