//! The programs of harness/docs/findings.md show what other implementations of Linux do. Each is compiled without a
//! warning and agrees with this Linux, and the page names all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Completion, Failed, Trial};

use crate::command::root;
use crate::compile::{CC, lacks, ran};

/// A test for each program, and one for the page.
pub fn trials() -> Vec<Trial> {
    let one = |name: String| {
        Trial::ignorable_test(format!("findings::{name}"), move || the_program_agrees(&name))
    };
    let mut trials: Vec<Trial> = programs().into_iter().map(one).collect();
    let page = || the_page_names_each_program().map_err(Failed::from);
    trials.push(Trial::test("findings::the_page_names_each_program", page));
    trials
}

fn docs() -> PathBuf {
    root().join("harness/docs")
}

/// The names of the programs, without `.c`.
fn programs() -> BTreeSet<String> {
    let files = fs::read_dir(docs().join("findings")).expect("the programs");
    let name_of = |file: fs::DirEntry| {
        let name = file.file_name().into_string().expect("text");
        name.strip_suffix(".c").expect("a C program").to_owned()
    };
    files.map(|file| name_of(file.expect("a program"))).collect()
}

fn the_program_agrees(name: &str) -> Result<Completion, Failed> {
    if let Some(reason) = lacks(CC[0]) {
        return Ok(Completion::ignored_with(reason));
    }
    let text = fs::read_to_string(docs().join("findings").join(format!("{name}.c")))?;
    match ran(CC, &text) {
        (Some(0), _) => Ok(Completion::Completed),
        (code, said) => Err(format!("exit code {code:?}\n{said}").into()),
    }
}

/// Each row of the table has a number, an implementation and a program, and the text counts them.
fn the_page_names_each_program() -> Result<(), String> {
    let page = fs::read_to_string(docs().join("findings.md")).expect("the page");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| ")?.split(" | ").collect()))
        .filter(|cells: &Vec<&str>| cells[0].parse::<usize>().is_ok())
        .collect();
    let name_of =
        |cells: &Vec<&str>| Some(cells[3].split_once("](")?.0.strip_prefix('[')?.to_owned());
    let named: BTreeSet<String> = rows.iter().filter_map(name_of).collect();
    let implementations: BTreeSet<&str> = rows.iter().map(|cells| cells[1]).collect();
    let counts = format!(
        "{} findings in {} implementations, by {} programs",
        rows.len(),
        implementations.len(),
        named.len()
    );
    if named != programs() {
        return Err(format!("on the page {named:?}, in the folder {:?}", programs()));
    }
    page.contains(&counts).then_some(()).ok_or(format!("the page does not say: {counts}"))
}
