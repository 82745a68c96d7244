//! Every form of output has to tell the same of a case: the verdict is decided once, here. The main type is
//! [`Findings`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::totals::Tally;
use crate::case::{Case, HarnessError, Measurement, Step, SweepResult, limits};
use crate::cli::cases::{CaseReport, CaseResult};
use crate::cli::select::Loaded;
use crate::cli::shell::{self, program};
use crate::environment::Machine;
use crate::model::{self, Judgement, Rule};
use crate::picture;
use crate::snapshot::{Comparison, Kept, Place, Target};
use crate::vocabulary::Action;

/// The verdict on a case. In JSON it is its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Verdict {
    /// As its snapshot.
    Same,
    /// Not as its snapshot.
    Changed,
    /// No snapshot is kept of it.
    New,
    /// Not as the model says, and the case does not say why.
    Split,
    /// As the model says, and the case says that it is not.
    NeedlessKnown,
    /// Not measured, or not compared.
    Skipped,
    /// Measured, and compared with nothing.
    Measured,
    /// Some probe has no answer.
    HarnessError,
}

impl Verdict {
    const ALL: [Verdict; 8] = [
        Verdict::Same,
        Verdict::Changed,
        Verdict::New,
        Verdict::Split,
        Verdict::NeedlessKnown,
        Verdict::Skipped,
        Verdict::Measured,
        Verdict::HarnessError,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Changed => "changed",
            Verdict::New => "new",
            Verdict::Split => "split",
            Verdict::NeedlessKnown => "needless known",
            Verdict::Skipped => "skipped",
            Verdict::Measured => "measured",
            Verdict::HarnessError => "harness error",
        }
    }
}

impl From<Verdict> for &'static str {
    fn from(verdict: Verdict) -> &'static str {
        verdict.word()
    }
}

impl TryFrom<String> for Verdict {
    type Error = String;

    fn try_from(word: String) -> Result<Verdict, String> {
        let named = Verdict::ALL.into_iter().find(|verdict| verdict.word() == word);
        named.ok_or_else(|| format!("no verdict is called `{word}`"))
    }
}

/// All that is to be told of a case.
#[derive(Debug)]
pub struct Findings {
    /// The verdict by its snapshot.
    pub compared: Verdict,
    /// True where kernel and model part, and the case does not say why.
    pub is_split: bool,
    /// True where kernel and model agree, and the case says that they part.
    pub is_needless: bool,
    /// The reason for a skip, a harness error, a split, or a change that is none of the picture's.
    pub reason: Option<String>,
    /// The advice on what to do about it.
    pub advice: Option<String>,
    pub picture: Option<String>,
    /// The judgement by the model; none where there is no answer to judge.
    pub judgement: Option<Judgement>,
    /// The snapshot that it was compared with, or that would be written.
    pub snapshot: Option<PathBuf>,
    /// The text of that snapshot, where it is another one.
    pub kept: Option<String>,
    /// A command that makes one probe again: the first without an answer, or one that changed.
    pub repeat: Option<String>,
    /// The change of the snapshots, where the picture was accepted.
    pub accepted: Option<Kept>,
}

/// The machine and the options by which a case is judged.
#[derive(Debug)]
pub struct Judge {
    pub machine: Machine,
    /// The options that select the same place and the same timeout, for a command that is printed.
    pub options: String,
    /// True if cases are compared with their snapshots.
    pub compares: bool,
    /// The snapshots that new pictures are to be kept in, if they are to be kept.
    pub accepts: Option<Target>,
}

impl Findings {
    fn plain(compared: Verdict) -> Findings {
        Findings {
            compared,
            is_split: false,
            is_needless: false,
            reason: None,
            advice: None,
            picture: None,
            judgement: None,
            snapshot: None,
            kept: None,
            repeat: None,
            accepted: None,
        }
    }

    /// Returns a verdict with its reason, and nothing else.
    pub fn because(compared: Verdict, reason: String) -> Findings {
        Findings { reason: Some(reason), ..Findings::plain(compared) }
    }

