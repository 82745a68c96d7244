//! `faultmap explain`: a rule of the model, its source, and the cases that show it.
//!
//! A case shows a rule if the prediction of the model without the rule differs.

use super::exit::{Exit, Failed};
use super::judging::judged;
use super::output::Output;
use super::select::Selection;
use super::shell::program;
use super::usage::UsageError;
use crate::case::Case;
use crate::model::{self, Environment, Rule};
use crate::parse::{distance, nearest};
use crate::printable::escaped;

/// The words that `run` uses for the model, with their explanations.
const WORDS: &[(&str, &str)] = &[
    (
        "split",
        "The kernel contradicts the model: the rules do not allow the measured result. `rule:` names the one \
         rule without which the model would predict it, and `rule: none` says that there is no such rule. \
         The case fails, unless its comment says `// known: RULE why`.",
    ),
    (
        "known",
        "The kernel contradicts the model, and the comment of the case says why: `// known: RULE why`. The \
         case does not fail. Once kernel and model agree again, it fails: `needless known`.",
    ),
    (
        "open",
        "No standard promises an open rule: a kernel or a file system may keep it or not. Where it is known \
         which, the model predicts that. Elsewhere a note says whether it held, and at which step; neither \
         is an error.",
    ),
    (
        "not modelled",
        "From that step on the model predicts nothing, because the result depends on something that it does \
         not know, such as the amount of free memory. The result is compared only with the snapshot.",
    ),
];

/// All names that can be explained.
pub fn names() -> Vec<String> {
    let words = WORDS.iter().map(|(word, _)| (*word).to_owned());
    Rule::ALL.iter().map(|rule| rule.name()).chain(words).collect()
}

/// Explains a rule or a word; without an argument, lists all of them.
pub fn run(name: Option<&str>) -> Result<Exit, Failed> {
    let mut out = Output::default();
    match name {
        None => {
            for (word, text) in WORDS {
                out.print(&format!("{word}\n{}\n", paragraph(text)));
            }
            for rule in Rule::ALL {
                out.print(&format!("{}{}\n", rule.name(), open_word(*rule)));
                out.print(&paragraph(&rule.sentence()));
            }
            out.print(&format!("\n`{} explain RULE` explains one of them in full.\n", program()));
        }
        Some(name) => out.print(&explained(name)?),
    }
    out.end()?;
    Ok(Exit::Agree)
}

fn explained(name: &str) -> Result<String, Failed> {
    let is = |own: &str| own.eq_ignore_ascii_case(name);
    if let Some((word, text)) = WORDS.iter().find(|(word, _)| is(word)) {
        return Ok(format!("{word}\n{}", paragraph(text)));
    }
    let Some(rule) = Rule::ALL.iter().copied().find(|rule| is(&rule.name())) else {
        return Err(unknown(name));
    };
    let mut text = format!("{}{}\n{}", rule.name(), open_word(rule), paragraph(rule.text()));
    if rule.is_open() {
        text.push_str(
            "    Open: no standard promises it. Where it is not known, both results are right.\n",
        );
    }
    let known = rule.known().map(|own| paragraph(&format!("It {own}.")));
    text.extend(known);
    text.push_str(&match Selection::load(&[]) {
        Err(Failed::Usage(UsageError::NoFolder)) => {
            "    There are no cases here that could show it.\n".to_owned()
        }
        Err(failed) => return Err(failed),
        Ok(all) => {
            let mut ids: Vec<String> = Vec::new();
            for own in &all.cases {
                match judged(|| shows(&own.case, rule)) {
                    Ok(true) => ids.push(format!("        {}\n", escaped(&own.id))),
                    Ok(false) => {}
                    Err(why) => return Err(Failed::harness(format!("{}: {why}", own.id))),
                }
            }
            match ids.as_slice() {
                [] => "    No case shows it.\n".to_owned(),
                ids => format!("    Shown by:\n{}", ids.concat()),
            }
        }
    });
    Ok(text)
}

fn unknown(name: &str) -> Failed {
    let all = names();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    // A part of a name also counts as near.
    let lower = name.to_lowercase();
    let holds = |own: &&str| lower.len() > 2 && own.to_lowercase().contains(&lower);
    let mut near: Vec<&str> = all.iter().copied().filter(holds).collect();
    // Of a short word, half of the letters may differ, and it is another word then.
    let is_like = |own: &&str| distance(name, own) * 2 < own.len();
    near.extend(nearest(name, &all).filter(is_like).filter(|own| !near.contains(own)));
    let hint = match near.is_empty() {
        true => format!("`{} explain` lists them all", program()),
        false => format!("did you mean {}?", near.join(", ")),
    };
    UsageError::NoRule { name: name.to_owned(), hint }.into()
}

/// True where the prediction for the case without the rule differs.
fn shows(case: &Case, rule: Rule) -> bool {
    let here = Environment::with_pages_of(rustix::param::page_size() as u64);
    model::predict(case, &here) != model::predict(case, &here.without(&[rule]))
}

fn open_word(rule: Rule) -> &'static str {
    if rule.is_open() { "  (open)" } else { "" }
}

/// Wraps the text into lines of at most a hundred characters.
pub(super) fn paragraph(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() > 90 {
            out.push_str(&format!("    {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out + &format!("    {line}\n")
}
