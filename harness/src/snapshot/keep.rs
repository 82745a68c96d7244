//! A measured picture becomes the kept one: which file has to change? [`Snapshots::keep`] decides it.
//!
//! The base speaks for every place that has no variant. Where it differs from what was measured, either its answer is
//! out of date, or it is the answer of another place: then a variant has to stand beside it, or the other answer would
//! be lost. The header of a base that was written here says where it was measured, and the variant is named by what
//! differs. A base that does not say it is taken for another file system's, as a variant destroys nothing.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::variant::{self, Condition, Place};
use super::{Root, Snapshots, header};
use crate::picture::is_of_the_same_steps;

/// What the header says of the place, before its conditions.
const MEASURED_ON: &str = "description: measured on ";

/// The file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Target {
    /// The one that fits.
    Fitting,
    /// The base.
    Base,
    /// The variant that counts here, or one of the file system.
    Variant,
}

/// A picture to keep.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// The id of its case.
    pub id: &'a str,
    /// The place in which it was measured.
    pub place: &'a Place,
    /// Its text.
    pub picture: &'a str,
}

/// What was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The file that holds the picture now; `None` where it was there already.
    pub written: Option<PathBuf>,
    /// Files that are needed no more: variants that are the same as their base, and pictures that waited for a
    /// review with insta.
    pub removed: Vec<PathBuf>,
    /// True where a variant was written because the base does not say where it was measured.
    pub is_guess: bool,
}

impl Snapshots {
    /// Keeps the picture as the snapshot that counts in its place. Fails where a file cannot be read, written or
    /// removed; always for the snapshots in the command.
    pub fn keep(&self, new: New<'_>, target: Target) -> io::Result<Kept> {
        let Root::Folder(_) = &self.root else {
            return Err(io::Error::other("the snapshots in the command cannot be changed"));
        };
        let base = match self.kept(new.id, None) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            base => Some(base?),
        };
        let mut kept = Kept::default();
        let counts = self.fitting(new.id, new.place).into_iter().next().map(|(_, variant)| variant);
        let file_system = || new.place.file_system.clone();
        let variant = match target {
            Target::Base => None,
            Target::Variant => Some(counts.clone().unwrap_or_else(file_system)),
            Target::Fitting => match &base {
                _ if counts.is_some() => counts.clone(),
                Some(base) if is_same(base, new.picture) => None,
                Some(base) if is_of_the_same_steps(base, new.picture) => {
                    match self.measured_in(new.id) {
                        Some(written) => variant::difference(new.place, &written),
                        None => {
                            kept.is_guess = true;
                            Some(file_system())
                        }
                    }
                }
                _ => None,
            },
        };
        match (variant, base) {
            (Some(variant), Some(base)) if is_same(&base, new.picture) => {
                self.remove(new.id, &variant, &mut kept)?;
            }
            (variant, base) => {
                let is_variant = variant.is_some();
                let is_there = !is_variant && base.is_some_and(|base| is_same(&base, new.picture));
                if !is_there {
                    let path = self.path(new.id, variant.as_deref());
                    write(&path, &whole(new))?;
                    remove_if_there(&pending(&path), &mut kept)?;
                    kept.written = Some(path);
                }
                if !is_variant {
                    for variant in self.fitting(new.id, new.place) {
                        self.remove(new.id, &variant.1, &mut kept)?;
                    }
                    self.remove_needless(new, &mut kept)?;
                }
            }
        }
        Ok(kept)
    }

    /// The place in which the base was measured, if it says so.
    fn measured_in(&self, id: &str) -> Option<Vec<Condition>> {
        let header = header(&self.path(id, None)).ok()?;
        let said = header.lines().find_map(|line| line.strip_prefix(MEASURED_ON))?;
        Some(said.split(',').map(|word| Condition::parse(word.trim())).collect())
    }

    /// Removes a variant.
    fn remove(&self, id: &str, variant: &str, kept: &mut Kept) -> io::Result<()> {
        let path = self.path(id, Some(variant));
        remove_if_there(&path, kept)?;
        remove_if_there(&pending(&path), kept)
    }

    /// Removes the variants of other places that are the same as the base now.
    fn remove_needless(&self, new: New<'_>, kept: &mut Kept) -> io::Result<()> {
        for variant in self.variants(new.id) {
            if is_same(&self.kept(new.id, Some(&variant))?, new.picture) {
                self.remove(new.id, &variant, kept)?;
            }
        }
        Ok(())
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.lines().eq(other.lines())
}

