//! Text to [`Case`], and back.
//!
//! The whole file is parsed before any step is run. An error is reported with its line and
//! column, the text of the line, and a hint. A case that the parser accepts can be run: its
//! arguments are of the right kinds, its variables are defined before they are used, and its sizes
//! are within [`limits`].

mod bounds;
mod call;
mod error;
mod grammar;
mod habits;
mod header;
mod print;
mod recovery;
mod scope;
mod size;
mod token;

pub use annotate_snippets::Renderer;
pub use error::{ParseError, distance, nearest};
pub use print::{Line, lines, text_of};

use crate::case::{Case, Size, limits};

/// Parses the text of a case.
///
/// ```
/// let text = "// Past the map there is nothing.\n\
///             map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n\
///             sweep(map, read);";
/// let case = faultmap::internals::parse::case(text).unwrap();
/// assert_eq!(case.comment, ["Past the map there is nothing."]);
/// assert_eq!(faultmap::internals::parse::case(&case.to_string()), Ok(case));
/// ```
pub fn case(text: &str) -> Result<Case, ParseError> {
    unplaced_case(text).map_err(|error| error.placed_in(text.as_bytes()))
}

fn unplaced_case(text: &str) -> Result<Case, ParseError> {
    check_length(text.as_bytes())?;
    let (tokens, wrong) = token::as_far_as_known(text);
    let mut parser = grammar::Parser::new(text, &tokens);
    let case = parser.case();
    match wrong {
        // A step before the unknown character may be wrong too, and is then the first error.
        Some(wrong) if case.is_ok() || parser.at_end() => Err(wrong),
        _ => case,
    }
}

impl std::str::FromStr for Case {
    type Err = ParseError;

    /// Parses the text of a case: see `harness/docs/language.md`.
    fn from_str(text: &str) -> Result<Case, ParseError> {
        case(text)
    }
}

/// The case in these bytes of a file. Bytes that are not UTF-8 are reported like any other error.
pub fn bytes(source: &[u8]) -> Result<Case, ParseError> {
    // First: what was read of it may end in the middle of a letter.
    check_length(source).map_err(|error| error.placed_in(source))?;
    match std::str::from_utf8(source) {
        Ok(text) => case(text),
        Err(error) => {
            let at = error.valid_up_to();
            let error = ParseError::new(at..at + 1, "this byte is not UTF-8 text");
            // The byte order marks of UTF-16.
            let hint = match source {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16: save it as UTF-8",
                _ => "a case file is plain text",
            };
            Err(error.hint(hint).placed_in(source))
        }
    }
}

/// All that is wrong in these bytes of a file, as far as the parser can tell: the error of [`bytes`], and those
/// behind it that are no consequences of others.
pub fn errors(source: &[u8]) -> Vec<ParseError> {
    let text = match std::str::from_utf8(source) {
        Ok(text) if source.len() <= limits::SOURCE_BYTES => text,
        _ => return bytes(source).err().into_iter().collect(),
    };
    let (tokens, wrong) = token::as_far_as_known(text);
    let mut parser = grammar::Parser::new(text, &tokens);
    parser.recovery = recovery::Recovery::tried();
    let last = parser.case().err();
    let mut all = parser.recovery.found();
    // Where the tokens end at an unknown character, nobody knows whether the step goes on behind it.
    all.extend(last.filter(|_| wrong.is_none() || !parser.at_end()));
    all.extend(wrong.filter(|_| !parser.recovery.ends_inside));
    all.into_iter().map(|error| error.placed_in(source)).collect()
}

/// Returns the line on which each step of a case begins, counted from 1, in the order of [`Case::walk`].
///
/// ```
/// let text = "// Two steps.\nfork {\n  fd =\n    file(1); }";
/// assert_eq!(faultmap::internals::parse::step_lines(text.as_bytes()), [2, 3]);
/// ```
pub fn step_lines(source: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(source);
    let (tokens, _) = token::as_far_as_known(&text);
    let mut parser = grammar::Parser::new(&text, &tokens);
    // Of a text that is no case, the steps before the error are told.
    let _ = parser.case();
    let line = |at: &usize| 1 + text[..*at].matches('\n').count();
    parser.places.iter().map(line).collect()
}

/// The size in an argument of the command line: `4096`, `PAGE + 1`, `-1`.
pub fn size(text: &str) -> Result<Size, ParseError> {
    let size =
        token::tokens(text).and_then(|tokens| grammar::Parser::new(text, &tokens).lone_size());
    size.map_err(|error| error.placed_in(text.as_bytes()))
}

fn check_length(source: &[u8]) -> Result<(), ParseError> {
    if source.len() <= limits::SOURCE_BYTES {
        return Ok(());
    }
    let last = limits::SOURCE_BYTES - 1..limits::SOURCE_BYTES;
    Err(ParseError::new(last, "the case file is too long")
        .hint(format!("a case has at most {} bytes", limits::SOURCE_BYTES)))
}
