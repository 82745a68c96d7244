//! The text of a case, as a picture shows it: one step on each line, with aligned assignments.

use std::fmt;

use crate::case::{Arg, Case, Step};

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.comment {
            writeln!(f, "{}", format!("// {line}").trim_end())?;
        }
        if !self.requires.is_empty() {
            let all: Vec<String> = self.requires.iter().map(ToString::to_string).collect();
            writeln!(f, "requires({});", all.join(", "))?;
        }
        if let Some(timeout) = self.timeout {
            writeln!(f, "timeout({}ms);", timeout.as_millis())?;
        }
        for line in lines(&self.steps) {
            writeln!(f, "{:indent$}{}", "", line.text, indent = 4 * line.depth)?;
        }
        Ok(())
    }
}

/// A line of a case's steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The index of the step in [`Case::walk`]; `None` for a closing brace.
    pub step: Option<usize>,
    /// The number of blocks around it.
    pub depth: usize,
    /// The text without indentation.
    pub text: String,
}

/// The steps as lines. Within a block, the names of variables are padded so that each `=` is in the
/// same column.
pub fn lines(steps: &[Step]) -> Vec<Line> {
    let mut out = Vec::new();
    let mut next = 0;
    block(steps, 0, &mut next, &mut out);
    out
}

/// The text of the step with this index in [`Case::walk`]; empty where there is no such step.
pub fn text_of(lines: &[Line], step: usize) -> &str {
    lines.iter().find(|line| line.step == Some(step)).map_or("", |line| line.text.as_str())
}

fn block(steps: &[Step], depth: usize, next: &mut usize, out: &mut Vec<Line>) {
    let names = steps.iter().filter_map(|step| match step {
        Step::Call { assign: Some(name), .. } => Some(name.len()),
        _ => None,
    });
    let width = names.max().unwrap_or(0);
    for step in steps {
        let index = *next;
        *next += 1;
        let mut push = |step, text| out.push(Line { step, depth, text });
        match step {
            Step::Call { assign, call, args } => {
                let args: Vec<String> = args.iter().map(ToString::to_string).collect();
                let call = format!("{}({});", call.name, args.join(", "));
                push(
                    Some(index),
                    match assign {
                        Some(name) => format!("{name:width$} = {call}"),
                        None => call,
                    },
                );
            }
            Step::Touch { map, at, to, store } => {
                let to = to.as_ref().map_or(String::new(), |to| format!("..{to}"));
                let store = store.map_or(String::new(), |byte| format!(" = {}", stored(byte)));
                push(Some(index), format!("{map}[{at}{to}]{store};"));
            }
            Step::Sweep { map, accesses } => {
                let accesses: Vec<&str> = accesses.iter().map(|access| access.name()).collect();
                push(Some(index), format!("sweep({map}, {});", accesses.join(", ")));
            }
            Step::Block { kind, steps } => {
                push(Some(index), kind.opening().to_owned());
                block(steps, depth + 1, next, out);
                out.push(Line { step: None, depth, text: "}".to_owned() });
            }
        }
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Size(size) | Arg::Address { map: None, offset: size } => size.fmt(f),
            Arg::Address { map: Some(map), offset } => match offset.to_string() {
                zero if zero == "0" => f.write_str(map),
                negative if negative.starts_with('-') => {
                    write!(f, "{map} - {}", &negative[1..])
                }
                offset => write!(f, "{map} + {offset}"),
            },
            Arg::Descriptor(name) | Arg::Id(name) => f.write_str(name),
            Arg::BadDescriptor(number) => number.fmt(f),
            Arg::Flags(words) => {
                let words: Vec<String> = words.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(" | "))
            }
            Arg::Text(bytes) => {
                f.write_str("\"")?;
                bytes.iter().try_for_each(|byte| f.write_str(&escaped(*byte, b'"')))?;
                f.write_str("\"")
            }
        }
    }
}

fn stored(byte: u8) -> String {
    match byte {
        b' '..=b'~' => format!("'{}'", escaped(byte, b'\'')),
        _ => byte.to_string(),
    }
}

fn escaped(byte: u8, quote: u8) -> String {
    match byte {
        0 => "\\0".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        byte if byte == quote => format!("\\{}", char::from(byte)),
        byte => char::from(byte).to_string(),
    }
}
