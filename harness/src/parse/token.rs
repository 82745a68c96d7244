//! The tokens of a case file: names, numbers, quoted bytes and signs, each with its place.

use std::ops::Range;

use winnow::LocatingSlice;
use winnow::Parser as _;
use winnow::ascii::multispace1;
use winnow::combinator::{alt, preceded};
use winnow::stream::Location as _;
use winnow::token::{any, literal, one_of, take_till, take_until, take_while};

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

type Input<'a> = LocatingSlice<&'a str>;
type Lexed<T> = Result<T, winnow::error::ContextError>;

/// The signs, the longer ones first, so that `==` is not read as two `=`.
const SIGNS: [&str; 18] =
    ["==", "!=", ">=", "..", "(", ")", "{", "}", "[", "]", ",", ";", "=", "|", "+", "-", "*", "."];

/// Returns all tokens of the text, comments included. The last is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let (tokens, wrong) = as_far_as_known(text);
    wrong.map_or(Ok(tokens), Err)
}

/// Returns the tokens before the first error, and the error. The last token is [`TokenKind::End`].
pub(super) fn as_far_as_known(text: &str) -> (Vec<Token>, Option<ParseError>) {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let _ = blank(&mut input);
        let start = input.current_token_start();
        let wrong = match input.chars().next().map(|first| token(&mut input, first, start)) {
            Some(Ok(kind)) => {
                tokens.push(Token { kind, span: start..input.current_token_start() });
                continue;
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        tokens.push(Token { kind: TokenKind::End, span: start..start });
        return (tokens, wrong);
    }
}

fn token(input: &mut Input<'_>, first: char, start: usize) -> Result<TokenKind, ParseError> {
    match first {
        '0'..='9' => number(input, start),
        '\'' | '"' => quoted(input, start),
        '/' if input.starts_with("/*") && !input.contains("*/") => {
            Err(ParseError::new(start..start + 2, "this comment is never closed")
                .hint("a `*/` belongs at its end"))
        }
        _ => word_sign_or_comment(input).map_err(|_| unknown(first, start)),
    }
}

fn blank(input: &mut Input<'_>) -> Lexed<()> {
    multispace1.void().parse_next(input)
}

fn word_sign_or_comment(input: &mut Input<'_>) -> Lexed<TokenKind> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    alt((
        preceded("//", take_till(0.., '\n'))
            .map(|text: &str| TokenKind::Comment(text.trim_end().to_owned())),
        ("/*", take_until(0.., "*/"), "*/")
            .map(|(_, text, _): (_, &str, _)| TokenKind::Comment(text.trim_end().to_owned())),
        (one_of(|c: char| c.is_ascii_alphabetic() || c == '_'), take_while(0.., letter))
            .take()
            .map(|word: &str| TokenKind::Word(word.to_owned())),
        sign,
    ))
    .parse_next(input)
}

fn sign(input: &mut Input<'_>) -> Lexed<TokenKind> {
    for sign in SIGNS {
        if literal::<_, _, winnow::error::ContextError>(sign).parse_next(input).is_ok() {
            return Ok(TokenKind::Sign(sign));
        }
    }
    winnow::combinator::fail.parse_next(input)
}

/// Reads a decimal, hexadecimal or octal number, written as in C. A unit (`200ms`) is another
/// token.
fn number(input: &mut Input<'_>, start: usize) -> Result<TokenKind, ParseError> {
    let digits = |c: char| c.is_ascii_hexdigit() || c == 'x' || c == 'X';
    let hex = input.starts_with("0x") || input.starts_with("0X");
    let text: &str = match hex {
        true => take_while(2.., digits).parse_next(input),
        false => take_while(1.., |c: char| c.is_ascii_digit()).parse_next(input),
    }
    .map_err(|_: winnow::error::ContextError| {
        ParseError::new(start..start + 1, "not a number").hint("as in C")
    })?;
    let span = start..input.current_token_start();
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

fn quoted(input: &mut Input<'_>, start: usize) -> Result<TokenKind, ParseError> {
    let quote = next(input).unwrap_or('"');
    let mut bytes = Vec::new();
    loop {
        let at = input.current_token_start();
        match next(input) {
            Some(c) if c == quote => break,
            Some('\\') => bytes.push(match next(input) {
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
                    .hint("the bytes above are the pattern of the files"));
            }
        }
    }
    let span = start..input.current_token_start();
    match (quote, bytes.as_slice()) {
        ('\'', [byte]) => Ok(TokenKind::Byte(*byte)),
        ('\'', _) => Err(ParseError::new(span, "a character is one byte")
            .hint("a text of several bytes stands in double quotes")),
        _ => Ok(TokenKind::Text(bytes)),
    }
}

fn next(input: &mut Input<'_>) -> Option<char> {
    any::<_, winnow::error::ContextError>.parse_next(input).ok()
}

fn unknown(first: char, start: usize) -> ParseError {
    let span = start..start + first.len_utf8();
    match first {
        '/' => ParseError::new(span, "unexpected `/`")
            .hint("a comment begins with //, a block comment ends with */"),
        '#' => ParseError::new(span, "a case has no preprocessor").hint(
            "leave the line out: flags, calls and `PAGE` are known; a comment begins with //",
        ),
        '&' => ParseError::new(span, "a case has no addresses of variables")
            .hint("name a map: `write(fd, map, 10);`"),
        c if c.is_control() => {
            ParseError::new(span, "a control character").hint("a case file is plain text")
        }
        // Such a character may look like an ASCII letter, or be invisible, so its number is shown.
        c if !c.is_ascii() => {
            ParseError::new(span, format!("unexpected character U+{:04X}", u32::from(c)))
                .hint("outside of comments a case file is ASCII")
        }
        c => ParseError::new(span, format!("unexpected `{c}`"))
            .hint("a step reads as C: `map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);`"),
    }
}
