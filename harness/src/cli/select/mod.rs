//! The selection of cases by paths, ids, families and patterns. All are parsed before any is run, and all that is
//! wrong is reported. The main type is [`Selection`].

mod source;
mod tree;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::exit::Failed;
use super::usage::UsageError;
use super::{output, shell};
use crate::case::Case;
use crate::parse;
use crate::snapshot::Snapshots;
pub use source::{BUILT_IN, Source};
use tree::Tree;
pub use tree::{files_below, is_case};
pub use words::like_an_option;

/// A case that was parsed.
#[derive(Debug)]
pub struct Loaded {
    /// The path of its file below `cases/`, without the ending.
    pub id: String,
    /// What it is called: its id, or its path where another case of the run has the same id.
    pub name: String,
    /// The word for it on a command line: its id, or the path of a file outside of any `cases/`.
    pub word: String,
    /// The case.
    pub case: Case,
    /// The line of its text on which each step begins, counted from 1.
    pub lines: Vec<usize>,
    /// The snapshots of its project; `None` for a file outside of any `cases/`.
    pub snapshots: Option<Snapshots>,
    /// Where its text stands.
    pub source: Source,
}

impl Loaded {
    /// True for a case that is a part of this command.
    pub fn is_built_in(&self) -> bool {
        matches!(self.source, Source::BuiltIn(_))
    }
}

/// The cases of one run, in the order in which they were named.
#[derive(Debug)]
pub struct Selection {
    pub cases: Vec<Loaded>,
    /// What the words that are no ids have chosen.
    pub notes: Vec<String>,
    /// The snapshots that belong to no case, where no word chooses among the cases of a folder.
    pub snapshots_without_case: Vec<String>,
}

impl Selection {
    /// Reads the cases that the words name, or all cases where there is no word. Fails with all that is wrong in
    /// the words and the files.
    pub fn load(words: &[String]) -> Result<Selection, Failed> {
        let tree = Tree::here();
        let mut wrong = Vec::new();
        let (sources, notes) = chosen(words, &tree, &mut wrong)?;
        let mut all = Selection::read(sources, notes, &tree, wrong)?;
        if words.is_empty() {
            let ids: BTreeSet<&str> = all.cases.iter().map(|own| own.id.as_str()).collect();
            all.snapshots_without_case = tree.snapshots_without_case(&ids);
        }
        Ok(all)
    }

    /// Reads the cases in these files.
    pub fn of_files(files: &[PathBuf]) -> Result<Selection, Failed> {
        let sources = files.iter().cloned().map(Source::File).collect();
        Selection::read(sources, Vec::new(), &Tree::here(), Vec::new())
    }

    /// The files that the words name, unread, and the folders in which further ones may come: for a watch of
    /// them. Fails where there is no file to watch.
    pub fn files(words: &[String]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failed> {
        let tree = Tree::here();
        let mut wrong = Vec::new();
        let (sources, _) = chosen(words, &tree, &mut wrong)?;
        if let Some(error) = UsageError::all(wrong) {
            return Err(error.into());
        }
        let mut files = Vec::new();
        for source in sources {
            match source {
                Source::File(path) => files.push(path),
                other => return Err(UsageError::Unwatched(other.shown()).into()),
            }
        }
        let mut folders: Vec<PathBuf> =
            words.iter().map(PathBuf::from).filter(|path| path.is_dir()).collect();
        match &tree {
            Tree::Folder(root) if words.is_empty() => folders.push(root.clone()),
            _ => {}
        }
        Ok((files, folders))
    }

    fn read(
        sources: Vec<Source>,
        notes: Vec<String>,
        tree: &Tree,
        mut wrong: Vec<UsageError>,
    ) -> Result<Selection, Failed> {
        let (mut cases, mut seen) = (Vec::new(), BTreeSet::new());
        for source in sources {
            let whole = source.whole();
            if !seen.insert(whole.clone()) {
                continue; // named twice
            }
            cases.extend(or_wrong(read(source, &whole, tree), &mut wrong)?);
        }
        if let Some(error) = UsageError::all(wrong) {
            return Err(error.into());
        }
        tell_apart(&mut cases);
        Ok(Selection { cases, notes, snapshots_without_case: Vec::new() })
    }

    /// Says what the words that are no ids have chosen.
    pub fn tell_notes(&self) {
        self.notes.iter().for_each(|note| output::tell(&output::note(note)));
    }
}

/// The cases that the words name, or all cases where there is no word, with a note where a word does not say
/// itself what it names.
fn chosen(
    words: &[String],
    tree: &Tree,
    wrong: &mut Vec<UsageError>,
) -> Result<(Vec<Source>, Vec<String>), Failed> {
    let (mut sources, mut notes) = (Vec::new(), Vec::new());
    for word in words {
        if let Some(chosen) = or_wrong(words::chosen(word, tree), wrong)? {
            sources.extend(chosen.sources);
            notes.extend(chosen.note);
        }
    }
    if words.is_empty() {
        sources.extend(tree.all()?.into_iter().map(|(_, source)| source));
        if *tree == Tree::BuiltIn && sources.is_empty() {
            return Err(UsageError::NoFolder.into());
        }
    }
    Ok((sources, notes))
}

/// Collects wrong usage. Any other failure ends it all.
fn or_wrong<T>(found: Result<T, Failed>, wrong: &mut Vec<UsageError>) -> Result<Option<T>, Failed> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Failed::Usage(error)) => {
            wrong.push(error);
            Ok(None)
        }
        Err(failed) => Err(failed),
    }
}

fn read(source: Source, whole: &Source, tree: &Tree) -> Result<Loaded, Failed> {
    let text = source.read()?;
    let case = match parse::bytes(&text) {
        Ok(case) => case,
        Err(_) => {
            let errors = parse::errors(&text);
            return Err(UsageError::Case { path: source.shown(), text, errors }.into());
        }
    };
    let (id, snapshots) = tree.place(whole);
    let Some(id) = id.filter(|id| !id.chars().any(|own| own.is_control() || own == '@')) else {
        let shown = source.shown().escape_debug().to_string();
        return Err(UsageError::Name(shown).into());
    };
    let is_word = tree.leads_to(&id, whole) && !id.starts_with('-'); // as an option does
    let word = if is_word { shell::word(&id) } else { source.word() };
    let lines = parse::step_lines(&text);
    Ok(Loaded { name: id.clone(), id, word, case, lines, snapshots, source })
}

/// Calls cases that have one id by their paths.
fn tell_apart(cases: &mut [Loaded]) {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    cases.iter().for_each(|own| *numbers.entry(&own.id).or_default() += 1);
    let is_shared: Vec<bool> = cases.iter().map(|own| numbers[own.id.as_str()] > 1).collect();
    for (own, is_shared) in cases.iter_mut().zip(is_shared) {
        match &own.source {
            Source::File(path) if is_shared => {
                own.name = path.with_extension("").display().to_string();
            }
            _ => {}
        }
    }
}
