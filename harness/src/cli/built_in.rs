//! A person who has installed faultmap has no checkout of it: the project's cases and their snapshots are in the
//! command. The main type is [`BuiltIn`].
//!
//! The binary brings these files along, and not the library: where a case changes, Cargo compiles `main.rs` and
//! nothing else. Cargo does not notice a new file there (it would need `proc_macro::tracked_path`, which no stable
//! Rust has): a test says what to do then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use include_dir::Dir;

use crate::snapshot::{Snapshots, Texts};

/// The folders `cases/` and `snapshots/` of this project, as they were when the command was built.
#[derive(Debug)]
pub struct BuiltIn {
    /// The case files.
    pub cases: Dir<'static>,
    /// Their snapshots.
    pub snapshots: Dir<'static>,
}

/// The endings of the files that count.
const CASE: &str = "case";
const SNAPSHOT: &str = "snap";

static FILES: OnceLock<BuiltIn> = OnceLock::new();
static CASES: LazyLock<Texts> = LazyLock::new(|| below(FILES.get().map(|own| &own.cases), CASE));
static SNAPSHOTS: LazyLock<Texts> =
    LazyLock::new(|| below(FILES.get().map(|own| &own.snapshots), SNAPSHOT));

impl BuiltIn {
    /// No files at all.
    pub const NONE: BuiltIn = BuiltIn { cases: Dir::new("", &[]), snapshots: Dir::new("", &[]) };

    /// Makes these the files of this process, before anything reads them.
    pub fn provide(self) {
        let _ = FILES.set(self);
    }
}

/// The texts of all cases, by their ids.
pub fn cases() -> &'static Texts {
    &CASES
}

/// Their snapshots.
pub fn snapshots() -> Snapshots {
    Snapshots::built_in(&SNAPSHOTS)
}

/// All files, by their paths: `cases/notes/open_rdonly.case`, `snapshots/notes/open_rdonly.snap`.
pub fn files() -> BTreeMap<PathBuf, &'static str> {
    let folders = [("cases", &*CASES, CASE), ("snapshots", &*SNAPSHOTS, SNAPSHOT)];
    let named = folders.into_iter().flat_map(|(folder, texts, ending)| {
        let path = move |name: &String| PathBuf::from(format!("{folder}/{name}.{ending}"));
        texts.iter().map(move |(name, text)| (path(name), *text))
    });
    named.collect()
}

/// The texts of the files with this ending, by their paths without it.
fn below(folder: Option<&'static Dir<'static>>, ending: &str) -> Texts {
    let mut texts = Texts::new();
    let Some(folder) = folder else { return texts };
    for file in folder.files() {
        let has_it = file.path().extension().is_some_and(|own| own == ending);
        let name = file.path().with_extension("");
        if let (true, Some(name), Some(text)) = (has_it, name.to_str(), file.contents_utf8()) {
            texts.insert(name.to_owned(), text);
        }
    }
    texts.extend(folder.dirs().flat_map(|folder| below(Some(folder), ending)));
    texts
}
