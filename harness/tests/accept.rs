//! `run --accept` keeps new and changed pictures, and nothing that must not be kept. The rest of what decides which
//! file is written stands in `src/snapshot/keep.rs`, with its tests.

mod command;
mod project;

use std::path::{Path, PathBuf};

use command::{faultmap, run};
use project::{CASE, REFUSED};

/// A folder with these files below `cases/` and `snapshots/`.
struct Project(tempfile::TempDir);

impl Project {
    fn with(files: &[(&str, &str)]) -> Project {
        let project = Project(tempfile::tempdir().expect("a folder for temporary files"));
        for folder in ["cases", "snapshots", "files"] {
            std::fs::create_dir(project.0.path().join(folder)).expect("a new folder");
        }
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Runs the command here, with the files of the cases in a folder, and not in memory.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = faultmap(&["run"]);
        command.args(arguments).current_dir(self.0.path()).env_remove("CARGO_MANIFEST_DIR");
        let (code, stdout, stderr) = run(&mut command);
        (code, stdout + &stderr)
    }

    /// The names of all snapshots.
    fn snapshots(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.path("snapshots"), &self.path("snapshots"), &mut names);
        names.sort();
        names
    }
}

fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => collect(root, &path, names),
            path => names.push(path.strip_prefix(root).expect("below").display().to_string()),
        }
    }
}

