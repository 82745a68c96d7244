//! The parts of a run, put together, are what one run would have printed.

mod command;
mod project;

use std::path::Path;

use command::{faultmap, run};
use project::{CASE, VERDICTS, add, every_verdict, picture, project, run_in};
use rstest::rstest;
use serde_json::{Value, json};

/// Runs `faultmap merge` in a folder.
fn merge(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = faultmap(&["merge"]);
    run(command.args(arguments).current_dir(dir).env_remove("CARGO_MANIFEST_DIR"))
}

/// Writes the output of `run --json` with these arguments to a file of this name.
fn write(dir: &Path, name: &str, arguments: &[&str]) {
    let (_, stdout, stderr) = run_in(dir, &[&["--json"][..], arguments].concat());
    assert!(stderr.is_empty() || stderr.starts_with("note: part "), "{stderr}");
    std::fs::write(dir.join(name), stdout).expect("written");
}

/// Text without what varies between two runs: times, and the number of children.
fn steady(text: &str) -> String {
    let line = |line: &str| {
        let line = line.split("; ").filter(|part| !part.contains(" children in "));
        line.collect::<Vec<_>>().join("; ")
    };
    let lines = text.lines().filter(|line| !line.contains("duration_ms"));
    let lines: Vec<String> = lines.map(line).collect();
    lines.join("\n")
}

#[rstest]
#[case::by_hash("")]
#[case::by_count("count:")]
fn parts_together_are_one_run(#[case] by: &str) {
    let dir = every_verdict();
    let files: Vec<String> = (1..=3).map(|part| format!("{part}.json")).collect();
    for (part, file) in files.iter().enumerate() {
        write(dir.path(), file, &["--partition", &format!("{by}{}/3", part + 1)]);
    }
    let files: Vec<&str> = files.iter().rev().map(String::as_str).collect();
    for form in [&["--verbose"][..], &["--quiet"], &[], &["--format", "tap"]] {
        let whole = run_in(dir.path(), form);
        let merged = merge(dir.path(), &[form, &files].concat());
        assert_eq!((merged.0, merged.2.as_str()), (whole.0, ""), "{}", merged.1);
        assert_eq!(steady(&merged.1), steady(&whole.1), "{form:?}");
    }
    let (code, stdout, _) = merge(dir.path(), &[&["--format", "json"][..], &files].concat());
    assert_eq!(code, Some(3));
    let ids = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ids: Vec<Value> = ids.map(|line| json!([line["case"], line["verdict"]])).collect();
    assert_eq!(ids, VERDICTS.map(|(id, word)| json!([id, word])));
    let (code, stdout, _) = merge(dir.path(), &[&["--format", "junit"][..], &files].concat());
    assert_eq!(code, Some(3));
    assert!(stdout.contains("tests=\"6\" skipped=\"1\" failures=\"3\" errors=\"1\""), "{stdout}");
}