    /// Returns the totals in which the case counts. The judgement counts only where the case is neither
    /// skipped nor a harness error.
    pub fn tally(&self) -> Tally {
        let counts = !matches!(self.compared, Verdict::Skipped | Verdict::HarnessError);
        let judged = self.judgement.as_ref().filter(|_| counts);
        Tally {
            compared: self.compared,
            is_accepted: self.accepted.is_some(),
            is_split: self.is_split,
            is_needless: self.is_needless,
            is_known: judged.is_some_and(|own| own.split.is_some() && !self.is_split),
            is_open: judged.is_some_and(|own| !own.open.is_empty()),
            is_not_modelled: judged.is_some_and(|own| own.unmodelled.is_some()),
        }
    }

    /// Returns the one verdict on the case. A case that has changed and is split is `Changed`, and counts as
    /// both.
    pub fn verdict(&self) -> Verdict {
        match self.compared {
            Verdict::Same | Verdict::New if self.is_split => Verdict::Split,
            Verdict::Same | Verdict::New if self.is_needless => Verdict::NeedlessKnown,
            compared => compared,
        }
    }
}

impl Judge {
    /// Returns the findings on a case.
    pub fn findings(&self, loaded: &Loaded, report: &CaseReport) -> Findings {
        let measured = match &report.result {
            CaseResult::Skipped(reason) => {
                return Findings::because(Verdict::Skipped, reason.clone());
            }
            CaseResult::Failed(error) => {
                let repeat = Some(self.again("show", loaded, ""));
                let advice = advice(&loaded.case, error).map(str::to_owned);
                let error = told(&loaded.case, error);
                let found = Findings::because(Verdict::HarnessError, error);
                return Findings { repeat, advice, ..found };
            }
            CaseResult::Probed { outcome: Ok(_), .. } => return Findings::plain(Verdict::Measured),
            CaseResult::Probed { outcome: Err(error), .. } => {
                return Findings::because(Verdict::HarnessError, told(&loaded.case, error));
            }
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
        let judgement = model::judge(&loaded.case, &self.machine.environment(), measured);
        let counts = !matches!(found.compared, Verdict::Skipped | Verdict::HarnessError);
        let unexplained = unexplained(&loaded.case, &judgement).filter(|_| counts);
        let (is_split, is_needless) = match (&unexplained, &judgement.split) {
            (None, _) => (false, false),
            (Some(_), split) => (split.is_some(), split.is_none()),
        };
        let reasons: Vec<String> = found.reason.iter().cloned().chain(unexplained).collect();
        let reason = (!reasons.is_empty()).then(|| reasons.join("\n"));
        let (picture, judgement) = (Some(picture), Some(judgement));
        Findings { is_split, is_needless, reason, picture, judgement, ..found }
    }

    /// Returns the command that measures this case again, on this backing and with this timeout.
    fn again(&self, command: &str, loaded: &Loaded, probe: &str) -> String {
        format!("{} {command} {}{probe}{}", program(), loaded.word, self.options)
    }

    fn compared(&self, loaded: &Loaded, measured: &Measurement, picture: &str) -> Findings {
        let Machine { page_size: page, files, .. } = &self.machine;
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
            let show = self.again("show", loaded, "");
            let advice = format!(
                "a file outside of cases/ has no snapshot: `{show}` only measures it; move it below cases/ to \
                 keep its picture"
            );
            return Findings { advice: Some(advice), ..Findings::plain(Verdict::New) };
        };
        let counting = snapshots.counting(&loaded.id, &Place::here(&files.file_system));
        let snapshot = Some(counting.path());
        let found = match counting.compare(picture) {
            Ok(Comparison::New) => {
                let keep = self.again("run", loaded, " --accept");
                let advice = format!("it has no snapshot: `{keep}` keeps this picture");
                Findings { advice: Some(advice), ..Findings::plain(Verdict::New) }
            }
            Ok(Comparison::Same) => Findings::plain(Verdict::Same),
            Ok(Comparison::NeedlessVariant { path }) => {
                let reason =
                    format!("{} is the same as what counts without it: delete it", path.display());
                Findings::because(Verdict::Changed, reason)
            }
            Ok(Comparison::Tied { paths }) => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                let reason = format!(
                    "several variants fit, and none has more conditions than all others: {}; delete all but \
                     one, or add a condition to its name",
                    paths.join(", ")
                );
                Findings::because(Verdict::HarnessError, reason)
            }
            Ok(Comparison::Changed { kept, .. }) => {
                let byte = picture::changed_byte(&loaded.case, measured, &kept, *page);
                let offsets = picture::Offsets::of(&loaded.case, *page);
                let repeat = byte.map(|byte| self.again("run", loaded, &probe(&byte, &offsets)));
                let advice = (!snapshots.are_built_in()).then(|| {
                    let keep = self.again("run", loaded, " --accept");
                    format!("if the new picture is right: `{keep}` keeps it")
                });
                Findings { kept: Some(kept), repeat, advice, ..Findings::plain(Verdict::Changed) }
            }
            Err(error) => {
                let reason = format!("cannot read the snapshot: {error}");
                Findings::because(Verdict::HarnessError, reason)
            }
        };
        Findings { snapshot, ..found }
    }
}

