//! The text that is kept of a case, and whether it still holds.
//!
//! Snapshots are insta's `.snap` files, written and accepted with `cargo insta`. Their place is the
//! case's id: `cases/notes/map_6000.case` is kept in `snapshots/notes/map_6000.snap`. A file system
//! on which the picture truly differs has a file of its own beside it, `map_6000@tmpfs.snap`; one
//! that is equal to the base says nothing and is an error.
//!
//! The comparison is of the whole file, byte for byte: an edit anywhere in it shows.

use std::io;
use std::path::{Path, PathBuf};

/// What insta writes above the text. The file named is the test that makes the snapshots.
const HEADER: &str = "---\nsource: harness/tests/cases.rs\n---\n";

/// The snapshots of a tree of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    root: PathBuf,
}

/// How a picture compares with what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Byte for byte.
    Same,
    /// Another text is kept, in this file.
    Changed {
        /// The file that was compared with.
        path: PathBuf,
        /// Its text, without insta's header where that is as it should be.
        kept: String,
    },
    /// Nothing is kept under this id.
    New,
    /// The variant is the same as the base: it should not be there.
    NeedlessVariant {
        /// The variant.
        path: PathBuf,
    },
}

impl Snapshots {
    /// The snapshots below this folder.
    pub fn below(root: impl Into<PathBuf>) -> Snapshots {
        Snapshots { root: root.into() }
    }

    /// The file that a case's picture is kept in, or would be.
    pub fn path(&self, id: &str, variant: Option<&str>) -> PathBuf {
        let suffix = variant.map_or(String::new(), |variant| format!("@{variant}"));
        self.root.join(format!("{id}{suffix}.snap"))
    }

    /// The file that counts on this file system: the variant where there is one.
    pub fn path_on(&self, id: &str, file_system: &str) -> (PathBuf, bool) {
        let variant = self.path(id, Some(file_system));
        match variant.exists() {
            true => (variant, true),
            false => (self.path(id, None), false),
        }
    }

    /// Compares a picture that was measured on this file system. Fails where the file cannot be read.
    pub fn compare(&self, id: &str, file_system: &str, picture: &str) -> io::Result<Comparison> {
        let (path, is_variant) = self.path_on(id, file_system);
        let kept = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Comparison::New),
            kept => kept?,
        };
        if kept != format!("{HEADER}{picture}") {
            let kept = kept.strip_prefix(HEADER).map_or(kept.clone(), str::to_owned);
            return Ok(Comparison::Changed { path, kept });
        }
        if is_variant && read(&self.path(id, None)).is_ok_and(|base| base == kept) {
            return Ok(Comparison::NeedlessVariant { path });
        }
        Ok(Comparison::Same)
    }
}

/// The text of a file; bytes that are no text stay visible as such, and compare as different.
fn read(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other(format!("{} is no regular file", path.display())));
    }
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_of_the_file_counts() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        let compare = || snapshots.compare("a", "ext4", "picture\n").unwrap();
        assert_eq!(compare(), Comparison::New);
        let whole = format!("{HEADER}picture\n");
        std::fs::write(dir.path().join("a.snap"), &whole).unwrap();
        assert_eq!(compare(), Comparison::Same);
        for index in 0..whole.len() {
            let mut edited = whole.clone().into_bytes();
            edited[index] ^= 1;
            std::fs::write(dir.path().join("a.snap"), edited).unwrap();
            assert!(matches!(compare(), Comparison::Changed { .. }), "byte {index}");
        }
    }

    #[test]
    fn a_variant_counts_on_its_own_file_system_only_and_must_differ() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        std::fs::write(dir.path().join("a.snap"), format!("{HEADER}base\n")).unwrap();
        std::fs::write(dir.path().join("a@tmpfs.snap"), format!("{HEADER}other\n")).unwrap();
        let compare = |fs, text| snapshots.compare("a", fs, text).unwrap();
        assert_eq!(compare("ext4", "base\n"), Comparison::Same);
        assert_eq!(compare("tmpfs", "other\n"), Comparison::Same);
        assert!(matches!(compare("tmpfs", "base\n"), Comparison::Changed { .. }));
        std::fs::write(dir.path().join("a@tmpfs.snap"), format!("{HEADER}base\n")).unwrap();
        assert!(matches!(compare("tmpfs", "base\n"), Comparison::NeedlessVariant { .. }));
    }
}
