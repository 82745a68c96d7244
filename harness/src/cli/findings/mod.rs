//! On another kernel one fault may change the pictures of fifty cases, and a person wants to read one sentence.
//! Differences are grouped by their causes: the main type is [`Finding`].
//!
//! What a step came to decides what follows. So of each case only those differences count that do not stand behind
//! a step with another result: what stands there may be its consequence.

mod cause;
pub mod known;
pub mod side_by_side;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cli::output::count;
use crate::cli::report::line::CaseLine;
use crate::model::Rule;
use crate::picture::{self, Difference, Of};
use crate::printable::escaped;
use cause::has_consequences;
pub use cause::{Basis, Cause};

/// A case that differs.
#[derive(Debug)]
pub struct Differing {
    case: String,
    /// The number of the machine, where there are several.
    machine: usize,
    /// The number of lines of its picture, by which the smallest case is found.
    size: usize,
    basis: Basis,
    /// The rule of the model that makes the difference, if there is exactly one.
    rule: Option<String>,
    /// Each cause once.
    causes: Vec<Shown>,
}

/// A cause in a case.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shown {
    pub cause: Cause,
    /// The step or the row in which it shows, and what was expected there.
    pub place: String,
    pub expected: String,
}

impl Shown {
    /// Returns the cause of a difference, and where it shows.
    pub fn of(difference: &Difference) -> Shown {
        let (Of::Step(place) | Of::Row(place)) = &difference.of;
        let place = place.trim_end_matches(';').to_owned();
        Shown { cause: Cause::of(difference), place, expected: cause::expected(difference) }
    }
}

/// Differences of one cause.
#[derive(Debug)]
pub struct Finding {
    /// What came, and what was expected.
    pub words: String,
    /// The steps and the rows of the pictures in which it shows, the most frequent first.
    pub shows: Vec<String>,
    /// The rules of the model that are named most often for it.
    pub rules: Vec<Rule>,
    /// The cases, and the machine of each: the best example first, which is small and shows nothing else.
    pub cases: Vec<(String, usize)>,
}

impl Differing {
    /// Holds a picture against the one that is expected. Returns `None` where they are of other steps, or do
    /// not differ.
    pub fn of(
        case: &CaseLine,
        basis: Basis,
        expected: &str,
        rule: Option<String>,
    ) -> Option<Differing> {
        let came = case.picture.as_deref()?;
        let causes = causes(expected, came)?;
        let (machine, size) = (0, came.lines().count());
        let case = case.case.clone();
        (!causes.is_empty()).then_some(Differing { case, machine, size, basis, rule, causes })
    }

    /// Returns the same on the machine of this number.
    pub fn on(self, machine: usize) -> Differing {
        Differing { machine, ..self }
    }

    /// Returns a case of a run that contradicts the model, or else its snapshot.
    pub fn in_run(case: &CaseLine) -> Option<Differing> {
        if case.counts.is_accepted {
            return None;
        }
        if let Some(model) = case.model.as_ref().filter(|_| case.counts.is_split) {
            let promised = model.picture.as_deref()?;
            return Differing::of(case, Basis::Promised, promised, model.rule.clone());
        }
        let kept = case.snapshot.as_ref()?.kept.as_deref()?;
        Differing::of(case, Basis::Kept, kept, None)
    }
}

/// Returns the causes of what differs between two pictures, each once; `None` where they are of other steps.
pub fn causes(expected: &str, came: &str) -> Option<Vec<Shown>> {
    let mut causes: Vec<Shown> = Vec::new();
    for difference in picture::differences(expected, came)? {
        let shown = Shown::of(&difference);
        if !causes.iter().any(|own| own.cause == shown.cause) {
            causes.push(shown);
        }
        if has_consequences(&difference) {
            break;
        }
    }
    Some(causes)
}

/// Returns the findings, those of the most cases first.
pub fn of(differing: &[Differing]) -> Vec<Finding> {
    let mut groups: BTreeMap<(&Cause, &Basis), Vec<(&Differing, &Shown)>> = BTreeMap::new();
    for own in differing {
        for shown in &own.causes {
            groups.entry((&shown.cause, &own.basis)).or_default().push((own, shown));
        }
    }
    let findings = groups.into_iter().map(|((cause, basis), members)| {
        let mut cases: Vec<&Differing> = members.iter().map(|(own, _)| *own).collect();
        cases.sort_by_key(|own| (own.causes.len(), own.size, &own.case));
        Finding {
            words: cause.words(
                basis,
                &by_frequency(members.iter().map(|(_, shown)| shown.expected.as_str())),
            ),
            shows: by_frequency(members.iter().map(|(_, shown)| shown.place.as_str())),
            rules: rules(&cases),
            cases: cases.iter().map(|own| (own.case.clone(), own.machine)).collect(),
        }
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by(|one, other| {
        let key = |own: &Finding| (std::cmp::Reverse(own.number()), own.words.clone());
        key(one).cmp(&key(other))
    });
    findings
}

/// The number of cases and of steps of a finding that are named.
pub const NAMED: usize = 6;

/// Some of the words, and how many more there are.
pub fn named(words: &[String]) -> String {
    let shown: Vec<String> =
        words.iter().take(NAMED).map(|word| escaped(word).into_owned()).collect();
    listed(&shown, words.len())
}

/// These words, and how many more there are of so many.
pub fn listed(shown: &[String], all: usize) -> String {
    let more = match all.saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    shown.join(", ") + &more
}

/// Returns each word once, the most frequent first.
fn by_frequency<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    let mut all: Vec<(&str, usize)> = counts.into_iter().collect();
    all.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
    all.into_iter().map(|(word, _)| word.to_owned()).collect()
}

/// The rules that cases with this cause alone name; or else those that any of them names.
fn rules(cases: &[&Differing]) -> Vec<Rule> {
    let named = |alone: bool| {
        let cases = cases.iter().filter(move |own| !alone || own.causes.len() == 1);
        by_frequency(cases.filter_map(|own| own.rule.as_deref()))
    };
    let names = [named(true), named(false)].into_iter().find(|names| !names.is_empty());
    names.into_iter().flatten().filter_map(|name| Rule::from_name(&name)).collect()
}

impl Finding {
    /// The number of different cases.
    pub fn number(&self) -> usize {
        self.cases.iter().map(|(case, _)| case).collect::<BTreeSet<_>>().len()
    }
}

/// The findings of a run, below its pictures: those that several cases share, or nothing.
pub fn of_run(differing: &[Differing]) -> String {
    const SHOWN: usize = 5;
    let shared: Vec<Finding> =
        of(differing).into_iter().filter(|finding| finding.number() > 1).collect();
    if shared.is_empty() {
        return String::new();
    }
    let mut text = "findings, which several cases share:\n".to_owned();
    for finding in shared.iter().take(SHOWN) {
        let (number, example) = (count(finding.number(), "case"), &finding.cases[0].0);
        let line = format!("{}: {number}, e.g. {example}", finding.words);
        text.push_str(&format!("    {}\n", escaped(&line)));
        if let Some(rule) = finding.rules.first() {
            text.push_str(&format!("        {}: {}\n", rule.name(), rule.sentence()));
        }
    }
    if shared.len() > SHOWN {
        text.push_str(&format!("    and {} more\n", shared.len() - SHOWN));
    }
    text
}
