//! The text of offsets in a picture, and of faults that name one, which does not depend on the page size where a case says
//! `PAGE`.

use crate::case::{Case, Fault, FaultAddress, Linear, Outcome, Size};

/// The notation of a case's offsets: bytes, or pages where the case counts in pages.
#[derive(Debug)]
pub struct Offsets {
    page: Option<u64>,
    known: Vec<Linear>,
}

impl Offsets {
    /// The notation of this case on a machine with pages of `page` bytes.
    pub fn of(case: &Case, page: u64) -> Offsets {
        let known: Vec<Linear> = case.sizes().into_iter().filter_map(Size::linear).collect();
        let mut all = known.clone();
        for a in &known {
            all.extend(known.iter().filter_map(|b| a.minus(*b)));
            all.extend(known.iter().filter_map(|b| a.plus(*b)));
        }
        all.sort_by_key(|linear| (linear.bytes.unsigned_abs(), linear.pages.unsigned_abs()));
        Offsets { page: case.says_page().then_some(page), known: all }
    }

    /// The notation in bytes.
    pub fn in_bytes() -> Offsets {
        Offsets { page: None, known: Vec::new() }
    }

    /// The text of an offset or of a count of bytes.
    pub fn name(&self, value: i64) -> String {
        let Some(page) = self.page else {
            return value.to_string();
        };
        let unit = page as i64;
        let near = Linear { pages: (value + unit / 2).div_euclid(unit), bytes: 0 };
        let bytes = value - near.pages * unit;
        if bytes == 0 {
            return near.to_string();
        }
        // An expression from the case itself has this value for every page size.
        let said = self.known.iter().find(|linear| linear.eval(page) == Some(value));
        said.copied().unwrap_or(Linear { bytes, ..near }).to_string()
    }
    /// The text of a fault.
    pub(super) fn fault(&self, fault: &Fault) -> String {
        match fault.address {
            FaultAddress::At(at) => {
                let plain = Fault { address: FaultAddress::Accessed, ..*fault };
                format!("{plain} at {}", self.name(at))
            }
            _ => fault.to_string(),
        }
    }

    /// The text of an outcome.
    pub(super) fn outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Fault(fault) => self.fault(fault),
            other => other.to_string(),
        }
    }
}
