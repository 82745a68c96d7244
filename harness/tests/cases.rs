//! Every case, on every backing, against its snapshot.
//!
//! Nothing is forked from a thread of libtest: each test runs the `faultmap` command, which is one
//! small process of one thread, and compares the picture that it prints. The project's directory,
//! tmpfs and memfd must agree with the same snapshot; a case on which a file system truly differs
//! has a variant beside it, such as `id@tmpfs.snap`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use faultmap::snapshot::{Comparison, Snapshots};
use rstest::rstest;
use serde_json::Value;

/// Where the files of the cases live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The project's own directory. New snapshots are written from here.
    Project,
    /// /dev/shm, where it is a tmpfs.
    Tmpfs,
    /// No directory at all.
    Memfd,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds harness/")
}

fn snapshots() -> Snapshots {
    Snapshots::below(root().join("snapshots"))
}

/// The id of a case file: its path below `cases/` without the ending.
fn id(path: &Path) -> String {
    let path = path.canonicalize().expect("rstest found it");
    let below = path.strip_prefix(root().join("cases")).expect("it lies below cases/");
    below.with_extension("").to_str().expect("ids are text").to_owned()
}

/// A reason to be read even where the test passes: the macros of std would be captured.
fn skip(id: &str, place: Place, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {id} ({place:?}): {reason}");
}

/// What `faultmap show --json` says of a case.
fn measure(path: &Path, place: Place) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultmap"));
    command.arg("show").arg(path).args(["--json", "--jobs", "1"]);
    match place {
        Place::Project => command.arg("--dir").arg(env!("CARGO_TARGET_TMPDIR")),
        Place::Tmpfs => command.args(["--dir", "/dev/shm"]),
        Place::Memfd => command.arg("--memfd"),
    };
    let output = command.output().expect("the command can be run");
    let message = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: no JSON from {command:?}: {message}"))
}

#[rstest]
fn case(
    #[files("../cases/**/*.case")] path: PathBuf,
    #[values(Place::Project, Place::Tmpfs, Place::Memfd)] place: Place,
) {
    let id = id(&path);
    if place == Place::Tmpfs && !Path::new("/dev/shm").is_dir() {
        return skip(&id, place, "there is no /dev/shm");
    }
    let line = measure(&path, place);
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let page = line["page_size"].as_u64();
    let source = std::fs::read_to_string(&path).expect("a case file");
    if page != Some(4096) && !faultmap::parse::case(&source).is_ok_and(|case| case.says_page()) {
        return skip(&id, place, "its numbers are for pages of 4096 bytes");
    }
    match text("verdict") {
        "measured" => check(&id, &path, place, text("file_system"), text("picture")),
        "skipped" => skip(&id, place, text("reason")),
        other => panic!("{other}: {}", text("reason")),
    }
}

/// Compares with the snapshot that counts here. Where it differs, insta reports it, and writes the
/// picture down to be reviewed: as the snapshot, or as a variant where the project's directory, on
/// another file system, truly shows another picture.
fn check(id: &str, path: &Path, place: Place, file_system: &str, picture: &str) {
    let compared = snapshots().compare(id, file_system, picture).expect("snapshots/ is readable");
    let has_variant = snapshots().path(id, Some(file_system)).exists();
    match &compared {
        Comparison::Same => return,
        Comparison::NeedlessVariant { path } => {
            panic!("{} is the same as its base: delete it", path.display())
        }
        // The project's own test of this case reports it, and writes it down.
        _ if !has_variant && place != Place::Project && differs_alike(path, picture) => {
            assert!(
                accepting(),
                "{id} is not as its snapshot, and the same in the project's directory: see there"
            );
            return;
        }
        _ => {}
    }
    let variant = (has_variant || place != Place::Project).then_some(file_system);
    let mut settings = insta::Settings::clone_current();
    let below = Path::new(id).parent().unwrap_or(Path::new(""));
    settings.set_snapshot_path(root().join("snapshots").join(below));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    if let Some(variant) = variant {
        settings.set_snapshot_suffix(variant);
    }
    let name = id.rsplit('/').next().unwrap_or(id);
    settings.bind(|| insta::assert_snapshot!(name, picture));
    // Where insta is content, the picture has just been accepted (INSTA_UPDATE=always).
    if std::env::var_os("INSTA_FORCE_PASS").is_some() {
        return; // cargo-insta collects what is to be reviewed
    }
    let again = snapshots().compare(id, file_system, picture).expect("snapshots/ is readable");
    assert!(
        again == Comparison::Same,
        "insta takes the snapshot of {id} for the same, faultmap does not"
    );
}

/// Whether the project's directory shows this picture as well.
fn differs_alike(path: &Path, picture: &str) -> bool {
    measure(path, Place::Project)["picture"] == picture
}

/// Whether what differs is being written down, to be reviewed or as it is.
fn accepting() -> bool {
    std::env::var_os("INSTA_FORCE_PASS").is_some()
        || std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}
