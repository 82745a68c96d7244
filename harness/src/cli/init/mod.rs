//! `faultmap init`: a person who wants to keep pictures of their own needs a case, the folders, and the lines for a CI.

mod repository;

use std::fs::OpenOptions;
use std::io::{Error, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed};
use super::output::Output;
use super::usage::UsageError;
use super::{output, shell};
use repository::Workflow;

/// A file of a new project: its path below the folder, its text, and its mode before the umask.
const FILES: &[(&str, &str, u32)] = &[
    ("cases/past_the_end.case", include_str!("past_the_end.case"), 0o666),
    ("faultmap.sh", include_str!("faultmap.sh"), 0o777),
];

/// Tells the workflow where faultmap is to be fetched, as it is not on crates.io.
const VARIABLE: &str = "gh variable set FAULTMAP_GIT --body https://HOST/OWNER/faultmap";

/// The folders that a new project has, and an old one has already.
const FOLDERS: &[&str] = &["cases", "snapshots"];

/// Makes a project in the folder, and a workflow in the repository that holds it. Writes nothing where anything of it
/// is there.
pub fn run(folder: &Path) -> Result<Exit, Failed> {
    let workflow = Workflow::of(folder);
    let file =
        |(name, text, mode): &(&str, &str, u32)| (folder.join(name), (*text).to_owned(), *mode);
    let mut files: Vec<(PathBuf, String, u32)> = FILES.iter().map(file).collect();
    files.push((workflow.path.clone(), workflow.text(), 0o666));
    let own = FOLDERS.iter().map(|name| folder.join(name));
    let mut own = own.chain(files.iter().map(|(path, ..)| path.clone()));
    if let Some(path) = own.find(|path| path.symlink_metadata().is_ok()) {
        return Err(UsageError::Exists(path.display().to_string()).into());
    }
    for name in FOLDERS {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).map_err(|error| UsageError::unwritable(&path, error))?;
    }
    for (path, text, mode) in &files {
        write(path, text, *mode).map_err(|error| UsageError::unwritable(path, error))?;
    }
    let made: Vec<String> = files.iter().map(|(path, ..)| path.display().to_string()).collect();
    let mut out = Output::default();
    out.print(&output::printable(&next(folder, &made, &workflow)));
    out.print("\n");
    out.end()?;
    Ok(Exit::Agree)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

/// The text that says what was made, and what to do with it.
fn next(folder: &Path, made: &[String], workflow: &Workflow) -> String {
    let (made, program) = (made.join("\n  "), shell::program());
    let enter = match folder == Path::new(".") {
        true => String::new(),
        false => format!("  cd {}\n", shell::path(folder)),
    };
    let commands = [
        ("run --accept", "draws the picture of the case, and keeps it in snapshots/"),
        ("run", "compares: all agree, exit code 0"),
        ("run --dir /mnt/it", "the same on another file system"),
    ];
    let line = |(command, what): (&str, &str)| {
        format!("  {:32}# {what}\n", format!("{program} {command}"))
    };
    let (commands, name): (String, String) = (commands.map(line).concat(), workflow.name());
    let whose = match workflow.is_above() {
        true => " (at the root of the repository, where GitHub looks for it)",
        false => "",
    };
    format!(
        "written:\n  {made}\nnext:\n{enter}{commands}  \
           edit cases/past_the_end.case (MAP_PRIVATE instead of MAP_SHARED), and `{program} run` shows in red \
           what differs, exit code 1\n  \
           ./faultmap.sh is what a CI runs, and {name}{whose} runs it on GitHub, where a \
           variable of the repository has to tell the address of faultmap's own:\n    {VARIABLE}\n  \
           `{program} list`, outside of this project, lists the built-in cases; `{program} cases DIR` writes them"
    )
}
