//! The forms of output for programs are read here by programs of others, or by what their specifications say;
//! never by what wrote them.
//!
//! Each test has a process of its own, so that one whose reader is missing here is ignored with the reason.

mod command;
mod own_process;
mod project;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};

use command::faultmap;
use own_process::refusal::missing;
use own_process::test;
use project::{EVIL, VERDICTS, every_verdict, run_in};
use serde_json::Value;

fn main() -> ExitCode {
    let python = || missing("python3", &["-c", "import xml.etree.ElementTree"]);
    let perl = || missing("perl", &["-MTAP::Parser", "-MJSON::PP", "-e", "1"]);
    own_process::run(vec![
        test("junit_is_read_by_the_parser_of_python", junit_is_read_by_the_parser_of_python)
            .unless(python),
        test("times_have_the_unit_of_their_form", times_have_the_unit_of_their_form),
        test("junit_is_printed_of_a_single_probe", junit_is_printed_of_a_single_probe)
            .unless(python),
        test("tap_is_read_by_the_parser_of_perl", tap_is_read_by_the_parser_of_perl).unless(perl),
        test("tap_is_as_its_grammar_says", tap_is_as_its_grammar_says),
        test("ktap_is_as_its_specification_says", ktap_is_as_its_specification_says),
        test("github_gets_one_command_for_each_case", github_gets_one_command_for_each_case),
        test("github_names_files_from_the_checkout", github_names_files_from_the_checkout),
        test("github_shows_errors_beside_the_lines_of_a_bad_file", github_shows_bad_files),
        test("junit_has_an_error_for_a_bad_file", junit_has_an_error_for_a_bad_file).unless(python),
        test("every_form_ends_with_the_same_exit_code", every_form_ends_with_the_same_exit_code),
    ])
}

