//! The findings of a search for people: what is new, with the smallest program of each, and what is known in a line.
//! The main function is [`told`].

use super::causes::Finding;
use crate::cli::explain::paragraph;
use crate::cli::findings::{listed, named, side_by_side};
use crate::cli::output::{BAD, NOTE, count};
use crate::model::Rule;
use crate::printable::escaped;

/// Returns the text of all findings.
pub fn told(findings: &[Finding<'_>]) -> String {
    let new = findings.iter().filter(|own| !own.is_known);
    let new: Vec<String> = (1..).zip(new).map(|(number, own)| of_new(number, own)).collect();
    let known = findings.iter().filter(|own| own.is_known).map(|own| {
        let programs = count(own.programs as usize, "program");
        format!("{NOTE}known{NOTE:#}: {}: {programs}\n", escaped(&own.words))
    });
    new.into_iter().chain(known).collect()
}

fn of_new(number: usize, finding: &Finding<'_>) -> String {
    let Finding { words, programs, .. } = finding;
    let programs = count(*programs as usize, "program");
    let mut text = format!("{BAD}{number}. {}{BAD:#}: {programs}\n", escaped(words));
    let measured = finding.example.and_then(|own| own.measured.as_ref());
    if let Some(rule) = measured.and_then(|own| Rule::from_name(own.rule.as_ref()?)) {
        text.push_str(&paragraph(&format!("rule {}: {}", rule.name(), rule.text())));
    }
    if let Some(measured) = measured {
        text.push_str(&paragraph(&format!("in: {}", escaped(&measured.place))));
    }
    let numbers: Vec<String> = finding.numbers.iter().map(u64::to_string).collect();
    let numbers = listed(&numbers, finding.programs as usize);
    text.push_str(&paragraph(&format!("programs: {numbers}")));
    if !finding.files.is_empty() {
        let files: Vec<String> =
            finding.files.iter().map(|path| path.display().to_string()).collect();
        text.push_str(&paragraph(&format!("files: {}", named(&files))));
    }
    match (measured, finding.example) {
        (Some(measured), _) => {
            if let Err(why) = &measured.c_program {
                text.push_str(&paragraph(&format!("no C program: {}", escaped(why))));
            }
            let pictures = [&*measured.promised, &*measured.came];
            let lines = side_by_side::lines(pictures, ["model", "here"]);
            text.push('\n');
            lines.iter().for_each(|line| text.push_str(&indented(line)));
        }
        (None, Some(example)) => {
            text.push_str(&paragraph("It did not show again when the whole case was measured:"));
            text.push('\n');
            example.text.lines().for_each(|line| text.push_str(&indented(&escaped(line))));
        }
        (None, None) => {}
    }
    text + "\n"
}

fn indented(line: &str) -> String {
    format!("    {line}").trim_end().to_owned() + "\n"
}
