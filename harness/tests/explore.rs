//! Tests the programs of `explore`: they use the whole vocabulary, they are the same for a seed, and the
//! kernel agrees with the model on them.

mod command;
#[path = "c_programs/compile.rs"]
#[allow(dead_code, reason = "one program is compiled here")]
mod compile;
mod modelled;

use std::collections::BTreeSet;
use std::path::Path;

use faultmap::internals::case::{Access, Arg, BlockKind, Case, FlagWord, Size, Step, limits};
use faultmap::internals::explore::{Search, Tried};
use faultmap::internals::model::{Environment, Rule, judge, predict};
use faultmap::internals::picture::{self, Difference};
use faultmap::internals::vocabulary::{self, flags};
use modelled::Modelled;
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

/// The names of all calls, flags, signals and widths that a case can use.
fn all_there_is() -> BTreeSet<String> {
    let calls = vocabulary::all().map(|call| call.name.to_owned());
    let families = vocabulary::all()
        .flat_map(|call| call.all_parameters())
        .filter_map(|parameter| parameter.family());
    let words = families.flat_map(flags).map(|flag| flag.name.to_owned());
    let widths = limits::WIDTHS
        .iter()
        .flat_map(|width| ["load", "store"].map(|how| format!("{how} {width}")));
    let accesses = Access::ALL.iter().map(|access| format!("sweep {access}"));
    let rest = ["fork", "process", "timeout", "around 65536", "around 2097152"].map(str::to_owned);
    calls.chain(words).chain(widths).chain(accesses).chain(rest).collect()
}

/// Returns the parts of the vocabulary that a case uses.
fn said(case: &Case) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(case.timeout.map(|_| "timeout".to_owned()));
    for size in case.sizes() {
        let value = size.eval(limits::SMALLEST_PAGE).unwrap_or(0);
        for unit in [64 << 10, 2 << 20] {
            let near = (value - unit).abs() < i128::from(limits::SMALLEST_PAGE);
            said.extend(near.then(|| format!("around {unit}")));
        }
    }
    for (_, _, step) in case.walk() {
        match step {
            Step::Call { call, args, .. } => {
                said.push(call.name.to_owned());
                let words = args.iter().filter_map(|arg| match arg {
                    Arg::Flags(words) => Some(words),
                    _ => None,
                });
                said.extend(words.flatten().filter_map(|word| match word {
                    FlagWord::Name(flag) => Some(flag.name.to_owned()),
                    FlagWord::Number(..) => None,
                }));
            }
            Step::Touch { at, to, store, .. } => {
                let value = |size: &Size| size.eval(limits::SMALLEST_PAGE).unwrap_or(0);
                let width = to.as_ref().map_or(1, |to| value(to) - value(at));
                let how = if store.is_some() { "store" } else { "load" };
                said.push(format!("{how} {width}"));
            }
            Step::Block { kind: BlockKind::Fork, .. } => said.push("fork".to_owned()),
            Step::Block { kind: BlockKind::Process, .. } => said.push("process".to_owned()),
            Step::Sweep { accesses, .. } => {
                said.extend(accesses.iter().map(|access| format!("sweep {access}")));
            }
        }
    }
    said
}

/// The number of programs to make: the value of the variable PROGRAMS, if it is set.
fn programs() -> u64 {
    std::env::var("PROGRAMS").map_or(5000, |count| count.parse().expect("PROGRAMS is a number"))
}

#[test]
fn programs_leave_nothing_out() {
    let search = Search { seed: 1, environment: Environment::with_pages_of(4096) };
    let mut missing = all_there_is();
    let mut refused = 0;
    for number in 0..programs() {
        let text = search.program(number);
        match faultmap::internals::parse::case(&text) {
            Ok(case) => said(&case).iter().for_each(|item| {
                missing.remove(item);
            }),
            Err(_) => refused += 1,
        }
    }
    assert!(missing.is_empty(), "never made: {missing:?}");
    assert!(refused * 10 < programs(), "{refused} programs are no cases");
}

#[test]
fn a_call_that_an_older_kernel_lacks_is_left_out_and_the_rest_goes_on() {
    let environment = Environment::with_pages_of(4096);
    let search = Search { seed: 1, environment: environment.clone() };
    let mut older = Modelled::new(environment).lacking("mseal");
    let mut agreed = 0;
    for number in (0..800).filter(|number| search.program(*number).contains("mseal(")) {
        match search.try_program(number, &mut older) {
            Ok(Tried::Agree(_) | Tried::Open(..)) => agreed += 1,
            Ok(Tried::Split(own)) => panic!("{}// {own}", search.program(number)),
            _ => {}
        }
    }
    assert!(agreed > 20, "only {agreed} programs went on");
}

