//! A person names cases by a path, an id, a family, a glob or a part of an id: [`chosen`] finds the cases of one
//! such word, and says what may be meant where there is none.
//!
//! A word that is exactly an id names this case alone. A part of an id names every case whose id contains it, as
//! for `cargo test`: a mistyped id is a part of none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use glob::Pattern;
use nix::libc;

use super::source::{Source, unreadable};
use super::tree::{Known, Tree, files_below, is_case};
use crate::cli::exit::Failed;
use crate::cli::usage::UsageError;
use crate::cli::{output, shell};
use crate::parse;

/// The letters of the shortest part of an id. Fewer are in nearly every id.
const PART: usize = 3;

/// The cases of a word.
#[derive(Debug)]
pub struct Chosen {
    pub sources: Vec<Source>,
    /// What the word has chosen, where it does not say so itself.
    pub note: Option<String>,
}

/// Returns the cases of a word. Fails where there is none.
pub fn chosen(word: &str, tree: &Tree) -> Result<Chosen, Failed> {
    let exactly = |sources| Ok(Chosen { sources, note: None });
    if word.is_empty() {
        return Err(UsageError::EmptyWord.into());
    }
    if word == "-" {
        return exactly(vec![Source::Stdin]);
    }
    let path = Path::new(word);
    if path.is_dir() {
        let files = files_below(path)?;
        // A folder without cases that is called like a family, such as the `notes/` of another project.
        return match tree.family(word)?.filter(|_| files.is_empty()) {
            Some(family) => exactly(family),
            None => exactly(files.into_iter().map(Source::File).collect()),
        };
    }
    if path.exists() {
        return exactly(vec![Source::File(path.to_path_buf())]);
    }
    if let Some(case) = tree.case(word) {
        return exactly(vec![case]);
    }
    if let Some(family) = tree.family(word)? {
        return exactly(family);
    }
    // A file without its ending, as an id has none.
    let file = PathBuf::from(format!("{word}.case"));
    if file.is_file() {
        return exactly(vec![Source::File(file)]);
    }
    let known = tree.all()?;
    let (found, how) = match word.contains(['*', '?', '[']) {
        true => (globbed(word, &known)?, "whose ids it fits"),
        false => (containing(word, &known), "whose ids contain it"),
    };
    let note = match found.as_slice() {
        [] => return Err(nothing(word, path, tree)),
        [(id, _)] => format!("`{word}` names {id}"),
        more => format!("`{word}` names {} {how}", output::count(more.len(), "case")),
    };
    let sources = found.into_iter().map(|(_, source)| source).collect();
    Ok(Chosen { sources, note: Some(note) })
}

/// Returns the first of these arguments that begins as an option does, and names a case or a file.
pub fn like_an_option(arguments: impl Iterator<Item = OsString>) -> Option<String> {
    let tree = Tree::here();
    let names = |word: &str| {
        let path = Path::new(word);
        word.len() > 1 && (path.exists() || is_case(path) || tree.case(word).is_some())
    };
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    words.take_while(|word| word != "--").find(|word| word.starts_with('-') && names(word))
}

/// The cases whose ids, or whose names within their families, are like this.
fn globbed(word: &str, known: &[Known]) -> Result<Vec<(String, Source)>, Failed> {
    let pattern = Pattern::new(word).map_err(|error| UsageError::NoPattern {
        word: word.to_owned(),
        error: error.to_string(),
    })?;
    let fits = |id: &str| pattern.matches(id) || (!word.contains('/') && pattern.matches(last(id)));
    Ok(those(known, fits))
}

fn containing(word: &str, known: &[Known]) -> Vec<(String, Source)> {
    let is_long = word.chars().count() >= PART;
    those(known, |id| is_long && id.contains(word))
}

fn those(known: &[Known], fits: impl Fn(&str) -> bool) -> Vec<(String, Source)> {
    let named = known.iter().filter_map(|(id, source)| Some((id.clone()?, source.clone())));
    named.filter(|(id, _)| fits(id)).collect()
}

/// The failure of a word that names nothing.
fn nothing(word: &str, path: &Path, tree: &Tree) -> Failed {
    // No file, and not because there is none: a loop of links, or a folder that must not be entered.
    match path.metadata() {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EACCES)) => {
            return unreadable(path, error);
        }
        _ => {}
    }
    if is_case(path) {
        return UsageError::NoFile(word.to_owned()).into();
    }
    let hint = match hidden(word, tree) {
        0 => instead(word, &tree.ids()),
        hidden => format!(
            "it names {}; here the cases of this folder count alone: `{} cases DIR` writes the built-in ones to \
             DIR",
            output::count(hidden, "built-in case"),
            shell::program()
        ),
    };
    UsageError::NoCase { word: word.to_owned(), hint }.into()
}

/// The number of built-in cases that the word names, where the cases of a folder hide them.
fn hidden(word: &str, tree: &Tree) -> usize {
    match tree {
        Tree::BuiltIn => 0,
        Tree::Folder(_) => chosen(word, &Tree::BuiltIn).map_or(0, |chosen| chosen.sources.len()),
    }
}

/// The hint for an id that is not there: ids in another family, or near ones.
fn instead(word: &str, known: &[String]) -> String {
    const SHOWN: usize = 5;
    let families = known.iter().filter_map(|id| id.rsplit_once('/').map(|(family, _)| family));
    let families: BTreeSet<&str> = families.collect();
    let all = || known.iter().map(String::as_str);
    let namesakes: Vec<&str> = all().filter(|id| last(id) == last(word)).collect();
    let near = match namesakes.is_empty() {
        false => namesakes,
        true => near_ids(word, all().chain(families)),
    };
    let more = near.len().saturating_sub(SHOWN);
    let shown = &near[..near.len() - more];
    match shown {
        [] => format!("`{} list` names them all", shell::program()),
        [one] => format!("did you mean `{one}`?"),
        _ if more == 0 => format!("did you mean one of these?\n  {}", shown.join("\n  ")),
        _ => format!(
            "did you mean one of these?\n  {}\n  and {more} more, see `{} list`",
            shown.join("\n  "),
            shell::program()
        ),
    }
}

/// The name of a case within its family.
fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// The ids that differ from the word in few letters, the nearest first. The family is compared
/// only where the word has one. The bound depends on the name alone: with the family's letters
/// counted, any two short names of a family would be near.
fn near_ids<'a>(word: &str, ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let far = |id: &'a str| {
        let whole = if word.contains('/') { id } else { last(id) };
        let distance = parse::distance(word, whole);
        (distance <= 1 + last(id).len() / 4).then_some((distance, id))
    };
    let mut near: Vec<(usize, &str)> = ids.filter_map(far).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, id)| id).collect()
}
