//! The lines of a case that are no steps: `requires(...)` and `timeout(...)`.

use std::time::Duration;

use super::ParseError;
use super::grammar::Parser;
use super::token::TokenKind;
use crate::case::{ARCHITECTURES, CPU_FLAGS, FILE_SYSTEMS, Requirement, limits};

/// The forms of a requirement, for hints.
const KNOWN: &str = "one of: fs == NAME, fs != NAME, root, exec, page == BYTES, kernel >= X.Y, \
                     arch == NAME, cpu == FLAG, cpu != FLAG";

/// Other names of architectures, as package managers and kernels have them.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("arm64", "aarch64"),
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("ppc64", "powerpc64"),
    ("ppc64le", "powerpc64"),
    ("s390", "s390x"),
    ("loong64", "loongarch64"),
];

impl Parser<'_> {
    /// Parses `requires(fs != tmpfs, root, page == 4096, kernel >= 6.13, arch == x86_64);`.
    pub(super) fn requires(&mut self, out: &mut Vec<Requirement>) -> Result<(), ParseError> {
        self.next();
        self.expect("(")?;
        loop {
            out.push(self.requirement()?);
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        self.expect(";")
    }

    fn requirement(&mut self) -> Result<Requirement, ParseError> {
        let (word, span) = self.word("a requirement")?;
        match word.as_str() {
            "root" => Ok(Requirement::Root),
            "exec" => Ok(Requirement::Exec),
            "fs" => {
                let equal = self.equal()?;
                let name = self.one_of(
                    "file system",
                    &FILE_SYSTEMS.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
                )?;
                Ok(match equal {
                    true => Requirement::FileSystem(name),
                    false => Requirement::NotFileSystem(name),
                })
            }
            "cpu" => {
                let equal = self.equal()?;
                let flag = self.one_of("flag of a CPU", CPU_FLAGS)?;
                Ok(if equal { Requirement::Cpu(flag) } else { Requirement::NotCpu(flag) })
            }
            "arch" => {
                self.comparison("==")?;
                let name = self.one_of("architecture", ARCHITECTURES);
                Ok(Requirement::Arch(name.map_err(|error| self.by_its_name(error))?))
            }
            "page" => {
                self.comparison("==")?;
                let size = self.number()?;
                let (least, most) = (limits::SMALLEST_PAGE, limits::LARGEST_PAGE);
                match limits::is_page_size(size) {
                    true => Ok(Requirement::Page(size)),
                    false => Err(self
                        .error_at_last("no machine has pages of this size")
                        .hint(format!("a power of two, {least} to {most}"))),
                }
            }
            "kernel" => {
                self.comparison(">=")?;
                let major = self.version()?;
                self.expect(".")?;
                Ok(Requirement::Kernel(major, self.version()?))
            }
            _ => Err(ParseError::new(span, format!("unknown requirement `{word}`")).hint(KNOWN)),
        }
    }

    /// Parses `==` or `!=`. True for `==`.
    fn equal(&mut self) -> Result<bool, ParseError> {
        match self.take("!=") {
            true => Ok(false),
            false => self.comparison("==").map(|()| true),
        }
    }

    fn comparison(&mut self, sign: &str) -> Result<(), ParseError> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(self.error(format!("expected `{sign}`")).hint(KNOWN)),
        }
    }

    fn one_of(&mut self, what: &str, names: &[&str]) -> Result<String, ParseError> {
        let (name, span) = self.word(&format!("a name of a {what}"))?;
        match names.contains(&name.as_str()) {
            true => Ok(name),
            false => Err(ParseError::new(span, format!("unknown {what} `{name}`"))
                .suggest(&name, names.iter().copied())),
        }
    }

    /// Adds the name in this language of an architecture that was just read.
    fn by_its_name(&self, error: ParseError) -> ParseError {
        let word = &self.text[self.last().span.clone()];
        let own = OTHER_NAMES.iter().find(|(other, _)| *other == word);
        match own {
            Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
            None => error,
        }
    }

    fn version(&mut self) -> Result<u32, ParseError> {
        let number = self.number()?;
        u32::try_from(number)
            .map_err(|_| self.error_at_last("no such version").hint("kernel >= 6.13"))
    }

    /// Parses `timeout(200ms);` or `timeout(2s);`.
    pub(super) fn timeout(&mut self) -> Result<Duration, ParseError> {
        self.next();
        self.expect("(")?;
        let start = self.peek().span.start;
        let value = self.number()?;
        let unit = match &self.peek().kind {
            TokenKind::Word(word) => {
                self.next();
                word.as_str()
            }
            _ => "",
        };
        let wrong = |message: String| {
            let (least, most) = (limits::TIMEOUT_MS.start(), limits::TIMEOUT_MS.end());
            Err(ParseError::new(start..self.last_end(), message).hint(format!(
                "a whole number of ms or s, from {least}ms to {most}ms: `timeout(200ms);`"
            )))
        };
        let millis = match unit {
            "ms" => value,
            "s" => value.saturating_mul(1000),
            "" => return wrong("a timeout needs a unit".to_owned()),
            _ => return wrong(format!("`{unit}` is no unit of a timeout")),
        };
        if !limits::TIMEOUT_MS.contains(&millis) {
            return wrong("this timeout is out of bounds".to_owned());
        }
        self.expect(")")?;
        self.expect(";")?;
        Ok(Duration::from_millis(millis))
    }

    fn number(&mut self) -> Result<u64, ParseError> {
        let token = self.next();
        match token.kind {
            TokenKind::Number(value, _) => Ok(value),
            _ => Err(ParseError::new(token.span.clone(), "a number belongs here")
                .hint("for example: requires(kernel >= 6.13); timeout(200ms);")),
        }
    }
}
