//! Snapshots: the kept picture of each case, and its comparison with a measured one.
//!
//! Snapshots are `.snap` files of insta. The tests of this project write them by insta, for `cargo insta review`, and
//! `run --accept` by [`Snapshots::keep`]. The snapshot of `cases/notes/map_6000.case` is
//! `snapshots/notes/map_6000.snap`. Where the picture differs on a file system, a variant stands beside it:
//! `map_6000@tmpfs.snap`. A variant that is equal to the base is useless, and an error:
//! everywhere, as its file system may be at hand nowhere else.
//!
//! The comparison ignores insta's header, as insta does: the header names the test that wrote the
//! file, which differs from project to project.

mod keep;
mod variant;
mod without_case;

pub use keep::{Kept, New, Target, words};
pub use variant::{Condition, Place, conditions};

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The largest size of a snapshot, in bytes.
const SNAPSHOT_BYTES: u64 = 1 << 20;

/// Texts by the names of their files, without the ending.
pub type Texts = BTreeMap<String, &'static str>;

/// The snapshots of a tree of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    root: Root,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Folder(PathBuf),
    /// Files that are a part of the command.
    BuiltIn(&'static Texts),
}

/// The result of comparing a picture with its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The two are equal.
    Same,
    /// The snapshot holds another text.
    Changed {
        /// The file of the snapshot.
        path: PathBuf,
        /// The text of the snapshot, without insta's header.
        kept: String,
    },
    /// There is no snapshot for this id.
    New,
    /// A variant, of this place or another one, is equal to what would count without it, so it should be removed.
    NeedlessVariant {
        /// The file of the variant.
        path: PathBuf,
    },
    /// Several variants fit that are not the same, and none has more conditions than all others.
    Tied {
        /// Their files.
        paths: Vec<PathBuf>,
    },
}

impl Snapshots {
    /// The snapshots in this folder.
    pub fn below(root: impl Into<PathBuf>) -> Snapshots {
        Snapshots { root: Root::Folder(root.into()) }
    }

    /// The snapshots in the command.
    pub fn built_in(texts: &'static Texts) -> Snapshots {
        Snapshots { root: Root::BuiltIn(texts) }
    }

    /// True for the snapshots in the command, which nobody can change.
    pub fn are_built_in(&self) -> bool {
        matches!(self.root, Root::BuiltIn(_))
    }

    /// The file of the snapshot of this case, whether or not it exists. One in the command has no file, and
    /// this name: `built-in:snapshots/notes/open_rdonly.snap`.
    pub fn path(&self, id: &str, variant: Option<&str>) -> PathBuf {
        let name = name(id, variant);
        match &self.root {
            Root::Folder(root) => root.join(format!("{name}.snap")),
            Root::BuiltIn(_) => PathBuf::from(format!("built-in:snapshots/{name}.snap")),
        }
    }

    /// The snapshot that counts in this place.
    pub fn counting<'a>(&'a self, id: &'a str, place: &Place) -> Counting<'a> {
        let all = self.variants(id);
        Counting { snapshots: self, id, fitting: fitting(&all, place), all }
    }

    /// The variants of the snapshot of this case that fit a place, as [`fitting`] has them.
    fn fitting(&self, id: &str, place: &Place) -> Vec<(usize, String)> {
        fitting(&self.variants(id), place)
    }

    /// The variants of the snapshot of this case, in order. A folder that cannot be read has none: the comparison with
    /// the base tells why.
    pub fn variants(&self, id: &str) -> Vec<String> {
        let mut variants: Vec<String> = match &self.root {
            Root::Folder(_) => {
                let base = self.path(id, None);
                let stem = format!("{}@", id.rsplit('/').next().unwrap_or_default());
                let entries = base.parent().and_then(|folder| std::fs::read_dir(folder).ok());
                let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
                let variant =
                    |name: &str| Some(name.strip_prefix(&stem)?.strip_suffix(".snap")?.to_owned());
                names.filter_map(|name| variant(name.to_str()?)).collect()
            }
            Root::BuiltIn(texts) => {
                let stem = format!("{id}@");
                let names = texts.range(stem.clone()..).map(|(name, _)| name);
                names.map_while(|name| name.strip_prefix(&stem)).map(str::to_owned).collect()
            }
        };
        variants.sort();
        variants
    }

