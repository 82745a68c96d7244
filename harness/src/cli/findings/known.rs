//! Of a machine whose differences are known, only new ones are to be told. What is known stands in a file: lines that
//! `explore --json` has written, or results of `run --json`. The main function is [`read()`].

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Cause, causes};
use crate::cli::exit::Failed;
use crate::cli::merge::{self, Line};
use crate::cli::report::SCHEMA;
use crate::cli::usage::UsageError;

const WRITE_ANEW: &str =
    "`faultmap explore --json > FILE` or `faultmap run --json > FILE` writes such a file";

/// The fields by which a line of `explore` is known.
#[derive(Debug, Deserialize)]
struct Head {
    schema: Option<u32>,
    cause: Option<Value>,
    /// The totals of a search, which hold no finding.
    search: Option<Value>,
}

/// Returns the causes in a file, by which kernel and model contradict each other; `-` is stdin.
pub fn read(path: &Path) -> Result<BTreeSet<Cause>, Failed> {
    let mut known = BTreeSet::new();
    merge::each_line(path, |text, place| {
        known.extend(of_line(text, place)?);
        Ok(())
    })?;
    Ok(known)
}

fn of_line(text: &[u8], place: &str) -> Result<Vec<Cause>, UsageError> {
    let head = serde_json::from_slice::<Head>(text).ok();
    if let Some(Head { schema, cause, search }) = head {
        let fails = |message| Err(UsageError::NotMerged { message, hint: WRITE_ANEW });
        if (cause.is_some() || search.is_some()) && schema != Some(SCHEMA) {
            return fails(format!("{place} is not of schema {SCHEMA}, which this faultmap reads"));
        }
        if let Some(cause) = cause {
            return match serde_json::from_value(cause) {
                Ok(cause) => Ok(vec![cause]),
                Err(error) => fails(format!("{place} has a cause that is none: {error}")),
            };
        }
        if search.is_some() {
            return Ok(Vec::new());
        }
    }
    // A result of `run`, or else the reason why it is none.
    let Line::Case(case) = merge::read(text, place)? else { return Ok(Vec::new()) };
    let promised = case.model.as_ref().and_then(|model| model.picture.as_deref());
    let shown = promised.zip(case.picture.as_deref()).and_then(|(one, other)| causes(one, other));
    Ok(shown.into_iter().flatten().map(|own| own.cause).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Cause>, UsageError> {
        of_line(text.as_bytes(), "it.json:3")
    }

    #[test]
    fn a_cause_is_read_as_it_was_written() {
        let text = r#"{"at": {"call": "mseal"}, "expected": null, "came": {"errno": "ENOSYS"}}"#;
        let cause: Cause = serde_json::from_str(text).expect("a cause");
        let line = serde_json::json!({ "schema": SCHEMA, "cause": cause });
        assert_eq!(of(&line.to_string()).expect("a finding"), [cause]);
        let totals = serde_json::json!({ "schema": SCHEMA, "search": { "programs": 3 } });
        assert_eq!(of(&totals.to_string()).expect("no finding"), []);
    }

    #[test]
    fn what_holds_no_finding_is_refused_at_its_place() {
        for (text, says) in [
            (r#"{"schema": 1, "cause": {}}"#, "it.json:3 is not of schema 2"),
            (r#"{"schema": 2, "cause": {"at": "sea"}}"#, "it.json:3 has a cause that is none"),
            (r#"{"schema": 2}"#, "it.json:3 is no result of faultmap"),
            ("{", "it.json:3 is JSON, but no result on one line"),
            ("hello", "it.json:3 is no result of faultmap"),
        ] {
            let error = of(text).expect_err(text).to_string();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
