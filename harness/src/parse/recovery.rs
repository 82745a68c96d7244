//! Who writes a case wants to see all of its errors at once: behind an error, the parser goes on with the next step.
//! The main type is [`Recovery`].
//!
//! An error that only follows from an earlier one must not be reported. So the names in a step that is wrong fit
//! everywhere from there on, a block behind an unknown word is skipped with it, and where the totals of a case are
//! exceeded, or the file ends inside a step, nothing more is reported.

use super::ParseError;
use super::grammar::Parser;
use super::token::TokenKind;
use crate::case::limits;

/// The number of errors after which the parser gives up.
const MOST: usize = 10;

/// The errors so far, of a parser that goes on behind them.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// `None` for a parser that ends at the first error.
    errors: Option<Vec<ParseError>>,
    /// True where the text ends inside a step that is wrong.
    pub ends_inside: bool,
}

impl Recovery {
    /// For a parser that goes on.
    pub fn tried() -> Recovery {
        Recovery { errors: Some(Vec::new()), ends_inside: false }
    }

    pub fn has_found_none(&self) -> bool {
        self.errors.as_ref().is_none_or(Vec::is_empty)
    }

    /// Takes the errors.
    pub fn found(&mut self) -> Vec<ParseError> {
        self.errors.take().unwrap_or_default()
    }
}

impl Parser<'_> {
    /// Goes on behind a step that is wrong, and that begins with the token `start`. Fails with the error where
    /// that makes no sense.
    pub(super) fn go_on_after(
        &mut self,
        error: ParseError,
        start: usize,
    ) -> Result<(), ParseError> {
        let follows = !self.recovery.has_found_none() && self.may_follow(start);
        let gives_up = self.at_end() || self.is_full();
        match &mut self.recovery.errors {
            Some(_) if follows => {}
            Some(errors) if !gives_up && errors.len() + 1 < MOST => errors.push(error),
            _ => return Err(error),
        }
        self.size_depth = 0;
        self.recovery.ends_inside = !self.skip_step(start);
        for token in start..self.position {
            if let TokenKind::Word(word) = &self.tokens[token].kind {
                self.scope.presume(word);
            }
        }
        Ok(())
    }

    /// True for the rest of something that an earlier error has already reported the beginning of.
    fn may_follow(&self, start: usize) -> bool {
        match &self.tokens[start].kind {
            TokenKind::Sign("}") => true,
            TokenKind::Word(word) => word == "else",
            _ => false,
        }
    }

    /// True where a total of the case is exceeded: each further step would exceed it again.
    fn is_full(&self) -> bool {
        self.steps > limits::STEPS
            || self.blocks > limits::BLOCKS
            || self.files > limits::FILES
            || self.file_bytes > limits::FILE_BYTES
            || self.map_bytes > limits::MAPS_BYTES
            || self.maps > limits::MAPS
            || self.scope.is_full()
    }

    /// Moves behind the `;` that ends the step, behind the block that belongs to it, or before the `}` that ends
    /// the block around it. False where the text ends before.
    fn skip_step(&mut self, start: usize) -> bool {
        if self.tokens[start].kind == TokenKind::Sign("}") {
            self.position = start + 1; // there is no step
            return true;
        }
        let is_for = matches!(&self.tokens[start].kind, TokenKind::Word(word) if word == "for");
        if self.position > start && self.last().kind == TokenKind::Sign(";") && !is_for {
            return true;
        }
        let (mut braces, mut is_in_head) = (0, is_for);
        let is_in_block = self.scope.depth() > 0;
        while !self.at_end() {
            match self.peek().kind {
                TokenKind::Sign("{") => (braces, is_in_head) = (braces + 1, false),
                TokenKind::Sign("}") if braces == 0 && self.position > start && is_in_block => {
                    return true;
                }
                TokenKind::Sign("}") if braces <= 1 => {
                    self.next();
                    return true;
                }
                TokenKind::Sign("}") => braces -= 1,
                TokenKind::Sign(")") => is_in_head = false,
                TokenKind::Sign(";") if braces == 0 && !is_in_head => {
                    self.next();
                    return true;
                }
                _ => {}
            }
            self.next();
        }
        false
    }
}
