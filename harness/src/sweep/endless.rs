//! An access that never returns is the dearest answer there is: each costs two children that run until they are killed. So
//! not each page of such a region is asked about, but where it ends, by halves. [`Found`](super::Found) tells how many
//! pages or bytes were left out.

use std::ops::Range;

use super::look::{Look, Unanswered};
use crate::case::{HarnessError, Outcome, Pattern};

impl<E, A> Look<'_, A>
where
    E: From<HarnessError>,
    A: FnMut(i64, Pattern) -> Result<Outcome, E>,
{
    /// True if the bytes nearest to this one, of those that are known, never return on either side: then it is not asked
    /// about.
    pub(super) fn is_amid_endless(&self, at: i64) -> bool {
        let endless = |known: Option<(&i64, &Outcome)>| {
            known.is_some_and(|(_, outcome)| *outcome == Outcome::TimedOut)
        };
        endless(self.known.range(..at).next_back()) && endless(self.known.range(at..).next())
    }

    /// Finds where the pages end that never return, of which this is one.
    pub(super) fn end_of_endless_pages(&mut self, start: i64) -> Result<(), Unanswered<E>> {
        let pages: Vec<i64> = self.plan.pages.range(start + 1..).copied().collect();
        let count = pages.len() as i64;
        first_that_returns(0..count, |index| self.at(pages[index as usize])).map(drop)
    }

    /// Returns the number of pages that the plan looks at and that were not asked about.
    pub(super) fn pages_left_out(&self) -> u64 {
        let left_out =
            |start: &&i64| !self.known.contains_key(*start) && self.is_amid_endless(**start);
        self.plan.pages.iter().filter(left_out).count() as u64
    }
}

/// Returns the first number in a range whose answer is that of an access which returns, or the end of the range. Asks for
/// few of them, and so takes it that all before are endless.
pub(super) fn first_that_returns<E>(
    range: Range<i64>,
    mut ask: impl FnMut(i64) -> Result<Outcome, E>,
) -> Result<i64, E> {
    let Range { start: mut low, end: mut high } = range;
    while low < high {
        let middle = low + (high - low) / 2;
        match ask(middle)? {
            Outcome::TimedOut => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
