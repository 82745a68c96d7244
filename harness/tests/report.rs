//! Tests the output of the command for people: pictures that can be copied, verdicts, notes, and text of
//! files.

mod command;
mod project;

use std::path::Path;

use command::{faultmap, run, show};
use faultmap::internals::case::SweepResult;
use faultmap::internals::model::Rule;
use faultmap::internals::picture::draw_other;
use project::{CASE, PAGE, REFUSED, VERDICTS, add, every_verdict, picture, predicted, project};

/// Runs `faultmap run` in the folder, with every picture.
fn run_in(dir: &Path) -> (Option<i32>, String, String) {
    project::run_in(dir, &["--verbose"])
}

#[test]
fn the_steps_of_a_picture_are_a_case_that_draws_it() {
    let first = picture(CASE);
    let steps: Vec<&str> = first.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(picture(&steps.join("\n")), first);
    let readme = std::fs::read_to_string(command::root().join("README.md")).expect("a README");
    let example = readme.split("-- show notes/map_8192_of_2200_byte_file").nth(1).expect("shown");
    let copied: Vec<&str> = example.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    let (code, stdout, stderr) = show(&copied.join("\n"), &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for line in example.lines().skip(2 + copied.len() + 1).take(5) {
        assert!(stdout.contains(line.trim()), "{line} is not in\n{stdout}");
    }
}

/// What agrees is one line, or none; what differs is drawn whatever is asked for.
#[test]
fn what_differs_is_drawn_and_what_agrees_is_a_line() {
    let dir = every_verdict();
    let run = |arguments: &[&str]| {
        let (code, stdout, stderr) = project::run_in(dir.path(), arguments);
        assert_eq!(code, Some(3), "{stdout}{stderr}");
        stdout
    };
    let (brief, quiet, verbose) = (run(&[]), run(&["--quiet"]), run(&["--verbose"]));
    for (id, word) in VERDICTS {
        let is_named = |text: &str| text.lines().filter(|line| line.starts_with(id)).count();
        let is_quiet = word == "same" || word == "skipped";
        let counts = [&brief, &quiet, &verbose].map(|text| is_named(text));
        assert_eq!(counts, [1, usize::from(!is_quiet), 1], "{id}: {brief}");
    }
    assert!(brief.contains("\na/same  same\na/skipped  skipped: requires page == "), "{brief}");
    let pictures = |text: &str| text.matches("\n    sweep(map, read);").count();
    // The new one, the changed one, the needless one; and the one that is the same.
    assert_eq!([&brief, &quiet, &verbose].map(|text| pictures(text)), [3, 3, 4], "{verbose}");
    let last =
        |text: &str| text.lines().last().map(|line| line.split(';').next().map(str::to_owned));
    assert_eq!((last(&brief), last(&quiet)), (last(&verbose), last(&verbose)));
}

#[test]
fn a_note_on_a_case_that_agrees_is_a_word_in_its_line() {
    let text = "fd = file(PAGE);\nmap = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);\n\
                huge = memfd(2097152, MFD_HUGETLB);\nsweep(map, read);\n";
    let dir = project(text, None);
    let shown = run(faultmap(&["show", "it", "--json"]).current_dir(dir.path())).1;
    let line: serde_json::Value = serde_json::from_str(&shown).expect("a line");
    add(dir.path(), "it", text, line["picture"].as_str());
    let (code, stdout, stderr) = project::run_in(dir.path(), &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.starts_with("it  same, not modelled\n1 case: 1 same"), "{stdout}");
}

#[test]
fn a_map_that_nothing_accesses_is_told_of() {
    let map = "m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";
    let says = |text: &str| show(text, &[]).1.contains("add `sweep(m, read, write);` to draw one");
    assert!(says(map));
    assert!(!says(&format!("{map} sweep(m, read);")));
    assert!(!says(&format!("{map} m[0];")));
    assert!(!says(&format!("fd = file(1); {map} write(fd, m, 1);")));
    assert!(!says("m = mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);"), "it failed");
}

#[test]
fn a_case_without_a_snapshot_says_what_to_do() {
    let dir = project(CASE, None);
    let (code, stdout, stderr) = run_in(dir.path());
    assert_eq!(code, Some(5), "{stdout}{stderr}");
    let says = "it has no snapshot: `faultmap run it --accept` keeps this picture";
    assert!(stdout.contains(says), "{stdout}");
    let outside = dir.path().join("outside.case");
    std::fs::copy(dir.path().join("cases/it.case"), &outside).expect("copied");
    let mut command = faultmap(&["run", "outside.case"]);
    let command = command.current_dir(dir.path()).env_remove("CARGO_MANIFEST_DIR");
    let (code, stdout, stderr) = run(command);
    assert_eq!(code, Some(5), "{stdout}{stderr}");
    assert!(stdout.contains("`faultmap show outside.case` only measures it"), "{stdout}");
}

#[test]
fn a_changed_case_with_a_needless_known_line_counts_as_both() {
    let case = format!("// known: PastEofIsSigbus on some other kernel\n{CASE}");
    let kept = picture(CASE).replace("SIGBUS ADRERR ", "zero          ");
    for (kept, counts, heading) in [
        (Some(kept.as_str()), "0 same, 1 changed, 0 new, ", "it  changed, needless known"),
        (Some(picture(CASE).as_str()), "1 same, 0 changed, 0 new, ", "it  needless known"),
        (None, "0 same, 0 changed, 1 new, ", "it  needless known"),
    ] {
        let dir = project(&case, kept);
        let (code, stdout, stderr) = run_in(dir.path());
        assert_eq!(code, Some(1), "{stdout}{stderr}");
        assert!(stdout.contains(counts), "{stdout}");
        assert!(stdout.lines().any(|line| line == heading), "{stdout}");
        assert!(stdout.contains("known: PastEofIsSigbus is needed no more"), "{stdout}");
        assert!(stdout.contains("; by the model 0 split, 1 needless known; "), "{stdout}");
    }
}

#[test]
fn one_byte_of_a_region_that_is_gone_is_named() {
    let kept = picture(CASE).replace("| SIGSEGV MAPERR", "");
    let dir = project(CASE, Some(&kept));
    let (code, stdout, stderr) = run_in(dir.path());
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    let says = "one byte that changed: faultmap run it --access read --at '2*PAGE'";
    assert!(stdout.contains(says), "{stdout}");
}

#[test]
fn a_note_does_not_turn_a_snapshot_red_and_explains_itself() {
    let text = "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n\
                madvise(map, PAGE, MADV_MERGEABLE);\nsweep(map, read);\n";
    let dir = project(text, None);
    let shown = run(faultmap(&["show", "it", "--json"]).current_dir(dir.path())).1;
    let line: serde_json::Value = serde_json::from_str(&shown).expect("a line");
    let dir = project(text, line["picture"].as_str());
    let (code, stdout, stderr) = run_in(dir.path());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(
        stdout.contains(
            "1 same, 0 changed, 0 new, 0 skipped, 0 harness errors; by the model 0 split, 1 open; "
        ),
        "{stdout}"
    );
    let open = stdout.lines().find(|line| line.contains("open: PagesCanBeMerged")).expect("a note");
    assert!(open.contains("(kernels and file systems may differ; `faultmap explain"), "{open}");
}

#[test]
fn a_case_that_is_not_modelled_is_told_of_and_counted() {
    let text = "fd = file(PAGE);\nmap = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);\n\
                huge = memfd(2097152, MFD_HUGETLB);\nsweep(map, read);\n";
    let (code, stdout, stderr) = show(text, &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("not modelled: "), "{stdout}");
    assert!(
        stdout.contains("; the model predicts nothing from step 3 on, `huge = memfd("),
        "{stdout}"
    );
    assert!(
        stdout.contains("1 measured, 0 skipped, 0 harness errors; by the model 1 not modelled; "),
        "{stdout}"
    );
}

#[test]
fn the_other_side_of_a_split_is_drawn_by_grids() {
    // Only the second of two sweeps differs, and the first one has the same rows.
    let text = "fd = file(100); map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                sweep(map, read, write); sweep(map, read, write);";
    let (case, model) = predicted(text, None);
    let mut kernel = model.clone();
    let SweepResult::Map(map) = &mut kernel.sweeps[1] else { panic!("no map") };
    map.rows[1] = faultmap::internals::case::Row {
        access: map.rows[1].access,
        regions: map.rows[0].regions.clone(),
    };
    assert_eq!(
        draw_other(&case, &kernel, &model, PAGE),
        "sweep(map, read, write);\n           \
         0              100            PAGE             2*PAGE\n\
         write      | to file      | memory only  | SIGBUS ADRERR  | SIGSEGV MAPERR\n"
    );
    // The row equals another row of the measured grid.
    let drawn = draw_other(&case, &model, &kernel, PAGE);
    assert!(drawn.contains("write      | data         | zero "), "{drawn}");
    assert_eq!(draw_other(&case, &model, &model, PAGE), "");
    // Only one side has the grid.
    kernel.sweeps[1] = SweepResult::NoMap;
    let drawn = draw_other(&case, &model, &kernel, PAGE);
    assert_eq!(drawn, "sweep(map, read, write);\nmap is MAP_FAILED: nothing to sweep\n");
    // A header is never printed without rows.
    for rule in Rule::ALL {
        let (_, kernel) = predicted(text, Some(*rule));
        let drawn = draw_other(&case, &kernel, &model, PAGE);
        assert_eq!(drawn.is_empty(), kernel == model, "{rule:?}: {drawn}");
        let heads = drawn.matches("sweep(").count();
        let rows = drawn.lines().filter(|line| line.contains('|')).count();
        assert!(rows >= heads, "{rule:?}: {drawn}");
    }
}

#[test]
fn a_rule_is_explained_with_its_source_and_its_cases() {
    let (code, stdout, stderr) = run(&mut faultmap(&["explain", "PastEofIsSigbus"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("past the end of the file raises SIGBUS. (POSIX mmap)"), "{stdout}");
    assert!(stdout.contains("notes/map_8192_of_2200_byte_file\n"), "{stdout}");
    assert!(!stdout.contains("notes/private_anonymous_map\n"), "it has no end of a file: {stdout}");
    let (code, stdout, _) = run(&mut faultmap(&["explain"]));
    assert_eq!(code, Some(0));
    for rule in Rule::ALL {
        let is = |line: &str| line.split_whitespace().next() == Some(rule.name().as_str());
        assert!(stdout.lines().any(is), "{rule:?} is not listed");
    }
    for word in ["split", "known", "open", "not modelled"] {
        assert_eq!(run(&mut faultmap(&["explain", word])).0, Some(0), "{word}");
    }
    for (name, near) in [("PastEofIsSigbuss", "PastEofIsSigbus"), ("growth", "GrowthIsZero")] {
        let (code, stdout, stderr) = run(&mut faultmap(&["explain", name]));
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        assert!(stderr.contains(&format!("did you mean {near}")), "{stderr}");
    }
    let (code, _, stderr) = run(&mut faultmap(&["explain", "\x1b[31m"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("there is no rule `\\u{1b}[31m`"), "{stderr}");
}

#[test]
fn text_of_others_is_escaped() {
    let evil = "\u{202e}evil\u{2066}\u{9b}31m";
    // A comment keeps the characters that the parser accepts.
    let case = format!("// {evil} known words.\n// known: {evil} why\n{CASE}");
    let dir = project(&case, Some(&format!("{}\x1b]0;title\x07{evil}\n", picture(CASE))));
    let id = "it \u{202e}evil\u{2066}";
    for (folder, ending) in [("cases", "case"), ("snapshots", "snap")] {
        let path = dir.path().join(folder);
        let names = (path.join("it").with_extension(ending), path.join(format!("{id}.{ending}")));
        std::fs::rename(names.0, names.1).expect("renamed");
    }
    for (arguments, code) in [
        (&["list"][..], 0),
        (&["run"], 1),
        (&["run", "--json"], 1),
        (&["run", "--access", "read", "--at", "0"], 0),
        (&["run", "--access", "read", "--at", "0", "--json"], 0),
        (&["explain", "PastEofIsSigbus"], 0),
        (&["predict", id], 0),
        (&["show", "no\u{202e}case"], 2),
        (&["show", "no\u{202e}case.case"], 2),
        (&["show", "cases", "--dir", "/no\u{202e}folder\x1b[31m"], 2),
    ] {
        let output = faultmap(arguments).current_dir(dir.path()).output().expect("started");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        assert!(!text.is_empty(), "{arguments:?}");
        let acts = |c: &char| *c != '\n' && !faultmap::internals::printable::is_printable(*c);
        assert_eq!(text.chars().find(acts), None, "{arguments:?}: {}", text.escape_debug());
    }
}

#[test]
fn a_command_to_repeat_is_quoted_for_a_shell() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let path = dir.path().join("it's $(touch made) a \u{202e}case.case");
    std::fs::write(&path, "requires(exec); fd = file(1); pause();").expect("written");
    let mut command = faultmap(&["show", "--timeout", "100"]);
    command.arg(&path).current_dir(dir.path()).env_remove("CARGO_MANIFEST_DIR");
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    let repeat = stdout.lines().find_map(|line| line.trim().strip_prefix("to repeat it: faultmap"));
    let line = format!("exec {}{}", command::BIN, repeat.expect("a command"));
    let mut shell = std::process::Command::new("bash");
    let (code, again, stderr) = run(shell.args(["-c", &line]).current_dir(dir.path()));
    assert_eq!(code, Some(3), "{line}: {again}{stderr}");
    assert_eq!(again.lines().next(), stdout.lines().next());
    assert!(!dir.path().join("made").exists(), "the shell has run a part of the name");
}

#[test]
fn a_snapshot_of_four_gigabytes_is_refused() {
    let dir = project(CASE, Some(""));
    let file = std::fs::File::create(dir.path().join("snapshots/it.snap")).expect("made");
    file.set_len(4 << 30).expect("sparse");
    let (code, stdout, stderr) = run_in(dir.path());
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stdout.contains("it.snap has more than 1048576 bytes"), "{stdout}");
}

/// The first numbers of the last line add up to the cases.
#[test]
fn each_case_counts_once_before_the_model_is_told_of() {
    let dir = project(CASE, Some(&picture(CASE)));
    let cases = dir.path().join("cases");
    let split = format!("requires(page == {});\n{CASE}", 2 * rustix::param::page_size());
    for (name, text) in [("new", CASE), ("refused", REFUSED), ("skipped", &*split)] {
        std::fs::write(cases.join(name).with_extension("case"), text).expect("written");
    }
    let mut command = faultmap(&["run"]);
    let (code, stdout, _) = run(command.current_dir(dir.path()).env_remove("CARGO_MANIFEST_DIR"));
    assert_eq!(code, Some(3), "{stdout}");
    let last = stdout.lines().last().expect("a last line");
    let counts =
        "4 cases: 1 same, 0 changed, 1 new, 1 skipped, 1 harness error; by the model 0 split; ";
    assert!(last.starts_with(counts), "{last}");
}

/// The printed command names the case and makes the same child.
#[test]
fn the_command_to_repeat_a_case_names_its_file_and_timeout() {
    let (own, other) = (project(CASE, None), project("pause();", None));
    let file = other.path().join("cases/it.case");
    for (folder, word) in [(&own, file.to_str().expect("a name")), (&other, "it")] {
        let mut command = faultmap(&["show", "--timeout", "100"]);
        command.arg(&file).current_dir(folder.path()).env_remove("CARGO_MANIFEST_DIR");
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!(code, Some(3), "{stdout}{stderr}");
        let says = format!("to repeat it: faultmap show {word} --timeout 100ms\n");
        assert!(stdout.contains(&says), "{says} is not in {stdout}");
    }
}

/// A measured process that does not reach its end gives no answer, and the error says what to do.
#[rstest::rstest]
#[case("_exit(3);", "`fork { _exit(0); }`")]
#[case("raise(SIGSTOP);", "leave the step out")]
#[case("pause();", "`timeout(1000ms);`")]
#[case(
    "p = pipe(); m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        read(p, m, 1);",
    "`timeout(1000ms);`"
)]
fn an_error_says_what_to_do(#[case] text: &str, #[case] advice: &str) {
    let (code, stdout, stderr) = show(text, &["--timeout", "100"]);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stdout.contains(advice), "{stdout}");
    // A case that follows the advice has an answer.
    let (code, stdout, stderr) = match text {
        "_exit(3);" => show("fork { _exit(3); }", &[]),
        text if text.contains("raise") => return,
        text => show(&format!("timeout(100ms); {text}"), &[]),
    };
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}
