//! The model agrees with the snapshots, and each of its rules is needed.

mod command;
mod modelled;

use std::path::{Path, PathBuf};

use faultmap::internals::case::{Case, Clean, Measurement, Outcome, SweepResult};
use faultmap::internals::explore::{Search, Tried};
use faultmap::internals::model::{Environment, Judgement, Rule, judge, predict};
use faultmap::internals::picture;
use faultmap::internals::snapshot::Snapshots;
use modelled::Modelled;
use rstest::rstest;

const PAGE: u64 = 4096;

fn environment(broken: Option<Rule>) -> Environment {
    Environment::with_pages_of(PAGE).without(broken.as_slice())
}

/// A case of the project, and the pictures of its snapshots: those of variants after the base.
struct Kept {
    id: String,
    case: Case,
    pictures: Vec<String>,
}

/// Every case of the project.
fn kept() -> Vec<Kept> {
    let below = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path()).collect()
    };
    let cases = command::root().join("cases");
    let files = below(&cases).into_iter().flat_map(|family| below(&family));
    files.map(|path| read(path.strip_prefix(&cases).expect("it lies below"))).collect()
}

fn read(path: &Path) -> Kept {
    let id = path.with_extension("").display().to_string();
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let text = read(command::root().join("cases").join(path)).expect("a case file");
    let snapshots = Snapshots::below(command::root().join("snapshots"));
    let base = snapshots.kept(&id, None).unwrap_or_else(|error| panic!("{id}: {error}"));
    let variants = snapshots.variants(&id).into_iter();
    let variants = variants.map(|own| snapshots.kept(&id, Some(&own)).expect("it was listed"));
    let pictures = [base].into_iter().chain(variants).collect();
    Kept { case: faultmap::internals::parse::case(&text).expect("a case"), id, pictures }
}

/// The pictures that the model allows.
fn pictures(case: &Case, environment: &Environment) -> Vec<String> {
    let predictions = predict(case, environment);
    predictions.iter().map(|own| picture::draw(case, &own.measurement, PAGE)).collect()
}

#[test]
fn the_model_says_what_the_snapshots_say() {
    for Kept { id, case, pictures: kept } in kept() {
        let pictures = pictures(&case, &environment(None));
        for kept in kept {
            assert!(pictures.contains(&kept), "{id}: {}\nkept:\n{kept}", pictures[0]);
        }
    }
}

/// Returns the environment of an ordinary user.
fn ordinary() -> Environment {
    let mut environment = environment(None);
    let limits = &mut environment.limits;
    (limits.raises, limits.locks) = (false, false);
    limits.hard = [(nix::libc::RLIMIT_STACK as i64, 8 << 20)].into_iter().collect();
    limits.lockable = 2 * PAGE;
    environment
}

/// Steps that are refused only for an ordinary user.
const BOUND: [&str; 2] = [
    "setrlimit(RLIMIT_STACK, 8388609);",
    "p = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);",
];

/// Returns the case whose snapshot differs, or the program of the search that fails, when a rule is broken.
fn noticed_by(rule: Rule, kept: &[Kept]) -> Option<String> {
    let broken = environment(Some(rule));
    let case = kept.iter().find(|own| !pictures(&own.case, &broken).contains(&own.pictures[0]));
    if let Some(Kept { id, .. }) = case {
        return Some(format!("the case {id}"));
    }
    let text = BOUND.iter().find(|text| {
        let case = faultmap::internals::parse::case(text).expect("a case");
        predict(&case, &ordinary()) != predict(&case, &ordinary().without(&[rule]))
    });
    if let Some(text) = text {
        return Some(format!("an ordinary user: {text}"));
    }
    let search = Search { seed: 1, environment: environment(None) };
    let mut wrong = Modelled::new(environment(Some(rule)));
    let found = (0..20_000).find_map(|number| match search.try_program(number, &mut wrong) {
        Ok(Tried::Split(difference)) => Some((number, difference)),
        _ => None,
    });
    found.map(|(number, difference)| format!("program {number} of the search: {difference}"))
}

