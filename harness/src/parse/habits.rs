//! Errors for lines that are C but no steps. Each hint says what to write instead.
//!
//! Every line that is recognised here is one that the grammar refuses, so no valid case is
//! affected.

use std::ops::Range;

use super::grammar::Parser;
use super::token::{Token, TokenKind};
use super::{ParseError, nearest};
use crate::vocabulary;

/// The words that begin a declaration in C.
const TYPES: &[&str] = &[
    "void",
    "char",
    "short",
    "int",
    "long",
    "unsigned",
    "signed",
    "float",
    "double",
    "const",
    "static",
    "volatile",
    "register",
    "auto",
    "struct",
    "size_t",
    "ssize_t",
    "off_t",
    "pid_t",
    "uint8_t",
    "uint32_t",
    "uint64_t",
    "uintptr_t",
];

/// The words of C that choose, repeat or skip statements.
const CONTROL: &[&str] = &["if", "else", "for", "while", "do", "switch", "goto"];

const PRINTS: &str = "leave it out: the picture shows what each step returned";
const PAGES: &str = "write `PAGE`, or a number of bytes";
const BYTES: &str = "write the bytes one by one: `map[0] = 'x';`";

/// Functions of C that no case can call, each with the hint.
const FUNCTIONS: &[(&str, &str)] = &[
    ("printf", PRINTS),
    ("fprintf", PRINTS),
    ("puts", PRINTS),
    ("perror", PRINTS),
    ("assert", PRINTS),
    ("sysconf", PAGES),
    ("getpagesize", PAGES),
    ("sizeof", "write the number of bytes"),
    ("memset", BYTES),
    ("memcpy", BYTES),
    ("strcpy", BYTES),
    ("malloc", "map memory: `map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);`"),
    ("fork", "write the child's steps in a block: `fork { map[0]; }`"),
    ("wait", "leave it out: the steps behind `fork { ... }` wait for its end"),
    ("waitpid", "leave it out: the steps behind `fork { ... }` wait for its end"),
    ("lseek", "give the offset to the step: `pread(fd, 0, 10);`"),
    ("creat", "write `fd = file(SIZE);`, which makes a file and opens it"),
    ("memfd_create", "write `fd = memfd(SIZE);`, which makes a memfd and fills it"),
    ("posix_fallocate", "write `fallocate(fd, 0, 0, 10);`"),
    ("kill", "write `raise(SIGBUS);`: a process can only signal itself"),
    ("sleep", "leave it out: no step has to wait for another"),
    ("usleep", "leave it out: no step has to wait for another"),
];

/// The hint for a function of C that no case can call.
pub(super) fn function(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(own, _)| *own == name).map(|(_, hint)| *hint)
}

/// The error for a step that no case can make.
pub(super) fn step(span: Range<usize>, name: &str) -> ParseError {
    let error = ParseError::new(span, format!("unknown step `{name}`"));
    let words = vocabulary::all()
        .map(|call| call.name)
        .chain(["sweep", "fork", "process", "requires", "timeout"]);
    match function(name) {
        Some(hint) => error.hint(hint),
        None => error.suggest(name, words),
    }
}

/// The error for a path that no case can open.
pub(super) fn path(span: Range<usize>, path: &str, known: &[&str]) -> ParseError {
    let error = ParseError::new(span, format!("a case cannot open `{path}`"));
    match nearest(path, known) {
        Some(_) => error.suggest(path, known.iter().copied()),
        None => error.hint(format!(
            "`fd = file(SIZE);` makes a file and opens it; a path is one of: {}",
            known.join(", ")
        )),
    }
}

/// The hint for a flag of open(2) that makes a file.
pub(super) fn flag(name: &str) -> Option<&'static str> {
    let makes = ["O_CREAT", "O_EXCL", "O_TMPFILE"].contains(&name);
    makes.then_some("write `fd = file(SIZE);`, which makes a file and opens it")
}