/// The text of a snapshot, with a header as insta has it.
fn whole(new: New<'_>) -> String {
    let source = format!("cases/{}.case", new.id);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let source = match source.chars().all(is_plain) {
        true => source,
        // A text of JSON is one of YAML.
        false => serde_json::Value::from(source).to_string(),
    };
    format!("---\nsource: {source}\n{MEASURED_ON}{}\n---\n{}", words(new.place), new.picture)
}

/// The place as a header says it: `ext4, linux-6.18, x86_64, 4k`.
pub fn words(place: &Place) -> String {
    place.conditions().map(|condition| condition.to_string()).join(", ")
}

/// The picture that waits beside this snapshot for a review with insta.
fn pending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Writes the file whole, or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("there is no folder"))?;
    std::fs::create_dir_all(folder)?;
    // The umask takes away from these, as from those of any new file.
    let open = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(open).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

fn remove_if_there(path: &Path, kept: &mut Kept) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => {
            removed?;
            kept.removed.push(path.to_path_buf());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of one case, and one of it with another step.
    const HERE: &str = "m = mmap();\nsweep(m, read);\n\n     0\nread | zero\n";
    const THERE: &str = "m = mmap();\nsweep(m, read);\n\n     0\nread | data\n";
    const OTHER_STEPS: &str = "m = mmap(1);\nsweep(m, read);\n\n     0\nread | zero\n";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Folder {
            let folder = Folder(tempfile::tempdir().expect("a folder"));
            for (name, text) in files {
                let path = folder.0.path().join(name);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(path, text).expect("written");
            }
            folder
        }

        /// Keeps the picture. Returns the names of the files that were written and removed.
        fn keep(
            &self,
            file_system: &str,
            picture: &str,
            target: Target,
        ) -> (Vec<String>, Vec<String>, bool) {
            let snapshots = Snapshots::below(self.0.path());
            let place = &Place::here(file_system);
            let new = New { id: "f/a", place, picture };
            let kept = snapshots.keep(new, target).expect("kept");
            // Whatever was done, the picture is now the snapshot that counts.
            let compared = snapshots.compare("f/a", place, picture).expect("readable");
            assert_eq!(compared, super::super::Comparison::Same);
            let name = |path: &PathBuf| {
                path.file_name().expect("a name").to_str().expect("text").to_owned()
            };
            let written = kept.written.iter().map(name).collect();
            (written, kept.removed.iter().map(name).collect(), kept.is_guess)
        }
    }

    fn measured_on(file_system: &str, picture: &str) -> String {
        whole(New { id: "f/a", place: &Place::here(file_system), picture })
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_picture_is_the_base() {
        let folder = Folder::with(&[]);
        assert_eq!(folder.keep("ext4", HERE, Target::Fitting), (names(&["a.snap"]), vec![], false));
        let text = std::fs::read_to_string(folder.0.path().join("f/a.snap")).expect("written");
        let words = words(&Place::here("ext4"));
        let header =
            format!("---\nsource: cases/f/a.case\ndescription: measured on {words}\n---\n");
        assert!(words.starts_with("ext4, linux-"), "{words}");
        assert_eq!(text, format!("{header}{HERE}"));
        assert_eq!(folder.keep("ext4", HERE, Target::Fitting), (vec![], vec![], false));
        assert_eq!(folder.keep("tmpfs", HERE, Target::Fitting), (vec![], vec![], false));
    }

    #[test]
    fn the_answer_of_another_file_system_stays() {
        let base = measured_on("ext4", THERE);
        let folder = Folder::with(&[("f/a.snap", &base)]);
        let variant = names(&["a@tmpfs.snap"]);
        assert_eq!(folder.keep("tmpfs", HERE, Target::Fitting), (variant.clone(), vec![], false));
        let kept = std::fs::read_to_string(folder.0.path().join("f/a.snap")).expect("there");
        assert_eq!(kept, base);
        // The variant counts from now on, and goes with what makes it differ.
        assert_eq!(folder.keep("tmpfs", THERE, Target::Fitting), (vec![], variant, false));
    }

    #[test]
    fn a_variant_is_named_by_what_differs() {
        let text = measured_on("ext4", THERE);
        let series = format!("linux-{}.{}", Place::here("").kernel.0, Place::here("").kernel.1);
        let old = text.replace(&series, "linux-5.10");
        assert_ne!(old, text);
        let folder = Folder::with(&[("f/a.snap", &old)]);
        let variant = names(&[&format!("a@{series}.snap")]);
        assert_eq!(folder.keep("ext4", HERE, Target::Fitting), (variant, vec![], false));
        // The variant that counts is the one that is replaced.
        let other = "m = mmap();\nsweep(m, read);\n\n     0\nread | SIGBUS ADRERR\n";
        let (written, ..) = folder.keep("xfs", other, Target::Fitting);
        assert_eq!(written, names(&[&format!("a@{series}.snap")]));
    }

    #[test]
    fn an_answer_of_this_file_system_is_replaced() {
        let folder = Folder::with(&[("f/a.snap", &measured_on("ext4", THERE))]);
        assert_eq!(folder.keep("ext4", HERE, Target::Fitting), (names(&["a.snap"]), vec![], false));
    }

    #[test]
    fn a_picture_of_other_steps_is_out_of_date_everywhere() {
        let folder = Folder::with(&[("f/a.snap", &measured_on("ext4", OTHER_STEPS))]);
        assert_eq!(
            folder.keep("tmpfs", HERE, Target::Fitting),
            (names(&["a.snap"]), vec![], false)
        );
    }

    #[test]
    fn a_base_that_does_not_say_its_file_system_is_not_lost() {
        let insta = format!("---\nsource: tests/mine.rs\n---\n{THERE}");
        let folder = Folder::with(&[("f/a.snap", &insta)]);
        let variant = names(&["a@ext4.snap"]);
        assert_eq!(folder.keep("ext4", HERE, Target::Fitting), (variant.clone(), vec![], true));
        // Unless the user knows better.
        assert_eq!(folder.keep("ext4", HERE, Target::Base), (names(&["a.snap"]), variant, false));
    }

    #[test]
    fn a_base_takes_the_place_of_the_variants_that_are_the_same() {
        let folder = Folder::with(&[
            ("f/a.snap", &measured_on("ext4", THERE)),
            ("f/a@xfs.snap", &measured_on("xfs", HERE)),
            ("f/a@tmpfs.snap", &measured_on("tmpfs", OTHER_STEPS)),
            ("f/ab@xfs.snap", &measured_on("xfs", HERE)),
        ]);
        let (written, removed, _) = folder.keep("ext4", HERE, Target::Fitting);
        assert_eq!((written, removed), (names(&["a.snap"]), names(&["a@xfs.snap"])));
    }

    #[test]
    fn a_variant_can_be_asked_for_and_is_written_only_if_it_differs() {
        let folder = Folder::with(&[("f/a.snap", &measured_on("ext4", THERE))]);
        assert_eq!(folder.keep("ext4", THERE, Target::Variant), (vec![], vec![], false));
        let variant = names(&["a@ext4.snap"]);
        assert_eq!(folder.keep("ext4", HERE, Target::Variant), (variant, vec![], false));
    }

    #[test]
    fn a_picture_that_waits_for_a_review_waits_no_more() {
        let folder = Folder::with(&[("f/a.snap.new", "---\nassertion_line: 1\n---\nold\n")]);
        let (_, removed, _) = folder.keep("ext4", HERE, Target::Fitting);
        assert_eq!(removed, names(&["a.snap.new"]));
    }

    #[test]
    fn a_name_that_yaml_would_read_otherwise_is_quoted() {
        let text = whole(New { id: "a: #b", place: &Place::here("ext4"), picture: HERE });
        assert!(text.starts_with("---\nsource: \"cases/a: #b.case\"\n"), "{text}");
    }
}
