//! Results for harnesses of the Test Anything Protocol, such as prove(1): [`Tap`], version 14.
//!
//! <https://testanything.org/tap-version-14-specification.html>

use super::body;
use super::format::{End, Format, Shown};
use super::line::CaseLine;
use super::verdict::Verdict;
use crate::printable::escaped;

/// The Test Anything Protocol, version 14.
#[derive(Debug)]
pub struct Tap;

impl Format for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn begin(&self, cases: usize) -> String {
        format!("TAP version 14\n1..{cases}\n")
    }

    fn case(&self, case: &CaseLine, shown: Shown) -> String {
        let (number, id) = (shown.number, text(&case.case));
        if case.verdict == Verdict::Skipped {
            let reason = text(case.reason.as_deref().unwrap_or_default());
            return format!("ok {number} - {id} # SKIP {reason}\n");
        }
        let result = if case.agrees() { "ok" } else { "not ok" };
        let mut out = format!("{result} {number} - {id}\n  ---\n");
        if !case.agrees() {
            out += &format!("  message: {}\n", quoted(&case.words().join(", ")));
            out += &format!("  file: {}\n  line: {}\n", quoted(&case.file), case.line);
        }
        out += &format!("  duration_ms: {}\n", case.milliseconds());
        if !case.agrees() {
            // A literal block: the reader of TAP::Parser takes `"known: ...` in a list for a key.
            out += "  output: |\n";
            for line in body::plain(case) {
                out += &format!("    {line}\n");
            }
        }
        out + "  ...\n"
    }

    fn end(&self, end: &End<'_>) -> String {
        let comment = end.comment();
        // What stands behind a bail out is not read.
        match end.missing {
            Some(missing) => format!("{comment}Bail out! {missing}\n"),
            None => comment,
        }
    }
}

/// Returns the text of a test point: a `#` begins a directive, unless there is a `\` before it.
fn text(own: &str) -> String {
    escaped(own).replace('\\', "\\\\").replace('#', "\\#")
}

/// Returns a scalar of YAML in double quotes, which may hold all that a string of JSON may.
fn quoted(own: &str) -> String {
    serde_json::to_string(&escaped(own)).unwrap_or_default()
}
