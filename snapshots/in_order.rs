//! That this folder is in order. It stands here, and not with the other tests, because `cargo insta
//! review` looks for pictures to review beside the sources of tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use faultmap::internals::snapshot::{self, Snapshots};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds harness/")
}

/// The paths below a folder that end so, without the ending.
fn ids_below(folder: &str, ending: &str) -> BTreeSet<String> {
    fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a readable folder").flatten() {
            match entry.path() {
                path if path.is_dir() => collect(&path, out),
                path => out.push(path),
            }
        }
    }
    let top = root().join(folder);
    let mut paths = Vec::new();
    collect(&top, &mut paths);
    let names = paths.iter().filter_map(|path| path.strip_prefix(&top).ok()?.to_str());
    names.filter_map(|name| name.strip_suffix(ending)).map(str::to_owned).collect()
}

#[test]
fn every_snapshot_has_its_case_and_every_case_its_snapshot() {
    let cases = ids_below("cases", ".case");
    let snaps = ids_below("snapshots", ".snap");
    let without_case: Vec<_> =
        snaps.iter().filter(|snap| !cases.contains(snap.split('@').next().unwrap_or(""))).collect();
    assert!(without_case.is_empty(), "snapshots without a case: {without_case:?}; delete them");
    let without_snapshot: Vec<_> = cases.difference(&snaps).collect();
    assert!(without_snapshot.is_empty(), "cases without a snapshot: {without_snapshot:?}");
}

#[test]
fn every_variant_has_known_conditions_and_differs_from_its_base() {
    let known: BTreeSet<_> =
        faultmap::internals::case::FILE_SYSTEMS.iter().map(|(_, name)| *name).collect();
    for snap in ids_below("snapshots", ".snap") {
        let Some((id, variant)) = snap.split_once('@') else { continue };
        for condition in snapshot::conditions(variant) {
            let snapshot::Condition::FileSystem(name) = condition else { continue };
            assert!(known.contains(&*name), "{snap}: `{name}` is no condition");
        }
        let read = |variant| {
            Snapshots::below(root().join("snapshots")).kept(id, variant).expect("a snapshot")
        };
        assert_ne!(read(Some(variant)), read(None), "{snap} is the same as its base: delete it");
    }
}
