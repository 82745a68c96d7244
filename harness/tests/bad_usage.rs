//! A command line that asks for what is not there: a message, exit code 2, and no case run.

mod command;

use command::{case_file, faultmap, run};
use rstest::rstest;

#[test]
fn a_case_that_is_not_there_or_is_no_file() {
    let (dir, _) = case_file("");
    let folder = dir.path().join("folder.case");
    std::fs::create_dir(&folder).unwrap();
    for arguments in [["run", "notes/no_such_case"], ["show", "no/such/file.case"]] {
        let (code, stdout, stderr) = run(&mut faultmap(&arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(arguments[1]) && stderr.contains("faultmap list"), "{stderr}");
    }
}

/// The hint for a mistyped id names ids that `faultmap list` names too, and these.
#[rstest]
#[case::one_letter("notes/open_rdonyl", &["did you mean `notes/open_rdonly`?"])]
#[case::without_its_family("open_rdonyl", &["did you mean `notes/open_rdonly`?"])]
#[case::in_another_family("eof/open_rdonly", &["did you mean `notes/open_rdonly`?"])]
#[case::a_family("ntoes", &["did you mean `notes`?"])]
#[case::the_beginning_of_a_family("note", &["did you mean `notes`?"])]
#[case::a_beginning("map_8192", &["did you mean one of these?", "notes/map_8192_of_2200_byte_file"])]
#[case::with_its_family("notes/map_", &["did you mean one of these?", "more, see `faultmap list`"])]
#[case::the_only_one("notes/open_rdo", &["did you mean `notes/open_rdonly`?"])]
fn a_mistyped_id(#[case] id: &str, #[case] says: &[&str]) {
    let (_, listed, _) = run(&mut faultmap(&["list"]));
    for command in ["run", "show", "predict"] {
        let (code, stdout, stderr) = run(&mut faultmap(&[command, id]));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(says.iter().all(|says| stderr.contains(says)), "{command}: {stderr}");
        let ids = stderr.lines().skip(1).flat_map(|line| line.split(['`', ' ']));
        for id in ids.filter(|word| word.contains('/')) {
            assert!(listed.contains(&format!("{id} ")), "{id}: {stderr}");
        }
    }
}

#[rstest]
#[case(&["run", "--jobs", "0"], "--jobs")]
#[case(&["run", "--at", "4096"], "--access")]
#[case(&["run", "--access", "raed", "--at", "0"], "copy_from_user")]
#[case(&["run", "--access", "read", "--at", "PAGE+"], "a number belongs here")]
#[case(&["run", "--dir", "/tmp", "--memfd"], "cannot be used with")]
#[case(&["frobnicate"], "unrecognized subcommand")]
#[case(&["show"], "<ID|FILE>")]
#[case(&["run", ""], "an empty word is no case")]
#[case(&["explore", "--for", "0s"], "no time at all")]
#[case(&["explore", "--for", "5"], "for example 60s or 5m")]
#[case(&["explore", "--for", "2years"], "at most a year")]
#[case(&["run", "--format", "xml"], "one of: text, json")]
fn wrong_usage(#[case] arguments: &[&str], #[case] says: &str) {
    let (code, stdout, stderr) = run(&mut faultmap(arguments));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
}

#[test]
fn help_lists_the_exit_codes_and_examples() {
    let help = |arguments: &[&str]| run(&mut faultmap(arguments));
    let (code, of_run, _) = help(&["run", "--help"]);
    assert!(code == Some(0) && of_run.contains("Examples:"), "{of_run}");
    let (code, stdout, _) = help(&["--help"]);
    assert_eq!(code, Some(0));
    for says in ["Exit codes:", "  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "Examples:"] {
        assert!(stdout.contains(says), "{says}: {stdout}");
    }
}

#[test]
fn two_cases_of_one_name() {
    let ((_a, one), (_b, other)) = (case_file("fd = file(1);"), case_file("fd = file(2);"));
    let (code, stdout, stderr) = run(faultmap(&["run"]).args([&one, &other]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("two cases are called `it`"), "{stderr}");
    let (code, stdout, _) = run(faultmap(&["run"]).args([&one, &one]));
    assert_eq!(code, Some(1), "named twice, it is one: {stdout}");
}

#[test]
fn a_name_that_no_id_can_have() {
    let (dir, _) = case_file("");
    let path = dir.path().join("a\n\u{1b}[31mb.case");
    std::fs::write(&path, "fd = file(1);").unwrap();
    let (code, stdout, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("cannot be an id") && !stderr.contains('\u{1b}'), "{stderr}");
}

#[test]
fn the_folder_of_the_cases_is_a_place_to_run_them_from() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let mut command = faultmap(&["run", "notes/map_of_empty_file"]);
    let (code, stdout, stderr) = run(command.current_dir(root.join("cases")));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}