#[test]
fn parts_that_agree_agree_together() {
    let dir = project(CASE, Some(&picture(CASE)));
    add(dir.path(), "other", CASE, Some(&picture(CASE)));
    write(dir.path(), "all.json", &[]);
    let (code, stdout, stderr) = merge(dir.path(), &["all.json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.starts_with("it  same\nother  same\n2 cases: 2 same, 0 changed"), "{stdout}");
}

#[test]
fn what_has_no_result_is_told_and_fails() {
    let dir = every_verdict();
    for part in [1, 2, 4] {
        write(dir.path(), &format!("{part}.json"), &["--partition", &format!("count:{part}/4")]);
    }
    // The third part, of case 3 alone; and the second case of the first one.
    let first = std::fs::read_to_string(dir.path().join("1.json")).expect("results");
    let cut = first.lines().next().expect("a line").to_owned() + "\n";
    std::fs::write(dir.path().join("1.json"), cut).expect("written");
    let (code, stdout, stderr) = merge(dir.path(), &["1.json", "2.json", "4.json"]);
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stderr.contains("error: 2 of 6 cases have no result\n"), "{stderr}");
    assert!(stderr.contains("\ncase 3: the next one after a/odd #1"), "{stderr}");
    assert!(stderr.contains("case 5: the next one after a/skipped"), "{stderr}");
    assert!(stderr.contains("no file holds part count:3/4"), "{stderr}");
    assert!(!stderr.contains("part count:1/4"), "{stderr}");
    assert!(stdout.contains("6 cases: 2 without a result, 1 same, 1 changed, 1 new"), "{stdout}");
    let (_, stdout, _) = merge(dir.path(), &["1.json", "2.json", "4.json", "--format", "tap"]);
    assert!(stdout.starts_with("TAP version 14\n1..4\n"), "{stdout}");
    assert!(stdout.ends_with("\nBail out! 2 without a result\n"), "{stdout}");
}

/// Changes the first line of the results of one case.
fn altered(alter: impl FnOnce(&mut Value)) -> (Option<i32>, String, String) {
    let dir = project(CASE, Some(&picture(CASE)));
    add(dir.path(), "other", CASE, Some(&picture(CASE)));
    write(dir.path(), "1.json", &["--partition", "count:1/2"]);
    write(dir.path(), "2.json", &["--partition", "count:2/2"]);
    let path = dir.path().join("2.json");
    let text = std::fs::read_to_string(&path).expect("results");
    let mut line: Value = serde_json::from_str(&text).expect("JSON");
    alter(&mut line);
    std::fs::write(&path, line.to_string()).expect("written");
    merge(dir.path(), &["1.json", "2.json"])
}

#[rstest]
#[case::schema("schema", json!(1), "2.json:1 has schema 1")]
#[case::version("faultmap", json!("9.9.9"), "1.json is of faultmap ")]
#[case::selection("of", json!(3), "1.json is of 2 cases, and 2.json of 3")]
#[case::comparison("compared", json!(false), "only one of 1.json and 2.json was compared")]
#[case::twice("case", json!("it"), "it is in 1.json and in 2.json")]
#[case::other_case("number", json!(1), "case 1 is it in 1.json, and other in 2.json")]
#[case::number("number", json!(0), "2.json:1 is case 0 of 2")]
#[case::many("of", json!(u64::MAX), "2.json:1 is case 2 of 18446744073709551615")]
#[case::verdict("verdict", json!("fine"), "2.json:1 is no result of faultmap: no verdict is called")]
#[case::no_field("counts", Value::Null, "2.json:1 is no result of faultmap: ")]
fn results_that_do_not_belong_together_are_refused(
    #[case] field: &str,
    #[case] value: Value,
    #[case] says: &str,
) {
    let (code, stdout, stderr) = altered(|line| line[field] = value);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.starts_with(&format!("error: {says}")), "{stderr}");
    assert!(stderr.lines().count() == 2, "what to do: {stderr}");
    // Only what was changed is refused.
    assert_eq!(altered(|_| {}).0, Some(0));
}

