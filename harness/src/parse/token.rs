//! The tokens of a case file: names, numbers, quoted bytes and signs, each with its place.

use std::ops::Range;

use super::ParseError;
use crate::case::Radix;

/// A token and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name, a flag, a keyword.
    Word(String),
    /// A number of at most 64 bits.
    Number(u64, Radix),
    /// `'x'`
    Byte(u8),
    /// `"abc"`
    Text(Vec<u8>),
    /// A sign such as `(` or `..`
    Sign(&'static str),
    /// A `//` comment, without the slashes.
    Comment(String),
    /// The end of the file.
    End,
}

/// The signs, the longer ones first, so that `==` is not read as two `=`.
const SIGNS: &[&str] =
    &["==", "!=", ">=", "..", "(", ")", "{", "}", "[", "]", ",", ";", "=", "|", "+", "-", "*", "."];

/// Returns all tokens of the text, comments included. The last is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let (tokens, wrong) = as_far_as_known(text);
    wrong.map_or(Ok(tokens), Err)
}

/// The byte order mark, with which some editors begin a file of UTF-8. It is no part of the text (Unicode, section
/// 23.8, "Specials").
pub(super) const MARK: &str = "\u{feff}";

/// Returns the tokens before the first error, and the error. The last token is [`TokenKind::End`].
pub(super) fn as_far_as_known(text: &str) -> (Vec<Token>, Option<ParseError>) {
    let mark = if text.starts_with(MARK) { MARK.len() } else { 0 };
    let mut input = Input { text, at: mark };
    let mut tokens = Vec::new();
    loop {
        input.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let start = input.at;
        let wrong = match input.rest().chars().next().map(|first| token(&mut input, first)) {
            Some(Ok(kind)) => {
                tokens.push(Token { kind, span: start..input.at });
                continue;
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        tokens.push(Token { kind: TokenKind::End, span: start..start });
        return (tokens, wrong);
    }
}

/// The text, and the place up to which it was read.
struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Reads so many bytes.
    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = &self.rest()[..bytes];
        self.at += bytes;
        taken
    }

    /// Reads as many characters as are like this.
    fn take_while(&mut self, is_like: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        self.take(rest.find(|c| !is_like(c)).unwrap_or(rest.len()))
    }
}

fn token(input: &mut Input<'_>, first: char) -> Result<TokenKind, ParseError> {
    let (start, rest) = (input.at, input.rest());
    let comment = |text: &str| Ok(TokenKind::Comment(text.trim_end().to_owned()));
    match first {
        '0'..='9' => number(input),
        '\'' | '"' => quoted(input),
        '/' if rest.starts_with("//") => comment(&input.take_while(|c| c != '\n')[2..]),
        '/' if rest.starts_with("/*") => match rest[2..].find("*/") {
            Some(length) => comment(&input.take(length + 4)[2..length + 2]),
            None => Err(ParseError::new(start..start + 2, "this comment is never closed")
                .hint("a `*/` belongs at its end")),
        },
        c if c.is_ascii_alphabetic() || c == '_' => {
            let word = input.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            Ok(TokenKind::Word(word.to_owned()))
        }
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                input.take(sign.len());
                Ok(TokenKind::Sign(sign))
            }
            None => Err(unknown(first, rest, start)),
        },
    }
}

/// Reads a decimal, hexadecimal or octal number, written as in C. A unit (`200ms`) is another
/// token.
fn number(input: &mut Input<'_>) -> Result<TokenKind, ParseError> {
    let start = input.at;
    let hex = input.rest().starts_with("0x") || input.rest().starts_with("0X");
    let text = match hex {
        true => input.take_while(|c| c.is_ascii_hexdigit() || c == 'x' || c == 'X'),
        false => input.take_while(|c| c.is_ascii_digit()),
    };
    let span = start..input.at;
    let (digits, radix, base) = match text {
        _ if hex => (&text[2..], Radix::Hex, 16),
        _ if text.len() > 1 && text.starts_with('0') => (&text[1..], Radix::Octal, 8),
        _ => (text, Radix::Decimal, 10),
    };
    match u64::from_str_radix(digits, base) {
        Ok(value) => Ok(TokenKind::Number(value, radix)),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err(ParseError::new(span, "this number does not fit 64 bits")
                .hint("the largest is 0xffffffffffffffff"))
        }
        Err(_) => {
            Err(ParseError::new(span, "not a number")
                .hint("as in C: 4096, 0x1000, or 0600 in octal"))
        }
    }
}

fn quoted(input: &mut Input<'_>) -> Result<TokenKind, ParseError> {
    let start = input.at;
    let quote = input.next().unwrap_or('"');
    let mut bytes = Vec::new();
    loop {
        let at = input.at;
        match input.next() {
            Some(c) if c == quote => break,
            Some('\\') => bytes.push(match input.next() {
                Some('0') => 0,
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some(c @ ('\\' | '\'' | '"')) => c as u8,
                _ => {
                    return Err(ParseError::new(at..at + 1, "unknown escape")
                        .hint(r#"one of: \0, \n, \t, \\, \', \""#));
                }
            }),
            Some(c) if c.is_ascii() && !c.is_ascii_control() => bytes.push(c as u8),
            None | Some('\n') => {
                return Err(ParseError::new(start..start + 1, "this quote is never closed")
                    .hint("it must be closed on its own line"));
            }
            Some(c) => {
                return Err(ParseError::new(at..at + c.len_utf8(), "only ASCII can be stored")
                    .hint("larger bytes are the pattern that fills the files"));
            }
        }
    }
    let span = start..input.at;
    match (quote, bytes.as_slice()) {
        ('\'', [byte]) => Ok(TokenKind::Byte(*byte)),
        ('\'', _) => Err(ParseError::new(span, "a character is one byte")
            .hint("write a text of several bytes in double quotes")),
        _ => Ok(TokenKind::Text(bytes)),
    }
}

fn unknown(first: char, rest: &str, start: usize) -> ParseError {
    let span = start..start + first.len_utf8();
    match first {
        '/' => ParseError::new(span, "unexpected `/`").hint(
            "a comment is `// ...` or `/* ... */`; a size has `+`, `-` and `*`, and no division",
        ),
        '<' | '>' if rest[1..].starts_with(first) => {
            ParseError::new(start..start + 2, "a size cannot be shifted")
                .hint("write it as a product: `1024 * 1024`")
        }
        '<' | '>' => ParseError::new(span, format!("unexpected `{first}`"))
            .hint("only `kernel` is compared so, with `>=`: `requires(kernel >= 6.13);`"),
        '#' => ParseError::new(span, "a case has no preprocessor").hint(
            "leave the line out: flags, calls and `PAGE` are known; a comment begins with //",
        ),
        '&' => ParseError::new(span, "a case has no addresses of variables")
            .hint("name a map: `write(fd, map, 10);`"),
        c if c.is_control() => {
            ParseError::new(span, "unexpected control character").hint("a case file is plain text")
        }
        // Such a character may look like an ASCII letter, or be invisible, so its number is shown.
        c if !c.is_ascii() => {
            ParseError::new(span, format!("unexpected character U+{:04X}", u32::from(c)))
                .hint("only a comment may hold other characters than ASCII")
        }
        c => ParseError::new(span, format!("unexpected `{c}`"))
            .hint("a step reads as C: `map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);`"),
    }
}
