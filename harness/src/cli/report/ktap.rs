//! Results for the tools of the kernel, such as kselftest's and kunit.py: [`Ktap`], version 1.
//!
//! <https://docs.kernel.org/dev-tools/ktap.html>

use super::body;
use super::format::{End, Format, Shown};
use super::line::CaseLine;
use super::verdict::Verdict;
use crate::printable::escaped;

/// The Kernel Test Anything Protocol, version 1.
#[derive(Debug)]
pub struct Ktap;

impl Format for Ktap {
    fn name(&self) -> &'static str {
        "ktap"
    }

    fn begin(&self, cases: usize) -> String {
        format!("KTAP version 1\n1..{cases}\n")
    }

    fn case(&self, case: &CaseLine, shown: Shown) -> String {
        let (number, id) = (shown.number, text(&case.case));
        let milliseconds = case.milliseconds();
        let reason = text(case.reason.as_deref().and_then(|own| own.lines().next()).unwrap_or(""));
        // The diagnostic lines of a test stand before its result.
        let lines = body::plain(case).into_iter();
        let lines: String =
            lines.map(|line| format!("# {id}: {line}").trim_end().to_owned() + "\n").collect();
        match case.verdict {
            Verdict::Skipped => format!("ok {number} {id} # SKIP {reason}\n"),
            Verdict::HarnessError => format!("{lines}not ok {number} {id} # ERROR {reason}\n"),
            _ if case.agrees() => format!("ok {number} {id} # {milliseconds} ms\n"),
            _ => {
                let words = case.words().join(", ");
                format!("{lines}not ok {number} {id} # {words}, {milliseconds} ms\n")
            }
        }
    }

    fn end(&self, end: &End<'_>) -> String {
        end.comment()
    }
}

/// Returns a description: it cannot hold a `#`, which begins the diagnostic data, and there is no way to
/// quote one.
fn text(own: &str) -> String {
    escaped(own).replace('#', "\\u{23}")
}
