//! A project in a folder of its own, with snapshots as the model predicts them.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::Path;

use faultmap::internals::case::{Case, Measurement};
use faultmap::internals::model::{Environment, Rule, predict};
use faultmap::internals::picture::draw;
use tempfile::TempDir;

use crate::command::{self, faultmap};

pub const PAGE: u64 = 4096;

/// One sweep of a file of a hundred bytes.
pub const CASE: &str = "fd = file(100);\nmap = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);\n\
                        sweep(map, read);\n";

/// A case that is a harness error at once, however busy the machine is: its range holds the program of the harness.
pub const REFUSED: &str = "fd = file(1);\nmsync(0, 4503599627370496, MS_ASYNC);\n";

/// Makes a folder with `cases/it.case` and a snapshot with this picture.
pub fn project(case: &str, kept: Option<&str>) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    add(dir.path(), "it", case, kept);
    dir
}

/// Adds a case of this id, and a snapshot with this picture.
pub fn add(dir: &Path, id: &str, case: &str, kept: Option<&str>) {
    for (folder, ending, text) in [
        ("cases", "case", Some(case.to_owned())),
        ("snapshots", "snap", kept.map(|kept| format!("---\nsource: tests/mine.rs\n---\n{kept}"))),
    ] {
        let path = dir.join(folder).join(format!("{id}.{ending}"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        if let Some(text) = text {
            std::fs::write(&path, text).expect("written");
        }
    }
}

/// The ids of [`every_verdict`], in their order, with the word for each.
pub const VERDICTS: [(&str, &str); 6] = [
    ("a/new", "new"),
    (EVIL, "changed"),
    ("a/same", "same"),
    ("a/skipped", "skipped"),
    ("a/without_answer", "harness error"),
    ("needless", "needless known"),
];

/// An id with what the forms of output use for themselves.
pub const EVIL: &str = "a/odd #1, 50%: \\ 'it' <&> ]]>";

/// What [`EVIL`]'s snapshot holds beside a picture.
pub const INJECTED: &str =
    "::error::x\nnot ok 99 - y\n  ...\nBail out!\n]]></failure>\n#\u{202e}\x1b[31m\n";

/// Makes a project with a case of each verdict.
pub fn every_verdict() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let same = picture(CASE);
    let kept = same.replace("| SIGBUS ADRERR ", "| zero          ");
    let skipped = format!("requires(page == {});\n{CASE}", 2 * rustix::param::page_size());
    add(dir.path(), "a/new", CASE, None);
    // Its sweep stands on the fifth line.
    add(dir.path(), EVIL, &format!("// One.\n// Two.\n{CASE}"), Some(&format!("{kept}{INJECTED}")));
    add(dir.path(), "a/same", CASE, Some(&same));
    add(dir.path(), "a/skipped", &skipped, None);
    add(dir.path(), "a/without_answer", REFUSED, None);
    let known = format!("// known: PastEofIsSigbus on some other kernel\n{CASE}");
    add(dir.path(), "needless", &known, Some(&same));
    dir
}

/// Runs `faultmap run` in a project, as an installed command.
pub fn run_in(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = faultmap(&["run"]);
    command.args(arguments).current_dir(dir).env_remove("CARGO_MANIFEST_DIR");
    command::run(command.env_remove("GITHUB_WORKSPACE"))
}

/// Returns the case of this text, and what the model predicts of it without a rule.
pub fn predicted(text: &str, without: Option<Rule>) -> (Case, Measurement) {
    let case = faultmap::internals::parse::case(text).expect("a case");
    let environment = Environment::with_pages_of(PAGE).without(without.as_slice());
    let measurement = predict(&case, &environment).remove(0).measurement;
    (case, measurement)
}

/// Returns the picture that the model predicts.
pub fn picture(text: &str) -> String {
    let (case, measurement) = predicted(text, None);
    draw(&case, &measurement, PAGE)
}
