//! `faultmap init`: a person who wants to keep pictures of their own needs a case, the folders, and the lines for a CI.

use std::fs::OpenOptions;
use std::io::{Error, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::exit::{Exit, Failed};
use super::output::Output;
use super::usage::UsageError;
use super::{output, shell};

/// A file of a new project: its path, its text, and its mode before the umask.
const FILES: &[(&str, &str, u32)] = &[
    ("cases/past_the_end.case", include_str!("past_the_end.case"), 0o666),
    ("faultmap.sh", include_str!("faultmap.sh"), 0o777),
    (".github/workflows/faultmap.yml", include_str!("faultmap.yml"), 0o666),
];

/// Tells the workflow where faultmap is to be fetched, as it is not on crates.io.
const VARIABLE: &str = "gh variable set FAULTMAP_GIT --body https://HOST/OWNER/faultmap";

/// The folders that a new project has, and an old one has already.
const FOLDERS: &[&str] = &["cases", "snapshots"];

/// Makes a project in the folder. Writes nothing where anything of it is there.
pub fn run(folder: &Path) -> Result<Exit, Failed> {
    let own = FOLDERS.iter().copied().chain(FILES.iter().map(|(name, ..)| *name));
    if let Some(path) =
        own.map(|name| folder.join(name)).find(|path| path.symlink_metadata().is_ok())
    {
        return Err(UsageError::Exists(path.display().to_string()).into());
    }
    for name in FOLDERS {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).map_err(|error| UsageError::unwritable(&path, error))?;
    }
    for (name, text, mode) in FILES {
        let path = folder.join(name);
        write(&path, text, *mode).map_err(|error| UsageError::unwritable(&path, error))?;
    }
    let mut out = Output::default();
    out.print(&output::printable(&next(folder)));
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
fn next(folder: &Path) -> String {
    let made: Vec<String> =
        FILES.iter().map(|(name, ..)| folder.join(name).display().to_string()).collect();
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
    let commands: String = commands.map(line).concat();
    format!(
        "written:\n  {made}\nnext:\n{enter}{commands}  \
           edit cases/past_the_end.case (MAP_PRIVATE instead of MAP_SHARED), and `{program} run` shows in red \
           what differs, exit code 1\n  \
           ./faultmap.sh is what a CI runs, and .github/workflows/faultmap.yml runs it on GitHub, where a \
           variable of the repository has to tell the address of faultmap's own:\n    {VARIABLE}\n  \
           `{program} list`, outside of this project, lists the built-in cases; `{program} cases DIR` writes them"
    )
}
