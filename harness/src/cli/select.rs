//! The selection of cases by ids, families, files and folders. All are parsed before any is run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nix::libc;

use super::exit::Failed;
use super::shell;
use super::usage::UsageError;
use crate::case::{Case, limits};
use crate::parse;
use crate::snapshot::Snapshots;

/// A case file that was parsed.
#[derive(Debug)]
pub struct Loaded {
    /// The path of the file below `cases/`, without the ending.
    pub id: String,
    /// The word for it on a command line: its id, or the path of a file outside of any `cases/`.
    pub word: String,
    /// The case.
    pub case: Case,
    /// The snapshots of its project; `None` for a file outside of any `cases/`.
    pub snapshots: Option<Snapshots>,
}

/// The cases of one run, in the order in which they were named.
#[derive(Debug)]
pub struct Selection {
    pub cases: Vec<Loaded>,
}

const ENDING: &str = "case";

impl Selection {
    /// Reads the cases that the arguments name, or all cases where there is no argument.
    pub fn load(arguments: &[String]) -> Result<Selection, Failed> {
        let mut paths = Vec::new();
        for argument in arguments {
            resolve(argument, &mut paths)?;
        }
        if arguments.is_empty() {
            let Some(root) = root() else {
                return Err(UsageError::NoFolder.into());
            };
            collect(&root, &mut paths)?;
        }
        let mut cases: Vec<Loaded> = Vec::new();
        let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in paths {
            let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
            let loaded = read(&path, &whole)?;
            match seen.get(&loaded.id) {
                Some(other) if *other == whole => continue, // named twice
                Some(other) => {
                    let files = format!("{} and {}", other.display(), whole.display());
                    return Err(UsageError::SameId { id: loaded.id, files }.into());
                }
                None => seen.insert(loaded.id.clone(), whole),
            };
            cases.push(loaded);
        }
        Ok(Selection { cases })
    }
}

/// The nearest `cases/` at or above the current folder.
fn root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let found = here.ancestors().map(|dir| dir.join("cases")).find(|dir| dir.is_dir())?;
    // Relative where possible, as it is printed in messages.
    match found.strip_prefix(&here) {
        Ok(relative) if relative.as_os_str().is_empty() => Some(PathBuf::from(".")),
        Ok(relative) => Some(relative.to_path_buf()),
        Err(_) => Some(found),
    }
}

fn resolve(argument: &str, paths: &mut Vec<PathBuf>) -> Result<(), Failed> {
    if argument.is_empty() {
        return Err(UsageError::EmptyWord.into());
    }
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
    // No file, and not because there is none: a loop of links, or a folder that must not be entered.
    match path.metadata() {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EACCES)) => {
            return Err(unreadable(path, error));
        }
        _ => {}
    }
    if path.extension().is_some_and(|ending| ending == ENDING) {
        return Err(UsageError::NoFile(argument.to_owned()).into());
    }
    let known = root().map(|root| ids_below(&root)).unwrap_or_default();
    let hint = instead(argument, &known);
    Err(UsageError::NoCase { word: argument.to_owned(), hint }.into())
}

/// The hint for an id that is not there: ids in another family, ids that contain it, or near ones. A part of
/// an id selects nothing, as a mistyped id must not run other cases.
fn instead(argument: &str, known: &[String]) -> String {
    const SHOWN: usize = 5;
    let families = known.iter().filter_map(|id| id.rsplit_once('/').map(|(family, _)| family));
    let families: BTreeSet<&str> = families.collect();
    let compared =
        |id: &str| if argument.contains('/') { id.to_owned() } else { last(id).to_owned() };
    let all = || known.iter().map(String::as_str);
    let namesakes: Vec<&str> = all().filter(|id| last(id) == last(argument)).collect();
    let longer: Vec<&str> = all()
        .filter(|id| compared(id).contains(argument))
        .chain(families.iter().copied().filter(|family| family.starts_with(argument)))
        .collect();
    let near = match (namesakes.is_empty(), longer.is_empty()) {
        (false, _) => namesakes,
        (true, false) => longer,
        (true, true) => near_ids(argument, all().chain(families)),
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

/// The ids that differ from the argument in few letters, the nearest first. The family is compared
/// only where the argument has one. The bound depends on the name alone: with the family's letters
/// counted, any two short names of a family would be near.
fn near_ids<'a>(argument: &str, ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let far = |id: &'a str| {
        let whole = if argument.contains('/') { id } else { last(id) };
        let distance = parse::distance(argument, whole);
        (distance <= 1 + last(id).len() / 4).then_some((distance, id))
    };
    let mut near: Vec<(usize, &str)> = ids.filter_map(far).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, id)| id).collect()
}

