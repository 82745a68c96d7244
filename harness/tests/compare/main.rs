//! The results of several machines, held against each other. A second machine is made from what this one has
//! measured, with some words replaced.

mod browser;
#[path = "../command/mod.rs"]
mod command;
#[path = "../own_process/mod.rs"]
mod own_process;
#[path = "../project/mod.rs"]
mod project;

use std::path::Path;
use std::process::ExitCode;

use command::{faultmap, run};
use own_process::test;
use project::{CASE, EVIL, add, picture, run_in};
use serde_json::{Value, json};
use tempfile::TempDir;

fn main() -> ExitCode {
    let mut tests = vec![
        test("one_cause_is_one_finding", one_cause_is_one_finding),
        test("machines_that_agree_are_folded", machines_that_agree_are_folded),
        test("consequences_are_no_findings", consequences_are_no_findings),
        test("what_is_not_compared_is_counted", what_is_not_compared_is_counted),
        test("pages_of_other_sizes_are_compared", pages_of_other_sizes_are_compared),
        test("a_machine_is_held_against_the_model", a_machine_is_held_against_the_model),
        test("a_machine_has_a_name", a_machine_has_a_name),
        test("what_cannot_be_compared_is_refused", what_cannot_be_compared_is_refused),
        test("a_run_tells_what_its_cases_share", a_run_tells_what_its_cases_share),
        test("a_case_that_differs_is_a_c_program", a_case_that_differs_is_a_c_program),
        test("text_of_others_is_escaped", text_of_others_is_escaped),
    ];
    tests.extend(browser::tests());
    own_process::run(tests)
}

/// Three cases that access past the end of a file, and one that does not.
fn results() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let longer = format!("{}map[0];\n", CASE.replace("(map, read)", "(map, read, copy_from_user)"));
    let plain = "// It is zero.\nmap = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n\
                 sweep(map, read);\n";
    for (id, text) in [
        ("eof/long", longer.as_str()),
        ("eof/short", CASE),
        ("eof/private", &CASE.replace("SHARED", "PRIVATE")),
        ("plain", plain),
    ] {
        add(dir.path(), id, text, None);
    }
    let (_, stdout, stderr) = run_in(dir.path(), &["--json"]);
    assert_eq!(stderr, "");
    std::fs::write(dir.path().join("here.json"), stdout).expect("written");
    dir
}

/// Writes the results of another machine, which differ in these fields.
fn alter(dir: &Path, file: &str, alter: impl Fn(&mut Value)) {
    let text = std::fs::read_to_string(dir.join("here.json")).expect("results");
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        alter(&mut line);
        line.to_string() + "\n"
    });
    std::fs::write(dir.join(file), lines.collect::<String>()).expect("written");
}

/// Replaces a part of the picture.
fn redraw(line: &mut Value, from: &str, to: &str) {
    let text = line["picture"].as_str().expect("a picture").replace(from, to);
    line["picture"] = json!(text);
}

/// Writes the results of a machine with another si_code.
fn misaligned(dir: &Path) {
    alter(dir, "there.json", |line| redraw(line, "SIGBUS ADRERR", "SIGBUS ADRALN"));
}

fn compare(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = faultmap(&["compare"]);
    run(command.args(arguments).current_dir(dir).env_remove("CARGO_MANIFEST_DIR"))
}