#[test]
fn what_is_no_file_of_results_is_refused() {
    let dir = project(CASE, None);
    std::fs::write(dir.path().join("text"), "3 cases: 3 same\n").expect("written");
    std::fs::write(dir.path().join("bytes"), b"\xff\xfe\n").expect("written");
    std::fs::write(dir.path().join("empty"), "\n \n").expect("written");
    for (file, expected, says) in [
        (
            "text",
            2,
            "text:1 is no result of faultmap\n  `faultmap run --json > FILE` writes such a file",
        ),
        ("bytes", 2, "bytes:1 is not UTF-8 text\n  `faultmap run --json > FILE`"),
        ("nowhere", 2, "cannot read nowhere: No such file"),
        ("cases", 2, "cannot read cases: Is a directory"),
        ("empty", 4, "the files hold no results"),
    ] {
        let (code, stdout, stderr) = merge(dir.path(), &[file]);
        assert_eq!((code, stdout.as_str()), (Some(expected), ""), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// The line of a file and the column are told, in words of our own, with what to do.
#[test]
fn a_broken_line_says_where_and_what_is_wrong() {
    let dir = project(CASE, Some(&picture(CASE)));
    write(dir.path(), "all.json", &[]);
    let good = std::fs::read_to_string(dir.path().join("all.json")).expect("results");
    let good = good.trim_end();
    let indented = serde_json::from_str::<Value>(good).expect("JSON");
    let indented = serde_json::to_string_pretty(&indented).expect("JSON");
    let list = format!("[{good}]");
    for (line, says, todo) in [
        (&good[..100], "ends in the middle of a result, at column 100\n", "copy this part again"),
        (
            "{\"schema\": 2}}",
            "is no JSON from column 14 on: trailing characters\n",
            "the file was edited",
        ),
        (indented.as_str(), "is JSON, but no result on one line\n", "`jq -c .`"),
        (list.as_str(), "is JSON, but no result on one line\n", "`jq -c '.[]'`"),
        ("<?xml?>", "is no result of faultmap\n", "`faultmap run --json > FILE`"),
        (
            "{\"a\": 1}",
            "is no result of faultmap: missing field `schema`, at column 8\n",
            "the file was edited",
        ),
    ] {
        std::fs::write(dir.path().join("bad.json"), format!("\n{line}\n")).expect("written");
        let (code, stdout, stderr) = merge(dir.path(), &["bad.json"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.starts_with(&format!("error: bad.json:2 {says}")), "{stderr}");
        assert!(stderr.contains(todo) && !stderr.contains(" at line "), "{stderr}");
    }
}

#[test]
fn results_are_read_from_stdin() {
    let dir = project(CASE, Some(&picture(CASE)));
    write(dir.path(), "all.json", &[]);
    let from = |file: &str| {
        let mut command = faultmap(&["merge", "-"]);
        let stdin = std::fs::File::open(dir.path().join(file)).expect("a file");
        run(command.stdin(stdin).env_remove("CARGO_MANIFEST_DIR"))
    };
    let (code, stdout, stderr) = from("all.json");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.starts_with("it  same\n1 case: 1 same, "), "{stdout}");
    std::fs::write(dir.path().join("text"), "no JSON").expect("written");
    let (code, _, stderr) = from("text");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.starts_with("error: stdin:1 is no result of faultmap\n"), "{stderr}");
}

/// A file of results may come from anybody.
#[test]
fn text_of_others_is_escaped() {
    let dir = project(CASE, None);
    write(dir.path(), "all.json", &[]);
    let path = dir.path().join("all.json");
    let text = std::fs::read_to_string(&path).expect("results");
    let mut line: Value = serde_json::from_str(&text).expect("JSON");
    line["reason"] = json!("\x1b[31m\u{202e}\n::error::x");
    std::fs::write(&path, line.to_string()).expect("written");
    for form in ["text", "json", "junit", "tap", "ktap", "github"] {
        let (code, stdout, stderr) = merge(dir.path(), &["all.json", "--format", form]);
        assert_eq!((code.is_some_and(|code| code > 0), stderr.as_str()), (true, ""));
        let acts = |c: &char| *c != '\n' && !faultmap::internals::printable::is_printable(*c);
        assert_eq!(stdout.chars().find(acts), None, "{form}: {}", stdout.escape_debug());
    }
    let (_, stdout, _) = merge(dir.path(), &["all.json", "--format", "github"]);
    assert!(!stdout.lines().any(|line| line.trim().starts_with("::error::x")), "{stdout}");
}

#[test]
fn a_part_without_a_case_says_so() {
    let dir = project(CASE, Some(&picture(CASE)));
    let empty = [1, 2].map(|part| {
        let (code, stdout, stderr) = run_in(dir.path(), &["--partition", &format!("{part}/2")]);
        let says = format!("note: part hash:{part}/2 holds no case, of 1\n");
        let counts = format!("1 case of 1, part hash:{part}/2: 1 same");
        assert_ne!(stderr == says, stdout.contains(&counts), "{stdout}{stderr}");
        // No failure: the other part holds it.
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        stdout.is_empty()
    });
    assert!(empty.contains(&true) && empty.contains(&false), "{empty:?}");
    for (format, says) in [("tap", "1..0\n"), ("junit", "tests=\"0\""), ("json", "\"case\":null")] {
        let part = ["--partition", "count:2/2", "--format", format];
        let (code, stdout, _) = run_in(dir.path(), &part);
        assert!(code == Some(0) && stdout.contains(says), "{stdout}");
    }
    // Nothing at all is another matter.
    std::fs::remove_file(dir.path().join("cases/it.case")).expect("it was there");
    let (code, _, stderr) = run_in(dir.path(), &["--partition", "1/2"]);
    assert!(code == Some(4) && stderr.contains("the folder holds no case"), "{stderr}");
}

/// What is missing is not looked for in a part that was measured and holds nothing.
#[test]
fn a_part_without_a_case_counts_as_given() {
    let dir = project(CASE, Some(&picture(CASE)));
    add(dir.path(), "second", CASE, Some(&picture(CASE)));
    for part in 1..=3 {
        write(dir.path(), &format!("{part}.json"), &["--partition", &format!("count:{part}/3")]);
    }
    let all = ["1.json", "2.json", "3.json"];
    let (code, stdout, stderr) = merge(dir.path(), &all);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let (code, _, stderr) = merge(dir.path(), &["1.json", "3.json"]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("case 2: the next one after it\n"), "{stderr}");
    assert!(stderr.contains("no file holds part count:2/3"), "{stderr}");
    assert!(!stderr.contains("count:3/3"), "{stderr}");
    // Of another run.
    let third = std::fs::read_to_string(dir.path().join("3.json")).expect("a line");
    std::fs::write(dir.path().join("4.json"), third.replace("\"of\":2", "\"of\":7"))
        .expect("written");
    let (code, _, stderr) = merge(dir.path(), &["1.json", "4.json"]);
    assert!(code == Some(2) && stderr.contains("4.json of 7"), "{stderr}");
    // A file without a line may be anything.
    std::fs::write(dir.path().join("3.json"), "").expect("written");
    let (code, _, stderr) = merge(dir.path(), &["1.json", "3.json"]);
    assert!(code == Some(3) && stderr.contains("\n3.json is empty: a part"), "{stderr}");
}

#[test]
fn a_file_that_is_named_twice_is_told() {
    let dir = project(CASE, Some(&picture(CASE)));
    write(dir.path(), "1.json", &[]);
    let (code, stdout, stderr) = merge(dir.path(), &["1.json", "./1.json"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_eq!(stderr, "error: ./1.json is named twice\n  name each file once\n");
}

/// Built-in cases are called so by `run`, and by `merge`.
#[test]
fn the_last_line_has_the_words_of_the_run() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let words = ["notes/open_rdonly", "notes/map_of_empty_file", "--memfd"];
    write(dir.path(), "all.json", &words);
    let whole = run_in(dir.path(), &words);
    let merged = merge(dir.path(), &["all.json"]);
    let counts = |text: &str| steady(text).lines().last().map(str::to_owned);
    assert!(whole.1.contains("2 built-in cases: "), "{}", whole.1);
    assert_eq!(counts(&merged.1), counts(&whole.1));
}

/// Each part tells of its own on its first line, and all parts together of all.
#[test]
fn a_snapshot_that_belongs_to_no_case_is_in_one_part() {
    let dir = project(CASE, Some(&picture(CASE)));
    let ids = ["b", "c", "d"];
    for id in ids {
        add(dir.path(), id, CASE, Some(&picture(CASE)));
    }
    let gone = ["gone", "lost", "old"].map(|name| format!("snapshots/{name}.snap"));
    gone.iter().for_each(|path| std::fs::write(dir.path().join(path), "").expect("written"));
    let mut seen = Vec::new();
    for part in ["count:1/2", "count:2/2"] {
        let (code, stdout, _) = run_in(dir.path(), &["--json", "--partition", part]);
        assert_eq!(code, Some(0), "{stdout}");
        for (index, line) in stdout.lines().enumerate() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let own = line["snapshots_without_case"].as_array().expect("a list").clone();
            assert_eq!(own.is_empty(), index > 0, "they stand once: {line}");
            seen.extend(own.into_iter().map(|path| path.as_str().expect("text").to_owned()));
        }
        std::fs::write(dir.path().join(format!("{}.json", &part[6..7])), stdout).expect("written");
    }
    seen.sort();
    assert_eq!(seen, gone);
    let (code, stdout, stderr) = merge(dir.path(), &["1.json", "2.json"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("; 3 snapshots without a case; "), "{stdout}");
    assert_eq!(
        stderr,
        format!("note: 3 snapshots belong to no case: {}; remove them\n", gone.join(", "))
    );
}
