//! A case that was removed or renamed leaves its snapshots behind: [`Snapshots::without_case`] finds them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Root, Snapshots, header};

impl Snapshots {
    /// Returns the snapshots that belong to no case of these ids, in order: variants, and pictures that wait for a
    /// review, included. A folder that cannot be read holds none, as the comparison of its cases tells of it.
    /// Those in the command are in order: a test says so.
    pub fn without_case(&self, ids: &BTreeSet<&str>) -> Vec<PathBuf> {
        let Root::Folder(root) = &self.root else { return Vec::new() };
        let mut files = Vec::new();
        collect(root, &mut files);
        files.retain(|path| {
            let below = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
            let name = below.strip_suffix(".new").unwrap_or(&below);
            // No id has an `@`, which begins the name of a variant.
            let id = name.strip_suffix(".snap").and_then(|name| name.split('@').next());
            id.is_some_and(|id| !ids.contains(id)) && is_of_a_case(path)
        });
        files.sort();
        files
    }
}

/// True if the file is not the snapshot of another test: the header of one that faultmap has written names a case.
fn is_of_a_case(path: &Path) -> bool {
    let header = header(path).unwrap_or_default();
    let names_one = |line: &str| {
        line.strip_prefix("source: ")
            .is_some_and(|own| own.trim_start_matches('"').starts_with("cases/"))
    };
    header.is_empty() || header.lines().any(names_one)
}

/// Collects the files below a folder. Hidden ones are those of editors.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            _ => files.push(entry.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_no_case_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "a.snap",
            "a@tmpfs.snap",
            "a.snap.new",
            "f/b.snap",
            "f/gone.snap",
            "f/gone@xfs.snap",
            "gone.snap.new",
            "b.snap",
            ".hidden.snap",
            "readme.md",
            "a.new",
        ];
        std::fs::create_dir(folder.path().join("f")).expect("a new folder");
        for name in names {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let other = "---\nsource: tests/other.rs\n---\na value\n";
        std::fs::write(folder.path().join("other__value.snap"), other).expect("written");
        let own = "---\nsource: cases/f/gone.case\n---\na picture\n";
        std::fs::write(folder.path().join("f/gone.snap"), own).expect("written");
        let found = Snapshots::below(folder.path()).without_case(&BTreeSet::from(["a", "f/b"]));
        let expected = ["b.snap", "f/gone.snap", "f/gone@xfs.snap", "gone.snap.new"];
        assert_eq!(found, expected.map(|name| folder.path().join(name)));
        let nowhere = Snapshots::below(folder.path().join("nowhere"));
        assert_eq!(nowhere.without_case(&BTreeSet::new()), Vec::<PathBuf>::new());
    }
}
