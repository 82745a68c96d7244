//! The same fault of a kernel shows in many cases, at other steps and other bytes: what these differences have in
//! common is a [`Cause`].

use serde::{Deserialize, Serialize};

use crate::picture::{Difference, Of};

/// What came, and what was expected, without the numbers that each case has of its own.
///
/// A call that fails has one cause, whatever was expected of it: a kernel that does not have it fails with ENOSYS.
///
/// Lists of known findings hold it as JSON, see harness/docs/explore.md.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    at: At,
    /// None for a call that fails.
    expected: Option<Answer>,
    came: Answer,
}

/// What gave another answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum At {
    /// An access to a byte, by a step or by a sweep.
    Access,
    /// A call of this name.
    Call(String),
    /// A sweep that has a grid in one of the pictures alone.
    Sweep,
}

/// The answer of a step or an access, as a picture tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Success,
    Count,
    Errno(String),
    /// `SIGBUS ADRERR`
    Fault(String),
    /// The kinds of bytes that were seen, or the place that a store reached.
    Seen(String),
    /// A whole sentence: `not reached`.
    Told(String),
}

/// Who expects something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// POSIX and Linux, as the model has them.
    Promised,
    /// The snapshot.
    Kept,
    /// The machine with this label.
    Machine(String),
}

impl Basis {
    /// Returns the end of a sentence that tells what was expected.
    fn expects(&self, what: &str) -> String {
        match self {
            Basis::Promised => format!("where {what} is promised"),
            Basis::Kept => format!("where the snapshot has {what}"),
            Basis::Machine(label) => format!("where {label} has {what}"),
        }
    }
}

impl Cause {
    /// Returns the cause of a difference.
    pub fn of(difference: &Difference) -> Cause {
        let Difference { of, expected, came } = difference;
        let (at, expected, came) = match of {
            Of::Row(_) => (At::Access, Answer::of(expected), Answer::of(came)),
            Of::Step(line) if line.starts_with("sweep(") => {
                (At::Sweep, Answer::Told(expected.clone()), Answer::Told(came.clone()))
            }
            Of::Step(line) => {
                let at = called(line).map_or(At::Access, |call| At::Call(call.to_owned()));
                (at, Answer::of(expected), Answer::of(came))
            }
        };
        let is_failure = matches!((&at, &came), (At::Call(_), Answer::Errno(_)));
        Cause { at, expected: (!is_failure).then_some(expected), came }
    }

    /// Returns a name for files: `mseal-fails-with-ENOSYS`.
    pub fn file_name(&self) -> String {
        let words = match &self.expected {
            None => format!("{}{}", self.at.call(" "), self.came.verb()),
            Some(_) => self.words(&Basis::Promised, &[]),
        };
        let words = words.trim_end_matches(" is promised");
        let is_in_names = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let parts = words.split(|letter| !is_in_names(letter)).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("-")
    }

    /// Returns the cause in words. Several answers may be expected of a call that fails.
    pub fn words(&self, basis: &Basis, expected_of_call: &[String]) -> String {
        let Cause { at, expected, came } = self;
        let Some(expected) = expected else {
            let expected = expected_of_call.join(" or ");
            return format!("{}{} {}", at.call(" "), came.verb(), basis.expects(&expected));
        };
        match (at, expected, came) {
            (_, expected, came) if expected == came => match came {
                Answer::Fault(fault) => format!("another si_addr of {fault}"),
                Answer::Count => format!("{}another count of bytes", at.call(": ")),
                other => format!("{}other lengths of {}", at.call(": "), other.noun()),
            },
            (At::Call(_), expected, came) => {
                format!("{}{} {}", at.call(" "), came.verb(), basis.expects(&expected.noun()))
            }
            (_, Answer::Fault(expected), Answer::Fault(came))
                if signal(expected) == signal(came) =>
            {
                format!("si_code {} {}", si_code(came), basis.expects(&si_code(expected)))
            }
            (_, expected, came) => format!("{} {}", came.noun(), basis.expects(&expected.noun())),
        }
    }
}

/// Returns what was expected in the words of a finding.
pub fn expected(difference: &Difference) -> String {
    Answer::of(&difference.expected).noun()
}

impl At {
    /// The name of the call with this text behind it; nothing for an access.
    fn call(&self, behind: &str) -> String {
        match self {
            At::Call(call) => format!("{call}{behind}"),
            At::Access | At::Sweep => String::new(),
        }
    }
}