#[test]
fn a_refusal_that_the_model_allows_is_compared_and_told_as_open() {
    let environment = Environment::with_pages_of(4096);
    let search = Search { seed: 1, environment: environment.clone() };
    let mut refusing = Modelled::new(environment.without(&[Rule::RangesCanBeChanged]));
    let told = (0..1000).any(|number| {
        let tried = search.try_program(number, &mut refusing);
        matches!(tried, Ok(Tried::Open(Rule::RangesCanBeChanged, _)))
    });
    assert!(told, "no program shows that ranges cannot be changed");
}

#[test]
fn the_same_seed_gives_the_same_programs() {
    let programs = |seed| {
        let search = Search { seed, environment: Environment::with_pages_of(4096) };
        (0..50).map(|number| search.program(number)).collect::<Vec<_>>()
    };
    assert_eq!(programs(3), programs(3));
    assert_ne!(programs(3), programs(4));
}

#[rstest]
#[case(&["--dir", env!("CARGO_TARGET_TMPDIR")])]
#[case(&["--dir", "/dev/shm"])]
#[case(&["--memfd"])]
fn no_program_splits_kernel_and_model(#[case] place: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let mut command = command::faultmap(&["explore", "--count", "400", "--seed", "7"]);
    command.args(place).arg("--out").arg(out.path());
    let (code, stdout, stderr) = command::run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("400 programs"), "{stdout}");
}

#[test]
fn a_program_is_shrunk_for_as_long_as_it_differs_in_the_same_way() {
    let environment = Environment::with_pages_of(4096);
    let search = Search { seed: 1, environment: environment.clone() };
    let rules = [Rule::PastEofIsSigbus, Rule::LengthZeroIsEinval];
    let mut wrong = Modelled::new(environment.without(&rules));
    let mut ways = BTreeSet::new();
    for number in 0..400 {
        let Ok(Tried::Split(first)) = search.try_program(number, &mut wrong) else { continue };
        if !ways.insert((first.expected.clone(), first.came.clone())) {
            continue;
        }
        let is_like = |tried: &Tried| matches!(tried, Tried::Split(own) if (&own.expected, &own.came) == (&first.expected, &first.came));
        let text = search.shrink(number, &mut wrong, is_like).expect("a program");
        let case = faultmap::internals::parse::case(&text).expect("it is a case");
        assert!(case.walk().count() <= 6, "not shrunk: {text}");
        let kernel = predict(&case, &environment.without(&rules)).remove(0).measurement;
        let split = judge(&case, &environment, &kernel).split.expect("they still differ");
        let [promised, came] = [&split.completed(&kernel), &kernel]
            .map(|own| picture::draw(&case, own, environment.page));
        let all = picture::differences(&promised, &came).expect("the same steps");
        let is_first =
            |own: &Difference| (&own.expected, &own.came) == (&first.expected, &first.came);
        assert!(all.iter().any(is_first), "{first}: {text}");
    }
    assert!(ways.len() > 1, "{ways:?}");
}

/// Searches with a model that has forgotten this rule, so that every kernel contradicts it. Returns the folder of the
/// findings as well.
fn search(rule: &str, more: &[&str]) -> (TempDir, Option<i32>, String) {
    let out = tempfile::tempdir().unwrap();
    let mut command = command::faultmap(&["explore", "--memfd", "--broken", rule, "--out"]);
    let (code, stdout, stderr) = command::run(command.arg(out.path()).args(more));
    assert_eq!(stderr, "");
    (out, code, stdout)
}