impl Parser<'_> {
    /// The error for a line that is C but no step; `None` for any other line. Reads no token.
    pub(super) fn c_habit(&self) -> Option<ParseError> {
        let word = |token: Option<&Token>| match token.map(|token| &token.kind) {
            Some(TokenKind::Word(word)) => Some(word.clone()),
            _ => None,
        };
        let first = word(self.ahead(0)).unwrap_or_default();
        if TYPES.contains(&&*first) && (word(self.ahead(1)).is_some() || self.sign_ahead(1, "*")) {
            return Some(self.declaration());
        }
        if CONTROL.contains(&&*first) && !self.sign_ahead(1, "=") && !self.sign_ahead(1, "[") {
            let hint = match first.as_str() {
                "if" | "else"
                    if (0..6).any(|at| word(self.ahead(at)).is_some_and(|w| w == "fork")) =>
                {
                    "write the child's steps in a block: `fork { map[0]; }`"
                }
                _ => "every step is performed once, in order: write each out, or make two cases",
            };
            return Some(self.error(format!("a case has no `{first}`")).hint(hint));
        }
        if first == "return" && !self.sign_ahead(1, "=") && !self.sign_ahead(1, "[") {
            let hint = "leave it out: a case ends behind its last step; `_exit(0);` ends a process";
            return Some(self.error("a case has no `return`").hint(hint));
        }
        if self.sign_ahead(0, "*") {
            let name = word(self.ahead(1)).unwrap_or_else(|| "map".to_owned());
            return Some(self.error("a pointer cannot be followed here").hint(format!(
                "name the byte: `{name}[0];` to load it, `{name}[0] = 'x';` to store"
            )));
        }
        let is_kept = !first.is_empty() && self.sign_ahead(1, "=");
        let call = if is_kept { 2 } else { 0 };
        // The offset belongs where C has the buffer. It is a number, and so are `PAGE` and `NULL`.
        if word(self.ahead(call)).is_some_and(|name| name == "pread")
            && word(self.ahead(call + 4)).is_some_and(|name| name != "PAGE" && name != "NULL")
        {
            let span = self.ahead(call + 4).map_or(0..0, |token| token.span.clone());
            let hint =
                "leave the buffer out, and write the offset before the count: `pread(fd, 0, 10);`";
            return Some(ParseError::new(span, "a `pread` has no buffer here").hint(hint));
        }
        if is_kept { self.kept_in_vain(word(self.ahead(2))) } else { None }
    }

    /// The error for `int fd = ...`, `char *p;`, `int main(void)`.
    fn declaration(&self) -> ParseError {
        let is_type = |at| match self.ahead(at).map(|token| &token.kind) {
            Some(TokenKind::Word(word)) => TYPES.contains(&&**word),
            Some(TokenKind::Sign(sign)) => *sign == "*",
            _ => false,
        };
        let at = (0..).find(|at| !is_type(*at)).unwrap_or(0);
        let name = match self.ahead(at).map(|token| &token.kind) {
            Some(TokenKind::Word(name)) => name.as_str(),
            _ => "name",
        };
        let hint = match () {
            () if name == "main" => "leave it out: the steps of a case stand alone".to_owned(),
            () if self.sign_ahead(at + 1, "=") => format!("leave the type out: `{name} = ...`"),
            () => format!("leave it out: `{name} = call(...);` makes the variable"),
        };
        self.error("a case has no declarations").hint(hint)
    }

    /// The error for `x = map[0];`, `x = *p;`, `x = 4096;`, `x = map + 10;`, `x = (char *)mmap(...);`.
    fn kept_in_vain(&self, word: Option<String>) -> Option<ParseError> {
        let is_number =
            matches!(self.ahead(2).map(|token| &token.kind), Some(TokenKind::Number(..)));
        let map = match word {
            Some(ref word) if self.sign_ahead(3, "[") => word.clone(),
            _ if self.sign_ahead(2, "*") => "map".to_owned(),
            Some(ref word) if (word == "PAGE" || word == "NULL") => return Some(self.no_number()),
            None if is_number => return Some(self.no_number()),
            Some(ref word) if ["+", "-", ";"].iter().any(|sign| self.sign_ahead(3, sign)) => {
                let hint = format!("write `{word}` where it is needed, such as `{word} + 10`");
                return Some(self.error("a variable holds what a call gives").hint(hint));
            }
            None if self.sign_ahead(2, "(") => {
                let hint = "leave the cast out: `map = mmap(...);`";
                return Some(self.error("a case has no casts").hint(hint));
            }
            _ => return None,
        };
        let hint = format!("write the load alone: `{map}[0];`");
        Some(self.error("a load gives nothing to keep").hint(hint))
    }

    fn no_number(&self) -> ParseError {
        self.error("a variable holds no number").hint("write the number where it is needed")
    }

    fn ahead(&self, by: usize) -> Option<&Token> {
        self.tokens.get(self.position + by).copied()
    }

    fn sign_ahead(&self, by: usize, sign: &str) -> bool {
        let is_sign = |token: &Token| matches!(token.kind, TokenKind::Sign(own) if own == sign);
        self.ahead(by).is_some_and(is_sign)
    }
}
