//! A line of a file of results may be cut short, edited, or of another program: [`read`] says which, where, and what
//! to do.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::{ONE_VERSION, WRITE_ANEW};
use crate::cli::partition::Partition;
use crate::cli::report::line::{CaseLine, EmptyPart};
use crate::cli::report::{SCHEMA, json_text};
use crate::cli::usage::UsageError;
use crate::printable::is_printable;

/// The largest number of cases.
const CASES: usize = 1 << 20;

const CUT_SHORT: &str =
    "the run was ended early, or the file was not copied whole: measure or copy this part again";
const EDITED: &str = "the file was edited, or is of another program; `faultmap run --json > FILE` writes such a file";
const ONE_LINE: &str =
    "each result stands on one line: `jq -c .` writes it so, and `jq -c '.[]'` those of a list";

/// A line of a file of results.
#[derive(Debug)]
pub enum Line {
    Case(Box<CaseLine>),
    EmptyPart(EmptyPart),
}

/// The fields that decide whether and how the others can be read.
#[derive(Debug, Deserialize)]
struct Version {
    schema: u32,
    #[serde(default)]
    case: Value,
    #[serde(default)]
    partition: Value,
}

/// Reads a line at this place. Fails if it is no result, or one of another schema.
pub fn read(line: &[u8], place: &str) -> Result<Line, UsageError> {
    let fails = |message, hint| UsageError::NotMerged { message, hint };
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(fails(format!("{place} is not UTF-8 text"), WRITE_ANEW));
    };
    if text == "{" || text.starts_with('[') {
        return Err(fails(format!("{place} is JSON, but no result on one line"), ONE_LINE));
    }
    if !text.starts_with('{') {
        return Err(fails(format!("{place} is no result of faultmap"), WRITE_ANEW));
    }
    let no_result = |error: serde_json::Error| {
        let (message, hint) = no_result(place, &error);
        fails(message, hint)
    };
    let Version { schema, case, partition } = serde_json::from_str(text).map_err(no_result)?;
    if schema != SCHEMA {
        let message = format!("{place} has schema {schema}, and this faultmap reads {SCHEMA}");
        return Err(fails(message, ONE_VERSION));
    }
    if case.is_null() && partition.is_string() {
        let part: EmptyPart = serde_json::from_str(text).map_err(no_result)?;
        return match part.partition.parse::<Partition>() {
            Ok(_) if part.of <= CASES => Ok(Line::EmptyPart(part)),
            _ => Err(fails(format!("{place} is of no part of a run"), WRITE_ANEW)),
        };
    }
    // As a run would have printed it, whoever wrote the file.
    let printed = match text.chars().all(is_printable) {
        true => format!("{text}\n"),
        false => json_text(&serde_json::from_str::<Value>(text).map_err(no_result)?),
    };
    let line = CaseLine::read(printed).map_err(no_result)?;
    match (1..=line.of).contains(&line.number) && line.of <= CASES {
        true => Ok(Line::Case(Box::new(line))),
        false => {
            let message = format!("{place} is case {} of {}", line.number, line.of);
            Err(fails(message, WRITE_ANEW))
        }
    }
}

/// Returns what is wrong with the text of a line, and what to do.
fn no_result(place: &str, error: &serde_json::Error) -> (String, &'static str) {
    let column = error.column();
    // Its own place counts the lines of this text alone.
    let all = error.to_string();
    let what = all.rsplit_once(" at line ").map_or(all.as_str(), |(what, _)| what);
    match error.classify() {
        Category::Data => {
            (format!("{place} is no result of faultmap: {what}, at column {column}"), EDITED)
        }
        Category::Eof => {
            (format!("{place} ends in the middle of a result, at column {column}"), CUT_SHORT)
        }
        _ => (format!("{place} is no JSON from column {column} on: {what}"), EDITED),
    }
}