fn json(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The names of the files in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|own| own.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn programs_that_differ_for_one_cause_are_one_finding() {
    let (out, code, stdout) = search("PastEofIsSigbus", &["--count", "400", "--json"]);
    assert_eq!(code, Some(1), "{stdout}");
    let mut lines = json(&stdout);
    let totals = lines.pop().expect("the totals are last")["search"].clone();
    let programs: Vec<u64> = lines.iter().filter_map(|line| line["programs"].as_u64()).collect();
    assert_eq!(totals["splits"], programs.iter().sum::<u64>(), "each program is told once");
    assert_eq!(totals["new_findings"], lines.len());
    assert!(programs[0] > 4 && programs.is_sorted_by(|one, other| one >= other), "{programs:?}");
    let causes: BTreeSet<String> = lines.iter().map(|line| line["cause"].to_string()).collect();
    assert_eq!(causes.len(), lines.len(), "each cause is told once");
    // A case and a C program of each, and nothing else.
    let files = lines.iter().flat_map(|line| line["files"].as_array().expect("a list"));
    let files = files.map(|file| Path::new(file.as_str().expect("a path")).file_name().unwrap());
    let files: BTreeSet<String> = files.map(|name| name.to_str().unwrap().to_owned()).collect();
    let open = |name: &String| name.starts_with("open-");
    let found: BTreeSet<String> = names(out.path()).into_iter().filter(|own| !open(own)).collect();
    assert_eq!(found, files);
    let first = &lines[0];
    let came = first["came"].as_str().expect("it shows again");
    assert!(came.contains("SIGBUS"), "{came}");
    let case = std::fs::read_to_string(first["files"][0].as_str().unwrap()).unwrap();
    let parsed = faultmap::internals::parse::case(&case).expect("it is a case");
    assert!(parsed.steps.len() <= 4, "not shrunk: {case}");
}

/// The program expects what the model does, which is wrong here.
#[test]
fn the_c_program_of_a_finding_fails_where_it_was_found() {
    if let Some(reason) = compile::lacks("cc") {
        eprintln!("skipped: {reason}");
        return;
    }
    let (_out, _, stdout) = search("PastEofIsSigbus", &["--count", "100", "--json"]);
    let text = json(&stdout)[0]["c_program"].as_str().expect("a C program").to_owned();
    let (code, told) = compile::ran(compile::CC, &text);
    assert_eq!(code, Some(1), "{told}{text}");
}

#[test]
fn what_is_known_is_counted_and_not_told() {
    let count = ["--count", "200", "--json"];
    let (out, _, all) = search("PastEofIsSigbus", &count);
    let known = out.path().join("known.json");
    let against = |text: &str| {
        std::fs::write(&known, text).unwrap();
        let known = ["--against", known.to_str().unwrap()];
        search("PastEofIsSigbus", &[&count[..], &known].concat())
    };
    let (out, code, stdout) = against(&all);
    let [totals] = &json(&stdout)[..] else { panic!("only the totals: {stdout}") };
    assert_eq!(code, Some(0), "{stdout}");
    let old = json(&all).len() - 1;
    assert_eq!(
        (&totals["search"]["new_findings"], &totals["search"]["known_findings"]),
        (&0.into(), &old.into())
    );
    assert!(names(out.path()).iter().all(|name| name.starts_with("open-")), "{stdout}");
    // Without one line of the list, it is told again.
    let (first, rest) = all.split_once('\n').unwrap();
    let (_out, code, stdout) = against(rest);
    let lines = json(&stdout);
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!((code, lines.len()), (Some(1), 2), "{stdout}");
    assert_eq!(lines[0]["cause"], first["cause"]);
    assert_eq!(lines[1]["search"]["known_findings"], old - 1);
}

#[test]
fn findings_are_told_with_both_pictures() {
    let (_out, code, stdout) = search("PastEofIsSigbus", &["--count", "200"]);
    assert_eq!(code, Some(1), "{stdout}");
    for part in [
        "1. SIGBUS ADRERR where ",
        "\n    in: ",
        "\n    files: ",
        "    model ",
        "    here ",
        " findings), 0 harness errors",
    ] {
        assert!(stdout.contains(part), "no `{part}` in {stdout}");
    }
}

/// Results of `run` are a list, too.
#[test]
fn a_split_of_a_case_is_known() {
    let (out, _, all) = search("PastEofIsSigbus", &["--count", "100", "--json"]);
    let finding = &json(&all)[0];
    let mut command = command::faultmap(&["show", "notes/map_of_empty_file", "--memfd", "--json"]);
    let mut line: Value = serde_json::from_str(&command::run(&mut command).1).unwrap();
    line["picture"] = finding["came"].clone();
    line["model"]["picture"] = finding["promised"].clone();
    let known = out.path().join("run.json");
    std::fs::write(&known, line.to_string()).unwrap();
    let against = ["--count", "100", "--json", "--against", known.to_str().unwrap()];
    let (_out, _, stdout) = search("PastEofIsSigbus", &against);
    let told = json(&stdout);
    assert!(told.iter().all(|line| line["cause"] != finding["cause"]), "{stdout}");
    assert!(told.last().unwrap()["search"]["known_findings"].as_u64() >= Some(1), "{stdout}");
}