#[test]
fn every_rule_is_noticed_when_it_is_broken() {
    let kept = kept();
    // If an open rule matters, both answers are allowed: see the next test.
    for rule in Rule::ALL.iter().copied().filter(|rule| !rule.is_open()) {
        let noticed = noticed_by(rule, &kept);
        println!("{} | {}", rule.name(), noticed.as_deref().unwrap_or("nothing"));
        assert!(noticed.is_some(), "nothing notices that {} is broken", rule.name());
    }
}

/// What is known of a file system and a kernel leaves one answer.
#[rstest]
#[case("ext4", (6, 18), "zero", "zero")]
#[case("xfs", (6, 18), "zero", "zero")]
#[case("tmpfs", (6, 18), "'x'", "'x'")]
#[case("tmpfs", (5, 10), "'x'", "'x'")]
fn a_known_file_system_and_kernel_decide_open_rules(
    #[case] file_system: &str,
    #[case] kernel: (u32, u32),
    #[case] grown: &str,
    #[case] written_back: &str,
) {
    let mut known = environment(None);
    (known.file_system, known.kernel) = (Some(file_system.to_owned()), Some(kernel));
    for (step, expected) in [("ftruncate(fd, PAGE);", grown), ("fsync(fd);", written_back)] {
        let text = format!(
            "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
             map[200] = 'x'; {step} map[200];"
        );
        let case = faultmap::internals::parse::case(&text).expect("a case");
        let [only] = predict(&case, &known).try_into().expect("one prediction");
        assert_eq!(only.open, [], "{step}");
        let seen = only.measurement.steps.last().expect("a step").to_string();
        assert_eq!(seen, expected, "{step}");
    }
}

/// Memory that is PROT_EXEC alone has a key of its own, which is looked at before the end of the file is.
#[rstest]
#[case("m[0];", "SIGSEGV PKUERR", "data")]
#[case("m[0] = 'x';", "SIGSEGV PKUERR", "SIGSEGV ACCERR")]
#[case("m[PAGE];", "SIGSEGV PKUERR", "SIGBUS ADRERR")]
#[case("mprotect(m, PAGE, PROT_READ | PROT_EXEC); m[0];", "data", "data")]
#[case("mprotect(m, PAGE, PROT_NONE); m[0];", "SIGSEGV ACCERR", "SIGSEGV ACCERR")]
fn a_cpu_with_protection_keys_lets_exec_alone_not_be_read(
    #[case] steps: &str,
    #[case] with: &str,
    #[case] without: &str,
) {
    let text =
        format!("fd = file(100); m = mmap(0, 2 * PAGE, PROT_EXEC, MAP_SHARED, fd, 0); {steps}");
    let case = faultmap::internals::parse::case(&text).expect("a case");
    for (protection_keys, expected) in [(true, with), (false, without)] {
        let mut environment = environment(None);
        environment.protection_keys = protection_keys;
        let [only] = predict(&case, &environment).try_into().expect("one prediction");
        let seen = only.measurement.steps.last().expect("a step").to_string();
        assert_eq!(seen, expected, "{protection_keys}");
    }
}

#[test]
fn a_runner_that_rounds_maps_down_is_found_out_and_the_program_shrunk() {
    let search = Search { seed: 7, environment: environment(None) };
    let mut wrong = Modelled::new(environment(Some(Rule::WholePages)));
    let splits = |tried: &Tried| matches!(tried, Tried::Split(_));
    let number = (0..100)
        .find(|number| search.try_program(*number, &mut wrong).is_ok_and(|own| splits(&own)));
    let number = number.expect("a program of a hundred shows it");
    let text = search.shrink(number, &mut wrong, splits).expect("a program");
    println!("{text}");
    let case = faultmap::internals::parse::case(&text).expect("it is a case");
    assert!(case.steps.len() <= 4, "not shrunk: {text}");
}

