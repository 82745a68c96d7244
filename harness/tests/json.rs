//! Tests the output of the command for programs.

mod command;

use std::collections::BTreeSet;

use command::{case_file, faultmap, run};
use serde_json::{Value, json};

/// The line of a case of this text.
fn line(text: &str, arguments: &[&str]) -> Value {
    let (_dir, path) = case_file(text);
    let (_, stdout, stderr) = run(faultmap(arguments).arg(path).arg("--json"));
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
}

/// The line, with fixed values for the fields that vary between machines or runs.
fn redacted(mut line: Value) -> String {
    let varies = [
        "faultmap",
        "kernel",
        "architecture",
        "page_size",
        "file_system",
        "noexec",
        "jobs",
        "capabilities",
        "cpu_flags",
        "limits",
        "place",
        "user",
        "file",
    ];
    let may_be_null = [
        "mount",
        "fuse_subtype",
        "block_size",
        "free_bytes",
        "huge",
        "overcommit_memory",
        "shared_memory_huge",
    ];
    let file_system = line["file_system"].as_str().unwrap_or_default().to_owned();
    let page = line["page_size"].clone();
    let fields = line.as_object_mut().expect("an object");
    for name in varies.iter().chain(&["without", "elapsed_us", "probes"]) {
        let value = fields.get_mut(*name).unwrap_or_else(|| panic!("no {name}"));
        *value = json!(format!("[{}]", kind(value)));
    }
    for name in may_be_null {
        *fields.get_mut(name).unwrap_or_else(|| panic!("no {name}")) = json!("[varies]");
    }
    replace(&mut line, &page, &json!("[a page]"));
    let text = serde_json::to_string_pretty(&line).expect("text");
    text.replace(&format!("are on {file_system}"), "are on [a file system]")
}

/// Replaces the values of a field in this value and below.
fn replace(within: &mut Value, old: &Value, new: &Value) {
    match within {
        Value::Array(list) => list.iter_mut().for_each(|own| replace(own, old, new)),
        Value::Object(fields) => fields.values_mut().for_each(|own| replace(own, old, new)),
        own if own == old => *own = new.clone(),
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Array(_) => "list",
        _ => "other",
    }
}

const CASE: &str = "fd = file(100);
    map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map[50] = 'x';
    pread(fd, 49, 4);
    fork { bad = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); bad[10..18]; }
    ftruncate(fd, -1);
    sweep(map, read);";

#[test]
fn a_case_that_was_shown() {
    insta::assert_snapshot!(redacted(line(CASE, &["show"])));
}

#[test]
fn one_probe() {
    let arguments = ["show", "--access", "read", "--at", "-1"];
    insta::assert_snapshot!(redacted(line(CASE, &arguments)));
}

#[test]
fn a_case_that_was_skipped() {
    let text = "requires(fs == hugetlbfs); fd = file(1);";
    insta::assert_snapshot!(redacted(line(text, &["run"])).replace(|c: char| !c.is_ascii(), "?"));
}

/// Every line has the same fields, for each command and option.
#[test]
fn lines_are_alike() {
    let fields = |line: &Value| -> BTreeSet<String> {
        line.as_object().expect("an object").keys().cloned().collect()
    };
    let shown = fields(&line(CASE, &["show"]));
    for (text, arguments) in [
        (CASE, &["run"][..]),
        (CASE, &["show", "--access", "read", "--at", "0"]),
        ("requires(fs == hugetlbfs); fd = file(1);", &["show"]),
        ("fd = file(1); pause();", &["show", "--timeout", "100"]),
        (
            "requires(fs == hugetlbfs); map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);",
            &["show", "--access", "read", "--at", "0"],
        ),
    ] {
        let line = line(text, arguments);
        assert_eq!(fields(&line), shown, "{arguments:?}");
        assert_eq!(line["schema"], 2);
    }
}

#[test]
fn the_difference_has_both_sides() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    for folder in ["cases", "snapshots"] {
        std::fs::create_dir(dir.path().join(folder)).expect("a new folder");
    }
    std::fs::write(dir.path().join("cases/it.case"), CASE).expect("written");
    let kept = "---\nsource: tests/mine.rs\n---\nanother picture\n";
    std::fs::write(dir.path().join("snapshots/it.snap"), kept).expect("written");
    let (code, stdout, _) = run(faultmap(&["run", "--json"]).current_dir(dir.path()));
    assert_eq!(code, Some(1), "{stdout}");
    let line: Value = serde_json::from_str(&stdout).expect("a line");
    assert_eq!(line["verdict"], "changed");
    assert_eq!(line["snapshot"]["kept"], "another picture\n");
    assert!(line["snapshot"]["path"].as_str().expect("a path").ends_with("snapshots/it.snap"));
    assert!(line["picture"].as_str().expect("a picture").starts_with("fd  = file(100);"), "{line}");
}

#[test]
fn json_is_the_short_form_of_a_format() {
    let (_dir, path) = case_file(CASE);
    let shown = |arguments: &[&str]| run(faultmap(&["show"]).arg(&path).args(arguments)).1;
    let (short, long) = (shown(&["--json"]), shown(&["--format", "json"]));
    let parsed = [short, long].map(|text| serde_json::from_str(&text).expect("one line of JSON"));
    let [short, long] = parsed.map(redacted);
    assert_eq!(short, long);
    assert_eq!(shown(&[]).lines().next(), shown(&["--format", "text"]).lines().next());
    assert_eq!(shown(&["--json", "--format", "text"]), "", "either, or");
}
