//! A wrong command line gives a message and the exit code 2, and no case is run.

mod command;

use std::process::Command;

use command::{case_file, faultmap, run};
use rstest::rstest;

/// The command, started without Cargo.
fn installed(arguments: &[&str]) -> Command {
    let mut command = faultmap(arguments);
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

#[test]
fn a_case_that_is_not_there_or_is_no_file() {
    let (dir, _) = case_file("");
    let folder = dir.path().join("folder.case");
    std::fs::create_dir(&folder).unwrap();
    for arguments in [["run", "notes/no_such_case"], ["show", "no/such/file.case"]] {
        let (code, stdout, stderr) = run(&mut installed(&arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(arguments[1]) && stderr.contains("faultmap list"), "{stderr}");
    }
}

#[test]
fn the_advice_names_the_command_that_started_the_program() {
    let mut command = installed(&["show", "no_such_case_at_all"]);
    let (_, _, stderr) = run(&mut command);
    assert!(stderr.contains("`faultmap list`"), "{stderr}");
    let (_, _, stderr) = run(command.env("CARGO_MANIFEST_DIR", "as Cargo sets it"));
    assert!(stderr.contains("`cargo run -- list`"), "{stderr}");
}

/// Checks that the hint for a mistyped id says this, and names only ids that `faultmap list` prints.
#[rstest]
#[case::one_letter("notes/open_rdonyl", &["did you mean `notes/open_rdonly`?"])]
#[case::without_its_family("open_rdonyl", &["did you mean `notes/open_rdonly`?"])]
#[case::in_another_family("eof/open_rdonly", &["did you mean `notes/open_rdonly`?"])]
#[case::a_family("ntoes", &["did you mean `notes`?"])]
#[case::two_are_near("open_rdwnly", &["did you mean one of these?", "notes/open_rdonly", "notes/open_wronly"])]
#[case::a_part_that_is_too_short("no", &["`faultmap list` names them all"])]
#[case::a_glob_that_nothing_fits("map_8193*", &["`faultmap list` names them all"])]
#[case::no_glob("[z-", &["as in a shell", "notes/*"])]
fn a_mistyped_id(#[case] id: &str, #[case] says: &[&str]) {
    let (_, listed, _) = run(&mut faultmap(&["list"]));
    for command in ["run", "show", "predict"] {
        let (code, stdout, stderr) = run(&mut installed(&[command, id]));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(says.iter().all(|says| stderr.contains(says)), "{command}: {stderr}");
        let ids = stderr.lines().skip(1).flat_map(|line| line.split(['`', ' ']));
        for id in ids.filter(|word| word.contains('/') && !word.contains('*')) {
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
#[case(&["show"], "<ID|FILE|DIR>")]
#[case(&["run", ""], "an empty word is no case")]
#[case(&["explore", "--for", "0s"], "no time at all")]
#[case(&["explore", "--for", "5"], "for example 60s or 5m")]
#[case(&["explore", "--for", "2years"], "at most a year")]
#[case(&["run", "--accept=all"], "fitting, base, variant")]
#[case(&["run", "--accept", "--access", "read", "--at", "0"], "cannot be used with")]
#[case(&["show", "--accept", "notes/open_rdonly"], "unexpected argument")]
#[case(&["cases"], "<DIR>")]
#[case(&["run", "--format", "xml"], "[possible values: text, json, junit, tap, ktap, github]")]
#[case(&["run", "--quiet", "--verbose"], "cannot be used with")]
#[case(&["run", "--color", "blue"], "[possible values: auto, always, never]")]
#[case(&["run", "--timeout", "5x"], "write for example 5s or 500ms")]
#[case(&["run", "--timeout", "0"], "from 1ms to 60s")]
#[case(&["run", "--timeout", "61s"], "from 1ms to 60s")]
#[case(&["run", "--partition", "5/4"], "the parts of 4 are 1 to 4")]
#[case(&["run", "--partition", "slice:1/4"], "hash:1/4, or count:1/4")]
#[case(&["predict", "notes", "--page-size", "3k"], "no page has 3072 bytes")]
#[case(&["predict", "notes", "--page-size", "16q"], "write for example 16384 or 16k")]
#[case(&["predict", "notes", "--page-size", "99999999999999999999k"], "number too large")]
#[case(&["completions", "csh"], "[possible values: bash, ")]
#[case(&["man", "frobnicate"], "one of: run, show")]
#[case(&["merge"], "<FILE>")]
fn wrong_usage(#[case] arguments: &[&str], #[case] says: &str) {
    let (code, stdout, stderr) = run(&mut faultmap(arguments));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
}

#[rstest]
#[case("run", &["  0  all cases agree", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "  130", "Examples:"], "programs")]
#[case("show", &["  0  all cases were measured", "  2  ", "  3  ", "  4  ", "  130"], "  1  ")]
#[case("predict", &["[default: as on this machine]", "  0  the model predicts", "  2  ", "  3  ", "  4  "], "130")]
#[case("explore", &["  0  kernel and model agree", "  1  ", "  2  ", "  3  ", "  4  ", "  130"], "snapshots")]
#[case("list", &["  0  ", "  2  a case file is bad"], "  4  ")]
#[case("init", &["  0  the files were written", "  2  "], "  4  ")]
#[case("cases", &["  0  all files are there", "  2  "], "  4  ")]
#[case("merge", &["  2  a file holds something else", "  3  ", "faultmap run --help"], "130")]
#[case("completions", &["  0  ", "  2  ", "  3  "], "  1  ")]
#[case("man", &["  0  ", "  2  ", "  3  "], "  1  ")]
#[case("explain", &["  0  ", "  2  there is no such rule", "  3  "], "  4  ")]
fn help_lists_the_exit_codes_of_each_command(
    #[case] command: &str,
    #[case] says: &[&str],
    #[case] says_not: &str,
) {
    let (code, stdout, _) = run(&mut faultmap(&[command, "--help"]));
    assert_eq!(code, Some(0));
    let (_, codes) = stdout.split_once("Exit codes:").expect("the exit codes");
    assert!(says.iter().all(|says| stdout.contains(says)), "{stdout}");
    assert!(!codes.contains(says_not), "{says_not}: {stdout}");
}

#[test]
fn the_help_of_the_whole_has_examples_and_leads_to_the_exit_codes() {
    let (code, stdout, _) = run(&mut faultmap(&["--help"]));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("Examples:") && stdout.contains("exit codes of a command"), "{stdout}");
}

#[test]
fn a_word_that_is_like_no_rule_is_answered_with_none() {
    for (word, says) in [
        ("Nope", "`cargo run -- explain` lists them all"),
        ("spilt", "did you mean split?"),
        ("opn", "did you mean open?"),
        ("PastEofIsSigsegv", "did you mean PastEofIsSigbus?"),
    ] {
        let (code, _, stderr) = run(&mut faultmap(&["explain", word]));
        assert!(code == Some(2) && stderr.contains(says), "{word}: {stderr}");
    }
}

#[test]
fn a_kernel_that_the_model_does_not_know_is_told_of() {
    for (kernel, is_known) in [("2.0", false), ("5.3", false), ("5.4", true), ("6.12", true)] {
        let (code, _, stderr) =
            run(&mut faultmap(&["predict", "notes/open_rdonly", "--kernel", kernel]));
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(stderr.is_empty(), is_known, "{stderr}");
        assert!(is_known || stderr.contains("the model knows Linux 5.4 and later"), "{stderr}");
    }
}

#[test]
fn a_prediction_tells_what_it_assumes() {
    for (arguments, says) in [
        (&[][..], "any Linux on x86-64, files on any file system, root"),
        (
            &["--kernel", "6.1", "--fs", "XFS", "--user"],
            "Linux 6.1 on x86-64, files on xfs, an ordinary user",
        ),
    ] {
        let mut command = faultmap(&["predict", "notes/open_rdonly"]);
        let (code, stdout, stderr) = run(command.args(arguments));
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains(says), "{stdout}");
    }
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

#[test]
fn a_name_that_begins_as_an_option_does() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let cases = dir.path().join("cases");
    std::fs::create_dir(&cases).expect("a new folder");
    for path in [dir.path().join("-x.case"), cases.join("-y.case")] {
        std::fs::write(path, "fd = file(1);").expect("written");
    }
    let at = |arguments: &[&str]| run(installed(arguments).current_dir(dir.path()));
    for (command, word) in
        [("run", "-x.case"), ("show", "-y"), ("list", "-nowhere.case"), ("predict", "-y")]
    {
        let (code, stdout, stderr) = at(&[command, word]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        let says = format!(
            "error: `{word}` begins as an option does\n  `./{word}` names a file, and `-- {word}`"
        );
        assert!(stderr.starts_with(&says), "{stderr}");
    }
    // The advice is right, and so is the command that is printed for such a case.
    for arguments in [&["show", "./-x.case"][..], &["show", "--memfd", "--", "-y"]] {
        assert_eq!(at(arguments).0, Some(0), "{arguments:?}");
    }
    let (_, stdout, _) = at(&["run", "--memfd", "--", "-y"]);
    assert!(stdout.contains("`faultmap run cases/-y.case --accept --memfd`"), "{stdout}");
    assert_eq!(at(&["run", "cases/-y.case", "--accept", "--memfd"]).0, Some(0));
    // Any other word is an option that is not there.
    let (code, _, stderr) = at(&["run", "-z"]);
    assert!(code == Some(2) && stderr.contains("unexpected argument '-z'"), "{stderr}");
}
