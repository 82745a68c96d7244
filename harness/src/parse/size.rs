//! Sizes: literals, `PAGE`, and sums and products of both, with the usual precedence.

use super::grammar::Parser;
use super::token::TokenKind;
use super::{ParseError, habits};
use crate::case::{Size, limits};

/// The terms that make up a size.
const FORM: &str = "a size is a number of bytes, PAGE, or a sum or product of both";

/// The hint for a number with something directly behind it: a unit, or the suffix of a type of C.
fn in_bytes(value: u64, unit: &str) -> String {
    let factor = match unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "ki" | "kib" => "1024",
        "m" | "mb" | "mi" | "mib" => "1024 * 1024",
        "g" | "gb" | "gi" | "gib" => "1024 * 1024 * 1024",
        "page" | "pages" => "PAGE",
        "b" | "u" | "l" | "ul" | "lu" | "ll" | "ull" | "llu" => {
            return "write the number alone".to_owned();
        }
        _ => return FORM.to_owned(),
    };
    format!("write `{value} * {factor}`; {FORM}")
}

impl Parser<'_> {
    /// Parses `a + b * c - d`.
    pub(super) fn size(&mut self) -> Result<Size, ParseError> {
        self.nested(|parser| {
            let mut left = parser.product()?;
            for _ in 0..limits::STEPS {
                left = if parser.take("+") {
                    Size::Sum(Box::new(left), Box::new(parser.product()?))
                } else if parser.take("-") {
                    Size::Difference(Box::new(left), Box::new(parser.product()?))
                } else {
                    return Ok(left);
                };
            }
            Err(parser.error("this sum has too many terms").hint("simplify it"))
        })
    }

    fn product(&mut self) -> Result<Size, ParseError> {
        let mut left = self.factor()?;
        for _ in 0..limits::STEPS {
            if !self.take("*") {
                return Ok(left);
            }
            left = Size::Product(Box::new(left), Box::new(self.factor()?));
        }
        Err(self.error("this product has too many factors").hint("simplify it"))
    }

    fn factor(&mut self) -> Result<Size, ParseError> {
        if self.take("-") {
            return self.nested(|parser| Ok(Size::Negative(Box::new(parser.factor()?))));
        }
        if self.take("(") {
            let size = self.size()?;
            self.expect(")")?;
            return Ok(size);
        }
        let token = self.next();
        match &token.kind {
            TokenKind::Number(value, radix) => match &self.peek().kind {
                TokenKind::Word(unit) if self.peek().span.start == token.span.end => {
                    Err(self.error("a size has no unit").hint(in_bytes(*value, unit)))
                }
                _ => Ok(Size::Bytes(*value, *radix)),
            },
            TokenKind::Word(word) if word == "PAGE" => Ok(Size::Page),
            TokenKind::Word(word) if word == "NULL" => Ok(Size::bytes(0)),
            TokenKind::Word(word) => {
                let error = ParseError::new(token.span.clone(), format!("`{word}` is no number"));
                Err(error.hint(habits::function(word).unwrap_or(FORM)))
            }
            _ => Err(ParseError::new(token.span.clone(), "a number belongs here").hint(FORM)),
        }
    }

    /// Parses a size whose value is in `range` for the smallest and the largest page size.
    pub(super) fn size_within(
        &mut self,
        range: std::ops::RangeInclusive<i128>,
        what: &str,
    ) -> Result<Size, ParseError> {
        let start = self.peek().span.start;
        let size = self.size()?;
        let span = start..self.last_end();
        for page in [limits::SMALLEST_PAGE, limits::LARGEST_PAGE] {
            let Some(value) = size.eval(page).filter(|_| size.register(page).is_some()) else {
                return Err(ParseError::new(span, "this number does not fit 64 bits")
                    .hint("it must lie between -2^63 and 2^64, with any page size"));
            };
            if !range.contains(&value) {
                let hint = match value < *range.start() {
                    true => format!("the least is {}", range.start()),
                    false if size.says_page() => {
                        format!("the most is {} (with pages of {page} bytes)", range.end())
                    }
                    false => format!("the most is {}", range.end()),
                };
                return Err(
                    ParseError::new(span, format!("{what} is out of bounds: {value}")).hint(hint)
                );
            }
        }
        Ok(size)
    }

    /// Runs `inner`, or fails where sizes are nested too deeply: this bounds the recursion of the
    /// parser.
    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Size, ParseError>,
    ) -> Result<Size, ParseError> {
        self.size_depth += 1;
        if self.size_depth > limits::SIZE_DEPTH {
            return Err(self.error("this size is nested too deeply").hint("simplify it"));
        }
        let size = inner(self);
        self.size_depth -= 1;
        size
    }
}
