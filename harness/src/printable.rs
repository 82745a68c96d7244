//! Safe output of text from files: a comment, a name or a kept picture may hold escape sequences,
//! which change the terminal, and characters that reverse the direction of writing (U+202E).
//!
//! [`escaped`] writes such a character as `\u{202e}`. All text of a case, a snapshot or a path goes
//! through it before it is printed.

use std::borrow::Cow;

/// Returns the text with an escape for each character that a terminal would obey or not show.
///
/// ```
/// use faultmap::internals::printable::escaped;
/// assert_eq!(escaped("'x' \\ \"é\""), "'x' \\ \"é\"");
/// assert_eq!(escaped("\x1b[31m\u{202e}a\u{9b}"), "\\u{1b}[31m\\u{202e}a\\u{9b}");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_printable(c) {
            true => out.push(c),
            false => out.extend(c.escape_debug()),
        }
    }
    Cow::Owned(out)
}

/// True where a terminal only shows the character. A mark on the letter before it, as in a
/// decomposed accent, counts as shown.
pub fn is_printable(c: char) -> bool {
    // str::escape_debug escapes such a mark only at the start of a text.
    let mut utf8 = [b'a'; 5];
    let end = 1 + c.encode_utf8(&mut utf8[1..]).len();
    let pair = std::str::from_utf8(&utf8[..end]).unwrap_or_default();
    matches!(c, '\\' | '\'' | '"') || pair.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_or_is_not_seen_is_escaped() {
        let controls = (0..0x20).chain(0x7f..0xa0);
        let directions = [0x61c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff, 0xe0001];
        let overrides = (0x202a..=0x202e).chain(0x2066..=0x2069);
        for number in controls.chain(directions).chain(overrides) {
            let c = char::from_u32(number).expect("a character");
            assert!(!is_printable(c), "{number:#x}");
            assert!(escaped(&format!("a{c}b")).is_ascii(), "{number:#x}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["naïve, 'quoted' \"twice\" \\n", "e\u{301}", "漢字 Ελλάδα עברית"]
        {
            assert_eq!(escaped(text), text);
        }
    }
}
