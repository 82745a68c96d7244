//! A file of results is a machine, and has a column. Two files may be of one machine with another file system, so
//! each column needs a name of its own. The main type is [`Column`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::exit::Failed;
use crate::cli::merge::{Line, each_result};
use crate::cli::report::line::CaseLine;
use crate::cli::usage::UsageError;
use crate::environment::Machine;

/// The results of a machine.
#[derive(Debug)]
pub struct Column {
    /// A letter, where a name has no room.
    pub label: String,
    pub name: String,
    /// None where the file holds no result.
    pub machine: Option<Machine>,
    pub cases: BTreeMap<String, CaseLine>,
}

/// Reads these files, each of which may have a name before it: `NAME=FILE`.
pub fn read(words: &[PathBuf]) -> Result<Vec<Column>, Failed> {
    let mut columns = Vec::new();
    let mut files = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let (name, file) = split(word);
        columns.push(Column::read(index, name, &file)?);
        files.push(file);
    }
    tell_apart(&mut columns, &files);
    Ok(columns)
}

/// A word that names a file is that file, whatever its name.
fn split(word: &Path) -> (Option<String>, PathBuf) {
    match word.to_str().and_then(|text| text.split_once('=')) {
        Some((name, file)) if !name.is_empty() && !word.exists() => {
            (Some(name.to_owned()), PathBuf::from(file))
        }
        _ => (None, word.to_owned()),
    }
}

impl Column {
    fn read(index: usize, name: Option<String>, path: &Path) -> Result<Column, Failed> {
        let mut cases: BTreeMap<String, CaseLine> = BTreeMap::new();
        each_result(path, |line, file| {
            let Line::Case(line) = line else { return Ok(()) };
            if let Some(twice) = cases.insert(line.case.clone(), *line) {
                let message = format!("{} is twice in {file}", twice.case);
                let hint = "each file holds the results of one run on one machine";
                return Err(UsageError::NotMerged { message, hint });
            }
            Ok(())
        })?;
        let machine = cases.values().next().map(|line| line.machine.clone());
        let own = machine
            .as_ref()
            .map(|own| format!("{} {} {}", own.kernel, own.architecture, own.files.file_system));
        let name = name.or(own).unwrap_or_else(|| path.display().to_string());
        Ok(Column { label: label(index), name, machine, cases })
    }

    /// Returns what the name may not tell of the machine.
    pub fn about(&self) -> String {
        let Some(machine) = &self.machine else { return "no results".to_owned() };
        let Machine { kernel, architecture, files, page_size, user, .. } = machine;
        let (name, special, place, user) =
            (&files.file_system, files.about(), &files.place, user.id);
        let mut about = format!(
            "kernel {kernel}, {architecture}, pages of {page_size} bytes, {name}{special} in {place}, user \
             {user}, faultmap {}",
            machine.faultmap
        );
        for part in &machine.without {
            about.push_str(&format!(", without {part}"));
        }
        about
    }
}

/// Names columns of the same name by their files as well, and by their labels where that is not enough.
fn tell_apart(columns: &mut [Column], files: &[PathBuf]) {
    let is_shared = |columns: &[Column]| -> Vec<bool> {
        let names = || columns.iter().map(|own| &own.name);
        names().map(|name| names().filter(|other| *other == name).count() > 1).collect()
    };
    let shared = is_shared(columns);
    for ((own, file), shared) in columns.iter_mut().zip(files).zip(shared) {
        if shared {
            let stem = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy();
            own.name = format!("{} ({stem})", own.name);
        }
    }
    let shared = is_shared(columns);
    for (own, shared) in columns.iter_mut().zip(shared) {
        if shared {
            own.name = format!("{} {}", own.label, own.name);
        }
    }
}

/// A, B, and so on to Z; then A2.
fn label(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    match index / 26 {
        0 => letter.to_string(),
        more => format!("{letter}{}", more + 1),
    }
}
