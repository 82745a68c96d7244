//! What a case came to, decided once, for every form of output. The main type is [`Findings`].

use std::path::PathBuf;

use super::difference::probe;
use super::machine::Machine;
use crate::case::{Case, HarnessError, Measurement, SweepResult, limits};
use crate::cli::args::Place;
use crate::cli::select::Loaded;
use crate::cli::work::{CaseReport, CaseResult};
use crate::cli::{program, shell};
use crate::model::{self, Environment, Judgement, Rule};
use crate::picture;
use crate::snapshot::Comparison;

/// A case in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As its snapshot.
    Same,
    /// Not as its snapshot.
    Changed,
    /// No snapshot is kept of it.
    New,
    /// Not as the model says, and the case does not say why.
    Split,
    /// Not measured, or not compared.
    Skipped,
    /// Measured, and compared with nothing.
    Measured,
    /// Some probe has no answer.
    HarnessError,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Changed => "changed",
            Verdict::New => "new",
            Verdict::Split => "split",
            Verdict::Skipped => "skipped",
            Verdict::Measured => "measured",
            Verdict::HarnessError => "harness error",
        }
    }
}

/// All that is to be told of a case.
#[derive(Debug)]
pub struct Findings {
    /// What it came to by its snapshot.
    pub compared: Verdict,
    /// Kernel and model part, and the case does not say why.
    pub is_split: bool,
    /// Why: of a skip, of a harness error, of a split.
    pub reason: Option<String>,
    /// What to do about its snapshot.
    pub advice: Option<String>,
    pub picture: Option<String>,
    /// What the model says; none where there is no answer to judge.
    pub judgement: Option<Judgement>,
    /// The snapshot that it was compared with, or that would be written.
    pub snapshot: Option<PathBuf>,
    /// The text of that snapshot, where it is another one.
    pub kept: Option<String>,
    /// A command that makes one probe again: the first without an answer, or one that changed.
    pub repeat: Option<String>,
}

/// How a case is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    pub machine: &'a Machine,
    /// What the model is told of it.
    pub environment: &'a Environment,
    pub place: &'a Place,
    /// Whether snapshots are looked at.
    pub compares: bool,
}

impl Findings {
    fn plain(compared: Verdict) -> Findings {
        Findings {
            compared,
            is_split: false,
            reason: None,
            advice: None,
            picture: None,
            judgement: None,
            snapshot: None,
            kept: None,
            repeat: None,
        }
    }

    fn because(compared: Verdict, reason: String) -> Findings {
        Findings { reason: Some(reason), ..Findings::plain(compared) }
    }

    /// The one word for it. A case that has changed and is split counts as both.
    pub fn verdict(&self) -> Verdict {
        match self.compared {
            Verdict::Same | Verdict::New if self.is_split => Verdict::Split,
            compared => compared,
        }
    }
}

