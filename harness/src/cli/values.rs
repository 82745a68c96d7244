//! A value on the command line may be written in several ways: `5s`, `16k`, `PAGE+1`. Each function reads the
//! values of one kind, and says of a wrong one what to write.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::report::FORMATS;
use super::report::format::Format;
use crate::case::{Access, Size, limits};
use crate::model::Rule;

/// The longest time that a child may take.
const LONGEST_CHILD: Duration = Duration::from_secs(60);

/// The longest search.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Returns TMPDIR where it is set and not empty; otherwise the first folder for temporary files that this user can write
/// to, none on a machine that has no such folder, or has it on a file system that is mounted read-only.
pub fn temporary_folder() -> Option<PathBuf> {
    let given = std::env::var_os("TMPDIR").filter(|given| !given.is_empty()).map(PathBuf::from);
    given.or_else(|| {
        let folders = ["/tmp", "/dev/shm"].map(PathBuf::from);
        let asked = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        folders.into_iter().find(|folder| rustix::fs::access(folder, asked).is_ok())
    })
}

/// Parses a page size, such as 16384 or 16k: a power of two that some Linux machine has.
pub fn page_size(text: &str) -> Result<u64, String> {
    let kibibytes = ["k", "K", "KiB"].iter().find_map(|unit| text.strip_suffix(unit));
    let size = match kibibytes {
        Some(number) => number.trim_end().parse::<u64>().map(|number| number.saturating_mul(1024)),
        None => text.parse::<u64>(),
    };
    match size {
        Ok(size) if !size.is_power_of_two() => Err(format!(
            "no page has {size} bytes: an address is split into page and offset by its bits, so that a \
             page is a power of two"
        )),
        Ok(size) if limits::is_page_size(size) => Ok(size),
        Ok(_) => Err(format!("from {} to {}", limits::SMALLEST_PAGE, limits::LARGEST_PAGE)),
        Err(error) => Err(format!("{error}; write for example 16384 or 16k")),
    }
}

/// Parses the release of a kernel: `6.12`, `v6.12` or `6.12.3-generic`.
pub fn release(text: &str) -> Result<(u32, u32), String> {
    let mut numbers = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
    let major = numbers.next().and_then(|own| own.parse::<u32>().ok());
    // What stands behind the second number is the distribution's.
    let minor = numbers.next().map(|own| own.split(|c: char| !c.is_ascii_digit()).next());
    let minor = minor.flatten().and_then(|own| own.parse::<u32>().ok());
    match (major, minor) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err("write the first two numbers of `uname -r`, for example 6.12".to_owned()),
    }
}

/// Parses the time of a child: `5s`, `500ms`, or a number of milliseconds.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<u64>() {
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    };
    match parsed {
        Ok(time) if time < Duration::from_millis(1) || time > LONGEST_CHILD => {
            Err("from 1ms to 60s".to_owned())
        }
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; write for example 5s or 500ms")),
    }
}

/// Parses a time: `60s`, `5m`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("no time at all, write for example 60s or 5m".to_owned()),
        Ok(duration) if duration > LONGEST => Err("at most a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write for example 60s or 5m")),
    }
}

/// Takes the name of a form. `--help` and the completions list all of them.
pub fn format() -> impl TypedValueParser<Value = &'static dyn Format> {
    let names = FORMATS.iter().map(|form| form.name());
    PossibleValuesParser::new(names)
        .map(|name| FORMATS.iter().copied().find(|form| form.name() == name).unwrap_or(FORMATS[0]))
}

/// Takes the name of an access.
pub fn access() -> impl TypedValueParser<Value = Access> {
    let names = Access::ALL.iter().map(|access| access.name());
    PossibleValuesParser::new(names).try_map(|name| {
        Access::from_name(&name).ok_or_else(|| format!("no access is called {name}"))
    })
}

/// Takes the name of a rule of the model.
pub fn rule(text: &str) -> Result<Rule, String> {
    Rule::from_name(text).ok_or_else(|| format!("no rule is called {text}"))
}

pub fn offset(text: &str) -> Result<Size, String> {
    crate::parse::size(text).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}
