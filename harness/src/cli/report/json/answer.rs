//! A program that reads the JSON needs each result as fields: numbers, and their names beside them. The main
//! type is [`Answer`].

use serde::Serialize;

use crate::case::{Clean, Errno, Fault, FaultAddress, Outcome, Seen, Signal, StepResult};

/// The fields that apply; `result` says which.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<RunLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<RestLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    si_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    si_code_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    si_addr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
}

/// Equal bytes in a row.
#[derive(Debug, Serialize)]
struct RunLine {
    count: u32,
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u8>,
}

/// The count of the bytes beyond the runs that a record holds, and the data count and the digest of all
/// bytes.
#[derive(Debug, Serialize)]
struct RestLine {
    count: u32,
    data: u32,
    digest: String,
}

impl Answer {
    /// Returns an answer with this result and no other field.
    pub fn plain(result: &'static str) -> Answer {
        Answer { result, ..Answer::default() }
    }

    /// Returns the fields of a step's result. `accessed` is the first byte that it touches, relative to the
    /// map.
    pub fn step(result: &StepResult, accessed: Option<i64>) -> Answer {
        match result {
            StepResult::NotReached => Answer::plain("not reached"),
            StepResult::Done => Answer::plain("done"),
            StepResult::NoMap => Answer::plain("no map"),
            StepResult::TimedOut => Answer::plain("never returned"),
            StepResult::Count(count) => Answer { count: Some(*count), ..Answer::plain("count") },
            StepResult::Errno(errno) => Answer::errno(*errno),
            StepResult::Saw(seen) => Answer::saw(seen),
            StepResult::Fault(fault) => Answer::fault(fault, accessed),
            StepResult::Killed(signal) => Answer::signal("killed", *signal),
        }
    }

    /// Returns the fields of a byte's outcome. `accessed` is the byte, relative to the map; none for a whole
    /// region.
    pub fn outcome(outcome: &Outcome, accessed: Option<i64>) -> Answer {
        match outcome {
            Outcome::Clean(clean) => {
                let (seen, value) = byte(clean);
                Answer { seen: Some(seen), value, ..Answer::plain("clean") }
            }
            Outcome::Fault(fault) => Answer::fault(fault, accessed),
            Outcome::Errno(errno) => Answer::errno(*errno),
            Outcome::TimedOut => Answer::plain("never returned"),
        }
    }

    fn errno(errno: Errno) -> Answer {
        let name = Some(errno.to_string());
        Answer { errno: Some(errno.0), errno_name: name, ..Answer::plain("errno") }
    }

    fn signal(result: &'static str, signal: Signal) -> Answer {
        let name = Some(signal.to_string());
        Answer { signal: Some(signal.0), signal_name: name, ..Answer::plain(result) }
    }

    fn saw(seen: &Seen) -> Answer {
        let run = |run: &crate::case::Run| {
            let (seen, value) = byte(&run.byte);
            RunLine { count: run.count, seen, value }
        };
        let bytes = Some(seen.runs.iter().map(run).collect());
        let rest = seen.rest.map(|rest| RestLine {
            count: rest.bytes,
            data: rest.data,
            digest: format!("{:016x}", rest.digest),
        });
        Answer { bytes, rest, ..Answer::plain("bytes") }
    }

    fn fault(fault: &Fault, accessed: Option<i64>) -> Answer {
        let (si_addr, offset) = match fault.address {
            FaultAddress::Accessed => ("accessed", accessed),
            FaultAddress::At(offset) => ("offset", Some(offset)),
            FaultAddress::Null => ("null", None),
            FaultAddress::Elsewhere => ("elsewhere", None),
            FaultAddress::Unknown => ("unknown", None),
        };
        Answer {
            si_code: fault.code,
            si_code_name: fault.code_name(),
            si_addr: Some(si_addr),
            offset,
            ..Answer::signal("fault", fault.signal)
        }
    }
}

/// Returns the word for a byte, and its value where it is a byte of its own.
fn byte(clean: &Clean) -> (String, Option<u8>) {
    match clean {
        Clean::Byte(value) => ("byte".to_owned(), Some(*value)),
        other => (other.to_string(), None),
    }
}
