//! A test that fails has to say what was seen, and where to look: [`Observation::explain`] does, and
//! [`assert_fault!`](crate::assert_fault) says it.

use std::fmt::Write as _;

use super::{Ending, Fault, MapPlace, Observation};
use crate::printable::escaped;

impl Observation {
    /// Returns what is known of the end, in several lines: of a fault, where it was; of a child that hung, the
    /// system call; and the output of the child.
    ///
    /// ```
    /// let seen = faultmap::observe(|| std::process::exit(3));
    /// assert_eq!(seen.explain(), "exited with 3");
    /// ```
    pub fn explain(&self) -> String {
        let mut told = self.to_string();
        let mut line = |text: String| {
            let _ = write!(told, "\n  {text}");
        };
        if let Some(fault) = self.fault() {
            fault.explain().into_iter().for_each(&mut line);
        }
        if let Ending::TimedOut { within, stopped, .. } = &self.ending {
            match (stopped, within.as_deref()) {
                (true, _) => line("a signal had stopped it".to_owned()),
                (false, Some("futex")) => {
                    line(
                        "its first thread was waiting for a lock, or for another thread (futex)"
                            .to_owned(),
                    );
                    line(
                        "a child has the calling thread alone: what other threads had locked when it \
                         was forked stays locked"
                            .to_owned(),
                    );
                }
                (false, Some(call)) => line(format!("its first thread was in {call}")),
                (false, None) => {}
            }
        }
        if self.left > 0 {
            let processes = if self.left == 1 { "process" } else { "processes" };
            line(format!("it left {} {processes} behind", self.left));
        }
        if !self.output.is_empty() {
            let cut = self.printed - self.output.len() as u64;
            let cut = if cut > 0 { format!(", and {cut} bytes more") } else { String::new() };
            line(format!("it printed{cut}:"));
            for printed in String::from_utf8_lossy(&self.output).lines() {
                line(format!("  {}", escaped(printed)));
            }
        }
        told
    }
}

impl Fault {
    /// Returns lines that say where the fault was.
    fn explain(&self) -> Vec<String> {
        let Some(address) = self.address() else {
            return vec!["the CPU tells no address".to_owned()];
        };
        if self.overflows {
            return vec![
                "the page below the stack of the closure: the stack has overflowed".to_owned(),
            ];
        }
        if let Some(place) = self.map() {
            let file = place.explain_file();
            return [format!("byte {} of {}", place.offset, place.describe())]
                .into_iter()
                .chain(file)
                .collect();
        }
        let page = rustix::param::page_size();
        let mut lines = Vec::new();
        if address < page {
            lines.push(format!("address {address:#x}: a null pointer, or close to one"));
        } else {
            let known = if self.knows_maps { ", where nothing is mapped" } else { "" };
            lines.push(format!("address {address:#x}{known}"));
        }
        if let Some((distance, place)) = self.behind.as_ref().filter(|own| own.0 < NEAR) {
            lines.push(format!("{distance} bytes past the end of {}", place.describe()));
        }
        lines
    }
}

/// The distance up to which the map below an address is worth a word.
const NEAR: usize = 1 << 30;

impl MapPlace {
    /// Returns `a map of /tmp/x (8192 bytes from offset 0, shared, r--)`.
    fn describe(&self) -> String {
        let MapPlace { length, protection, .. } = self;
        let kind = if self.is_shared { "shared" } else { "private" };
        match &self.file {
            Some(file) => {
                let start = self.offset_in_file - self.offset as u64;
                let file = escaped(&file.to_string_lossy()).into_owned();
                format!(
                    "a map of {file} ({length} bytes from offset {start}, {kind}, {protection})"
                )
            }
            None => format!("memory without a file ({length} bytes, {kind}, {protection})"),
        }
    }

    /// Says where the file ends, if that is the reason.
    fn explain_file(&self) -> Option<String> {
        let size = self.file_size?;
        let past = self.past_end()?;
        let page = rustix::param::page_size() as u64;
        let end = size.next_multiple_of(page);
        if size == 0 {
            return Some("the file is empty".to_owned());
        }
        Some(format!(
            "the file has {size} bytes, and its last page ends at {end}: this is {past} bytes past the \
             end of the file"
        ))
    }
}

/// Returns the fault of an observation. Panics where there is none, or another one, and says what was seen.
#[doc(hidden)]
#[track_caller]
pub fn expect_fault(signal: &str, code: Option<&str>, seen: &Observation) -> Fault {
    let is_it = |fault: &&Fault| {
        fault.signal().to_string() == signal && code.is_none_or(|code| fault.code_name() == code)
    };
    match (&seen.ending, seen.fault().filter(is_it)) {
        (Ending::Fault(_), Some(fault)) => fault.clone(),
        _ => {
            let code = code.map_or(String::new(), |code| format!(" {code}"));
            panic!("expected {signal}{code}, but the closure:\n{}", seen.explain())
        }
    }
}

/// Observes a closure, and returns its [`Fault`]. Panics where there is none, or another one, and explains what was
/// seen instead.
///
/// ```
/// let null = std::ptr::null::<u8>();
/// // SAFETY: none; it is observed.
/// let fault = faultmap::assert_fault!(SIGSEGV, SEGV_MAPERR, || unsafe { null.read_volatile() });
/// assert_eq!(fault.address(), Some(0));
/// ```
///
/// ```should_panic
/// faultmap::assert_fault!(SIGBUS, || 17); // expected SIGBUS, but the closure: returned 17
/// ```
#[macro_export]
macro_rules! assert_fault {
    ($signal:ident, $code:ident, $closure:expr $(,)?) => {
        $crate::observe::expect_fault(
            stringify!($signal),
            Some(stringify!($code)),
            &$crate::observe($closure),
        )
    };
    ($signal:ident, $closure:expr $(,)?) => {
        $crate::observe::expect_fault(stringify!($signal), None, &$crate::observe($closure))
    };
}