impl Judge<'_> {
    /// What came of a case.
    pub fn findings(&self, loaded: &Loaded, report: &CaseReport) -> Findings {
        let measured = match &report.result {
            CaseResult::Skipped(reason) => {
                return Findings::because(Verdict::Skipped, reason.clone());
            }
            CaseResult::Failed(error) => {
                let repeat = Some(self.again("show", loaded, ""));
                let error = told(&loaded.case, error);
                return Findings { repeat, ..Findings::because(Verdict::HarnessError, error) };
            }
            CaseResult::Probed { .. } => return Findings::plain(Verdict::Measured),
            CaseResult::Measured(measured) => measured,
        };
        let picture = picture::draw(&loaded.case, measured, self.machine.page_size);
        if let Some((error, probe)) = unanswered(measured) {
            let found = Findings::because(Verdict::HarnessError, error);
            let repeat = Some(self.again("show", loaded, &probe));
            return Findings { repeat, picture: Some(picture), ..found };
        }
        let found = match self.compares {
            true => self.compared(loaded, measured, &picture),
            false => Findings::plain(Verdict::Measured),
        };
        let judgement = model::judge(&loaded.case, self.environment, measured);
        let unexplained = unexplained(&loaded.case, &judgement);
        let counts = !matches!(found.compared, Verdict::Skipped | Verdict::HarnessError);
        let is_split = counts && unexplained.is_some();
        let reason = found.reason.clone().or(unexplained.filter(|_| is_split));
        let (picture, judgement) = (Some(picture), Some(judgement));
        Findings { is_split, reason, picture, judgement, ..found }
    }

    /// The command that does it again, for this case and on this backing.
    fn again(&self, command: &str, loaded: &Loaded, probe: &str) -> String {
        format!("{} {command} {}{probe}{}", program(), loaded.word, self.place.backing_again())
    }

    fn compared(&self, loaded: &Loaded, measured: &Measurement, picture: &str) -> Findings {
        let Machine { page_size: page, file_system, .. } = self.machine;
        let assumed = limits::SMALLEST_PAGE;
        if *page != assumed && !loaded.case.says_page() {
            return Findings::because(
                Verdict::Skipped,
                format!(
                    "its offsets assume {assumed}-byte pages; this machine has {page}-byte pages"
                ),
            );
        }
        let Some(snapshots) = &loaded.snapshots else {
            let advice = "it does not lie below a folder cases/: nothing is kept of it";
            let advice = Some(advice.to_owned());
            return Findings { advice, ..Findings::plain(Verdict::New) };
        };
        let snapshot = Some(snapshots.path_on(&loaded.id, file_system).0);
        let found = match snapshots.compare(&loaded.id, file_system, picture) {
            Ok(Comparison::New) => {
                let advice = "no snapshot is kept of it: `make review` shows and accepts it";
                Findings { advice: Some(advice.to_owned()), ..Findings::plain(Verdict::New) }
            }
            Ok(Comparison::Same) => Findings::plain(Verdict::Same),
            Ok(Comparison::NeedlessVariant { path }) => {
                let advice = format!("{} is the same as its base: delete it", path.display());
                Findings { advice: Some(advice), ..Findings::plain(Verdict::Changed) }
            }
            Ok(Comparison::Changed { kept, .. }) => {
                let byte = picture::changed_byte(&loaded.case, measured, &kept, *page);
                let offsets = picture::Offsets::of(&loaded.case, *page);
                let repeat = byte.map(|byte| self.again("run", loaded, &probe(&byte, &offsets)));
                Findings { kept: Some(kept), repeat, ..Findings::plain(Verdict::Changed) }
            }
            Err(error) => {
                let reason = format!("cannot read the snapshot: {error}");
                Findings::because(Verdict::HarnessError, reason)
            }
        };
        Findings { snapshot, ..found }
    }
}

/// Why this judgement contradicts the case's `known:` lines; `None` if it does not.
fn unexplained(case: &Case, judged: &Judgement) -> Option<String> {
    let known = model::known(case);
    let is_rule = |name: &&str| Rule::from_name(name).is_some();
    if let Some(name) = known.iter().find(|name| !is_rule(name) && **name != "none") {
        return Some(format!(
            "known: {name} is no rule of the model; `{} explain` lists them",
            program()
        ));
    }
    let names = || known.join(", ");
    match &judged.split {
        Some(split) => match split.rule.map(Rule::name) {
            Some(name) if known.contains(&name.as_str()) => None,
            None if known.contains(&"none") => None,
            Some(name) => Some(format!(
                "kernel and model part; where that is understood, the case says so: \
                 `// known: {name} why`"
            )),
            None => Some("kernel and model part, and no rule explains all of it".to_owned()),
        },
        None if known.is_empty() || judged.unmodelled.is_some() => None,
        None => Some(format!("known: {} no longer holds: kernel and model agree", names())),
    }
}

/// The error, with the line of the step that it is about.
fn told(case: &Case, error: &HarnessError) -> String {
    match error {
        HarnessError::InStep { step, error } => {
            let lines = crate::parse::lines(&case.steps);
            format!("in `{}`: {error}", crate::parse::text_of(&lines, *step))
        }
        _ => error.to_string(),
    }
}

/// The first probe without an answer: why, and the arguments that repeat it.
fn unanswered(measured: &Measurement) -> Option<(String, String)> {
    measured.sweeps.iter().enumerate().find_map(|(index, sweep)| match sweep {
        SweepResult::Failed { access, at, error } => {
            let sweep = if index > 0 { format!(" --sweep {}", index + 1) } else { String::new() };
            let probe = format!(" --access {access} --at {}{sweep}", shell::word(at.to_string()));
            Some((format!("{access} at {at}: {error}"), probe))
        }
        _ => None,
    })
}