fn one_cause_is_one_finding() {
    let dir = results();
    misaligned(dir.path());
    let (code, stdout, stderr) = compare(dir.path(), &["one=here.json", "two=there.json"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    assert!(stdout.starts_with("A  one: kernel "), "{stdout}");
    let finding = "1. si_code BUS_ADRALN where A has BUS_ADRERR: 3 cases on B\n    in: read\n    \
                   cases: eof/private, eof/short, eof/long\n";
    assert!(stdout.contains(finding), "{stdout}");
    assert!(!stdout.contains("\n2. "), "{stdout}");
    assert!(
        stdout.contains("\neof: none agrees\n    eof/long     measured      differs 1\n"),
        "{stdout}"
    );
    // The smallest case is drawn, and no other.
    let rows = "    A read       | data         | zero         |*SIGBUS ADRERR  | SIGSEGV MAPERR\n    \
                B read       | data         | zero         |*SIGBUS ADRALN  | SIGSEGV MAPERR\n";
    assert_eq!(stdout.matches(rows).count(), 1, "{stdout}");
    assert_eq!(stdout.matches("sweep(").count(), 1, "{stdout}");
    assert!(stdout.contains("MAP_PRIVATE"), "{stdout}");
    let last = "4 cases on 2 machines: 1 agree, 3 differ; 1 finding\n";
    assert!(stdout.ends_with(last), "{stdout}");
    let (_, verbose, _) = compare(dir.path(), &["one=here.json", "two=there.json", "--verbose"]);
    assert_eq!(verbose.matches("sweep(").count(), 4, "{verbose}");
    let (_, quiet, _) = compare(dir.path(), &["one=here.json", "two=there.json", "--quiet"]);
    let expected = format!("1. si_code BUS_ADRALN where A has BUS_ADRERR: 3 cases on B\n{last}");
    assert_eq!(quiet, expected);
}

fn machines_that_agree_are_folded() {
    let dir = results();
    // A wording of another version does not matter, nor do the times.
    alter(dir.path(), "there.json", |line| {
        line["elapsed_us"] = json!(1);
        line["faultmap"] = json!("9.9.9");
    });
    let (code, stdout, stderr) = compare(dir.path(), &["here.json", "there.json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("\neof: 3 of 3 cases agree\n"), "{stdout}");
    assert!(!stdout.contains("eof/long"), "{stdout}");
    assert!(
        stdout.ends_with("\n4 cases on 2 machines: 4 agree, 0 differ; 0 findings\n"),
        "{stdout}"
    );
}

/// Behind a call that fails on one machine, everything may differ.
fn consequences_are_no_findings() {
    let dir = results();
    alter(dir.path(), "there.json", |line| {
        redraw(line, "MAP_SHARED, fd, 0);", "MAP_SHARED, fd, 0);  // = -1 ENODEV");
        if line["case"] == "eof/long" {
            redraw(line, "| EFAULT", "| data  ");
            redraw(line, "map[0];  // data", "map[0];  // no map: not accessed");
        }
    });
    let (code, stdout, _) = compare(dir.path(), &["one=here.json", "two=there.json", "--quiet"]);
    let expected = "1. mmap fails with ENODEV where A has success: 2 cases on B\n\
                    4 cases on 2 machines: 2 agree, 2 differ; 1 finding\n";
    assert_eq!((code, stdout.as_str()), (Some(1), expected));
}

fn what_is_not_compared_is_counted() {
    let dir = results();
    alter(dir.path(), "there.json", |line| match line["case"].as_str() {
        Some("eof/long") => {
            line["verdict"] = json!("skipped");
            line["reason"] = json!("requires more");
            line["picture"] = Value::Null;
        }
        Some("eof/short") => redraw(line, "file(100)", "file(101)"),
        Some("plain") => line["case"] = json!("other"),
        _ => {}
    });
    let (code, stdout, _) = compare(dir.path(), &["here.json", "there.json"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("    eof/short  measured      not compared\n"), "{stdout}");
    let last = "5 cases on 2 machines: 1 agree, 0 differ, 1 not compared on some machine, \
                1 skipped on some machine, 2 missing on some machine; 0 findings\n";
    assert!(stdout.ends_with(last), "{stdout}");
    assert!(
        stdout.contains("\nnot compared: the case has other steps there: 1 case on B\n"),
        "{stdout}"
    );
    alter(dir.path(), "there.json", |line| {
        line["verdict"] = json!("harness error");
        line["reason"] = json!("no worker starts");
    });
    let (code, stdout, _) = compare(dir.path(), &["here.json", "there.json"]);
    assert_eq!(code, Some(3));
    assert!(stdout.contains("\nno answer: no worker starts: 4 cases on B\n"), "{stdout}");
    alter(dir.path(), "there.json", |line| line["case"] = json!(format!("new/{}", line["case"])));
    assert_eq!(compare(dir.path(), &["here.json", "there.json"]).0, Some(4));
}

fn pages_of_other_sizes_are_compared() {
    let dir = results();
    // This case counts in bytes.
    let text = CASE.replace("2 * PAGE", "8192");
    add(dir.path(), "bytes", &text, None);
    let (_, stdout, _) = run_in(dir.path(), &["--json"]);
    std::fs::write(dir.path().join("here.json"), stdout).expect("written");
    alter(dir.path(), "there.json", |line| {
        line["page_size"] = json!(65536);
        if line["case"] == "bytes" {
            redraw(line, "4096 ", "8191 ");
        }
    });
    let (code, stdout, _) = compare(dir.path(), &["here.json", "there.json"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("4 agree, 0 differ, 1 not compared on some machine"), "{stdout}");
}

fn a_machine_is_held_against_the_model() {
    let dir = results();
    assert_eq!(compare(dir.path(), &["--against", "model", "here.json"]).0, Some(0));
    alter(dir.path(), "there.json", |line| {
        if line["case"].as_str().is_some_and(|case| case.starts_with("eof/")) {
            line["model"]["picture"] = line["picture"].clone();
            line["model"]["rule"] = json!("PastEofIsSigbus");
            line["counts"]["split"] = json!(true);
            redraw(line, "SIGBUS ADRERR", "SIGBUS ADRALN");
        }
    });
    let arguments = ["--against", "model", "there.json", "here.json"];
    let (code, stdout, stderr) = compare(dir.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    let finding = "1. si_code BUS_ADRALN where BUS_ADRERR is promised: 3 cases on A\n    rule \
                   PastEofIsSigbus: An access to a whole page past the end of the file raises";
    assert!(stdout.contains(finding), "{stdout}");
    assert!(stdout.contains("    eof/long     differs 1     same\n"), "{stdout}");
    assert!(stdout.contains("    model read       | data "), "{stdout}");
    // A contradiction that the case knows of is none to look into.
    alter(dir.path(), "there.json", |line| {
        line["counts"]["known"] = json!(true);
        line["counts"]["split"] = json!(false);
    });
    assert_eq!(compare(dir.path(), &arguments).0, Some(0));
}

fn a_case_that_differs_is_a_c_program() {
    let dir = results();
    misaligned(dir.path());
    let (code, ..) = compare(dir.path(), &["here.json", "there.json", "--html", "page.html"]);
    assert_eq!(code, Some(1));
    let page = std::fs::read_to_string(dir.path().join("page.html")).expect("a page");
    // The data is the only line of JSON, with `<` escaped.
    let data = page.lines().find(|line| line.contains("\"c_program\":")).expect("the data");
    let (from, to) = (data.find('{').expect("an object"), data.rfind('}').expect("an object"));
    let data: Value = serde_json::from_str(&data[from..=to]).expect("JSON");
    let rows = data["rows"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["stands_out"] == false), "no row agrees");
    for row in rows {
        let program = row["c_program"].as_str().unwrap_or_default();
        let has_main = program.contains("#include") && program.contains("int main(void)");
        assert_eq!(has_main, row["stands_out"] == true, "{row}");
    }
}

fn a_machine_has_a_name() {
    let dir = results();
    let text = std::fs::read_to_string(dir.path().join("here.json")).expect("results");
    std::fs::write(dir.path().join("a=b.json"), &text).expect("written");
    std::fs::write(dir.path().join("other.json"), &text).expect("written");
    let line: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let field = |name: &str| line[name].as_str().expect("text").to_owned();
    let own = [field("kernel"), field("architecture"), field("file_system")].join(" ");
    let files = ["a=b.json", "other.json", "x=other.json", "here.json", "here.json"];
    let (_, stdout, _) = compare(dir.path(), &files);
    let names: Vec<&str> =
        stdout.lines().take(5).filter_map(|line| line.split(": kernel").next()).collect();
    let expected = [
        format!("A  {own} (a=b)"),
        format!("B  {own} (other)"),
        "C  x".to_owned(),
        format!("D  D {own} (here)"),
        format!("E  E {own} (here)"),
    ];
    assert_eq!(names, expected);
}

fn what_cannot_be_compared_is_refused() {
    let dir = results();
    let text = std::fs::read_to_string(dir.path().join("here.json")).expect("results");
    std::fs::write(dir.path().join("twice.json"), format!("{text}{text}")).expect("written");
    std::fs::write(dir.path().join("text"), "no results").expect("written");
    std::fs::write(dir.path().join("empty"), "").expect("written");
    for (arguments, expected, says) in [
        (&["here.json"][..], 2, "here.json has nothing to be compared with"),
        (&["here.json", "text"], 2, "text:1 is no result of faultmap"),
        (&["here.json", "x=nowhere"], 2, "cannot read nowhere"),
        (&["here.json", "twice.json"], 2, "eof/long is twice in twice.json"),
        (&["empty", "empty"], 4, "the files hold no results"),
        (
            &["here.json", "here.json", "--html", "nowhere/it.html"],
            2,
            "cannot write nowhere/it.html",
        ),
    ] {
        let (code, _, stderr) = compare(dir.path(), arguments);
        assert_eq!(code, Some(expected), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

fn a_run_tells_what_its_cases_share() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let kept = picture(CASE).replace("SIGBUS ADRERR", "SIGBUS ADRALN");
    add(dir.path(), "one", CASE, Some(&kept));
    let (_, stdout, _) = run_in(dir.path(), &[]);
    assert!(!stdout.contains("findings"), "one case shares nothing: {stdout}");
    add(dir.path(), "two", CASE, Some(&kept));
    let (code, stdout, _) = run_in(dir.path(), &[]);
    let expected = "\nfindings, which several cases share:\n    si_code BUS_ADRERR where the snapshot has \
                    BUS_ADRALN: 2 cases, e.g. one\n2 cases: 0 same, 2 changed";
    assert!(stdout.contains(expected), "{stdout}");
    assert_eq!(code, Some(1));
    let (_, stdout, _) = run_in(dir.path(), &["--accept"]);
    assert!(!stdout.contains("findings"), "what was accepted is none: {stdout}");
}

/// Results with an id and names that a terminal or a browser would act upon.
fn evil() -> TempDir {
    let dir = results();
    alter(dir.path(), "there.json", |line| {
        if line["case"] == "plain" {
            line["case"] = json!(format!(
                "{EVIL}</script><script>document.title='run'</script>\x1b[31m\u{202e}"
            ));
        }
        line["file_system"] = json!("<img src=x onerror=\"document.title='run'\">\u{202e}");
        redraw(line, "SIGBUS ADRERR", "SIGBUS ADRALN");
    });
    dir
}

fn text_of_others_is_escaped() {
    let dir = evil();
    let arguments = ["here.json", "there.json", "--verbose", "--html", "page.html"];
    let (code, stdout, stderr) = compare(dir.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    let page = std::fs::read_to_string(dir.path().join("page.html")).expect("a page");
    for text in [&stdout, &page] {
        let acts = |c: &char| *c != '\n' && !faultmap::internals::printable::is_printable(*c);
        assert_eq!(text.chars().find(acts), None, "{}", text.escape_debug());
    }
    assert_eq!(page.matches("</script>").count(), 2, "its own");
    assert!(!page.contains("<img"), "{page}");
}