    /// The text of the snapshot of this case.
    pub fn kept(&self, id: &str, variant: Option<&str>) -> io::Result<String> {
        match &self.root {
            Root::Folder(_) => read(&self.path(id, variant)),
            Root::BuiltIn(texts) => match texts.get(&name(id, variant)) {
                Some(text) => Ok(below_header(text).to_owned()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }

    /// Compares a picture that was measured in this place. Fails where a snapshot cannot be read.
    pub fn compare(&self, id: &str, place: &Place, picture: &str) -> io::Result<Comparison> {
        self.counting(id, place).compare(picture)
    }
}

/// The snapshot of a case that counts in a place: of the variants that fit, the one with the most conditions; else the
/// base.
#[derive(Debug)]
pub struct Counting<'a> {
    snapshots: &'a Snapshots,
    id: &'a str,
    /// The variants that fit, with the numbers of their conditions, the largest first.
    fitting: Vec<(usize, String)>,
    /// All variants.
    all: Vec<String>,
}

impl Counting<'_> {
    /// Its file, whether or not it exists.
    pub fn path(&self) -> PathBuf {
        self.snapshots.path(self.id, self.variant())
    }

    /// The variant that counts; none for the base.
    fn variant(&self) -> Option<&str> {
        self.fitting.first().map(|(_, variant)| variant.as_str())
    }

    /// Compares it with a picture. Fails where a snapshot cannot be read.
    pub fn compare(&self, picture: &str) -> io::Result<Comparison> {
        let Counting { snapshots, id, fitting, .. } = self;
        let most = fitting.first().map_or(0, |(conditions, _)| *conditions);
        let path = self.path();
        let kept = match snapshots.kept(id, self.variant()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Comparison::New),
            kept => kept?,
        };
        let tied: Vec<&(usize, String)> = fitting.iter().filter(|own| own.0 == most).collect();
        for (_, other) in tied.iter().skip(1) {
            if !snapshots.kept(id, Some(other))?.lines().eq(kept.lines()) {
                let paths = tied.iter().map(|(_, variant)| snapshots.path(id, Some(variant)));
                return Ok(Comparison::Tied { paths: paths.collect() });
            }
        }
        if !kept.lines().eq(picture.lines()) {
            return Ok(Comparison::Changed { path, kept });
        }
        let needless = self.all.iter().find(|variant| self.is_needless(variant));
        Ok(needless.map_or(Comparison::Same, |variant| {
            let path = snapshots.path(id, Some(variant));
            Comparison::NeedlessVariant { path }
        }))
    }

    /// True for a variant of any place that is equal to what would count without it there.
    fn is_needless(&self, variant: &str) -> bool {
        let Counting { snapshots, id, all, .. } = self;
        let Ok(own) = snapshots.kept(id, Some(variant)) else { return false };
        let is_same =
            |other: io::Result<String>| other.is_ok_and(|other| other.lines().eq(own.lines()));
        let stand_ins = variant::stand_ins(variant, all);
        !stand_ins.is_empty() && stand_ins.into_iter().all(|name| is_same(snapshots.kept(id, name)))
    }
}

/// Of these variants, those that fit a place, with the numbers of their conditions, the largest first.
fn fitting(all: &[String], place: &Place) -> Vec<(usize, String)> {
    let fits = all.iter().filter_map(|own| Some((variant::fits(own, place)?, own.clone())));
    let mut fitting: Vec<(usize, String)> = fits.collect();
    fitting.sort_by_key(|(conditions, _)| Reverse(*conditions));
    fitting
}

/// The name of a snapshot: `notes/open_rdonly`, `notes/open_rdonly@tmpfs`.
fn name(id: &str, variant: Option<&str>) -> String {
    let suffix = variant.map_or(String::new(), |variant| format!("@{variant}"));
    format!("{id}{suffix}")
}

/// The text of a file below its header.
fn read(path: &Path) -> io::Result<String> {
    Ok(below_header(&whole(path)?).to_owned())
}

/// The header of a file; nothing where there is none.
fn header(path: &Path) -> io::Result<String> {
    let mut text = whole(path)?;
    text.truncate(text.len() - below_header(&text).len());
    Ok(text)
}

