//! In a folder without a checkout, the command runs the cases that it brings along, and writes them out.

mod command;

use std::path::Path;
use std::process::Command;

use command::{faultmap, root, run};

/// The command in this folder, started without Cargo.
fn at(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = faultmap(arguments);
    command.current_dir(folder).env_remove("CARGO_MANIFEST_DIR");
    command
}

fn empty() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for temporary files")
}

#[test]
fn the_built_in_cases_are_those_of_the_project() {
    let dir = empty();
    let (code, here, stderr) = run(&mut at(dir.path(), &["list"]));
    assert_eq!(code, Some(0), "{stderr}");
    let (_, project, _) = run(&mut at(root(), &["list"]));
    assert_eq!(here, project, "after a file has come or gone, `touch harness/src/main.rs`");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["cases", "out"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for folder in ["cases", "snapshots"] {
        let mut diff = Command::new("diff");
        diff.args(["-r", "--exclude=*.rs", "--exclude=*.new"]);
        diff.args([&root().join(folder), &dir.path().join("out").join(folder)]);
        let (code, stdout, stderr) = run(&mut diff);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
}

#[test]
fn each_command_knows_them_in_any_folder() {
    let dir = empty();
    // A folder that is called like a family, and holds no case.
    std::fs::create_dir(dir.path().join("shm")).expect("a new folder");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["run", "shm", "notes/open_rdonly"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let last = stdout.lines().last().expect("a last line");
    assert!(last.starts_with("2 built-in cases: 2 same, 0 changed"), "{last}");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["show", "notes/open_rdonly"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["predict", "notes/open_rdonly"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["explain", "PastEofIsSigbus"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("        notes/map_8192_of_2200_byte_file\n"), "{stdout}");
    let (code, _, stderr) = run(&mut at(dir.path(), &["show", "open_rdonyl"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean `notes/open_rdonly`?"), "{stderr}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing is written");
}

#[test]
fn a_message_names_a_built_in_case_by_a_word_that_leads_to_it() {
    let dir = empty();
    let probe = ["show", "open_rdonly", "--access", "read", "--at", "0", "--sweep", "9"];
    let (code, _, stderr) = run(&mut at(dir.path(), &probe));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("error: notes/open_rdonly has "), "{stderr}");
}

#[test]
fn a_folder_cases_hides_them_and_the_message_says_so() {
    let dir = empty();
    std::fs::create_dir(dir.path().join("cases")).expect("a new folder");
    std::fs::write(dir.path().join("cases/own.case"), "fd = file(1);").expect("written");
    let (code, stdout, _) = run(&mut at(dir.path(), &["list"]));
    assert_eq!((code, stdout.split_whitespace().next()), (Some(0), Some("own")), "{stdout}");
    for (word, says) in [
        ("notes/open_rdonly", "it names 1 built-in case; "),
        ("open_rdon", "it names 1 built-in case; "),
        ("notes", " built-in cases; "),
        ("notes/map_*", " built-in cases; "),
    ] {
        let (code, _, stderr) = run(&mut at(dir.path(), &["predict", word]));
        assert_eq!(code, Some(2));
        let what_to_do = "`faultmap cases DIR` writes the built-in ones to DIR";
        assert!(stderr.contains(says) && stderr.contains(what_to_do), "{word}: {stderr}");
    }
    let (_, _, stderr) = run(&mut at(dir.path(), &["predict", "owm"]));
    assert!(stderr.contains("did you mean `own`?"), "{stderr}");
}

#[test]
fn cases_that_are_written_out_are_cases_of_a_project_and_are_not_replaced() {
    let dir = empty();
    let write = |more: &[&str]| run(at(dir.path(), &["cases", "out"]).args(more));
    let (code, stdout, stderr) = write(&[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("next: cd out && faultmap run\n"), "{stdout}");
    let out = dir.path().join("out");
    let (code, stdout, stderr) = run(&mut at(&out, &["run", "shm", "notes/open_rdonly"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(
        stdout.lines().last().is_some_and(|last| last.starts_with("2 cases: 2 same")),
        "{stdout}"
    );
    let (code, stdout, _) = write(&[]);
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("0 files written below out, "), "{stdout}");
    let (own, gone) =
        (out.join("cases/notes/open_rdonly.case"), out.join("cases/notes/open_rdwr.case"));
    let before = std::fs::read_to_string(&own).expect("a case");
    std::fs::write(&own, "fd = file(1);").expect("written");
    std::fs::remove_file(&gone).expect("it was there");
    let (code, stdout, stderr) = write(&[]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("out/cases/notes/open_rdonly.case"), "{stderr}");
    assert!(!gone.exists(), "nothing is written");
    assert_eq!(std::fs::read_to_string(&own).expect("a case"), "fd = file(1);");
    let (code, stdout, stderr) = write(&["--overwrite"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("2 files written"), "{stdout}");
    assert_eq!(std::fs::read_to_string(&own).expect("a case"), before);
}
