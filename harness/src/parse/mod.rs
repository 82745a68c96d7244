//! Text to [`Case`], and back.
//!
//! A case file is read whole and judged whole: the first thing wrong with it is reported with its
//! line and column, the line shown, and what would be right. A case that passes here can be run: the
//! kinds of its arguments fit, its names are defined before they are used, and its sizes are within
//! the limits of [`limits`].

mod call;
mod error;
mod grammar;
mod habits;
mod header;
mod print;
mod scope;
mod size;
mod token;

pub use error::{ParseError, distance, nearest};
pub use print::{Line, lines, text_of};

use crate::case::{Case, Size, limits};

/// The case that the text describes.
///
/// ```
/// let text = "// Past the map there is nothing.\n\
///             map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n\
///             sweep(map, read);";
/// let case = faultmap::parse::case(text).unwrap();
/// assert_eq!(case.comment, ["Past the map there is nothing."]);
/// assert_eq!(faultmap::parse::case(&case.to_string()), Ok(case));
/// ```
pub fn case(text: &str) -> Result<Case, ParseError> {
    check_length(text.as_bytes())?;
    let (tokens, wrong) = token::as_far_as_known(text);
    let mut parser = grammar::Parser::new(text, &tokens);
    let case = parser.case();
    match wrong {
        // The first thing wrong is reported, be it a step or a character behind it.
        Some(wrong) if case.is_ok() || parser.at_end() => Err(wrong),
        _ => case,
    }
}

/// The case in these bytes of a file; bytes that are no text are an error like any other.
pub fn bytes(source: &[u8]) -> Result<Case, ParseError> {
    check_length(source)?; // first: what was read of it may end in the middle of a letter
    match std::str::from_utf8(source) {
        Ok(text) => case(text),
        Err(error) => {
            let at = error.valid_up_to();
            Err(ParseError::new(at..at + 1, "this byte is not UTF-8 text")
                .hint("a case file is plain text"))
        }
    }
}

/// A size on its own, as the command line has it: `4096`, `PAGE + 1`, `-1`.
pub fn size(text: &str) -> Result<Size, ParseError> {
    let tokens = token::tokens(text)?;
    grammar::Parser::new(text, &tokens).lone_size()
}

fn check_length(source: &[u8]) -> Result<(), ParseError> {
    if source.len() <= limits::SOURCE_BYTES {
        return Ok(());
    }
    let last = limits::SOURCE_BYTES - 1..limits::SOURCE_BYTES;
    Err(ParseError::new(last, "the case file is too long")
        .hint(format!("a case has at most {} bytes", limits::SOURCE_BYTES)))
}
