//! `faultmap cases`: the built-in cases and snapshots become files, for a person who wants to read or to change
//! them. No file of another text is replaced, unless asked for.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed};
use super::output::{Output, count};
use super::usage::UsageError;
use super::{built_in, shell};

/// The number of files that a message names.
const SHOWN: usize = 5;

/// Writes all files below the folder.
pub fn run(folder: &Path, overwrite: bool) -> Result<Exit, Failed> {
    let (mut missing, mut others, mut same) = (Vec::new(), Vec::new(), 0);
    for (name, text) in built_in::files() {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(own) if own == text.as_bytes() => same += 1,
            Ok(_) => others.push((path, text)),
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push((path, text)),
            Err(error) => return Err(UsageError::unwritable(&path, error).into()),
        }
    }
    if !overwrite && !others.is_empty() {
        return Err(kept(folder, others.into_iter().map(|(path, _)| path).collect()));
    }
    for (path, text) in missing.iter().chain(&others) {
        write(path, text).map_err(|error| UsageError::unwritable(path, error))?;
    }
    let mut out = Output::default();
    out.print(&format!(
        "{} written below {}, {same} there already\nnext: cd {} && {} run\n",
        count(missing.len() + others.len(), "file"),
        shell::path(folder),
        shell::path(folder),
        shell::program()
    ));
    out.end()?;
    Ok(Exit::Agree)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(path, text)
}

/// The failure where files have another text.
fn kept(folder: &Path, others: Vec<PathBuf>) -> Failed {
    let shown: Vec<String> =
        others.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    let more = others.len() - shown.len();
    let mut files = shown.join("\n  ");
    if more > 0 {
        files.push_str(&format!("\n  and {more} more"));
    }
    let (folder, number) = (folder.display().to_string(), others.len());
    UsageError::OtherText { folder, number, files }.into()
}