/// The output of every verdict in this form.
fn printed(format: &str) -> String {
    let dir = every_verdict();
    let (code, stdout, stderr) = run_in(dir.path(), &["--format", format]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
    let acts = |c: char| c != '\n' && !faultmap::internals::printable::is_printable(c);
    assert_eq!(stdout.chars().find(|c| acts(*c)), None, "{}", stdout.escape_debug());
    stdout
}

/// The times of one run, which `merge` prints in each form.
fn times_have_the_unit_of_their_form() {
    let dir = every_verdict();
    let (_, lines, _) = run_in(dir.path(), &["--json"]);
    std::fs::write(dir.path().join("all.json"), &lines).expect("written");
    let ran = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ran = ran.filter(|line| line["verdict"] != "skipped");
    let microseconds: Vec<f64> = ran.map(|line| line["elapsed_us"].as_f64().expect("it")).collect();
    for (format, before, after, unit) in
        [("junit", " time=\"", "\" file", 1e6), ("tap", "duration_ms: ", "\n", 1e3)]
    {
        let arguments = ["merge", "--format", format, "all.json"];
        let (_, text, stderr) = command::run(faultmap(&arguments).current_dir(dir.path()));
        let time = |line: &str| line.split_once(before)?.1.split_once(after)?.0.parse().ok();
        let times: Vec<f64> = text.split_inclusive('\n').filter_map(time).collect();
        let times: Vec<f64> = times.into_iter().filter(|time| *time > 0.0).collect();
        assert_eq!(times.len(), microseconds.len(), "{format}: {text}{stderr}");
        for (time, expected) in times.iter().zip(&microseconds) {
            assert!((time - expected / unit).abs() <= 0.001, "{format}: {time}, {expected} us");
        }
    }
}

/// What this program prints as JSON, when it reads the text.
fn read_by(program: &str, arguments: &[&str], text: &str) -> Value {
    let mut command = Command::new(program);
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Prints the root, its suites, and each case with its child elements, as [tag, attributes, text].
const READ_XML: &str = "
import json, sys, xml.etree.ElementTree as tree
def own(e): return [e.tag, e.attrib, e.text or '']
root = tree.parse(sys.stdin).getroot()
print(json.dumps({'root': own(root), 'suites': [own(s) for s in root],
  'properties': {p.get('name'): p.get('value') for p in root.iter('property')},
  'cases': [[own(c), [own(e) for e in c]] for c in root.iter('testcase')]}))
";

fn junit_is_read_by_the_parser_of_python() {
    let read = read_by("python3", &["-c", READ_XML], &printed("junit"));
    for (tag, attributes) in [("testsuites", &read["root"]), ("testsuite", &read["suites"][0])] {
        assert_eq!(attributes[0], tag);
        for (name, count) in [("tests", "6"), ("failures", "3"), ("errors", "1"), ("skipped", "1")]
        {
            assert_eq!(attributes[1][name], count, "{name}: {read:#}");
        }
    }
    assert_eq!(read["properties"]["architecture"], std::env::consts::ARCH);
    let cases = read["cases"].as_array().expect("a list");
    assert_eq!(cases.len(), VERDICTS.len());
    for (case, (id, word)) in cases.iter().zip(VERDICTS) {
        let (own, inner) = (&case[0][1], &case[1]);
        let (family, name) = id.rsplit_once('/').unwrap_or(("faultmap", id));
        assert_eq!((&own["classname"], &own["name"]), (&family.into(), &name.into()));
        assert_eq!(own["file"], format!("cases/{id}.case"));
        let seconds: f64 = own["time"].as_str().expect("a time").parse().expect("a number");
        assert!(word == "skipped" || seconds > 0.0, "{id}: {seconds}");
        let tag = match word {
            "same" => {
                assert_eq!(inner.as_array().map(Vec::len), Some(0), "{inner}");
                continue;
            }
            "skipped" => "skipped",
            "harness error" => "error",
            _ => "failure",
        };
        assert_eq!((&inner[0][0], &inner[0][1]["type"]), (&tag.into(), &word.into()), "{id}");
        let message = inner[0][1]["message"].as_str().expect("a message");
        assert_eq!(message.starts_with("requires page == "), tag == "skipped", "{message}");
    }
    let changed = cases[1][1][0][2].as_str().expect("text");
    assert!(changed.contains("\n- read       | data         | zero         | zero"), "{changed}");
    assert!(changed.contains("\n- ]]></failure>\n- #\\u{202e}\\u{1b}[31m\n"), "{changed}");
}

fn junit_is_printed_of_a_single_probe() {
    let dir = every_verdict();
    let one = ["a/same", "--access", "read", "--at", "0", "--format", "junit"];
    let (code, stdout, stderr) = run_in(dir.path(), &one);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let read = read_by("python3", &["-c", READ_XML], &stdout);
    assert_eq!(
        (&read["root"][1]["tests"], &read["root"][1]["failures"]),
        (&"1".into(), &"0".into())
    );
}

/// Prints each line of TAP as its type and its parts, and the errors of the parser at the end.
const READ_TAP: &str = r#"
my $parser = TAP::Parser->new({ tap => join "", <STDIN> });
my @lines;
while (my $r = $parser->next) {
    push @lines, { type => $r->type, text => $r->as_string,
        $r->is_test ? (ok => $r->is_actual_ok ? 1 : 0, number => $r->number + 0,
            id => $r->description, skip => $r->has_skip ? $r->explanation : undef) : (),
        $r->is_yaml ? (yaml => $r->data) : () };
}
print encode_json({ lines => \@lines, errors => [$parser->parse_errors], planned => $parser->tests_planned + 0 });
"#;

fn tap_is_read_by_the_parser_of_perl() {
    // Old releases of TAP::Parser know version 13 at most, whose lines are the same.
    let text = printed("tap").replacen("TAP version 14\n", "TAP version 13\n", 1);
    let read = read_by("perl", &["-MTAP::Parser", "-MJSON::PP", "-e", READ_TAP], &text);
    assert_eq!(read["errors"], serde_json::json!([]), "{text}");
    assert_eq!(read["planned"], 6, "{text}");
    let lines = read["lines"].as_array().expect("a list");
    assert!(
        lines.iter().all(|line| line["type"] != "unknown" && line["type"] != "bailout"),
        "{text}"
    );
    let points: Vec<&Value> = lines.iter().filter(|line| line["type"] == "test").collect();
    assert_eq!(points.len(), VERDICTS.len());
    for (index, (point, (id, word))) in points.iter().zip(VERDICTS).enumerate() {
        assert_eq!(
            (&point["number"], &point["ok"]),
            (&(index + 1).into(), &Value::from(u8::from(word == "same" || word == "skipped")))
        );
        let id = format!("- {}", id.replace('\\', "\\\\").replace('#', "\\#"));
        assert_eq!(point["id"], id);
        let is_skip =
            point["skip"].as_str().is_some_and(|why| why.starts_with("requires page == "));
        assert_eq!(is_skip, word == "skipped", "{point}");
    }
    let yaml: Vec<&Value> = lines.iter().filter(|line| line["type"] == "yaml").collect();
    // All but the skipped one.
    assert_eq!(yaml.len(), 5);
    for (document, (id, word)) in yaml.iter().zip(VERDICTS.iter().filter(|own| own.1 != "skipped"))
    {
        let document = &document["yaml"];
        let time: f64 =
            document["duration_ms"].as_str().expect("a time").parse().expect("a number");
        assert!(time > 0.0, "{id}: {time}");
        if *word != "same" {
            assert_eq!(document["message"], *word, "{document}");
            assert_eq!(document["file"], format!("cases/{id}.case"), "{document}");
        }
    }
    let changed = &yaml[1]["yaml"];
    assert_eq!(changed["line"], "5", "the sweep: {text}");
    let output = changed["output"].as_str().expect("text");
    assert!(output.starts_with("fd  = file(100);\n"), "{output}");
    assert!(output.contains("\nsweep(map, read);\n\n           0   "), "{output}");
    assert!(output.contains("\n- ::error::x\n- not ok 99 - y\n-   ...\n"), "{output}");
}

/// Reads a document by <https://testanything.org/tap-version-14-specification.html>. Returns, of each test point,
/// if it is ok, its description, and the reason of a skip. Fails at whatever the grammar lacks.
fn points(text: &str) -> Vec<(bool, String, Option<String>)> {
    let mut lines = text.lines().peekable();
    assert_eq!(lines.next(), Some("TAP version 14"));
    let plan = lines.next().and_then(|line| line.strip_prefix("1..")).expect("a plan");
    let mut points = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            continue;
        }
        let (is_ok, rest) = match line.strip_prefix("not ") {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let rest = rest.strip_prefix("ok ").unwrap_or_else(|| panic!("no test point: {line}"));
        let (number, rest) = rest.split_once(" - ").expect("a number and a description");
        assert_eq!(number.parse(), Ok(points.len() + 1));
        let (description, directive) = description(rest);
        let skip = directive
            .map(|directive| directive.strip_prefix("SKIP ").expect("a directive").to_owned());
        points.push((is_ok, description, skip));
        if lines.next_if_eq(&"  ---").is_some() {
            let inner = lines.by_ref().take_while(|line| *line != "  ...");
            let mut is_block = false;
            for line in inner.map(|line| line.strip_prefix("  ").expect("it is indented")) {
                if is_block && line.starts_with("  ") {
                    continue;
                }
                is_block = line == "output: |";
                let value = line.split_once(": ").expect("a key and a value").1;
                // A scalar of JSON is one of YAML.
                assert!(is_block || serde_json::from_str::<Value>(value).is_ok(), "{line}");
            }
        }
    }
    assert_eq!(plan.parse(), Ok(points.len()));
    points
}

/// Splits a description from its directive at the first `#` that is not escaped.
fn description(text: &str) -> (String, Option<String>) {
    let mut own = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => own.extend(chars.next()),
            '#' => return (own.trim_end().to_owned(), Some(chars.as_str().trim().to_owned())),
            c => own.push(c),
        }
    }
    (own, None)
}

