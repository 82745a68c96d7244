//! Which cases: ids, families, files and folders, all read and judged before any is run.

use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::{Failed, report};
use crate::case::Case;
use crate::parse::{self, limits};
use crate::snapshot::Snapshots;

/// A case file, parsed.
#[derive(Debug)]
pub struct Loaded {
    /// Its path below `cases/`, without the ending.
    pub id: String,
    /// How to name it on a command line: its id, or the path of a file outside of any `cases/`.
    pub name: String,
    /// What stands in it.
    pub case: Case,
    /// Where its picture is kept; none for a file outside of any `cases/`.
    pub snapshots: Option<Snapshots>,
}

/// The cases of one run, in the order of their ids.
#[derive(Debug)]
pub struct Selection {
    pub cases: Vec<Loaded>,
}

const ENDING: &str = "case";

impl Selection {
    /// Reads the cases that the arguments name; all cases for no argument.
    pub fn load(arguments: &[String]) -> Result<Selection, Failed> {
        let mut paths = Vec::new();
        for argument in arguments {
            resolve(argument, &mut paths)?;
        }
        if arguments.is_empty() {
            let Some(root) = root() else {
                return Err(usage(
                    "there is no folder cases/ here or above",
                    "run it in the project, or name a case file",
                ));
            };
            collect(&root, &mut paths)?;
        }
        let mut cases = Vec::new();
        for path in paths {
            let loaded = read(&path)?;
            if !cases.iter().any(|other: &Loaded| other.id == loaded.id) {
                cases.push(loaded);
            }
        }
        Ok(Selection { cases })
    }
}

/// The nearest `cases/` at or above the current folder.
fn root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let found = here.ancestors().map(|dir| dir.join("cases")).find(|dir| dir.is_dir())?;
    // As short as can be: it is printed in messages.
    Some(found.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(found))
}

fn resolve(argument: &str, paths: &mut Vec<PathBuf>) -> Result<(), Failed> {
    let path = Path::new(argument);
    if path.is_dir() {
        return collect(path, paths);
    }
    if path.exists() {
        paths.push(path.to_path_buf());
        return Ok(());
    }
    if let Some(root) = root() {
        let file = root.join(format!("{argument}.{ENDING}"));
        if file.is_file() {
            paths.push(file);
            return Ok(());
        }
        if root.join(argument).is_dir() {
            return collect(&root.join(argument), paths);
        }
    }
    Err(usage(&format!("there is no case `{argument}`"), "`faultmap list` names them all"))
}

/// Every case file below a folder, in order.
fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Failed> {
    let unreadable = |error| usage(&format!("cannot read {}: {error}", dir.display()), "");
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).and_then(Iterator::collect::<Result<_, _>>).map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Loaded, Failed> {
    let source = read_bounded(path)
        .map_err(|error| usage(&format!("cannot read {}: {error}", path.display()), ""))?;
    let case = parse::bytes(&source).map_err(|error| {
        (Exit::Usage, error.render(&path.display().to_string(), &source, report::coloured_stderr()))
    })?;
    let (id, snapshots) = place(path);
    let name = if snapshots.is_some() { id.clone() } else { path.display().to_string() };
    Ok(Loaded { id, name, case, snapshots })
}

/// The bytes of the file; where it is too long, as many as show the line on which it becomes so.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    if !path.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut source = Vec::new();
    std::fs::File::open(path)?.take(limits::SOURCE_BYTES as u64 + 256).read_to_end(&mut source)?;
    Ok(source)
}

/// The id of a case file, and where its snapshot is kept: beside the innermost `cases/` above it.
fn place(path: &Path) -> (String, Option<Snapshots>) {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let stem = whole.with_extension("");
    for dir in whole.ancestors().skip(1) {
        if dir.file_name().is_some_and(|name| name == "cases") {
            if let (Ok(id), Some(above)) = (stem.strip_prefix(dir), dir.parent()) {
                let snapshots = Snapshots::below(above.join("snapshots"));
                return (id.display().to_string(), Some(snapshots));
            }
        }
    }
    let name = stem.file_name().map(|name| name.to_string_lossy().into_owned());
    (name.unwrap_or_default(), None)
}

fn usage(message: &str, hint: &str) -> Failed {
    let hint = if hint.is_empty() { String::new() } else { format!("\n  {hint}") };
    (Exit::Usage, format!("{}{hint}", report::error(message)))
}
