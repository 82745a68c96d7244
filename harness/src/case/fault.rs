//! The fault of an access: its signal, its code and its address, and their names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::linux::{
    BUS_CODES, FPE_CODES, ILL_CODES, SEGV_CODES, SI_CODES, SIGBUS, SIGFPE, SIGILL, SIGNALS,
    SIGSEGV, SIGTRAP, TRAP_CODES, name_of,
};

/// A signal that the access itself raised, and that killed the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// The signal.
    pub signal: Signal,
    /// `si_code`; `None` where no handler ran, because the case blocked or ignored the signal.
    pub code: Option<i32>,
    /// `si_addr`, relative to the map.
    pub address: FaultAddress,
}

/// The place that `si_addr` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FaultAddress {
    /// The first byte of the access, or its page where the kernel tells no more (s390x).
    Accessed,
    /// This number of bytes from the start of the map.
    At(i64),
    /// Zero: the CPU reports no address (SI_KERNEL).
    Null,
    /// An address far from the map. It varies between runs and is not kept.
    Elsewhere,
    /// Unknown, as no handler ran.
    Unknown,
}

/// The signals that an access can raise. The codes of each have their names in [`Fault::code_name`].
pub const FAULTS: &[i32] = &[SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP];

/// A signal by number, shown by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal(pub i32);

impl Fault {
    /// Returns the full name of `si_code`, such as `BUS_ADRERR`; its number where it has no name, and `None` where
    /// it is not known.
    pub fn code_name(&self) -> Option<String> {
        self.code.map(|code| code_name(self.signal, code))
    }
}

/// Returns the name of a signal's `si_code`; its number where it has no name. (<asm-generic/siginfo.h>;
/// sigaction(2), "The siginfo_t argument")
pub fn code_name(signal: Signal, code: i32) -> String {
    let own: &[(i32, &str)] = match signal.0 {
        SIGSEGV => SEGV_CODES,
        SIGBUS => BUS_CODES,
        SIGILL => ILL_CODES,
        SIGTRAP => TRAP_CODES,
        SIGFPE => FPE_CODES,
        _ => &[],
    };
    let named = name_of(code, SI_CODES).or_else(|| name_of(code, own));
    named.map_or_else(|| code.to_string(), str::to_owned)
}

impl fmt::Display for Fault {
    /// The text in a picture: `SIGBUS ADRERR`, `SIGSEGV MAPERR at 4096`, `SIGBUS (no siginfo)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signal.fmt(f)?;
        match self.code_name() {
            Some(code) => write!(f, " {}", code.split_once('_').map_or(&*code, |(_, tail)| tail))?,
            None => f.write_str(" (no siginfo)")?,
        }
        match self.address {
            FaultAddress::Accessed | FaultAddress::Unknown => Ok(()),
            FaultAddress::At(offset) => write!(f, " at {offset}"),
            FaultAddress::Null => f.write_str(" at NULL"),
            FaultAddress::Elsewhere => f.write_str(" elsewhere"),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name_of(self.0, SIGNALS) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}