/// Returns why this judgement contradicts the case's `known:` lines; `None` if it does not.
fn unexplained(case: &Case, judged: &Judgement) -> Option<String> {
    let known = model::known(case);
    let is_rule = |name: &&str| Rule::from_name(name).is_some();
    if let Some(name) = known.iter().find(|name| !is_rule(name) && **name != "none") {
        return Some(format!(
            "known: {name} is no rule of the model; `{} explain` lists them",
            program()
        ));
    }
    match &judged.split {
        Some(split) => match split.rule.map(Rule::name) {
            Some(name) if known.contains(&name.as_str()) => None,
            None if known.contains(&"none") => None,
            Some(name) => Some(format!(
                "the kernel contradicts the model; if the reason is known, write it into the case: \
                 `// known: {name} why`"
            )),
            None => {
                Some("the kernel contradicts the model, and no single rule explains it".to_owned())
            }
        },
        None if known.is_empty() || judged.unmodelled.is_some() => None,
        None => {
            let names = known.join(", ");
            Some(format!(
                "known: {names} is needed no more: kernel and model agree; remove the line"
            ))
        }
    }
}

/// Returns advice on a case whose process does not go through to its end.
fn advice(case: &Case, error: &HarnessError) -> Option<&'static str> {
    let HarnessError::InStep { step, error } = error else { return None };
    let call = match case.walk().nth(*step) {
        Some((_, _, Step::Call { call, .. })) => Some(call.action),
        _ => None,
    };
    match (&**error, call) {
        (HarnessError::ExitedNonZero(_) | HarnessError::ExitedEarly, Some(Action::Exit)) => Some(
            "the measured process must not exit; put the step into a block: `fork { _exit(0); }`",
        ),
        (HarnessError::TimedOut { stopped: true, .. }, _) => {
            Some("a stopped process waits for SIGCONT, which no step sends: leave the step out")
        }
        (HarnessError::TimedOut { stopped: false, .. }, _) if case.timeout.is_none() => {
            Some("if a step may never return, write `timeout(1000ms);` before the first step")
        }
        _ => None,
    }
}

/// Returns the error, with the line of the step that it is about.
pub fn told(case: &Case, error: &HarnessError) -> String {
    match error {
        HarnessError::InStep { step, error } => {
            let lines = crate::parse::lines(&case.steps);
            format!("in `{}`: {error}", crate::parse::text_of(&lines, *step))
        }
        _ => error.to_string(),
    }
}

/// Returns the first probe without an answer: why, and the arguments that repeat it.
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

/// Returns the arguments that probe this byte.
fn probe(byte: &picture::Byte, offsets: &picture::Offsets) -> String {
    let at = shell::word(offsets.name(byte.at));
    let sweep = match byte.sweep {
        0 => String::new(),
        sweep => format!(" --sweep {}", sweep + 1),
    };
    format!(" --access {} --at {at}{sweep}", byte.access)
}