fn tap_is_as_its_grammar_says() {
    let points = points(&printed("tap"));
    let expected = VERDICTS.map(|(id, word)| (word == "same" || word == "skipped", id.to_owned()));
    let read: Vec<_> = points.iter().map(|(is_ok, id, _)| (*is_ok, id.clone())).collect();
    assert_eq!(read, expected);
    let skips: Vec<usize> = (0..6).filter(|index| points[*index].2.is_some()).collect();
    assert_eq!(skips, [3]);
}

/// <https://docs.kernel.org/dev-tools/ktap.html>: version, plan, diagnostics, and results of the form
/// `<result> <number> [<description>][ # [<directive>] [<diagnostic data>]]`.
fn ktap_is_as_its_specification_says() {
    let text = printed("ktap");
    let mut lines = text.lines();
    assert_eq!((lines.next(), lines.next()), (Some("KTAP version 1"), Some("1..6")));
    let mut results = Vec::new();
    let mut diagnostics = Vec::new();
    for line in lines {
        if let Some(own) = line.strip_prefix("# ") {
            diagnostics.push((results.len(), own));
            continue;
        }
        let (is_ok, rest) = line
            .strip_prefix("not ok ")
            .map(|rest| (false, rest))
            .or_else(|| line.strip_prefix("ok ").map(|rest| (true, rest)))
            .unwrap_or_else(|| panic!("no result: {line}"));
        let (number, rest) = rest.split_once(' ').expect("a number");
        assert_eq!(number.parse(), Ok(results.len() + 1));
        let (id, data) = rest.split_once(" # ").expect("diagnostic data");
        assert!(!id.contains('#') && !data.is_empty(), "{line}");
        results.push((is_ok, id.to_owned(), data.to_owned()));
    }
    for ((is_ok, id, data), (own, word)) in results.iter().zip(VERDICTS) {
        assert_eq!(*id, own.replace('#', "\\u{23}"));
        assert_eq!(*is_ok, word == "same" || word == "skipped");
        let says = match word {
            "skipped" => data.starts_with("SKIP requires page == "),
            "harness error" => {
                data.starts_with("ERROR in `msync(0, 4503599627370496, MS_ASYNC);`: ")
            }
            "same" => data.ends_with(" ms"),
            word => data.starts_with(&format!("{word}, ")) && data.ends_with(" ms"),
        };
        assert!(says, "{id}: {data}");
    }
    // What is told of a case stands before its result.
    let of_changed = diagnostics.iter().filter(|(before, _)| *before == 1);
    assert!(
        of_changed.clone().count() > 5
            && of_changed.clone().all(|(_, line)| line.starts_with("a/odd "))
    );
    assert!(
        diagnostics.last().is_some_and(|(_, line)| line.starts_with("6 cases: 2 same, 1 changed"))
    );
}

