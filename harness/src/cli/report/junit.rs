//! Nearly every server for continuous integration reads JUnit's XML: [`Junit`].

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::body;
use super::format::{End, Format, Shown, Wrong};
use super::line::CaseLine;
use super::verdict::Verdict;
use crate::printable::escaped;

/// JUnit's XML, printed at the end, as it begins with the totals.
#[derive(Debug)]
pub struct Junit;

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn needs_all(&self) -> bool {
        true
    }

    fn case(&self, _case: &CaseLine, _shown: Shown) -> String {
        String::new()
    }

    fn end(&self, end: &End<'_>) -> String {
        let mut suite = TestSuite::new("faultmap");
        suite.set_time(end.elapsed);
        suite.add_properties(properties(end.cases));
        suite.add_test_cases(end.cases.iter().map(test));
        if let Some(missing) = end.missing {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(missing);
            suite.add_test_case(TestCase::new("the whole run", status));
        }
        suite.set_system_out(end.summary);
        text(suite, end.elapsed)
    }

    fn refused(&self, wrong: &[Wrong<'_>]) -> String {
        let mut suite = TestSuite::new("faultmap");
        for own in wrong.chunk_by(|one, next| one.file == next.file) {
            suite.add_test_case(bad_file(own));
        }
        text(suite, Duration::ZERO)
    }
}

fn text(suite: TestSuite, elapsed: Duration) -> String {
    let mut report = Report::new("faultmap");
    report.set_time(elapsed).add_test_suite(suite);
    // It fails where a write to memory does.
    report.to_string().unwrap_or_default()
}

/// Returns a file that is no case, as a case with an error: its first error, and all of them.
fn bad_file(wrong: &[Wrong<'_>]) -> TestCase {
    let lines: Vec<_> = wrong.iter().map(|own| escaped(&own.message)).collect();
    let file = wrong.first().map_or("", |own| own.file);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let first = lines.first().map_or("", |line| line);
    status.set_message(first).set_type("bad case file").set_description(lines.join("\n"));
    let mut test = TestCase::new(escaped(file), status);
    test.set_classname("faultmap");
    test.extra.insert("file".into(), escaped(file).into());
    let line = wrong.first().map_or(1, |own| own.line);
    test.extra.insert("line".into(), line.to_string().into());
    test
}

/// Returns the machines of the cases. Results that were merged may come from several.
fn properties(cases: &[CaseLine]) -> Vec<Property> {
    let facts = |case: &CaseLine| {
        let machine = &case.machine;
        [
            ("version", machine.faultmap.clone()),
            ("kernel", machine.kernel.clone()),
            ("architecture", machine.architecture.clone()),
            ("page_size", machine.page_size.to_string()),
            ("file_system", machine.files.file_system.clone()),
            ("place", machine.files.place.clone()),
        ]
    };
    let mut all: Vec<(&str, String)> = Vec::new();
    for fact in cases.iter().flat_map(facts) {
        if !all.contains(&fact) {
            all.push(fact);
        }
    }
    all.into_iter().map(|(name, value)| Property::new(name, escaped(&value))).collect()
}

/// Returns a case: its family is the class.
fn test(case: &CaseLine) -> TestCase {
    let words = case.words().join(", ");
    let message = match &case.reason {
        Some(reason) => escaped(reason.lines().next().unwrap_or_default()).into_owned(),
        None => words.clone(),
    };
    let mut status = match case.verdict {
        Verdict::Skipped => TestCaseStatus::skipped(),
        Verdict::HarnessError => TestCaseStatus::non_success(NonSuccessKind::Error),
        _ if case.agrees() => TestCaseStatus::success(),
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if !case.agrees() {
        status.set_message(message).set_type(words);
    }
    if !case.agrees() && case.verdict != Verdict::Skipped {
        status.set_description(body::plain(case).join("\n"));
    }
    let id = escaped(&case.case);
    let (family, name) = id.rsplit_once('/').unwrap_or(("faultmap", &*id));
    let mut test = TestCase::new(name, status);
    test.set_classname(family).set_time(case.elapsed());
    test.extra.insert("file".into(), escaped(&case.file).into());
    test.extra.insert("line".into(), case.line.to_string().into());
    test
}
