//! `run --accept`: a picture that is new or has changed becomes the kept one, if nothing speaks against it.

use super::verdict::{Findings, Verdict};
use crate::cli::select::Loaded;
use crate::cli::shell::program;
use crate::snapshot::{New, Place, Target};

/// Keeps the picture of a case that is new or has changed, and writes down what became of that. A case that was
/// skipped, has no answer, or contradicts the model without saying why is left alone.
pub fn accept(loaded: &Loaded, found: &mut Findings, target: Target, place: &Place) {
    let Some(picture) = found.picture.as_deref() else { return };
    if !matches!(found.compared, Verdict::New | Verdict::Changed) {
        return;
    }
    let Some(snapshots) = &loaded.snapshots else { return };
    if snapshots.are_built_in() {
        found.advice = Some(format!(
            "not accepted: the case is built in; `{} cases DIR` makes files of the built-in cases",
            program()
        ));
        return;
    }
    if found.is_split {
        found.advice = Some("not accepted: the kernel contradicts the model".to_owned());
        return;
    }
    match snapshots.keep(New { id: &loaded.id, place, picture }, target) {
        Ok(kept) => {
            found.advice = kept.is_guess.then(|| {
                format!(
                    "the base does not say on which file system it was measured: if on {}, \
                     `--accept=base` replaces it",
                    place.file_system
                )
            });
            found.accepted = Some(kept);
        }
        Err(error) => {
            found.compared = Verdict::HarnessError;
            found.reason = Some(format!("cannot keep the picture: {error}"));
            found.advice = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::select::Source;
    use crate::snapshot::Snapshots;

    /// The findings on a case after an attempt to accept it, and the number of files that were written.
    fn accepted(compared: Verdict, is_split: bool) -> (Findings, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let loaded = Loaded {
            id: "it".to_owned(),
            name: "it".to_owned(),
            word: "it".to_owned(),
            case: crate::parse::case("fd = file(1);").expect("a case"),
            lines: vec![1],
            snapshots: Some(Snapshots::below(folder.path())),
            source: Source::Stdin,
        };
        let found = Findings::because(compared, "reason".to_owned());
        let mut found = Findings { is_split, picture: Some("fd = file(1);\n".to_owned()), ..found };
        accept(&loaded, &mut found, Target::Fitting, &Place::here("ext4"));
        (found, std::fs::read_dir(folder.path()).expect("a folder").count())
    }

    #[test]
    fn only_what_is_new_or_has_changed_and_agrees_with_the_model_is_kept() {
        for compared in [Verdict::New, Verdict::Changed] {
            let (found, written) = accepted(compared, false);
            assert_eq!((found.accepted.is_some(), written), (true, 1), "{compared:?}");
            let (found, written) = accepted(compared, true);
            assert_eq!((found.accepted, written), (None, 0), "{compared:?}");
            assert!(found.advice.is_some_and(|advice| advice.contains("not accepted")));
        }
        for compared in [Verdict::Same, Verdict::Skipped, Verdict::HarnessError] {
            assert_eq!(accepted(compared, false).1, 0, "{compared:?}");
        }
    }
}
