//! GitHub Actions shows results beside the lines of a case file, if they are printed as commands of a workflow:
//! [`Github`].
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>
//!
//! A runner obeys every line that begins with `::`, whatever stands before it but blanks. So no text of a case
//! or of a snapshot is printed outside of a command, and in a command its ends of lines are escaped.

use std::path::{Component, Path, PathBuf};

use super::body;
use super::format::{End, Format, Shown, Wrong};
use super::line::CaseLine;
use super::verdict::Verdict;
use crate::printable::escaped;

/// Commands of a workflow: an error for each case that differs, a notice for each that is skipped.
#[derive(Debug)]
pub struct Github;

impl Format for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn case(&self, case: &CaseLine, _shown: Shown) -> String {
        if case.agrees() {
            return String::new();
        }
        let command = if case.verdict == Verdict::Skipped { "notice" } else { "error" };
        let mut message = body::plain(case);
        if case.verdict != Verdict::Skipped {
            message.push(format!("measured in {} ms", case.milliseconds()));
        }
        let (file, line) = (property(&in_workspace(&case.file)), case.line);
        let title = property(&format!("{}: {}", case.case, case.words().join(", ")));
        let message = data(&message.join("\n"));
        format!("::{command} file={file},line={line},title={title}::{message}\n")
    }

    fn refused(&self, wrong: &[Wrong<'_>]) -> String {
        let command = |own: &Wrong<'_>| {
            let (file, message) = (property(&in_workspace(own.file)), data(&own.message));
            format!("::error file={file},line={},title=a bad case file::{message}\n", own.line)
        };
        wrong.iter().map(command).collect()
    }

    fn end(&self, end: &End<'_>) -> String {
        let lost = end.missing.map(|missing| format!("::error::{}\n", data(missing)));
        format!("{}{}", lost.unwrap_or_default(), end.summary)
    }
}

/// Returns the path below the folder of the checkout, which GitHub expects. A case of this command or of stdin has no
/// path, and keeps its name.
fn in_workspace(file: &str) -> String {
    let workspace = std::env::var_os("GITHUB_WORKSPACE").filter(|workspace| !workspace.is_empty());
    let Some(workspace) = workspace.map(PathBuf::from) else { return file.to_owned() };
    let named = Path::new(file);
    let whole = match (named.exists(), std::env::current_dir()) {
        (true, Ok(here)) => without_parents(&here.join(named)),
        _ => named.to_owned(),
    };
    // The current folder has no link in its path (getcwd(3)), and the variable may have one.
    let real = workspace.canonicalize().unwrap_or_default();
    let roots = [workspace, real];
    let mut roots = roots.iter().filter(|root| !root.as_os_str().is_empty());
    let below = roots.find_map(|root| whole.strip_prefix(root).ok());
    below.map_or(file.to_owned(), |below| below.display().to_string())
}

/// Returns an absolute path without its `..`.
fn without_parents(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                short.pop();
            }
            part => short.push(part),
        }
    }
    short
}

/// Escapes a message, line by line. (`escapeData` of the toolkit of GitHub)
fn data(text: &str) -> String {
    let lines = text.lines().map(|line| escaped(line).replace('%', "%25"));
    lines.collect::<Vec<_>>().join("%0A")
}

/// Escapes a property. (`escapeProperty` of the same)
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
