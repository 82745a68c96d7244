//! An error in a case file: its message, its place, and a hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::token::MARK;
use crate::printable::{escaped, is_printable};

/// The first reason why a text is no case.
///
/// ```
/// let error = "fd = file(100);\nmap = mmpa(0);".parse::<faultmap::Case>().unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 7: unknown step `mmpa`: did you mean `mmap`?");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// The bytes of the text that the error is about.
    pub span: Range<usize>,
    /// The line of the first of them, counted from 1.
    pub line: u32,
    /// The character of that line, counted from 1.
    pub column: u32,
    /// The message, without place and hint.
    pub message: String,
    /// The advice on what to write instead.
    pub hint: Option<String>,
}

impl ParseError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError { span, line: 1, column: 1, message: message.into(), hint: None }
    }

    /// Returns the same error with the line and the column at which its bytes are in this text.
    pub(super) fn placed_in(self, text: &[u8]) -> ParseError {
        let before = text.get(..self.span.start).unwrap_or(text);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_before = String::from_utf8_lossy(&before[start..]);
        let column = line_before.trim_start_matches(MARK).chars().count() + 1;
        // A case is not that long.
        ParseError { line: line as u32, column: column as u32, ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> ParseError {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint: the nearest of the allowed words, or all of them where none is near.
    pub(crate) fn suggest<'a>(
        self,
        got: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> ParseError {
        let words: Vec<&str> = words.into_iter().collect();
        match nearest(got, &words) {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self.one_of(words),
        }
    }

    /// Adds a hint: all of the allowed words.
    pub(crate) fn one_of<'a>(self, words: impl IntoIterator<Item = &'a str>) -> ParseError {
        let words: Vec<&str> = words.into_iter().collect();
        self.hint(format!("one of: {}", words.join(", ")))
    }

    /// The error for a person: the message, `path:line:column`, the line, and the hint.
    #[doc(hidden)]
    pub fn render(&self, path: &str, source: &[u8], renderer: &Renderer) -> String {
        let mark = if source.starts_with(MARK.as_bytes()) { MARK.len() } else { 0 };
        let source = &source[mark..];
        let text = String::from_utf8_lossy(source);
        // U+FFFD is longer than the byte that it replaces, so the span moves.
        let moved = |at: usize| {
            String::from_utf8_lossy(&source[..at.saturating_sub(mark).min(source.len())]).len()
        };
        let within =
            |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let start = within(moved(self.span.start)).unwrap_or(0);
        let span = start..within(moved(self.span.end)).unwrap_or(start).max(start);
        // A terminal would obey control characters. A `?` stands for each of their bytes, and a blank for the
        // carriage return before the end of a line.
        let shown: String = text
            .replace("\r\n", " \n")
            .chars()
            .flat_map(|c| match c {
                c if !is_printable(c) && c != '\n' && c != '\t' => {
                    std::iter::repeat_n('?', c.len_utf8())
                }
                c => std::iter::repeat_n(c, 1),
            })
            .collect();
        let snippet = Snippet::source(shown)
            .path(escaped(path))
            .fold(true)
            .annotation(AnnotationKind::Primary.span(span));
        let mut report = vec![Level::ERROR.primary_title(escaped(&self.message)).element(snippet)];
        if let Some(hint) = &self.hint {
            report.push(Group::with_title(Level::HELP.secondary_title(escaped(hint))));
        }
        renderer.render(&report)
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl std::error::Error for ParseError {}

/// The word that `got` may stand for: one that begins with it, or one that differs in few letters.
pub fn nearest<'a>(got: &str, words: &[&'a str]) -> Option<&'a str> {
    // A word may have been cut short by the end of a truncated file.
    let begun = words.iter().filter(|word| got.len() > 2 && word.starts_with(got)).min();
    let near = || {
        let all = words.iter().map(|word| (distance(got, word), *word));
        all.filter(|(distance, word)| *distance <= 1 + word.len() / 4).min()
    };
    begun.copied().or_else(|| near().map(|(_, word)| word))
}

/// The number of letters to change, add or leave out to turn one word into the other, whatever their case; of
/// `a`, the first 64 letters count.
pub fn distance(a: &str, b: &str) -> usize {
    let a: String = a.chars().take(64).collect();
    strsim::levenshtein(&a.to_ascii_lowercase(), &b.to_ascii_lowercase())
}
