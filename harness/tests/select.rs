//! Tests the words that name cases: globs, parts of ids, stdin, files of one name; and that all that is wrong is
//! reported at once.

mod command;

use std::io::Write as _;
use std::process::Stdio;

use command::{case_file, faultmap, run};
use rstest::rstest;

/// The ids that `faultmap list` prints for these words, and what it says on stderr.
fn listed(words: &[&str]) -> (Vec<String>, String) {
    let (code, stdout, stderr) = run(faultmap(&["list"]).args(words));
    assert_eq!(code, Some(0), "{stderr}");
    let ids = stdout.lines().filter_map(|line| line.split_whitespace().next());
    (ids.map(str::to_owned).collect(), stderr)
}

#[rstest]
#[case::a_glob_of_names("map_8192*", |id: &str| id.contains("/map_8192"))]
#[case::a_glob_of_ids("notes/*", |id: &str| id.starts_with("notes/"))]
#[case::one_letter("notes/open_rd?nly", |id: &str| id == "notes/open_rdonly")]
#[case::a_part_of_a_name("8192_of", |id: &str| id.contains("8192_of"))]
#[case::a_part_with_its_family("notes/map_", |id: &str| id.contains("notes/map_"))]
#[case::a_family("notes", |id: &str| id.starts_with("notes/"))]
#[case::a_part_of_the_name_of_a_family("note", |id: &str| id.contains("note"))]
fn a_word_names_exactly_these(#[case] word: &str, #[case] is: fn(&str) -> bool) {
    let wanted: Vec<String> = listed(&[]).0.into_iter().filter(|id| is(id)).collect();
    assert!(!wanted.is_empty());
    assert_eq!(listed(&[word]).0, wanted);
}

#[test]
fn an_id_names_one_case_even_where_other_ids_contain_it() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let cases = dir.path().join("cases");
    std::fs::create_dir(&cases).expect("a new folder");
    for name in ["map", "map_longer"] {
        std::fs::write(cases.join(name).with_extension("case"), "fd = file(1);").expect("written");
    }
    let count = |word| {
        let (_, stdout, _) = run(faultmap(&["list", word]).current_dir(dir.path()));
        stdout.lines().count()
    };
    assert_eq!((count("map"), count("*map*"), count("map_lo")), (1, 2, 1));
}

#[test]
fn the_output_says_what_a_part_of_an_id_has_chosen() {
    for (word, says) in [
        ("open_rdo", "note: `open_rdo` names notes/open_rdonly\n"),
        ("open_rd?nly", "note: `open_rd?nly` names notes/open_rdonly\n"),
        ("notes/open_*", " cases whose ids it fits\n"),
        ("notes/open_", " cases whose ids contain it\n"),
    ] {
        let (code, stdout, stderr) = run(&mut faultmap(&["predict", word]));
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stderr.contains(says), "{word}: {stderr}");
        assert!(stdout.contains("notes/open_rdonly  predicted"), "{stdout}");
    }
    let (_, _, stderr) = run(&mut faultmap(&["predict", "notes/open_rdonly"]));
    assert_eq!(stderr, "", "an id says itself what it names");
}

/// Runs the command with this text on stdin.
fn with_stdin(arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
    let mut command = faultmap(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    // It need not read all of it.
    let _ = child.stdin.take().expect("a pipe").write_all(text.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_case_comes_from_stdin() {
    let text =
        "map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\nsweep(map, read);\n";
    let (code, stdout, stderr) = with_stdin(&["show", "-"], text);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.starts_with("stdin\n") && stdout.contains("| zero"), "{stdout}");
    let (code, stdout, stderr) = with_stdin(&["predict", "-"], text);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, stdout, stderr) = with_stdin(&["show", "-"], "fd = flie(1);");
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("stdin:1:6\n"), "{stderr}");
    let (code, _, stderr) = with_stdin(&["show", "-"], &"/".repeat(1 << 20));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("the case file is too long"), "{stderr}");
}

