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
    "mode_t",
    "bool",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "intptr_t",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "uintptr_t",
    "FILE",
];

/// The words of C that choose, repeat or skip statements.
const CONTROL: &[&str] = &["if", "else", "for", "while", "do", "switch", "goto"];

const PRINTS: &str = "leave it out: the picture shows what each step returned";
const PAGES: &str = "write `PAGE`, or a number of bytes";
const BYTES: &str = "write the bytes one by one: `map[0] = 'x';`";
const LOADS: &str = "write the loads: `map[0..8];`; the picture shows what they saw";
const MEMORY: &str =
    "map memory: `map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);`";
const BLOCK: &str = "write the child's steps in a block: `fork { map[0]; }`";
const WAITS: &str = "leave it out: the steps behind `fork { ... }` wait for its end";
const SLEEPS: &str = "leave it out: no step has to wait for another";
const FILE: &str = "write `fd = file(SIZE);`, which makes a file and opens it";

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
    ("fputs", PRINTS),
    ("fflush", PRINTS),
    ("err", PRINTS),
    ("errx", PRINTS),
    ("stat", PRINTS),
    ("fstat", PRINTS),
    ("memset", BYTES),
    ("bzero", BYTES),
    ("memcpy", BYTES),
    ("memmove", BYTES),
    ("strcpy", BYTES),
    ("memcmp", LOADS),
    ("strcmp", LOADS),
    ("strlen", LOADS),
    ("malloc", MEMORY),
    ("calloc", MEMORY),
    ("realloc", MEMORY),
    ("free", "unmap the map: `munmap(map, PAGE);`"),
    ("fork", BLOCK),
    ("vfork", BLOCK),
    ("clone", BLOCK),
    ("pthread_create", BLOCK),
    ("wait", WAITS),
    ("waitpid", WAITS),
    ("lseek", "give the offset to the step: `pread(fd, 0, 10);`"),
    ("creat", FILE),
    ("fopen", FILE),
    ("mkstemp", FILE),
    ("fclose", "write `close(fd);`"),
    ("memfd_create", "write `fd = memfd(SIZE);`, which makes a memfd and fills it"),
    ("posix_fallocate", "write `fallocate(fd, 0, 0, 10);`"),
    ("kill", "write `raise(SIGBUS);`: a process can only signal itself"),
    ("sleep", SLEEPS),
    ("usleep", SLEEPS),
    ("nanosleep", SLEEPS),
];

/// The hint for a function of C that no case can call.
pub(super) fn function(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(own, _)| *own == name).map(|(_, hint)| *hint)
}

/// The words that are no calls and begin a line, each with its form.
const LINES: &[(&str, &str)] = &[
    ("sweep", "sweep(map, read, write);"),
    ("process", "process { map[0]; }"),
    ("requires", "requires(root);"),
    ("timeout", "timeout(200ms);"),
];