/// The ids of the project's cases; folders that cannot be read are left out.
fn ids_below(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let _ = collect(root, &mut paths);
    let below = paths.iter().filter_map(|path| path.strip_prefix(root).ok());
    below.filter_map(|path| path.with_extension("").to_str().map(str::to_owned)).collect()
}

/// Adds every case file below a folder, in order.
fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Failed> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unreadable(dir, error))?;
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

fn read(path: &Path, whole: &Path) -> Result<Loaded, Failed> {
    let source = read_bounded(path).map_err(|error| unreadable(path, error))?;
    let case = match parse::bytes(&source) {
        Ok(case) => case,
        Err(error) => {
            let path = path.display().to_string();
            return Err(UsageError::Case { path, text: source, error }.into());
        }
    };
    let (id, snapshots) = place(whole);
    let Some(id) = id.filter(|id| !id.chars().any(char::is_control)) else {
        let shown = path.to_string_lossy().escape_debug().to_string();
        return Err(UsageError::Name(shown).into());
    };
    let word = if leads_to(&id, whole) { shell::word(&id) } else { shell::path(path) };
    Ok(Loaded { id, word, case, snapshots })
}

/// True if an id, typed here, names this file. The id of another project's case does not.
fn leads_to(id: &str, whole: &Path) -> bool {
    let mut paths = Vec::new();
    root().is_some_and(|root| root.canonicalize().is_ok_and(|root| whole.starts_with(root)))
        && resolve(id, &mut paths).is_ok()
        && matches!(paths.as_slice(), [path] if path.canonicalize().is_ok_and(|own| own == whole))
}

/// Reads the file. Of one that is too long, it reads a little more than the limit, so that the
/// error can show the line.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    if !path.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut source = Vec::new();
    std::fs::File::open(path)?.take(limits::SOURCE_BYTES as u64 + 256).read_to_end(&mut source)?;
    Ok(source)
}

/// Returns the id of a case file (`None` where its name is not UTF-8), and its snapshots: these are
/// beside the `cases/` of the current project, or beside the innermost one above the file.
fn place(whole: &Path) -> (Option<String>, Option<Snapshots>) {
    let stem = whole.with_extension("");
    let own = root().and_then(|root| root.canonicalize().ok());
    let innermost = whole.ancestors().skip(1).find(|dir| dir.ends_with("cases"));
    let cases = own.filter(|own| whole.starts_with(own)).or(innermost.map(Path::to_path_buf));
    if let Some((cases, above)) = cases.as_ref().and_then(|cases| Some((cases, cases.parent()?))) {
        let id = stem.strip_prefix(cases).ok().and_then(Path::to_str).map(str::to_owned);
        return (id, Some(Snapshots::below(above.join("snapshots"))));
    }
    (stem.file_name().and_then(|name| name.to_str()).map(str::to_owned), None)
}

/// The failure where a file cannot be read: wrong usage, unless the machine has run out of
/// something.
fn unreadable(path: &Path, error: std::io::Error) -> Failed {
    let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO];
    let path = path.display().to_string();
    match error.raw_os_error().is_some_and(|errno| exhausted.contains(&errno)) {
        true => Failed::harness(format!("cannot read {path}: {error}")),
        false => UsageError::Unreadable { path, error }.into(),
    }
}