/// The parts of a command of a workflow, as the runner of GitHub reads it.
fn command_of(line: &str) -> (String, Vec<(String, String)>, String) {
    let decoded = |text: &str| {
        let text = text.replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
        text.replace("%25", "%")
    };
    let rest = line.strip_prefix("::").expect("a command");
    let (head, message) = rest.split_once("::").expect("its end");
    let (name, properties) = head.split_once(' ').expect("properties");
    let property = |text: &str| {
        let (name, value) = text.split_once('=').expect("a value");
        (name.to_owned(), decoded(value))
    };
    (name.to_owned(), properties.split(',').map(property).collect(), decoded(message))
}

fn github_gets_one_command_for_each_case() {
    let text = printed("github");
    // The runner obeys each line that begins with `::` behind blanks.
    let (commands, others): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.trim().starts_with("::"));
    assert_eq!(others.len(), 1, "the last line alone: {text}");
    let differing = VERDICTS.iter().filter(|(_, word)| *word != "same");
    assert_eq!(commands.len(), 5, "{text}");
    for (line, (id, word)) in commands.iter().zip(differing) {
        let (name, properties, message) = command_of(line);
        assert_eq!(name, if *word == "skipped" { "notice" } else { "error" });
        let number = match *word {
            "changed" => "5",
            "harness error" => "2",
            _ => "1",
        };
        let expected = [
            ("file".to_owned(), format!("cases/{id}.case")),
            ("line".to_owned(), number.to_owned()),
            ("title".to_owned(), format!("{id}: {word}")),
        ];
        assert_eq!(properties, expected);
        assert_eq!(message.ends_with(" ms"), *word != "skipped", "{message}");
    }
    let changed = command_of(commands[1]).2;
    assert!(changed.contains("\n- ::error::x\n- not ok 99 - y\n"), "{changed}");
    assert!(text.contains(&EVIL.replace('%', "%25").replace(':', "%3A").replace(',', "%2C")));
}

