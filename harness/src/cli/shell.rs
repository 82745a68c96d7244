//! Quoting for a shell: a command that is printed for the user to run names files, and these names
//! may hold spaces, quotes and any other characters.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::printable::is_printable;

/// The words that started this program, for a command that is printed.
pub fn program() -> &'static str {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(_) => "cargo run --",
        None => "faultmap",
    }
}

/// Quotes the text as one word of a shell, in printable characters only.
pub fn word(text: impl AsRef<OsStr>) -> String {
    let bytes = text.as_ref().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    let shown = std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(is_printable));
    match shown {
        Some(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        // POSIX.1-2024, 2.2.4 "Dollar-Single-Quotes".
        None => {
            let octal = |byte: &u8| match byte {
                b'\\' | b'\'' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                byte => format!("\\{byte:03o}"),
            };
            format!("$'{}'", bytes.iter().map(octal).collect::<String>())
        }
    }
}

/// Quotes the path of a file. A name that begins with `-` gets `./` before it, so that it is no
/// option.
pub fn path(path: &std::path::Path) -> String {
    match path.as_os_str().as_bytes().starts_with(b"-") {
        true => word(std::path::Path::new(".").join(path)),
        false => word(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn a_shell_reads_each_word_as_it_was() {
        let names: [&[u8]; 10] = [
            b"notes/plain_name",
            b"",
            b"two words",
            b"it's",
            b"$(reboot) `x` \"y\" \\ !",
            b"2*PAGE - 1",
            b"~",
            b"\x1b[31m\n\\'",
            "a\u{202e}b".as_bytes(),
            b"\xff\x01",
        ];
        for name in names {
            let name = OsString::from_vec(name.to_vec());
            let word = word(&name);
            assert!(word.chars().all(is_printable), "{word}");
            let mut shell = std::process::Command::new("bash");
            let output = shell.args(["-c", &format!("printf %s {word}")]).output().expect("bash");
            assert_eq!(OsString::from_vec(output.stdout), name, "{word}");
        }
        assert_eq!(path(std::path::Path::new("-rf.case")), "./-rf.case");
    }
}
