//! The grammar of a case: calls, accesses, blocks and sweeps.

use std::ops::Range;

use super::ParseError;
use super::recovery::Recovery;
use super::scope::{Scope, check_variable};
use super::token::{Token, TokenKind};
use crate::case::{Access, BlockKind, Case, Size, Step, limits};
use crate::vocabulary::Returns;

/// The forms of a step, for hints.
const FORM: &str = "as in C: `name = call(arguments);`, `map[0];`, `map[0] = 'x';`";

/// The state of the parser: the tokens, the position, the variables, and the sums that are limited.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<&'a Token>,
    comment: Vec<String>,
    pub(super) position: usize,
    pub(super) steps: usize,
    pub(super) blocks: usize,
    pub(super) recovery: Recovery,
    pub(super) scope: Scope,
    pub(super) size_depth: usize,
    pub(super) files: usize,
    pub(super) file_bytes: u64,
    pub(super) map_bytes: u64,
    pub(super) maps: usize,
    /// The first byte of each step, in the order of [`Case::walk`].
    pub(super) places: Vec<usize>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, all: &'a [Token]) -> Parser<'a> {
        // Only the comments before the first step belong to the case.
        let comment = all
            .iter()
            .map_while(|token| match &token.kind {
                TokenKind::Comment(line) => Some(line.trim_start().to_owned()),
                _ => None,
            })
            .flat_map(|text| {
                text.split('\n').map(|line| line.trim().to_owned()).collect::<Vec<_>>()
            })
            .collect();
        let tokens = all.iter().filter(|t| !matches!(t.kind, TokenKind::Comment(_))).collect();
        Parser {
            text,
            tokens,
            comment,
            position: 0,
            steps: 0,
            blocks: 0,
            recovery: Recovery::default(),
            scope: Scope::new(),
            size_depth: 0,
            files: 0,
            file_bytes: 0,
            map_bytes: 0,
            maps: 0,
            places: Vec::new(),
        }
    }

    pub fn case(&mut self) -> Result<Case, ParseError> {
        let mut case = Case { comment: std::mem::take(&mut self.comment), ..Case::default() };
        while self.peek().kind != TokenKind::End {
            let start = self.position;
            self.part(&mut case).or_else(|error| self.go_on_after(error, start))?;
        }
        if case.steps.is_empty() && self.recovery.has_found_none() {
            return Err(ParseError::new(0..self.text.len().min(1), "this case has no steps")
                .hint("for example: `fd = file(2200);`"));
        }
        Ok(case)
    }

    /// Parses a line that is no step, or a step.
    fn part(&mut self, case: &mut Case) -> Result<(), ParseError> {
        match self.keyword() {
            Some(word @ ("requires" | "timeout")) if !case.steps.is_empty() => {
                return Err(self
                    .error(format!("`{word}` cannot stand behind a step"))
                    .hint("move it before the first step: it is about the whole case"));
            }
            Some("requires") => self.requires(&mut case.requires)?,
            Some("timeout") if case.timeout.is_some() => {
                return Err(self.error("`timeout` is written twice").hint("one is enough"));
            }
            Some("timeout") => case.timeout = Some(self.timeout()?),
            _ => case.steps.push(self.step()?),
        }
        Ok(())
    }

    pub fn lone_size(mut self) -> Result<Size, ParseError> {
        let all = i128::from(i64::MIN)..=i128::from(i64::MAX);
        let size = self.size_within(all, "this offset")?;
        match self.peek().kind {
            TokenKind::End => Ok(size),
            _ => {
                Err(self.error("nothing may follow the offset").hint("such as 4096, -1 or PAGE+1"))
            }
        }
    }

    fn step(&mut self) -> Result<Step, ParseError> {
        self.steps += 1;
        self.places.push(self.peek().span.start);
        if self.steps > limits::STEPS {
            return Err(self
                .error("too many steps")
                .hint(format!("a case has at most {}", limits::STEPS)));
        }
        match self.keyword() {
            Some("fork") => self.block(BlockKind::Fork),
            Some("process") => self.block(BlockKind::Process),
            Some("sweep") => self.sweep(),
            Some(word @ ("requires" | "timeout")) => Err(self
                .error(format!("`{word}` cannot stand inside a block"))
                .hint("move it to the top")),
            _ => {
                if let Some(error) = self.c_habit() {
                    return Err(error);
                }
                let (name, span) = self.word("a step")?;
                let step = if self.take("=") {
                    check_variable(&name, &span)?;
                    let (call, at) = self.word("a call")?;
                    self.call(&call, at, Some((name, span)))?
                } else if self.at("[") {
                    self.touch(name, span)?
                } else {
                    self.call(&name, span, None)?
                };
                if self.at("=") {
                    return Err(self
                        .error("the result of a step is measured, not written")
                        .hint("to keep it, put a name before the call: `map = mmap(...);`"));
                }
                self.expect(";")?;
                Ok(step)
            }
        }
    }

    fn block(&mut self, kind: BlockKind) -> Result<Step, ParseError> {
        self.blocks += 1;
        self.next();
        if self.blocks > limits::BLOCKS || self.scope.depth() >= limits::DEPTH {
            return Err(self.error_at_last("too many processes").hint(format!(
                "a case has at most {} blocks, {} deep",
                limits::BLOCKS,
                limits::DEPTH
            )));
        }
        if kind == BlockKind::Process && self.scope.depth() > 0 {
            return Err(self
                .error_at_last("`process` cannot stand inside another block")
                .hint("an unrelated process is started before the first step"));
        }
        self.expect("{")?;
        let open = self.last().span.clone();
        self.scope.enter(kind);
        let mut steps = Vec::new();
        while !self.take("}") {
            if self.peek().kind == TokenKind::End {
                return Err(ParseError::new(open, "this block is never closed")
                    .hint("a `}` belongs after its last step"));
            }
            let start = self.position;
            match self.step() {
                Ok(step) => steps.push(step),
                Err(error) => self.go_on_after(error, start)?,
            }
        }
        self.scope.leave();
        Ok(Step::Block { kind, steps })
    }

    fn sweep(&mut self) -> Result<Step, ParseError> {
        self.next();
        self.expect("(")?;
        let (map, span) = self.word("a map")?;
        self.scope.check(&map, Returns::Map, span)?;
        let mut accesses = Vec::new();
        while self.take(",") {
            let (name, span) = self.word("an access")?;
            let Some(access) = Access::from_name(&name) else {
                return Err(ParseError::new(span, format!("unknown access `{name}`"))
                    .suggest(&name, Access::ALL.iter().map(|access| access.name())));
            };
            if accesses.contains(&access) {
                return Err(ParseError::new(span, format!("`{name}` is written twice"))
                    .hint("one row for each access is enough"));
            }
            accesses.push(access);
        }
        let goes_on = !self.at(")") && !self.at_end();
        if goes_on || accesses.is_empty() {
            let message = if goes_on { "expected `,` or `)`" } else { "a sweep needs an access" };
            return Err(self.error(message).hint("sweep(map, read, write);"));
        }
        self.expect(")")?;
        self.expect(";")?;
        Ok(Step::Sweep { map, accesses })
    }

    /// Parses the rest of `map[at]`, `map[at] = 'x'` or `map[from..to]`.
    fn touch(&mut self, map: String, span: Range<usize>) -> Result<Step, ParseError> {
        self.scope.check(&map, Returns::Map, span)?;
        self.expect("[")?;
        let reach = i128::from(limits::MAP_BYTES);
        let start = self.peek().span.start;
        let at = self.size_within(-reach..=reach, "an offset from a map")?;
        let to = match self.take("..") {
            true => Some(self.size_within(-reach..=reach, "an offset from a map")?),
            false => None,
        };
        if let Some(to) = &to {
            for page in [limits::SMALLEST_PAGE, limits::LARGEST_PAGE] {
                let width = to.eval(page).unwrap_or(0) - at.eval(page).unwrap_or(0);
                if !limits::WIDTHS.iter().any(|own| i128::from(*own) == width) {
                    return Err(ParseError::new(
                        start..self.last_end(),
                        format!("no single access is {width} bytes wide"),
                    )
                    .hint("an access is 1, 2, 4 or 8 bytes wide: map[4092..4100]"));
                }
            }
        }
        self.expect("]")?;
        let store = match self.take("=") {
            true => Some(self.stored_byte()?),
            false => None,
        };
        Ok(Step::Touch { map, at, to, store })
    }

    fn stored_byte(&mut self) -> Result<u8, ParseError> {
        let token = self.next();
        let value = match token.kind {
            TokenKind::Byte(byte) => u64::from(byte),
            TokenKind::Number(value, _) => value,
            _ => {
                return Err(ParseError::new(token.span.clone(), "a byte belongs here")
                    .hint("map[0] = 'x'; or map[0] = 0;"));
            }
        };
        match u8::try_from(value) {
            Ok(byte) if value <= limits::STORED_BYTE => Ok(byte),
            _ => Err(ParseError::new(token.span.clone(), "this byte cannot be stored").hint(
                format!(
                    "the most is {:#x}: larger bytes are the pattern that fills the files",
                    limits::STORED_BYTE
                ),
            )),
        }
    }

    pub(super) fn word(&mut self, what: &str) -> Result<(String, Range<usize>), ParseError> {
        let token = self.next();
        match &token.kind {
            TokenKind::Word(word) => Ok((word.clone(), token.span.clone())),
            TokenKind::End => Err(ParseError::new(
                token.span.clone(),
                format!("the file ends where {what} belongs"),
            )
            .hint("is the file whole?")),
            _ => {
                Err(ParseError::new(token.span.clone(), format!("{what} belongs here")).hint(FORM))
            }
        }
    }

    /// The next word, where it is a keyword that begins a line: `fork {`, `sweep(`.
    fn keyword(&self) -> Option<&'a str> {
        let opens = |sign| {
            self.tokens.get(self.position + 1).is_some_and(|t| t.kind == TokenKind::Sign(sign))
        };
        match &self.tokens[self.position].kind {
            TokenKind::Word(word) => match word.as_str() {
                "fork" | "process" if opens("{") => Some(word),
                "sweep" | "requires" | "timeout" if opens("(") => Some(word),
                _ => None,
            },
            _ => None,
        }
    }

    /// True where every token is read.
    pub(super) fn at_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    pub(super) fn peek(&self) -> &'a Token {
        self.tokens[self.position]
    }

    pub(super) fn next(&mut self) -> &'a Token {
        let token = self.tokens[self.position];
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        token
    }

    /// The token that was read last.
    pub(super) fn last(&self) -> &'a Token {
        self.tokens[self.position.saturating_sub(1)]
    }

    /// The end of the token that was read last, as an index into the text.
    pub(super) fn last_end(&self) -> usize {
        self.last().span.end
    }

    pub(super) fn at(&self, sign: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Sign(own) if own == sign)
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = self.at(sign);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.take(sign) {
            return Ok(());
        }
        let end = self.last_end();
        let after_last = |message| ParseError::new(end.saturating_sub(1)..end, message);
        Err(match (&self.peek().kind, sign) {
            (TokenKind::End, ";") => {
                after_last("the file ends where `;` belongs".to_owned()).hint("add `;`")
            }
            (TokenKind::End, _) => after_last(format!("the file ends where `{sign}` belongs"))
                .hint("is the file whole?"),
            // A missing `;` belongs after the last token, which may be on an earlier line than the
            // next.
            (_, ";") => after_last("expected `;` after this".to_owned()).hint(FORM),
            _ => self.error(format!("expected `{sign}`")).hint(FORM),
        })
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.peek().span.clone(), message)
    }

    pub(super) fn error_at_last(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.last().span.clone(), message)
    }
}
