//! `faultmap predict`: the pictures that the model draws of cases, on this machine or for another one.
//!
//! What the options leave out is not known: where it matters, each possibility has its picture.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::exit::{Exit, Failed};
use super::judging::judged;
use super::output::{self, Output};
use super::select::Selection;
use super::values;
use crate::case::{Case, FILE_SYSTEMS, Requirement};
use crate::model::{self, Environment, Limits, Release};
use crate::printable::escaped;

/// The machine that is predicted.
#[derive(Debug, Args)]
pub struct Predicted {
    /// Bytes of a page: 4096, 16384, 64k, ... [default: as on this machine]
    #[arg(long, value_name = "BYTES", value_parser = values::page_size)]
    page_size: Option<u64>,
    /// The release of a kernel, from 5.4 on: 6.12 [default: any]
    #[arg(long, value_name = "RELEASE", value_parser = values::release)]
    kernel: Option<Release>,
    /// The file system of the files [default: any]
    #[arg(long, value_name = "NAME", value_parser = file_system(), ignore_case = true)]
    fs: Option<String>,
    /// Predict for an ordinary user, who has the limits that Linux sets (8 MiB may be locked; 64 KiB before 5.16)
    #[arg(long)]
    user: bool,
}

/// Takes the name of a file system, in letters of either case.
fn file_system() -> impl TypedValueParser<Value = String> {
    let names = PossibleValuesParser::new(FILE_SYSTEMS.iter().map(|(_, name)| *name));
    names.map(|name| name.to_ascii_lowercase())
}

/// The oldest kernel that the model knows. README.md says the same of those on which cases run.
const OLDEST: Release = (5, 4);

/// The bytes that an ordinary user may lock, and the release since which. (Linux: MLOCK_LIMIT, commit
/// 9dcc38e2813e)
const LOCKABLE: u64 = 8 << 20;
const LOCKABLE_SINCE: Release = (5, 16);
const LOCKABLE_BEFORE: u64 = 64 << 10;

impl Predicted {
    fn environment(&self) -> Environment {
        let page = self.page_size.unwrap_or(rustix::param::page_size() as u64);
        let known = Environment::with_pages_of(page);
        let limits = match self.user {
            true => self.limits(&known.limits),
            false => known.limits.clone(),
        };
        Environment { kernel: self.kernel, file_system: self.fs.clone(), limits, ..known }
    }

    fn limits(&self, root: &Limits) -> Limits {
        let is_old = self.kernel.is_some_and(|kernel| kernel < LOCKABLE_SINCE);
        let lockable = if is_old { LOCKABLE_BEFORE } else { LOCKABLE };
        Limits { raises: false, locks: false, lockable, ..root.clone() }
    }

    /// The machine in words.
    fn words(&self, environment: &Environment) -> String {
        let kernel = match self.kernel {
            Some((major, minor)) => format!("Linux {major}.{minor}"),
            None => "any Linux".to_owned(),
        };
        let fs = self.fs.as_deref().unwrap_or("any file system");
        let user = if self.user { "an ordinary user" } else { "root" };
        format!("pages of {} bytes, {kernel} on x86-64, files on {fs}, {user}", environment.page)
    }
}

/// Draws the pictures of the cases that the word names.
pub fn run(word: &str, of: &Predicted) -> Result<Exit, Failed> {
    let all = Selection::load(&[word.to_owned()])?;
    all.tell_notes();
    if let Some((major, minor)) = of.kernel.filter(|kernel| *kernel < OLDEST) {
        let text = format!(
            "the model knows Linux {}.{} and later: Linux {major}.{minor} may behave otherwise",
            OLDEST.0, OLDEST.1
        );
        output::tell(&output::note(&text));
    }
    let environment = of.environment();
    let mut out = Output::default();
    let mut exit = Exit::Nothing;
    for loaded in &all.cases {
        let name = escaped(&loaded.name);
        out.print(&format!("{name}  predicted for {}\n", of.words(&environment)));
        match judged(|| predicted(&loaded.case, &environment)) {
            Ok((says, text)) => {
                out.print(&text);
                exit = if says && exit == Exit::Nothing { Exit::Agree } else { exit };
            }
            Err(why) => {
                output::tell(&output::error(&why));
                exit = Exit::Harness;
            }
        }
    }
    out.end()?;
    Ok(exit)
}

/// Returns true if the model says anything of a case, and its pictures: the one that it predicts, and those
/// that it allows beside.
fn predicted(case: &Case, environment: &Environment) -> (bool, String) {
    if let Some(needed) = missing(case, environment) {
        return (false, format!("    not modelled: it requires {needed}\n\n"));
    }
    let (mut says, mut text) = (false, String::new());
    let lines = crate::parse::lines(&case.steps);
    let line = |step: usize| crate::parse::text_of(&lines, step);
    for prediction in model::predict(case, environment) {
        for open in prediction.not_held() {
            let (rule, line) = (open.rule.name(), line(open.step));
            text.push_str(&format!("    or, where {rule} does not hold at `{line}`:\n\n"));
        }
        says |= prediction.unmodelled.as_ref().is_none_or(|own| own.step > 0);
        for line in crate::picture::draw(case, &prediction.measurement, environment.page).lines() {
            let line = format!("    {line}");
            text.push_str(&format!("{}\n", crate::picture::coloured(line.trim_end())));
        }
        if let Some(unmodelled) = &prediction.unmodelled {
            let (line, what) = (line(unmodelled.step), &unmodelled.what);
            text.push_str(&format!("    not modelled from `{line}` on: {what}\n"));
        }
        text.push('\n');
    }
    (says, text)
}

/// What a case requires that the machine is known not to have: the model does not know what happens without it.
fn missing(case: &Case, environment: &Environment) -> Option<String> {
    let own = environment.file_system.as_ref();
    let lacks = |requirement: &&Requirement| match requirement {
        Requirement::Kernel(major, minor) => {
            environment.kernel.is_some_and(|kernel| kernel < (*major, *minor))
        }
        Requirement::FileSystem(name) => own.is_some_and(|own| own != name),
        Requirement::NotFileSystem(name) => own == Some(name),
        Requirement::Page(size) => environment.page != *size,
        // `Environment::with_pages_of` is an x86-64 machine.
        Requirement::Arch(name) => name != "x86_64",
        Requirement::Root => {
            environment.limits != Environment::with_pages_of(environment.page).limits
        }
        _ => false,
    };
    case.requires.iter().find(lacks).map(ToString::to_string)
}
