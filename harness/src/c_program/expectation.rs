//! A program must know what to expect: what POSIX and Linux promise, and where they promise nothing, what was measured
//! here. The main type is [`Expected`].

use crate::case::{Case, Measurement};
use crate::model::{self, Environment};
use crate::victim::Probe;

/// What a C program expects.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The name of the case.
    pub title: String,
    /// The page size in bytes of the machine that it was measured or predicted for.
    pub page: u64,
    /// The result of each step and sweep.
    pub measurement: Measurement,
    /// Who says so.
    pub source: Source,
    /// The only access to make; all of each sweep where there is none.
    pub probe: Option<Probe>,
}

/// Who says what is to be expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The model alone.
    Model,
    /// The model, with what is known of the kernel and the file system where the standards leave a choice.
    Known {
        /// Both in words.
        place: String,
    },
    /// A measurement, which the model allows as far as it says anything.
    Measured {
        /// The rules of the model that need not hold, by name.
        open: Vec<String>,
        /// The line from which the model says nothing.
        unmodelled: Option<String>,
    },
    /// The model, which forbids what was measured.
    Split {
        /// The line from which the model says nothing.
        unmodelled: Option<String>,
    },
}

/// Returns what the model alone expects of a case; `None` where it leaves anything open, or says nothing from some
/// step on.
pub fn expect(case: &Case, environment: &Environment) -> Option<(Measurement, Source)> {
    let only = |environment: &Environment| {
        let mut all = model::predict(case, environment);
        all.pop().filter(|one| all.is_empty() && one.unmodelled.is_none())
    };
    let anywhere = Environment { kernel: None, file_system: None, ..environment.clone() };
    let known = only(environment)?.measurement;
    match only(&anywhere) {
        Some(promised) if promised.measurement == known => Some((known, Source::Model)),
        _ => Some((known, Source::Known { place: place(environment) })),
    }
}

/// The kernel and the file system in words.
fn place(environment: &Environment) -> String {
    let mut words = match environment.kernel {
        Some((major, minor)) => format!("Linux {major}.{minor}"),
        None => "Linux".to_owned(),
    };
    if let Some(name) = &environment.file_system {
        words.push_str(&format!(" with files on {name}"));
    }
    words
}

impl Source {
    /// Returns what to expect of a case that was measured: what the model says, and behind its end what was measured.
    pub fn judged(
        case: &Case,
        environment: &Environment,
        measured: Measurement,
    ) -> (Measurement, Source) {
        let judgement = model::judge(case, environment, &measured);
        let lines = crate::parse::lines(&case.steps);
        let line = |step| crate::parse::text_of(&lines, step).to_owned();
        let unmodelled = judgement.unmodelled.map(|own| line(own.step));
        let Some(split) = judgement.split else {
            let mut open: Vec<_> = judgement.open.iter().map(|open| open.rule.name()).collect();
            open.dedup();
            return (measured, Source::Measured { open, unmodelled });
        };
        (split.completed(&measured), Source::Split { unmodelled })
    }

    /// Returns the sentences for the head of the program.
    pub(super) fn sentences(&self) -> Vec<String> {
        let rest = |unmodelled: &Option<String>| {
            let line = unmodelled.as_ref()?;
            Some(format!(
                "From `{line}` on no standard says what is right: it was measured on Linux."
            ))
        };
        match self {
            Source::Model => vec!["What it expects is what POSIX and Linux promise.".to_owned()],
            Source::Known { place } => vec![format!(
                "What it expects is what POSIX and Linux promise, and where they leave a choice, what {place} is known \
                 to do."
            )],
            Source::Measured { open, unmodelled } => {
                let open = (!open.is_empty()).then(|| {
                    let open = open.join(", ");
                    format!("It was measured on Linux where a kernel may choose ({open}).")
                });
                let first = "What it expects is what POSIX and Linux promise.".to_owned();
                [Some(first), open, rest(unmodelled)].into_iter().flatten().collect()
            }
            Source::Split { unmodelled } => {
                let first =
                    "What it expects is what POSIX and Linux promise: the kernel on which it was \
                             written did something else."
                        .to_owned();
                [Some(first), rest(unmodelled)].into_iter().flatten().collect()
            }
        }
    }
}