#[test]
fn a_difference_is_told_with_the_rule_that_explains_it() {
    let text = "fd = file(100); map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
                sweep(map, read);";
    let case = faultmap::internals::parse::case(text).expect("a case");
    let measured = |rule| predict(&case, &environment(rule)).remove(0).measurement;
    assert_eq!(judge(&case, &environment(None), &measured(None)), Judgement::default());
    let kernel: Measurement = measured(Some(Rule::PastEofIsSigbus));
    let judged = judge(&case, &environment(None), &kernel);
    let split = judged.split.as_ref().unwrap_or_else(|| panic!("{judged:?}"));
    assert_eq!(split.rule, Some(Rule::PastEofIsSigbus));
    let told = split.explain(&case, &kernel);
    assert_eq!(told, "read at 4096: the model predicts SIGBUS ADRERR; the kernel gave zero");
    let drawn = picture::draw_other(&case, &kernel, &split.predicted, PAGE);
    assert!(drawn.contains("read       | data"), "{drawn}");
    assert!(matches!(
        split.predicted.sweeps.first(),
        Some(SweepResult::Map(map)) if map.rows[0].at(0) == Some(Outcome::Clean(Clean::Data))
    ));
}

#[test]
fn a_map_of_a_gigabyte_is_predicted_by_regions() {
    let text =
        "fd = file(10); map = mmap(0, 1073741824, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                map[5] = 'x'; sweep(map, read, write, copy_from_user, copy_to_user);";
    let case = faultmap::internals::parse::case(text).expect("a case");
    let drawn = pictures(&case, &environment(None)).remove(0);
    assert!(drawn.contains("1073741824"), "{drawn}");
}

#[rstest]
#[case(4096, "PAGE")]
#[case(65536, "PAGE")]
fn a_case_that_counts_in_pages_has_one_picture_for_every_page_size(
    #[case] page: u64,
    #[case] says: &str,
) {
    let (code, stdout, stderr) = command::run(
        command::faultmap(&["predict", "notes/map_two_pages_of_one_page_file"])
            .args(["--page-size", &page.to_string()]),
    );
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("read           | data         | SIGBUS ADRERR"), "{stdout}");
    assert!(stdout.contains(&format!("0              {says}")), "{stdout}");
}

/// Without a rule the model may allow a step that the kernel refuses. It must still have an answer.
#[rstest]
#[case(
    Rule::TooFarIsEoverflow,
    "fd = file(100); m = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, -1 * PAGE);
     remap_file_pages(m, PAGE, 0, 1, 0); sweep(m, read);"
)]
#[case(
    Rule::TooLongIsEnomem,
    "fd = file(100); m = mmap(0, -1, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 2 * PAGE);
     n = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); ftruncate(fd, 10); sweep(m, read);"
)]
fn every_broken_rule_has_an_answer(#[case] rule: Rule, #[case] text: &str) {
    let case = faultmap::internals::parse::case(text).expect("a case");
    assert!(!predict(&case, &environment(Some(rule))).is_empty());
}

#[test]
fn a_page_that_is_no_power_of_two_is_refused_with_the_reason() {
    let arguments = ["predict", "notes/map_of_empty_file", "--page-size", "12288"];
    let (code, stdout, stderr) = command::run(&mut command::faultmap(&arguments));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("a page is a power of two"), "{stderr}");
}

#[rstest]
#[case(
    "PastEofIsSigbus",
    "known: PastEofIsSigbus is needed no more: kernel and model agree; remove the line"
)]
#[case("PastEofIsSigsegv", "known: PastEofIsSigsegv is no rule of the model")]
fn a_needless_known_line_fails(#[case] rule: &str, #[case] told: &str) {
    let text = format!(
        "// known: {rule} on some other kernel\nfd = file(100);\n\
         map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);\nsweep(map, read);\n"
    );
    let (_dir, path) = command::case_file(text);
    let (code, stdout, _) = command::run(command::faultmap(&["run"]).arg(&path));
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("0 split, 1 needless known"), "{stdout}");
    assert!(stdout.lines().any(|line| line == "it  needless known"), "{stdout}");
    assert!(stdout.contains(told), "{stdout}");
}
