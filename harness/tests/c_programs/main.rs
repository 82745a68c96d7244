//! Each case is a test, named by its id: `show --c` writes it as a C program, a compiler takes that without a warning,
//! and the program agrees. Beside them, programs that expect something wrong say so.
//!
//! The programs share no code with what measures and what predicts. The programs of harness/docs/findings are run here,
//! too.

#[path = "../command/mod.rs"]
mod command;
mod compile;
mod findings;
mod length;
mod random;
mod words;
mod wrong;

use std::process::ExitCode;

use command::{case_file, faultmap, root, run};
use compile::{CC, COMPILERS, DIR, lacks};
use faultmap::internals::backing::{Backing, Surveyed, missing};
use faultmap::internals::c_program::c_program;
use faultmap::internals::parse;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use wrong::{CASE, expected};

fn main() -> ExitCode {
    let (_, listed, _) = run(&mut faultmap(&["list"]));
    let ids = listed.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned()));
    let mut trials: Vec<Trial> =
        ids.map(|id| Trial::ignorable_test(id.clone(), move || the_program_agrees(&id))).collect();
    let others: [(&str, fn()); 12] = [
        ("a_wrong_byte_is_told", wrong::a_wrong_byte_is_told),
        ("a_wrong_fault_is_told", wrong::a_wrong_fault_is_told),
        ("a_wrong_result_is_told", wrong::a_wrong_result_is_told),
        (
            "a_wrong_number_of_the_vocabulary_is_told",
            wrong::a_wrong_number_of_the_vocabulary_is_told,
        ),
        ("one_access_alone", one_access_alone),
        ("of_the_length_of_a_bug_report", length::of_the_length_of_a_bug_report),
        ("one_access_that_is_wrong", wrong::one_access_that_is_wrong),
        ("the_text_of_a_program", the_text_of_a_program),
        ("each_process_has_an_alarm", each_process_has_an_alarm),
        ("what_c_cannot_say", what_c_cannot_say),
        ("names_that_c_keeps", names_that_c_keeps),
        ("random_programs_agree", random::random_programs_agree),
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
    trials.extend(findings::trials());
    trials.extend(COMPILERS.iter().map(|(name, compiler)| {
        Trial::ignorable_test(format!("compiled_by::{name}"), move || match lacks(compiler[0]) {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => {
                words::every_word_is_compiled(compiler);
                Ok(Completion::Completed)
            }
        })
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn the_program_agrees(id: &str) -> Result<Completion, Failed> {
    let source = std::fs::read_to_string(root().join("cases").join(format!("{id}.case")))?;
    let case = parse::case(&source).map_err(|error| error.to_string())?;
    let backing = Backing::Directory(DIR.into());
    let lacks = lacks(CC[0]).or_else(|| missing(&case, &backing, &Surveyed::of(&backing)));
    if let Some(reason) = lacks {
        return Ok(Completion::ignored_with(reason));
    }
    agrees(id, &[])?;
    // One access of it alone: over all cases, each access at different places.
    if let Some((_, _, accesses)) = case.sweeps().next() {
        let access = accesses[id.len() % accesses.len()].name();
        let at = ["0", "PAGE", "PAGE + 99", "-1"][id.len() % 4];
        agrees(id, &["--access", access, "--at", at])?;
    }
    Ok(Completion::Completed)
}

/// Fails if the program of a case, written with these arguments, says anything.
fn agrees(id: &str, arguments: &[&str]) -> Result<(), Failed> {
    let mut command = faultmap(&["show", id, "--c", "--dir", DIR]);
    let (code, text, stderr) = run(command.args(arguments));
    if code != Some(0) {
        return Err(format!("{arguments:?}: exit code {code:?}: {stderr}").into());
    }
    Ok(compile::agrees(&text).map_err(|why| format!("{arguments:?}: {why}"))?)
}

fn the_text_of_a_program() {
    let arguments =
        ["show", "notes/map_8192_of_2200_byte_file", "--c", "--access", "read", "--at", "4096"];
    let (_, text, stderr) = run(&mut faultmap(&arguments));
    assert_eq!(stderr, "");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!("the_text_of_a_program", text);
}

fn one_access_alone() {
    let (_dir, path) = case_file(CASE);
    let path = path.to_str().expect("text");
    let page = rustix::param::page_size().to_string();
    for (access, at, row) in [
        ("read", &*page, "EXPECT(FAULT(SIGBUS, BUS_ADRERR), AT(uint8_t, map + PAGE));\n"),
        ("copy_to_user", "2199", "EXPECT(IN_FILE, read(copied[0], map + 2199, 1) == 1 ? in_file()"),
        ("write", "-1", "EXPECT(FAULT(SIGSEGV, SEGV_MAPERR), AT(uint8_t, map - 1) = MARK);\n"),
    ] {
        let arguments = ["show", path, "--c", "--access", access, "--at", at];
        let (code, text, stderr) = run(&mut faultmap(&arguments));
        assert_eq!((code, &*stderr), (Some(0), ""));
        assert!(text.contains(row), "{text}");
        assert_eq!(compile::agrees(&text), Ok(()));
    }
}

/// An access may never return, and a child does not inherit an alarm.
fn each_process_has_an_alarm() {
    let case = "fd = file(PAGE); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
                fork { map[0]; } process { mine = open(fd); } sweep(map, read);";
    let (_dir, path) = case_file(case);
    for (further, processes) in [(&[][..], 3), (&["--access", "read", "--at", "0"], 3)] {
        let (code, program, stderr) = run(faultmap(&["show", "--c"]).arg(&path).args(further));
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(program.matches("alarm(").count(), processes, "{program}");
    }
}

fn what_c_cannot_say() {
    for (case, why) in [
        ("timeout(200ms); fd = file(1); pause();", "a step of it never returns"),
        ("fd = memfd(PAGE, MFD_HUGETLB);", "a file of huge pages cannot be written to"),
    ] {
        let (_dir, path) = case_file(case);
        let path = path.to_str().expect("text");
        let (code, text, stderr) = run(&mut faultmap(&["show", path, "--c"]));
        assert_eq!((code, &*text), (Some(2), ""));
        assert!(stderr.contains(&format!("cannot be a C program: {why}")), "{stderr}");
    }
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
    assert_eq!(compile::agrees(&text), Ok(()));
}