#[test]
fn a_file_is_named_without_its_ending_too() {
    let (dir, _) = case_file("fd = file(1);");
    for word in ["it", "./it"] {
        let (code, stdout, stderr) = run(faultmap(&["show", word]).current_dir(&dir));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
}

#[test]
fn files_of_one_name_run_together_and_are_called_by_their_paths() {
    let ((_a, one), (_b, other)) = (case_file("fd = file(1);"), case_file("fd = file(2);"));
    let name = |path: &std::path::Path| path.with_extension("").display().to_string();
    let (code, stdout, stderr) = run(faultmap(&["show"]).arg(one.parent().expect("a folder")));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("it\n"), "alone it is called by its id: {stdout}");
    let (_, stdout, stderr) = run(faultmap(&["run", "--json"]).args([&one, &other, &one]));
    let lines = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    let names: Vec<_> = lines.iter().map(|line| line["case"].as_str().unwrap_or("")).collect();
    assert_eq!(names, [name(&one), name(&other)], "named twice, it is one: {stderr}");
    assert!(lines[1]["picture"].as_str().is_some_and(|picture| picture.contains("file(2)")));
}

/// A project with these files below `cases/`. `.#a.case` is a lock of Emacs, a link to no file.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let cases = dir.path().join("cases");
    std::fs::create_dir(&cases).expect("a new folder");
    for (name, text) in files {
        std::fs::write(cases.join(name), text).expect("written");
    }
    std::os::unix::fs::symlink("me@host.1", cases.join(".#a.case")).expect("a link");
    dir
}

#[test]
fn hidden_files_are_no_cases() {
    let dir = project(&[("a.case", "fd = file(1);"), ("._a.case", "no case")]);
    let (code, stdout, stderr) = run(faultmap(&["list"]).current_dir(&dir));
    assert_eq!((code, stdout.trim_end(), &*stderr), (Some(0), "a", ""));
}

/// Its snapshot would be a variant of the snapshot of another case.
#[test]
fn an_id_has_no_at_sign() {
    let dir = project(&[("a.case", "fd = file(1);"), ("a@tmpfs.case", "fd = file(2);")]);
    let (code, _, stderr) = run(faultmap(&["list"]).current_dir(&dir));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("a@tmpfs.case cannot be an id"), "{stderr}");
}

#[test]
fn a_rule_is_not_explained_beside_a_bad_case() {
    let dir = project(&[("a.case", "no case")]);
    let (code, _, stderr) = run(faultmap(&["explain", "PastEofIsSigbus"]).current_dir(&dir));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("a.case:1:"), "{stderr}");
}

#[test]
fn all_bad_words_and_files_are_reported() {
    let ((_a, one), (_b, other)) = (case_file("fd = flie(1);"), case_file("clsoe(fd);"));
    let mut command = faultmap(&["run"]);
    command.arg(&one).args(["notes/open_rdonyl", "notes/open_rdonly"]).arg(&other).arg("no.case");
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    for says in [
        "unknown step `flie`",
        "did you mean `notes/open_rdonly`?",
        "unknown step `clsoe`",
        "there is no file no.case",
    ] {
        assert!(stderr.contains(says), "{says}: {stderr}");
    }
}

#[test]
fn a_file_tells_all_of_its_errors() {
    let (_dir, path) = case_file(
        "requires(rooot);\nfd = flie(10);\nmap = mmap(0, 10, PROT_READ, MAP_SHARD, fd, 0);\n\
         fork {\n    close(fd;\n    munmap(map, PAG);\n}\nsweep(map, raed);\n",
    );
    let (code, _, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!(code, Some(2), "{stderr}");
    let places = stderr.lines().filter_map(|line| line.trim().strip_prefix("--> "));
    let places: Vec<&str> =
        places.filter_map(|place| place.split_once(".case:")).map(|(_, at)| at).collect();
    assert_eq!(places, ["1:10", "2:6", "3:30", "5:13", "6:17", "8:12"], "{stderr}");
}
