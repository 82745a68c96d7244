//! GitHub reads the workflows of a repository at its root alone, and a project may be made in a folder below it. The
//! main type is [`Workflow`].
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>: "You must store workflow files in
//! the .github/workflows directory of your repository."

use std::path::{Path, PathBuf};

use crate::cli::shell;

/// The folder of workflows, below the root of a repository.
const FOLDER: &str = ".github/workflows";

/// The text of a project at the root, and the parts of it that another project needs otherwise.
const TEXT: &str = include_str!("faultmap.yml");
const FILE: &str = "faultmap.yml";
const NAME: &str = "name: faultmap\n";
const SCRIPT: &str = "run: ./faultmap.sh --format github\n";

/// The file that makes GitHub run a project.
pub struct Workflow {
    /// Its path, as it is printed.
    pub path: PathBuf,
    /// The folder of the project below the root of its repository; empty at the root, and outside of any repository.
    below: PathBuf,
}

impl Workflow {
    /// Returns the workflow of a project in this folder, which need not be there yet.
    pub fn of(folder: &Path) -> Workflow {
        let above = || {
            let whole = whole(folder)?;
            let root = whole.ancestors().find(|dir| dir.join(".git").exists())?.to_owned();
            let below = whole.strip_prefix(&root).ok()?.to_owned();
            (!below.as_os_str().is_empty()).then_some((root, below))
        };
        match above() {
            None => Workflow { path: folder.join(FOLDER).join(FILE), below: PathBuf::new() },
            Some((root, below)) => {
                let here = std::env::current_dir().unwrap_or_default();
                let root = root.strip_prefix(&here).map_or(root.clone(), Path::to_owned);
                Workflow { path: root.join(FOLDER).join(file_of(&below)), below }
            }
        }
    }

    /// True if the file lies above the folder of the project.
    pub fn is_above(&self) -> bool {
        !self.below.as_os_str().is_empty()
    }

    /// Returns the path below the root of the repository.
    pub fn name(&self) -> String {
        let file = if self.is_above() { file_of(&self.below) } else { FILE.to_owned() };
        format!("{FOLDER}/{file}")
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        if !self.is_above() {
            return TEXT.to_owned();
        }
        let script = shell::word(Path::new(".").join(&self.below).join("faultmap.sh"));
        // A text of JSON is one of YAML, too, whatever signs a folder has in its name.
        let line = serde_json::Value::from(format!("{script} --format github"));
        let name = serde_json::Value::from(format!("faultmap in {}", self.below.display()));
        let text = TEXT.replace(&format!("{FOLDER}/{FILE}"), &self.name());
        let text = text.replacen(NAME, &format!("name: {name}\n"), 1);
        text.replacen(SCRIPT, &format!("run: {line}\n"), 1)
    }
}

/// The name of the file for a project in this folder: a repository may hold several.
fn file_of(below: &Path) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = below.to_string_lossy().chars().map(plain).collect();
    format!("faultmap-{name}.yml")
}

/// The path from the root of the file system, without links as far as it is there.
fn whole(folder: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(folder).ok()?;
    let found = whole.ancestors().find(|dir| dir.exists())?;
    Some(found.canonicalize().ok()?.join(whole.strip_prefix(found).ok()?))
}
