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

/// Runs the first script of the workflow, as GitHub does, with this text in its variable.
fn first_step(workflow: &str, variable: &str) -> (Option<i32>, String, String) {
    let (_, behind) = workflow.split_once("run: |\n").expect("a script");
    let lines = behind.lines().take_while(|line| line.starts_with("          "));
    let script: String = lines.map(|line| format!("{}\n", &line[10..])).collect();
    run(Command::new("bash").args(["-e", "-c", &script]).env("FAULTMAP_GIT", variable))
}

#[test]
fn a_new_project_goes_from_new_to_same_to_changed() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["init", "mine"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("  cd mine\n") && stdout.contains("faultmap run --accept"), "{stdout}");
    let project = dir.path().join("mine");
    let workflow = std::fs::read_to_string(project.join(".github/workflows/faultmap.yml"));
    let workflow = workflow.expect("a workflow");
    assert!(workflow.contains("run: ./faultmap.sh --format github\n"));
    // The one thing that the user has to set, in what is printed and in the file.
    let sets = "gh variable set FAULTMAP_GIT --body https://";
    assert!(stdout.contains(sets) && workflow.contains(sets), "{stdout}{workflow}");
    let (code, says, _) = first_step(&workflow, "");
    assert!(code == Some(1) && says.contains("set the variable FAULTMAP_GIT"), "{says}");
    assert_eq!(first_step(&workflow, "https://mine"), (Some(0), String::new(), String::new()));
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

/// GitHub reads no workflow of a folder below the root.
#[test]
fn a_project_in_a_folder_of_a_repository_has_its_workflow_at_the_root() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::create_dir(dir.path().join(".git")).expect("a new folder");
    let sub = dir.path().join("my tests/sub");
    std::fs::create_dir_all(&sub).expect("new folders");
    let (code, stdout, stderr) = run(&mut at(&sub, &["init"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("at the root of the repository"), "{stdout}");
    assert!(!sub.join(".github").exists(), "{stdout}");
    let name = ".github/workflows/faultmap-my-tests-sub.yml";
    let workflow = std::fs::read_to_string(dir.path().join(name)).expect("a workflow");
    assert!(stdout.contains(name) && workflow.contains(&format!("file={name},")), "{workflow}");
    assert!(workflow.contains("\nname: \"faultmap in my tests/sub\"\n"), "{workflow}");
    // The script is started at the root.
    let (_, line) = workflow.split_once("- run: \"").expect("a text of JSON");
    let line: String = serde_json::from_str(&format!("\"{}", line.trim_end())).expect("a text");
    assert_eq!(line, "'./my tests/sub/faultmap.sh' --format github");
    // Another project of the repository has a workflow of its own, and one at the root the usual one.
    let (code, stdout, stderr) = run(&mut at(dir.path(), &["init", "other"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("\n  .github/workflows/faultmap-other.yml\n"), "{stdout}");
    assert_eq!(run(&mut at(dir.path(), &["init"])).0, Some(0));
    assert!(dir.path().join(".github/workflows/faultmap.yml").exists());
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