impl Answer {
    /// Reads the note on a step, or a cell of a grid.
    fn of(text: &str) -> Answer {
        const SENTENCES: &[&str] =
            &["not reached", "killed by ", "never returned", "no map", "no answer"];
        let errno = |text: &str| text.starts_with('E') || text.starts_with("errno ");
        match text.strip_prefix("= ") {
            Some(value) => match value.strip_prefix("-1 ") {
                Some(errno) => Answer::Errno(errno.to_owned()),
                None => Answer::Count,
            },
            None if text.is_empty() => Answer::Success,
            None if text.starts_with("SIG") || text.starts_with("signal ") => {
                let end = text.find(" at ").or(text.find(" elsewhere")).unwrap_or(text.len());
                Answer::Fault(text[..end].to_owned())
            }
            None if errno(text) => Answer::Errno(text.to_owned()),
            None if SENTENCES.iter().any(|own| text.starts_with(own)) => {
                Answer::Told(text.to_owned())
            }
            None => Answer::Seen(kinds(text)),
        }
    }

    fn noun(&self) -> String {
        match self {
            Answer::Success => "success".to_owned(),
            Answer::Count => "a count of bytes".to_owned(),
            Answer::Errno(text) | Answer::Fault(text) | Answer::Seen(text) => text.clone(),
            Answer::Told(text) => format!("`{text}`"),
        }
    }

    fn verb(&self) -> String {
        match self {
            Answer::Success => "succeeds".to_owned(),
            Answer::Count => "returns a count of bytes".to_owned(),
            Answer::Errno(errno) => format!("fails with {errno}"),
            Answer::Fault(fault) => format!("raises {fault}"),
            Answer::Seen(kinds) => format!("sees {kinds}"),
            Answer::Told(text) => format!("is `{text}`"),
        }
    }
}

/// True if the steps behind this one may come to something else because of the difference. A sweep changes
/// nothing, nor does a load, as long as both processes live on.
pub fn has_consequences(difference: &Difference) -> bool {
    let is_seen = |text: &str| matches!(Answer::of(text), Answer::Seen(_));
    match &difference.of {
        Of::Row(_) => false,
        Of::Step(line) if line.starts_with("sweep(") => false,
        Of::Step(_) => !(is_seen(&difference.expected) && is_seen(&difference.came)),
    }
}

/// The name of the call in a step: `map = mmap(...);`. An access (`map[0];`) has none.
fn called(line: &str) -> Option<&str> {
    let end = line.find(['(', '['])?;
    let name = line[..end].rsplit([' ', '=']).next()?;
    line[end..].starts_with('(').then_some(name)
}

/// The kinds of bytes in a text, each once: `3 data, 'x', PAGE - 5 zero` has `data, stored bytes, zero`.
fn kinds(text: &str) -> String {
    const NAMES: &[&str] =
        &["other data", "data", "zero", "to file", "memory only", "no code", "ok", "nothing"];
    let mut kinds: Vec<&str> = Vec::new();
    for part in text.split(", ") {
        // A number stands before the name, where there are several.
        let name = NAMES.iter().copied().find(|name| part.ends_with(name));
        let rest = if part.starts_with("and ") { "more" } else { "stored bytes" };
        let name = name.unwrap_or(rest);
        if !kinds.contains(&name) {
            kinds.push(name);
        }
    }
    kinds.join(", ")
}

fn signal(fault: &str) -> &str {
    fault.split(' ').next().unwrap_or(fault)
}

