//! Each case is a test, named by its id: `show --c` writes it as a C program, a compiler takes that without a warning,
//! and the program agrees. Beside them, programs that expect something wrong say so.
//!
//! The programs share no code with what measures and what predicts.

mod command;

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use command::{case_file, faultmap, root, run};
use faultmap::internals::backing::{Backing, missing};
use faultmap::internals::c_program::{Expected, Source, c_program};
use faultmap::internals::case::{Case, Clean, Outcome, Run, Seen, Step, StepResult, SweepResult};
use faultmap::internals::model::{Environment, predict};
use faultmap::internals::parse;
use faultmap::internals::vocabulary::{Parameter, Syscall, flags};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;

/// The folder in which programs are built, and make their files.
const DIR: &str = env!("CARGO_TARGET_TMPDIR");

/// The compilers: a name, and what starts one. What an access does must not depend on how it is compiled.
const COMPILERS: &[(&str, &[&str])] = &[
    ("cc", &["cc", "-O0"]),
    ("optimised", &["cc", "-O2", "-D_FORTIFY_SOURCE=2"]),
    ("clang", &["clang", "-O2"]),
    ("musl", &["musl-gcc", "-O2"]),
];

/// The compiler of most tests.
const CC: &[&str] = COMPILERS[0].1;

fn main() -> ExitCode {
    let mut ids = Vec::new();
    list(&root().join("cases"), &mut ids);
    let mut trials: Vec<Trial> = ids
        .into_iter()
        .map(|id| Trial::ignorable_test(id.clone(), move || the_program_agrees(&id)))
        .collect();
    let others: [(&str, fn()); 6] = [
        ("a_wrong_byte_is_told", a_wrong_byte_is_told),
        ("a_wrong_fault_is_told", a_wrong_fault_is_told),
        ("a_wrong_result_is_told", a_wrong_result_is_told),
        ("one_access_alone", one_access_alone),
        ("what_c_cannot_say", what_c_cannot_say),
        ("names_that_c_keeps", names_that_c_keeps),
    ];
    trials.extend(others.map(|(name, body)| {
        Trial::ignorable_test(name, move || match lacks(CC[0]) {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => {
                body();
                Ok(Completion::Completed)
            }
        })
    }));
    trials.extend(COMPILERS.iter().map(|(name, compiler)| {
        Trial::ignorable_test(format!("compiled_by::{name}"), move || match lacks(compiler[0]) {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => {
                every_word_is_compiled(compiler);
                Ok(Completion::Completed)
            }
        })
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The ids of the case files below a folder.
fn list(folder: &Path, ids: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).expect("a folder of cases").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            list(&path, ids);
        } else if path.extension().is_some_and(|ending| ending == "case") {
            let below = path.strip_prefix(root().join("cases")).expect("it lies below cases/");
            ids.push(below.with_extension("").to_str().expect("ids are text").to_owned());
        }
    }
}

/// Returns why there is no such compiler, if there is none.
fn lacks(compiler: &str) -> Option<String> {
    let is_there = Command::new(compiler).arg("--version").output().is_ok();
    (!is_there).then(|| format!("there is no {compiler} here"))
}

fn the_program_agrees(id: &str) -> Result<Completion, Failed> {
    let source = std::fs::read_to_string(root().join("cases").join(format!("{id}.case")))?;
    let case = parse::case(&source).map_err(|error| error.to_string())?;
    let page = rustix::param::page_size() as u64;
    let lacks = lacks(CC[0]).or_else(|| missing(&case, &Backing::Directory(DIR.into()), page));
    if let Some(reason) = lacks {
        return Ok(Completion::ignored_with(reason));
    }
    let (code, text, stderr) = run(&mut faultmap(&["show", id, "--c", "--dir", DIR]));
    if code != Some(0) {
        return Err(format!("exit code {code:?}: {stderr}").into());
    }
    match ran(CC, &text) {
        (Some(0), said) if said.is_empty() => Ok(Completion::Completed),
        (code, said) => Err(format!("exit code {code:?}\n{said}\n{text}").into()),
    }
}

/// Compiles a program and runs it. Returns its exit code, and what it has printed.
fn ran(compiler: &[&str], text: &str) -> (Option<i32>, String) {
    let dir = compiled(compiler, text);
    let output = Command::new(dir.path().join("it")).current_dir(dir.path()).output();
    let output = output.expect("it can be run");
    assert_eq!((output.status.signal(), output.stderr.as_slice()), (None, &b""[..]));
    let mut left: Vec<_> = std::fs::read_dir(&dir).expect("its folder").flatten().collect();
    left.retain(|entry| entry.file_name().to_string_lossy().starts_with("faultmap"));
    assert!(left.is_empty(), "{left:?} are left");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compiles a program. Returns the folder with `it` in it.
fn compiled(compiler: &[&str], text: &str) -> TempDir {
    let dir = TempDir::new_in(DIR).expect("a folder");
    std::fs::write(dir.path().join("it.c"), text).expect("written");
    let mut command = Command::new(compiler[0]);
    command.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", "it"]).args(&compiler[1..]);
    let output = command.arg("it.c").current_dir(&dir).output().expect("it can be started");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    dir
}

/// What the model expects of a case.
fn expected(text: &str) -> (Case, Expected) {
    let case = parse::case(text).expect("a case");
    let page = rustix::param::page_size() as u64;
    let measurement = predict(&case, &Environment::with_pages_of(page)).remove(0).measurement;
    let title = "it".to_owned();
    (case, Expected { title, page, measurement, source: Source::Model, probe: None })
}

const CASE: &str = "fd = file(2200);
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map[10];
    ftruncate(fd, -1);
    pread(fd, 2190, 100);
    sweep(map, read, write);";

/// The program of [`CASE`], after a change to what is expected of it.
fn changed(change: impl FnOnce(&mut Expected)) -> (Option<i32>, String) {
    let (case, mut expected) = expected(CASE);
    let plain = c_program(&case, &expected).expect("a program");
    assert_eq!(ran(CC, &plain), (Some(0), String::new()));
    change(&mut expected);
    ran(CC, &c_program(&case, &expected).expect("a program"))
}

/// Changes the outcome of the region of the sweep that begins here.
fn region(expected: &mut Expected, from: i64) -> &mut Outcome {
    let SweepResult::Map(map) = &mut expected.measurement.sweeps[0] else { panic!("a map") };
    let mut regions = map.rows[0].regions.iter_mut();
    let region = regions.find(|region| region.from == Some(from)).expect("there is one");
    &mut region.outcome
}

fn a_wrong_byte_is_told() {
    let (code, said) = changed(|own| *region(own, 2200) = Outcome::Clean(Clean::Data));
    assert_eq!(code, Some(1));
    assert!(said.contains("sweep 1, read at 2200: expected DATA(0, 0), came 0 "), "{said}");
    let (code, said) = changed(|own| *region(own, 0) = Outcome::Clean(Clean::Zero));
    assert_eq!(code, Some(1));
    assert!(said.contains("sweep 1, read at 0: expected 0, came 128 "), "{said}");
}

fn a_wrong_fault_is_told() {
    let page = rustix::param::page_size() as i64;
    let (code, said) = changed(|own| {
        let Outcome::Fault(fault) = region(own, page) else { panic!("a fault") };
        fault.code = Some(1);
    });
    assert_eq!(code, Some(1));
    let wanted = format!(
        "read at {page}: expected FAULT(SIGBUS, BUS_ADRALN), came Bus error with si_code 2\n"
    );
    assert!(said.contains(&wanted), "{said}");
    let (code, said) = changed(|own| {
        let Outcome::Fault(fault) = region(own, page) else { panic!("a fault") };
        fault.address = faultmap::FaultAddress::Null;
    });
    assert!(code == Some(1) && said.contains("expected ELSEWHERE | FAULT(SIGBUS"), "{said}");
}

fn a_wrong_result_is_told() {
    let steps: [(usize, StepResult, &str); 4] = [
        (2, StepResult::Saw(Seen::of([(1, Clean::Zero)])), "map + 10): expected 0, came 138 "),
        (3, StepResult::Done, "ftruncate(fd, -1): expected 0, came -22 (Invalid argument)"),
        (
            3,
            StepResult::Errno(faultmap::Errno(13)),
            "ftruncate(fd, -1): expected -EACCES, came -22 ",
        ),
        (
            4,
            StepResult::Saw(Seen {
                runs: vec![Run { byte: Clean::OtherData, count: 9 }],
                rest: None,
            }),
            ", buffer, 100, 2190): expected 9, came 10 ",
        ),
    ];
    for (step, result, wanted) in steps {
        let (code, said) = changed(|own| own.measurement.steps[step] = result);
        assert!(code == Some(1) && said.contains(wanted), "{wanted}: {said}");
    }
}

fn one_access_alone() {
    let (_dir, path) = case_file(CASE);
    let path = path.to_str().expect("text");
    let page = rustix::param::page_size().to_string();
    for (access, at, row) in [
        ("read", &*page, "asked.access = READ, asked.at = PAGE;"),
        ("copy_to_user", "2199", "asked.access = COPY_TO_USER, asked.at = 2199;"),
        ("write", "-1", "asked.access = WRITE, asked.at = -1;"),
    ] {
        let arguments = ["show", path, "--c", "--access", access, "--at", at];
        let (code, text, stderr) = run(&mut faultmap(&arguments));
        assert_eq!((code, &*stderr), (Some(0), ""));
        assert!(text.contains(row), "{text}");
        assert_eq!(ran(CC, &text), (Some(0), String::new()));
    }
}

fn what_c_cannot_say() {
    let (_dir, path) = case_file("timeout(200ms); fd = file(1); pause();");
    let path = path.to_str().expect("text");
    let (code, text, stderr) = run(&mut faultmap(&["show", path, "--c"]));
    assert_eq!((code, &*text), (Some(2), ""));
    assert!(stderr.contains("cannot be a C program: a step of it never returns"), "{stderr}");
    let (code, text, stderr) = run(&mut faultmap(&["show", "notes", "--c"]));
    assert_eq!((code, &*text), (Some(2), ""));
    assert!(stderr.contains("and a C program is of one"), "{stderr}");
}

fn names_that_c_keeps() {
    let names =
        ["int", "read", "errno", "files", "EOF", "process_1", "linux", "told", "pid", "int_"];
    let steps: String = names
        .iter()
        .map(|name| {
            format!(
                "{name} = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); {name}[0];
                sweep({name}, read, copy_from_user);\n"
            )
        })
        .collect();
    let (case, expected) = expected(&steps);
    let text = c_program(&case, &expected).expect("a program");
    assert_eq!(ran(CC, &text), (Some(0), String::new()));
}

/// The steps before each call.
const BEFORE: &str = "fd = file(PAGE);
    map = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
    id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
    process { theirs = open(fd); there = shmat(id, 0, 0); there[0]; pipe(); }
    fork { map[PAGE - 4..PAGE + 4] = 'x'; map[0..2]; fork { _exit(3); } }";

const SWEEP: &str = "sweep(map, read, write, exec, copy_from_user, copy_to_user);";

/// Every call and flag of the vocabulary is one of the C library, and of its headers. What comes does not matter
/// here: the program is not run.
fn every_word_is_compiled(compiler: &[&str]) {
    let (mut case, mut expected) = expected(&format!("{BEFORE}{SWEEP}"));
    let calls = faultmap::internals::vocabulary::all().filter(|call| call.weight > 0);
    // Together they are more than the parser takes.
    case.steps.extend(calls.flat_map(with_each_word));
    let count = case.walk().count();
    expected.measurement.steps.clear();
    expected.measurement.steps.resize(count, StepResult::Done);
    compiled(compiler, &c_program(&case, &expected).expect("a program"));
}

/// The call with each of its words, as steps.
fn with_each_word(call: &'static Syscall) -> Vec<Step> {
    let plain = |parameter: &Parameter| match parameter {
        Parameter::Address => "map".to_owned(),
        Parameter::Descriptor
        | Parameter::ReadDescriptor
        | Parameter::File
        | Parameter::PathOrFile => "fd".to_owned(),
        Parameter::Id => "id".to_owned(),
        Parameter::Text => "\"a\\\\?\"".to_owned(),
        Parameter::Flags(family) | Parameter::Word(family) => flags(*family)[0].name.to_owned(),
        _ => "1".to_owned(),
    };
    let all: Vec<Parameter> = call.all_parameters().collect();
    let must = call.parameters.iter().map(plain).collect::<Vec<_>>();
    let mut texts = vec![format!("{}({});", call.name, must.join(", "))];
    for (place, parameter) in all.iter().enumerate() {
        for flag in parameter.family().map_or(&[][..], flags) {
            let mut words: Vec<String> = all.iter().map(plain).collect();
            words[place] = flag.name.to_owned();
            texts.push(format!("{}({});", call.name, words.join(", ")));
        }
    }
    // The parser refuses what no case may do, such as to stop itself.
    let case = |text: &String| parse::case(&format!("{BEFORE}{text}")).ok();
    let steps: Vec<Step> =
        texts.iter().filter_map(case).filter_map(|mut case| case.steps.pop()).collect();
    assert!(!steps.is_empty(), "{}", call.name);
    steps
}
