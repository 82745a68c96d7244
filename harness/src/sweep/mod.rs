//! Every byte of a map could be probed, but that takes too many children: a sweep chooses the bytes, and
//! makes their outcomes one row of a fault map.
//!
//! A fault is a whole page's, a file's end is a byte's, and a case names the offsets at which something
//! happens. So each page is probed at its first byte; where that goes through, at its last one, and at
//! and just before every offset that a step names, taken modulo the page. Where that would be too many
//! probes, all of them are made in some pages only, and [`Plan::note`] says so.
//!
//! Both sides of each boundary that the model expects are probed as well. That adds probes and no answer: a
//! picture is drawn of what children came to, and a model that errs costs a few of them.
//!
//! The main types are [`Plan`], where to look (`plan`), and `Look`, which asks (`look`, and less of what never returns:
//! `endless`).

mod endless;
mod look;
mod plan;
#[cfg(test)]
mod tests;

use look::Look;
pub use look::Unanswered;
pub use plan::Plan;

use std::collections::BTreeSet;

use crate::case::{Access, HarnessError, Outcome, Pattern, Row};

/// A row, and what it took to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The row.
    pub row: Row,
    /// Random bytes that were not what was drawn.
    pub surprises: Vec<i64>,
    /// Pages, of an exhaustive row bytes, that were not asked about as they lie amid accesses that never return.
    pub left_out: u64,
}

impl Plan {
    /// Finds the row of an access, asking `probe` for the outcome at one byte with a pattern in the files.
    /// Outcomes are `expected` to change at these bytes. The row is exact where outcomes change at most once
    /// between two neighbours that were looked at.
    pub fn row<E: From<HarnessError>>(
        &self,
        access: Access,
        expected: &BTreeSet<i64>,
        probe: impl FnMut(i64, Pattern) -> Result<Outcome, E>,
    ) -> Result<Found, Unanswered<E>> {
        let mut look = Look::new(self, access, probe);
        if self.exhaustive {
            look.at_every_byte()?;
        } else {
            look.at_samples()?;
            let sides = expected.iter().flat_map(|at| [at - 1, *at]);
            look.at_bytes(self.bytes.iter().copied().chain(sides))?;
            look.bisect_all()?;
            look.around_boundaries(expected)?;
        }
        let mut surprises = Vec::new();
        loop {
            let new = look.once_more()?;
            let is_as_drawn = new.is_empty();
            surprises.extend(new);
            if is_as_drawn || self.exhaustive {
                break;
            }
            look.around_boundaries(expected)?;
        }
        let left_out = if self.exhaustive { look.bytes_left_out } else { look.pages_left_out() };
        Ok(Found { row: look.row(), surprises, left_out })
    }
}