#[test]
fn what_is_new_or_has_changed_is_written_and_agrees_from_then_on() {
    let project = Project::with(&[("cases/it.case", CASE), ("cases/f/other.case", CASE)]);
    assert_eq!(project.run(&["--memfd"]).0, Some(5), "both are new");
    let (code, said) = project.run(&["it", "--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("accepted: snapshots/it.snap written\n"), "{said}");
    assert!(said.contains("1 case: 0 same, 0 changed, 0 new, 1 accepted, "), "{said}");
    assert_eq!(project.snapshots(), ["it.snap"], "the other was not selected");
    assert!(project.read("snapshots/it.snap").starts_with("---\nsource: cases/it.case\n"));
    let (code, said) = project.run(&["--memfd"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("2 cases: 1 same, 0 changed, 1 new, "), "{said}");
    let (code, said) = project.run(&["--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 cases: 1 same, 0 changed, 0 new, 1 accepted, "), "{said}");
    assert_eq!(project.snapshots(), ["f/other.snap", "it.snap"]);
    let before = project.read("snapshots/it.snap");
    project.write("cases/it.case", &CASE.replace("100", "200"));
    let (code, said) = project.run(&["--memfd"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`faultmap run it --accept --memfd` keeps it"), "{said}");
    assert_eq!(project.run(&["--accept", "--memfd"]).0, Some(0));
    assert_ne!(project.read("snapshots/it.snap"), before);
    assert_eq!(project.run(&["--memfd"]).0, Some(0));
    assert_eq!(project.snapshots(), ["f/other.snap", "it.snap"]);
}

#[test]
fn what_was_skipped_failed_or_contradicts_the_model_is_left_alone() {
    let page = rustix::param::page_size();
    let elsewhere = format!("requires(page == {});\n{CASE}", 2 * page);
    let project = Project::with(&[
        ("cases/skipped.case", &elsewhere),
        ("cases/refused.case", REFUSED),
        ("cases/good.case", CASE),
    ]);
    let (code, said) = project.run(&["--accept"]);
    assert_eq!(code, Some(3), "{said}");
    assert_eq!(project.snapshots(), ["good.snap"]);
    assert!(
        said.contains("3 cases: 0 same, 0 changed, 0 new, 1 accepted, 1 skipped, 1 harness"),
        "{said}"
    );
}

#[test]
fn the_answer_of_another_file_system_gets_a_variant() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    assert_eq!(project.run(&["--accept", "--memfd"]).0, Some(0));
    let base = project.read("snapshots/it.snap");
    assert!(base.contains("\ndescription: measured on tmpfs, linux-"), "{base}");
    // As if another file system had drawn another picture.
    let other = base.replace("on tmpfs", "on xfs").replace("SIGBUS ADRERR ", "zero          ");
    project.write("snapshots/it.snap", &other);
    let (code, said) = project.run(&["--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(project.snapshots(), ["it.snap", "it@tmpfs.snap"]);
    assert_eq!(project.read("snapshots/it.snap"), other);
    assert_eq!(project.run(&["--memfd"]).0, Some(0));
    // A variant that is needed no more goes.
    project.write("snapshots/it.snap", &base);
    assert_eq!(project.run(&["--memfd"]).0, Some(1), "a needless variant");
    let (code, said) = project.run(&["--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("it@tmpfs.snap removed"), "{said}");
    assert_eq!(project.snapshots(), ["it.snap"]);
}

#[test]
fn a_base_that_does_not_say_its_file_system_stays_unless_asked_for() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    assert_eq!(project.run(&["--accept", "--memfd"]).0, Some(0));
    let own = project.read("snapshots/it.snap");
    let lines: Vec<&str> = own.lines().filter(|line| !line.starts_with("description: ")).collect();
    let other = format!("{}\n", lines.join("\n")).replace("| zero ", "| data ");
    project.write("snapshots/it.snap", &other);
    let (code, said) = project.run(&["--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("if on tmpfs, `--accept=base` replaces it"), "{said}");
    assert_eq!(project.read("snapshots/it.snap"), other);
    assert_eq!(project.snapshots(), ["it.snap", "it@tmpfs.snap"]);
    // The variant agrees now, so that there is nothing to accept; without it, the base is replaced.
    std::fs::remove_file(project.path("snapshots/it@tmpfs.snap")).expect("it was written");
    assert_eq!(project.run(&["--accept=base", "--memfd"]).0, Some(0));
    assert_eq!(project.read("snapshots/it.snap"), own);
    assert_eq!(project.snapshots(), ["it.snap"]);
}

#[test]
fn a_case_that_differs_counts_more_than_one_that_is_new() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    assert_eq!(project.run(&["--accept"]).0, Some(0));
    project.write("cases/new.case", CASE);
    assert_eq!(project.run(&[]).0, Some(5));
    project.write("cases/it.case", &CASE.replace("100", "200"));
    assert_eq!(project.run(&[]).0, Some(1));
}

/// insta reads what `--accept` has written, and compares the same text.
#[test]
fn a_snapshot_is_one_of_insta() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    let (code, said) = project.run(&["--accept", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let line: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(project.path("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    let picture = line["picture"].as_str().expect("a picture");
    settings.bind(|| insta::assert_snapshot!("it", picture));
}

#[test]
fn a_case_outside_of_any_project_and_a_built_in_one_have_nothing_to_write() {
    let project = Project::with(&[]);
    let outside = project.path("files/it.case");
    std::fs::write(&outside, CASE).expect("written");
    let (code, said) = project.run(&["files/it.case", "--accept"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("a file outside of cases/ has no snapshot"), "{said}");
    assert_eq!(project.snapshots(), [""; 0]);
    std::fs::remove_dir(project.path("cases")).expect("it is empty");
    let (code, said) = project.run(&["notes/open_rdonly", "--accept"]);
    assert_eq!(code, Some(0), "it agrees: {said}");
}

#[test]
fn a_snapshot_that_cannot_be_written_is_told_of() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    std::fs::remove_dir(project.path("snapshots")).expect("it is empty");
    project.write("snapshots", "a file, where the folder should be");
    let (code, said) = project.run(&["--accept"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("it  harness error") && said.contains("snapshot"), "{said}");
}

#[test]
fn json_tells_what_was_written() {
    let project = Project::with(&[("cases/it.case", CASE)]);
    let line = |said: &str| -> serde_json::Value { serde_json::from_str(said).expect("JSON") };
    let (code, said) = project.run(&["--json", "--accept"]);
    assert_eq!(code, Some(0), "{said}");
    let first = line(&said);
    assert_eq!(first["verdict"], "new");
    let written = first["snapshot"]["written"].as_str().expect("a path");
    assert_eq!(written, "snapshots/it.snap", "{said}");
    let (_, said) = project.run(&["--json", "--accept"]);
    assert_eq!(line(&said)["snapshot"]["written"], serde_json::Value::Null);
}

/// Such a picture has no row, and is kept: who accepts it should know.
#[test]
fn a_sweep_that_is_not_reached_is_told_of() {
    let text = CASE.replace("sweep", "map[PAGE];\nsweep") + "sweep(map, write);\n";
    let project = Project::with(&[("cases/it.case", &text), ("cases/whole.case", CASE)]);
    let (code, said) = project.run(&["--accept", "--memfd"]);
    assert_eq!(code, Some(0), "{said}");
    let note = "not reached: step 4, `sweep(map, read);`, and no later one, as step 3, `map[PAGE];`, ended the \
                process\n";
    assert_eq!(said.matches(note).count(), 1, "{said}");
    assert_eq!(said.matches("not reached: step").count(), 1, "{said}");
    assert!(!project.read("snapshots/it.snap").contains("not reached: step"), "a note is not kept");
}

#[test]
fn a_snapshot_that_belongs_to_no_case_is_told_of_and_stays() {
    let project = Project::with(&[("cases/it.case", CASE), ("cases/gone.case", CASE)]);
    assert_eq!(project.run(&["--accept", "--memfd"]).0, Some(0));
    assert!(!project.run(&["--memfd"]).1.contains("no case"));
    std::fs::remove_file(project.path("cases/gone.case")).expect("it was written");
    for more in [&[][..], &["--accept"], &["--quiet"]] {
        let (code, said) = project.run(&[&["--memfd"], more].concat());
        assert_eq!(code, Some(0), "it changes no result: {said}");
        assert!(said.contains("; 1 snapshot without a case; "), "{said}");
        let note = "note: 1 snapshot belongs to no case: snapshots/gone.snap; remove it\n";
        assert!(said.ends_with(note), "{said}");
    }
    assert_eq!(project.snapshots(), ["gone.snap", "it.snap"]);
    // Who chooses cases has not asked for the others.
    assert!(!project.run(&["it", "--memfd"]).1.contains("no case"));
    project.write("snapshots/f/other@tmpfs.snap.new", "");
    let (_, said) = project.run(&["--memfd"]);
    let note = "2 snapshots belong to no case: snapshots/f/other@tmpfs.snap.new, snapshots/gone.snap; remove them\n";
    assert!(said.ends_with(note), "{said}");
    let (_, said) = project.run(&["--memfd", "--json"]);
    let line = said.lines().next().expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let files = ["snapshots/f/other@tmpfs.snap.new", "snapshots/gone.snap"];
    assert_eq!(line["snapshots_without_case"], serde_json::json!(files));
    // Where no case is left, all of them are told of.
    std::fs::remove_file(project.path("cases/it.case")).expect("it was written");
    let (code, said) = project.run(&["--memfd"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("note: 3 snapshots belong to no case: "), "{said}");
}
