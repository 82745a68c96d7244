//! Numbers, bytes, texts and outcomes, as C says them.

use crate::case::{Clean, Fault, FaultAddress, Outcome, Radix, Signal, Size, code_name};

/// Returns a size in C. A product or a sum of numbers that an `int` cannot hold is said in `long`.
pub fn size(size: &Size) -> String {
    let is_wide = is_wide(size);
    match size {
        Size::Bytes(value, _) if *value > i64::MAX as u64 => format!("{value}U"),
        Size::Bytes(value, Radix::Octal) => format!("0{value:o}"),
        _ if !is_wide => size.to_string(),
        _ => long(size),
    }
}

/// True where C would compute with `int`, and has too few bits for it.
fn is_wide(size: &Size) -> bool {
    let fits = size.says_page() || size.eval(1).is_some_and(|value| i32::try_from(value).is_ok());
    match size {
        Size::Bytes(..) | Size::Page => false,
        Size::Negative(a) => is_wide(a),
        Size::Sum(a, b) | Size::Difference(a, b) | Size::Product(a, b) => {
            !fits || is_wide(a) || is_wide(b)
        }
    }
}

fn long(size: &Size) -> String {
    match size {
        Size::Bytes(value, _) if *value > i64::MAX as u64 => format!("{value}UL"),
        Size::Bytes(value, _) => format!("{value}L"),
        Size::Page => "PAGE".to_owned(),
        Size::Negative(a) => format!("-({})", long(a)),
        Size::Sum(a, b) => format!("{} + ({})", long(a), long(b)),
        Size::Difference(a, b) => format!("{} - ({})", long(a), long(b)),
        Size::Product(a, b) => format!("({}) * ({})", long(a), long(b)),
    }
}

/// Returns an address so many bytes behind the start of a map.
pub fn place(map: &str, offset: &Size) -> String {
    match size(offset) {
        zero if zero == "0" => map.to_owned(),
        negative if negative.starts_with('-') => format!("{map} - {}", &negative[1..]),
        offset => format!("{map} + {offset}"),
    }
}

/// Returns a byte: `'x'`, `0`, `200`.
pub fn byte(byte: u8) -> String {
    match byte {
        b'\'' | b'\\' => format!("'\\{}'", char::from(byte)),
        b' '..=b'~' => format!("'{}'", char::from(byte)),
        _ => byte.to_string(),
    }
}

/// Returns a string literal of these bytes.
pub fn text(bytes: &[u8]) -> String {
    let each = bytes.iter().map(|byte| match byte {
        // `?` might be part of a trigraph.
        b'"' | b'\\' | b'?' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        // Three digits: a fourth is not part of it.
        byte => format!("\\{byte:03o}"),
    });
    format!("\"{}\"", each.collect::<String>())
}

/// Returns an error number: `-EINVAL`.
pub fn errno(errno: crate::case::Errno) -> String {
    let name = errno.to_string();
    if name.starts_with('E') { format!("-{name}") } else { format!("-{}", errno.0) }
}

/// Returns the end of a process by this fault, where `si_addr` is expected at the byte accessed; or elsewhere.
pub fn fault(fault: &Fault) -> String {
    let code = fault.code.map_or("0".to_owned(), |code| code_name(fault.signal, code));
    let text = format!("FAULT({}, {code})", signal(fault.signal));
    match fault.address {
        FaultAddress::Null | FaultAddress::Elsewhere => format!("ELSEWHERE | {text}"),
        FaultAddress::Accessed | FaultAddress::At(_) | FaultAddress::Unknown => text,
    }
}

/// Returns the end of a process by this signal, which was sent to it.
pub fn killed(own: Signal) -> String {
    format!("FAULT({}, 0)", signal(own))
}

fn signal(signal: Signal) -> String {
    let name = signal.to_string();
    if name.starts_with("SIG") { name } else { signal.0.to_string() }
}

/// Returns the outcome of an access but for the bytes of a file; `None` of what the program cannot see.
pub fn outcome(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Clean(Clean::ToFile) => "IN_FILE".to_owned(),
        Outcome::Clean(Clean::MemoryOnly) => "NOT_IN_FILE".to_owned(),
        Outcome::Fault(own) => fault(own),
        Outcome::Errno(own) => errno(*own),
        Outcome::Clean(_) | Outcome::TimedOut => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(text: &str) -> String {
        let text = format!("mmap(0, {text}, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let case = crate::parse::case(&text).unwrap();
        size(case.sizes()[1])
    }

    #[test]
    fn a_size_is_the_same_number_in_c() {
        for same in ["0", "2 * PAGE - 1", "-1", "4096 * 4096", "PAGE * (2 + 1)"] {
            assert_eq!(sized(same), same);
        }
        assert_eq!(sized("65536 * 4096"), "65536 * 4096");
        assert_eq!(sized("67108864 * 67108864"), "(67108864L) * (67108864L)");
        let page = sized("67108864 * 67108864 + PAGE");
        assert_eq!(page, "(67108864L) * (67108864L) + (PAGE)");
        assert_eq!(sized("0xffffffffffffffff"), "18446744073709551615U");
    }

    #[test]
    fn a_text_ends_where_it_ends() {
        assert_eq!(text(b"a\"\\\n\x001?"), "\"a\\\"\\\\\\012\\0001\\?\"");
        assert_eq!((&*byte(b'\''), &*byte(b'x'), &*byte(0)), ("'\\''", "'x'", "0"));
    }
}