/// The error for a step that no case can make.
pub(super) fn step(span: Range<usize>, name: &str) -> ParseError {
    if let Some((_, form)) = LINES.iter().find(|(own, _)| *own == name) {
        return ParseError::new(span, format!("`{name}` is no call"))
            .hint(format!("it stands alone, in this form: `{form}`"));
    }
    let error = ParseError::new(span, format!("unknown step `{name}`"));
    let words = vocabulary::all().map(|call| call.name);
    let words = words.chain(LINES.iter().map(|(name, _)| *name)).chain(["fork"]);
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
    makes.then_some(FILE)
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
                    BLOCK
                }
                "if" | "else" => PRINTS,
                _ => "every step is performed once, in order: write each out, or make two cases",
            };
            return Some(self.error(format!("a case has no `{first}`")).hint(hint));
        }
        if first == "return" && !self.sign_ahead(1, "=") && !self.sign_ahead(1, "[") {
            let hint = "leave it out: a case ends behind its last step; `_exit(0);` ends a process";
            return Some(self.error("a case has no `return`").hint(hint));
        }
        if self.sign_ahead(0, "*") {
            return Some(self.pointer());
        }
        if ["+", "-"].iter().any(|sign| self.sign_ahead(1, sign)) && !first.is_empty() {
            let hint = format!("write `{first} + 1` where it is needed");
            return Some(self.error("a variable cannot be changed").hint(hint));
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
        if is_kept { self.kept_in_vain(2) } else { None }
    }

    /// The error for `*p`, `*p = 'x'` and `*(p + 10) = 'x'`.
    fn pointer(&self) -> ParseError {
        let in_brackets = self.sign_ahead(1, "(");
        let at = if in_brackets { 2 } else { 1 };
        let name = match self.ahead(at).map(|token| &token.kind) {
            Some(TokenKind::Word(name)) => name.as_str(),
            _ => "map",
        };
        let offset =
            match self.ahead(at + 2).filter(|_| in_brackets && self.sign_ahead(at + 1, "+")) {
                Some(token) => &self.text[token.span.clone()],
                None => "0",
            };
        self.error("a pointer cannot be followed here").hint(format!(
            "name the byte: `{name}[{offset}];` to load it, `{name}[{offset}] = 'x';` to store"
        ))
    }

    /// The rest of a step from this token on; `other` where it is not all on one line, or too long to read.
    fn rest(&self, from: usize, other: String) -> String {
        const LONGEST: usize = 120;
        let end = (from..)
            .map_while(|at| self.ahead(at))
            .find(|token| matches!(token.kind, TokenKind::Sign(";") | TokenKind::End));
        match (self.ahead(from), end) {
            (Some(first), Some(end)) => {
                let rest = &self.text[first.span.start..end.span.end];
                let is_told = rest.ends_with(';') && rest.len() <= LONGEST && !rest.contains('\n');
                if is_told { rest.to_owned() } else { other }
            }
            _ => other,
        }
    }

    /// The error for `int fd = ...`, `char *p;`, `int main(void)`.
    fn declaration(&self) -> ParseError {
        let is_type = |at| match self.ahead(at).map(|token| &token.kind) {
            Some(TokenKind::Word(word)) => TYPES.contains(&&**word),
            Some(TokenKind::Sign(sign)) => *sign == "*",
            _ => false,
        };
        let at = (0..).find(|at| !is_type(*at)).unwrap_or(0);
        // `struct stat st`: the name stands behind the tag.
        let is_word = |at| matches!(self.ahead(at), Some(Token { kind: TokenKind::Word(_), .. }));
        let at = if is_word(at + 1) { at + 1 } else { at };
        let name = match self.ahead(at).map(|token| &token.kind) {
            Some(TokenKind::Word(name)) => name.as_str(),
            _ => "name",
        };
        let is_set = self.sign_ahead(at + 1, "=");
        if let Some(vain) =
            self.kept_in_vain(at + 2).filter(|_| is_set && !self.sign_ahead(at + 2, "("))
        {
            return vain;
        }
        let called = match self.ahead(at + 2).map(|token| &token.kind) {
            Some(TokenKind::Word(call)) if is_set => function(call),
            _ => None,
        };
        let hint = match called {
            _ if name == "main" => "leave it out: the steps of a case stand alone".to_owned(),
            Some(hint) => hint.to_owned(),
            None if is_set && self.sign_ahead(at + 2, "(") => {
                format!("leave type and cast out: `{name} = {}`", self.behind_cast(at + 2))
            }
            None if is_set => {
                format!("leave the type out: `{}`", self.rest(at, format!("{name} = ...")))
            }
            None => format!("leave it out: `{name} = call(...);` makes the variable"),
        };
        self.error("a case has no declarations").hint(hint)
    }

    /// The error for `x = map[0];`, `x = *p;`, `x = 4096;`, `x = map + 10;`, `x = (char *)mmap(...);`, whose
    /// value begins at this token.
    fn kept_in_vain(&self, value: usize) -> Option<ParseError> {
        let first = self.ahead(value).map(|token| &token.kind);
        let behind = |sign: &&str| self.sign_ahead(value + 1, sign);
        let map = match first? {
            TokenKind::Word(word) if behind(&"[") => word.as_str(),
            TokenKind::Sign("*") => match self.ahead(value + 1).map(|token| &token.kind) {
                Some(TokenKind::Word(name)) => name.as_str(),
                _ => "map",
            },
            TokenKind::Number(..) => return Some(self.no_number()),
            TokenKind::Word(word) if word == "PAGE" || word == "NULL" => {
                return Some(self.no_number());
            }
            TokenKind::Word(word) if ["+", "-", ";"].iter().any(behind) => {
                let hint = format!("write `{word}` where it is needed, such as `{word} + 10`");
                return Some(self.error("a variable holds what a call gives").hint(hint));
            }
            TokenKind::Sign("(") => {
                let call = self.behind_cast(value);
                let name = self.ahead(0).map_or("map", |token| &self.text[token.span.clone()]);
                let hint = format!("leave the cast out: `{name} = {call}`");
                return Some(self.error("a case has no casts").hint(hint));
            }
            _ => return None,
        };
        let hint = format!("write the load alone: `{map}[0];`");
        Some(self.error("a load gives nothing to keep").hint(hint))
    }

    /// The rest of a step behind the cast that begins at this token.
    fn behind_cast(&self, cast: usize) -> String {
        let is_end = |at: &usize| self.ahead(*at).is_none() || self.sign_ahead(*at, ")");
        let end = (cast..).find(is_end).unwrap_or(cast);
        self.rest(end + 1, "mmap(...);".to_owned())
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
