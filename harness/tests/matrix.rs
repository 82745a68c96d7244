//! The script that runs the cases on many machines has a table of them: what can be wrong in it is found without any
//! of the machines.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn machines() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/machines"))
}

fn matrix(arguments: &[&str]) -> (Option<i32>, String, String) {
    let run = Command::new(machines().join("matrix.sh")).args(arguments).output().expect("a shell");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (run.status.code(), text(run.stdout), text(run.stderr))
}

#[test]
fn each_machine_has_one_line_and_a_script() {
    let (code, list, _) = matrix(&["--list"]);
    assert_eq!(code, Some(0));
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut names = BTreeSet::new();
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        let &[name, script, _packages, ..] = words.as_slice() else { panic!("{line}") };
        assert!(names.insert(name), "{name} is there twice");
        assert!(machines().join(script).with_extension("sh").exists(), "{name}: no {script}.sh");
    }
    let page = std::fs::read_to_string(machines().join("../docs/compare.md")).expect("a page");
    let told: BTreeSet<_> = page.split([' ', ',', '\n']).collect();
    let untold: Vec<_> = names.iter().filter(|name| !told.contains(**name)).collect();
    assert!(untold.is_empty(), "docs/compare.md does not tell of {untold:?}");
}

#[test]
fn what_it_does_not_know_is_wrong_usage() {
    for (arguments, said) in [
        (&["tmpfs", "vms"][..], "no machine is called vms"),
        (&["--program"], "there is no option --program"),
        (&["--programs", "x"], "x is no number"),
        (&["--programs"], "--programs needs a number"),
    ] {
        let (code, stdout, stderr) = matrix(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
