//! From an empty folder to a red report: `init`, `run --accept`, an edited case.

mod command;

use std::path::Path;
use std::process::Command;

use command::{BIN, faultmap, run};

/// The command in this folder, started without Cargo.
fn at(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = faultmap(arguments);
    command.current_dir(folder).env_remove("CARGO_MANIFEST_DIR");
    command
}

/// The script for a CI, with the command in its path.
fn script(folder: &Path) -> (Option<i32>, String, String) {
    let bin = Path::new(BIN).parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").expect("a path"));
    let mut script = Command::new(folder.join("faultmap.sh"));
    run(script.args(["--memfd"]).env("PATH", path).env_remove("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_new_project_goes_from_new_to_same_to_changed() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["init", "mine"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("  cd mine\n") && stdout.contains("faultmap run --accept"), "{stdout}");
    let project = dir.path().join("mine");
    let workflow = std::fs::read_to_string(project.join(".github/workflows/faultmap.yml"));
    assert!(workflow.expect("a workflow").contains("run: ./faultmap.sh\n"));
    let (code, stdout, stderr) = script(&project);
    assert_eq!(code, Some(5), "{stdout}{stderr}");
    let (code, stdout, stderr) = run(&mut at(&project, &["run", "--accept", "--memfd"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(
        stdout.contains("| SIGBUS ADRERR") && stdout.contains("by the model 0 split"),
        "{stdout}"
    );
    let (code, stdout, stderr) = script(&project);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    // As the text advises.
    let case = project.join("cases/past_the_end.case");
    let text = std::fs::read_to_string(&case).expect("a case");
    std::fs::write(&case, text.replace("MAP_SHARED", "MAP_PRIVATE")).expect("written");
    let (code, stdout, stderr) = script(&project);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    let is_gone = |line: &str| line.trim_start().starts_with("- write") && line.contains("to file");
    assert!(stdout.lines().any(is_gone), "{stdout}");
}

#[test]
fn nothing_of_a_project_is_replaced() {
    for (name, is_folder) in
        [("cases", true), ("snapshots", true), ("faultmap.sh", false), ("cases", false)]
    {
        let dir = tempfile::tempdir().expect("a folder for temporary files");
        let path = dir.path().join(name);
        match is_folder {
            true => std::fs::create_dir(&path).expect("a new folder"),
            false => std::fs::write(&path, "mine").expect("written"),
        }
        let (code, stdout, stderr) = run(&mut at(dir.path(), &["init"]));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(&format!("there is ./{name} already")), "{stderr}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1, "{name}");
    }
    let (code, _, stderr) = run(&mut faultmap(&["init", "/proc/mine"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot write /proc/mine"), "{stderr}");
}