/// The full name of a fault's si_code, of which a picture has the tail: `SIGBUS ADRERR` is BUS_ADRERR.
/// (sigaction(2): "The following values can be placed in si_code")
fn si_code(fault: &str) -> String {
    let (signal, code) = fault.split_once(' ').unwrap_or((fault, ""));
    let sent = ["USER", "KERNEL", "QUEUE", "TIMER", "MESGQ", "ASYNCIO", "SIGIO", "TKILL"];
    match signal.strip_prefix("SIG") {
        _ if sent.contains(&code) => format!("SI_{code}"),
        Some(_) if code.starts_with(|c: char| !c.is_ascii_uppercase()) => code.to_owned(),
        Some(own) => format!("{own}_{code}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cause of another result of a step.
    fn cause(line: &str, expected: &str, came: &str) -> Cause {
        let of = Of::Step(line.to_owned());
        Cause::of(&Difference { of, expected: expected.to_owned(), came: came.to_owned() })
    }

    fn words(line: &str, expected: &str, came: &str) -> String {
        let of = match line.ends_with(';') {
            true => Of::Step(line.to_owned()),
            false => Of::Row(line.to_owned()),
        };
        let (expected, came) = (expected.to_owned(), came.to_owned());
        let difference = Difference { of, expected, came };
        Cause::of(&difference).words(&Basis::Promised, &[super::expected(&difference)])
    }

    #[test]
    fn a_cause_is_a_sentence() {
        for (line, expected, came, says) in [
            (
                "read",
                "SIGBUS ADRERR",
                "SIGBUS ADRALN",
                "si_code BUS_ADRALN where BUS_ADRERR is promised",
            ),
            (
                "map[5];",
                "SIGBUS ADRERR",
                "SIGBUS 0 at PAGE",
                "si_code 0 where BUS_ADRERR is promised",
            ),
            (
                "write",
                "SIGSEGV ACCERR",
                "SIGSEGV KERNEL",
                "si_code SI_KERNEL where SEGV_ACCERR is promised",
            ),
            ("write", "to file", "memory only", "memory only where to file is promised"),
            ("read", "'x'", "zero", "zero where stored bytes is promised"),
            ("map[0] = 'x';", "", "SIGSEGV ACCERR", "SIGSEGV ACCERR where success is promised"),
            ("read", "SIGBUS ADRERR", "SIGBUS ADRERR at 3", "another si_addr of SIGBUS ADRERR"),
            (
                "madvise(map, 1, 2);",
                "",
                "= -1 EINVAL",
                "madvise fails with EINVAL where success is promised",
            ),
            ("m = mmap(0, 1);", "= -1 ENOMEM", "", "mmap succeeds where ENOMEM is promised"),
            ("read(fd, map, 9);", "= 5", "= 4", "read: another count of bytes"),
            (
                "pread(fd, 0, 9);",
                "3 data, 'x', PAGE - 4 zero",
                "4 data",
                "pread sees data where data, stored bytes, zero is promised",
            ),
        ] {
            assert_eq!(words(line, expected, came), says);
        }
    }

    /// Numbers and places do not matter.
    #[test]
    fn differences_of_one_cause_are_equal() {
        let one = cause("map[0..8];", "SIGBUS ADRERR", "SIGBUS ADRALN at 4096");
        assert_eq!(one, cause("other[5] = 'x';", "SIGBUS ADRERR at 3", "SIGBUS ADRALN"));
        assert_ne!(one, cause("other[5] = 'x';", "SIGBUS ADRERR", "SIGSEGV MAPERR"));
        assert_eq!(
            cause("a = open(fd);", "", "= -1 EPERM"),
            cause("open(x, 0);", "", "= -1 EPERM")
        );
    }

    /// Whatever was expected of a call that fails.
    #[test]
    fn a_call_that_fails_has_one_cause() {
        let one = cause("mseal(a, 1, 0);", "", "= -1 ENOSYS");
        let other = cause("mseal(b, 2, 0);", "= -1 ENOMEM", "= -1 ENOSYS");
        assert_eq!(one, other);
        let expected = ["success".to_owned(), "ENOMEM".to_owned()];
        let words = "mseal fails with ENOSYS where success or ENOMEM is promised";
        assert_eq!(one.words(&Basis::Promised, &expected), words);
        assert_ne!(one, cause("mlock(b, 2);", "= -1 ENOMEM", "= -1 ENOSYS"));
        assert_ne!(one, cause("mseal(b, 2, 0);", "", "= -1 EINVAL"));
    }

    #[test]
    fn the_names_of_files_tell_causes_apart() {
        let name = |line, expected, came| cause(line, expected, came).file_name();
        assert_eq!(name("mseal(a, 1, 0);", "", "= -1 ENOSYS"), "mseal-fails-with-ENOSYS");
        assert_eq!(name("m = mmap(0, 1);", "= -1 ENOMEM", ""), "mmap-succeeds-where-ENOMEM");
        let (one, other) = (name("map[0];", "'x'", "zero"), name("map[0];", "2 data, 'x'", "zero"));
        assert_eq!(one, "zero-where-stored-bytes");
        assert_eq!(other, "zero-where-data-stored-bytes");
    }

    #[test]
    fn only_a_load_has_no_consequences() {
        let has = |line: &str, expected: &str, came: &str| {
            let of = Of::Step(line.to_owned());
            has_consequences(&Difference { of, expected: expected.into(), came: came.into() })
        };
        assert!(!has("map[0];", "data", "zero"));
        assert!(!has("pread(fd, 0, 9);", "9 data", "4 data"));
        assert!(has("map[0];", "data", "SIGBUS ADRERR"));
        assert!(has("ftruncate(fd, 0);", "", "= -1 EPERM"));
    }
}