/// The text of a file. Bytes that are not UTF-8 become U+FFFD, which differs from any picture.
fn whole(path: &Path) -> io::Result<String> {
    let fails = |what: String| io::Error::other(format!("{} {what}", path.display()));
    if !std::fs::metadata(path)?.is_file() {
        return Err(fails("is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(SNAPSHOT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SNAPSHOT_BYTES {
        let most = SNAPSHOT_BYTES;
        return Err(fails(format!("has more than {most} bytes, which no picture has: delete it")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text below the second line `---`; all of it where there is no header.
fn below_header(file: &str) -> &str {
    let mut lines = file.split_inclusive('\n');
    let is_rule = |line: &str| line.trim_end() == "---";
    if !lines.next().is_some_and(is_rule) || !lines.by_ref().any(is_rule) {
        return file;
    }
    let below: usize = lines.map(str::len).sum();
    &file[file.len() - below..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(file_system: &str) -> Place {
        Place::here(file_system)
    }

    const HEADER: &str = "---\nsource: harness/tests/cases.rs\n---\n";

    #[test]
    fn any_byte_below_the_header_counts() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        let compare = || snapshots.compare("a", &on("ext4"), "pic\nture\n").unwrap();
        assert_eq!(compare(), Comparison::New);
        let whole = format!("{HEADER}pic\nture\n");
        std::fs::write(dir.path().join("a.snap"), &whole).unwrap();
        assert_eq!(compare(), Comparison::Same);
        for index in HEADER.len()..whole.len() {
            let mut edited = whole.clone().into_bytes();
            edited[index] ^= 1;
            std::fs::write(dir.path().join("a.snap"), edited).unwrap();
            assert!(matches!(compare(), Comparison::Changed { .. }), "byte {index}");
        }
    }

    #[test]
    fn the_header_of_another_project_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        for file in [
            "---\nsource: tests/mine.rs\nexpression: picture\nsnapshot_kind: text\n---\npic\nture\n",
            "---\nsource: tests/mine.rs\nassertion_line: 12\nexpression: \"a: b\"\n---\npic\nture\n",
            "---\r\nsource: tests/mine.rs\r\n---\r\npic\r\nture\r\n",
            "pic\nture",
        ] {
            std::fs::write(dir.path().join("a.snap"), file).unwrap();
            let compared = snapshots.compare("a", &on("ext4"), "pic\nture\n").unwrap();
            assert_eq!(compared, Comparison::Same, "{file}");
        }
        std::fs::write(dir.path().join("a.snap"), "---\nsource: tests/mine.rs\n").unwrap();
        assert!(matches!(
            snapshots.compare("a", &on("ext4"), "pic\n"),
            Ok(Comparison::Changed { kept, .. }) if kept.starts_with("---")
        ));
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let sparse = File::create(dir.path().join("a.snap")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let error =
            Snapshots::below(dir.path()).compare("a", &on("ext4"), "picture\n").unwrap_err();
        assert!(error.to_string().contains("has more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_variant_counts_on_its_own_file_system_only_and_must_differ() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        std::fs::write(dir.path().join("a.snap"), format!("{HEADER}base\n")).unwrap();
        std::fs::write(dir.path().join("a@tmpfs.snap"), format!("{HEADER}other\n")).unwrap();
        let compare = |fs, text| snapshots.compare("a", &on(fs), text).unwrap();
        assert_eq!(compare("ext4", "base\n"), Comparison::Same);
        assert_eq!(compare("tmpfs", "other\n"), Comparison::Same);
        assert!(matches!(compare("tmpfs", "base\n"), Comparison::Changed { .. }));
        std::fs::write(dir.path().join("a@tmpfs.snap"), format!("{HEADER}base\n")).unwrap();
        for anywhere in ["tmpfs", "ext4"] {
            let compared = compare(anywhere, "base\n");
            assert!(matches!(compared, Comparison::NeedlessVariant { .. }), "{anywhere}");
        }
    }

    #[test]
    fn the_variant_with_the_most_conditions_counts_and_two_may_not_tie() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::below(dir.path());
        let place = Place {
            file_system: "xfs".to_owned(),
            kernel: (6, 12),
            architecture: "x86_64".to_owned(),
            page: 4096,
        };
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(format!("{name}.snap")), format!("{HEADER}{text}\n"))
                .unwrap();
        };
        let compare = |text| snapshots.compare("a", &place, text).unwrap();
        write("a", "base");
        write("a@xfs", "on xfs");
        write("a@linux-6.1+xfs", "of another kernel");
        write("a@linux-6.12+xfs", "both");
        write("ab@xfs+linux-6.12+4k", "of another case");
        assert_eq!(compare("both\n"), Comparison::Same);
        assert!(
            matches!(compare("on xfs\n"), Comparison::Changed { kept, .. } if kept == "both\n")
        );
        // It must differ from what would count without it, and may be as the base.
        write("a@linux-6.12+xfs", "base");
        assert_eq!(compare("base\n"), Comparison::Same);
        write("a@linux-6.12+xfs", "on xfs");
        assert!(matches!(compare("on xfs\n"), Comparison::NeedlessVariant { .. }));
        // Two that are the same do not tie.
        write("a@linux-6.12+xfs", "both");
        write("a@4k+xfs", "both");
        assert_eq!(compare("both\n"), Comparison::Same);
        write("a@4k+linux-6.12+xfs", "both");
        assert!(matches!(compare("both\n"), Comparison::NeedlessVariant { .. }));
        std::fs::remove_file(dir.path().join("a@4k+linux-6.12+xfs.snap")).unwrap();
        write("a@linux-6.12+xfs", "on xfs");
        let paths = ["a@4k+xfs.snap", "a@linux-6.12+xfs.snap"].map(|name| dir.path().join(name));
        assert_eq!(compare("both\n"), Comparison::Tied { paths: paths.to_vec() });
    }
}
