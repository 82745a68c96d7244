//! Ids and families are words for the cases of one tree: the nearest folder `cases/`, or the cases that are built
//! into this command where there is none. The main type is [`Tree`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source::{Source, unreadable};
use crate::cli::built_in;
use crate::cli::exit::Failed;
use crate::snapshot::Snapshots;

const ENDING: &str = "case";

/// A case with its id. A file whose name is not UTF-8 has none.
pub type Known = (Option<String>, Source);

/// The cases that an id can name.
#[derive(Debug, PartialEq, Eq)]
pub enum Tree {
    /// The case files below this folder.
    Folder(PathBuf),
    /// Those in the command.
    BuiltIn,
}

impl Tree {
    /// The nearest `cases/` at or above the current folder, or the built-in cases.
    pub fn here() -> Tree {
        root().map_or(Tree::BuiltIn, Tree::Folder)
    }

    /// All cases, in order.
    pub fn all(&self) -> Result<Vec<Known>, Failed> {
        let root = match self {
            Tree::Folder(root) => root,
            Tree::BuiltIn => {
                let named = |id: String| (Some(id.clone()), Source::BuiltIn(id));
                return Ok(built_in::cases().keys().cloned().map(named).collect());
            }
        };
        let id = |path: &Path| {
            path.with_extension("").strip_prefix(root).ok()?.to_str().map(str::to_owned)
        };
        Ok(files_below(root)?.into_iter().map(|path| (id(&path), Source::File(path))).collect())
    }

    /// All ids; those in folders that cannot be read are left out.
    pub fn ids(&self) -> Vec<String> {
        self.all().unwrap_or_default().into_iter().filter_map(|(id, _)| id).collect()
    }

    /// The case of this id.
    pub fn case(&self, id: &str) -> Option<Source> {
        match self {
            Tree::Folder(root) => {
                let file = root.join(format!("{id}.{ENDING}"));
                file.is_file().then_some(Source::File(file))
            }
            Tree::BuiltIn => {
                built_in::cases().contains_key(id).then(|| Source::BuiltIn(id.to_owned()))
            }
        }
    }

    /// The cases of a family; `None` where there is no such family.
    pub fn family(&self, name: &str) -> Result<Option<Vec<Source>>, Failed> {
        let name = name.trim_end_matches('/');
        match self {
            Tree::Folder(root) if root.join(name).is_dir() => {
                Ok(Some(files_below(&root.join(name))?.into_iter().map(Source::File).collect()))
            }
            Tree::Folder(_) => Ok(None),
            Tree::BuiltIn => {
                let is_in =
                    |id: &str| id.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
                let ids = built_in::cases().keys().filter(|id| is_in(id));
                let cases: Vec<Source> = ids.cloned().map(Source::BuiltIn).collect();
                Ok((!cases.is_empty()).then_some(cases))
            }
        }
    }

    /// Returns the id of a case (`None` where the name of its file is not UTF-8), and its snapshots: these are
    /// beside the `cases/` of the current project, or beside the innermost one above the file.
    pub fn place(&self, whole: &Source) -> (Option<String>, Option<Snapshots>) {
        let whole = match whole {
            Source::File(whole) => whole,
            Source::BuiltIn(id) => return (Some(id.clone()), Some(built_in::snapshots())),
            Source::Stdin => return (Some("stdin".to_owned()), None),
        };
        let stem = whole.with_extension("");
        let innermost = whole.ancestors().skip(1).find(|dir| dir.ends_with("cases"));
        let own = self.whole_root().filter(|own| whole.starts_with(own));
        let cases = own.or(innermost.map(Path::to_path_buf));
        if let Some((cases, above)) = cases.as_ref().and_then(|own| Some((own, own.parent()?))) {
            let id = stem.strip_prefix(cases).ok().and_then(Path::to_str).map(str::to_owned);
            return (id, Some(beside(above)));
        }
        (stem.file_name().and_then(|name| name.to_str()).map(str::to_owned), None)
    }

    /// Returns the paths of the snapshots that belong to no case of these ids.
    pub fn snapshots_without_case(&self, ids: &BTreeSet<&str>) -> Vec<String> {
        let root = self.whole_root();
        let Some(above) = root.as_deref().and_then(Path::parent) else { return Vec::new() };
        let found = beside(above).without_case(ids);
        found.iter().map(|path| path.display().to_string()).collect()
    }

    /// True if an id, typed here, names this case. The id of another project's case does not.
    pub fn leads_to(&self, id: &str, whole: &Source) -> bool {
        !Path::new(id).exists() && self.case(id).is_some_and(|source| source.whole() == *whole)
    }

    fn whole_root(&self) -> Option<PathBuf> {
        match self {
            Tree::Folder(root) => root.canonicalize().ok(),
            Tree::BuiltIn => None,
        }
    }
}

/// The snapshots of the `cases/` in this folder.
fn beside(above: &Path) -> Snapshots {
    let here = std::env::current_dir().unwrap_or_default();
    Snapshots::below(near(&above.join("snapshots"), &here))
}

/// The path as it is printed in messages: relative to this folder, if it is below it.
fn near<'a>(path: &'a Path, here: &Path) -> &'a Path {
    match path.strip_prefix(here) {
        Ok(relative) if relative.as_os_str().is_empty() => Path::new("."),
        Ok(relative) => relative,
        Err(_) => path,
    }
}

/// The nearest `cases/` at or above the current folder.
fn root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let found = here.ancestors().map(|dir| dir.join("cases")).find(|dir| dir.is_dir())?;
    Some(near(&found, &here).to_path_buf())
}

/// True for the name of a case file.
pub fn is_case(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}

/// Every case file below a folder, in order.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut paths = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unreadable(dir, error))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Hidden files are those of editors: locks, copies.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            paths.extend(files_below(&path)?);
        } else if is_case(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}