/// A project may lie in a folder of the checkout, and the command may be started in any folder.
fn github_names_files_from_the_checkout() {
    let checkout = tempfile::tempdir().expect("a folder for temporary files");
    let sub = checkout.path().join("sub");
    project::add(&sub, "f/it", project::CASE, None);
    let link = checkout.path().join("link");
    std::os::unix::fs::symlink(checkout.path(), &link).expect("a link");
    let all = "file=sub/cases/f/it.case,";
    for (workspace, folder, word, expected) in [
        (checkout.path(), sub.clone(), "f/it", all),
        (checkout.path(), sub.join("cases"), "f/it", all),
        (checkout.path(), sub.join("snapshots"), "../cases/f/it.case", all),
        (link.as_path(), sub.clone(), "f/it", all),
        (sub.as_path(), sub.clone(), "f/it", "file=cases/f/it.case,"),
    ] {
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut command = command::faultmap(&["run", word, "--format", "github", "--memfd"]);
        command.current_dir(&folder).env("GITHUB_WORKSPACE", workspace);
        let (_, stdout, stderr) = command::run(&mut command);
        let said = format!("{stdout}{stderr}");
        assert!(said.contains(expected), "{}, {word}: {said}", folder.display());
    }
}

/// A project with a good case and a bad file of two errors.
fn bad_file(format: &str) -> String {
    let dir = project::project(project::CASE, None);
    let bad = "fd = flie(1);\nfd = file(1);\nmap = mmpa(0);\n";
    project::add(dir.path(), "a/bad, 1", bad, None);
    let (code, stdout, stderr) = run_in(dir.path(), &["--format", format]);
    assert_eq!(code, Some(2), "{stdout}{stderr}");
    assert!(stderr.contains("unknown step `flie`"), "{stderr}");
    stdout
}

fn github_shows_bad_files() {
    let text = bad_file("github");
    let commands: Vec<_> = text.lines().map(command_of).collect();
    assert_eq!(commands.len(), 2, "{text}");
    for ((name, properties, message), (line, word)) in
        commands.iter().zip([("1", "flie"), ("3", "mmpa")])
    {
        assert_eq!(name, "error");
        assert_eq!(properties[0], ("file".to_owned(), "cases/a/bad, 1.case".to_owned()));
        assert_eq!(properties[1], ("line".to_owned(), line.to_owned()));
        assert!(message.contains(&format!("unknown step `{word}`")), "{message}");
    }
    assert_eq!(bad_file("text"), "");
}

fn junit_has_an_error_for_a_bad_file() {
    let read = read_by("python3", &["-c", READ_XML], &bad_file("junit"));
    let cases = read["cases"].as_array().expect("a list");
    assert_eq!(cases.len(), 1, "{read}");
    let (case, error) = (&cases[0][0][1], &cases[0][1][0]);
    assert_eq!(case["file"], "cases/a/bad, 1.case");
    assert_eq!((&error[0], &case["line"]), (&Value::from("error"), &Value::from("1")));
    let says = error[2].as_str().expect("text");
    assert!(says.contains("`flie`") && says.contains("`mmpa`"), "{says}");
}

fn every_form_ends_with_the_same_exit_code() {
    let dir = every_verdict();
    for format in ["text", "json", "junit", "tap", "ktap", "github"] {
        for (case, expected) in [("a/same", 0), ("needless", 1), ("a/skipped", 4), ("nowhere", 2)] {
            let (code, stdout, _) = run_in(dir.path(), &[case, "--format", format]);
            assert_eq!(code, Some(expected), "{format}, {case}: {stdout}");
            assert_eq!(stdout.is_empty(), expected == 2, "{format}, {case}");
        }
    }
}
