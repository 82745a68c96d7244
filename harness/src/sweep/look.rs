//! A row has to be found with few probes: a look asks for it byte by byte.
//!
//! Bisection finds the exact byte between two neighbours of different outcome. Then a random byte of each
//! region is looked at once more: where that is not what was drawn, the row is bisected further, which
//! [`Found`](super::Found) tells. An exhaustive plan probes every byte instead.
//!
//! The random bytes are looked at with the second pattern in the files: where that does not call data
//! what the first does, the whole row is looked at with both, and is data where both call it so. That holds
//! from the start where a step copies bytes to another offset, which may be one pattern's period away.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::endless::first_that_returns;
use super::plan::Plan;
use crate::case::{Access, Clean, HarnessError, Outcome, Pattern, Row};

/// One probe of a row that could not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered<E> {
    /// The byte, relative to the map.
    pub at: i64,
    /// Why.
    pub error: E,
}

/// A row while it is looked at.
pub(super) struct Look<'a, A> {
    pub(super) plan: &'a Plan,
    access: Access,
    pub(super) known: BTreeMap<i64, Outcome>,
    /// Bytes of an exhaustive row that were not asked about.
    pub(super) bytes_left_out: u64,
    /// True if each byte that the first pattern calls data is looked at with the second, too: as one pattern
    /// has called data what the other did not, or as a step copies bytes.
    both: bool,
    ask: A,
}

impl<'a, E, A> Look<'a, A>
where
    E: From<HarnessError>,
    A: FnMut(i64, Pattern) -> Result<Outcome, E>,
{
    /// Returns a row of which nothing is known yet.
    pub(super) fn new(plan: &'a Plan, access: Access, ask: A) -> Look<'a, A> {
        let both = plan.both && access != Access::Exec;
        Look { plan, access, known: BTreeMap::new(), bytes_left_out: 0, both, ask }
    }

    pub(super) fn row(&self) -> Row {
        Row::from_starts(self.access, self.known.iter().map(|(at, outcome)| (*at, *outcome)))
    }

    pub(super) fn at(&mut self, at: i64) -> Result<Outcome, Unanswered<E>> {
        if self.is_amid_endless(at) { Ok(Outcome::TimedOut) } else { self.asked(at) }
    }

    fn asked(&mut self, at: i64) -> Result<Outcome, Unanswered<E>> {
        if let Some(known) = self.known.get(&at) {
            return Ok(*known);
        }
        let outcome = self.afresh(at)?;
        self.known.insert(at, outcome);
        Ok(outcome)
    }

    /// Asks for the outcome of a byte anew.
    fn afresh(&mut self, at: i64) -> Result<Outcome, Unanswered<E>> {
        if !self.both {
            return self.with(Pattern::First, at);
        }
        let outcome = Outcome::by_both(|pattern| (self.ask)(at, pattern));
        outcome.map_err(|error| Unanswered { at, error })
    }

    fn with(&mut self, pattern: Pattern, at: i64) -> Result<Outcome, Unanswered<E>> {
        (self.ask)(at, pattern).map_err(|error| Unanswered { at, error })
    }

    pub(super) fn at_every_byte(&mut self) -> Result<(), Unanswered<E>> {
        self.each_of(self.plan.from..self.plan.to, |look, at| look.with(Pattern::First, at))?;
        if self.both { self.data_with_both() } else { Ok(()) }
    }

    /// Looks with the second pattern at every byte that was called data. This is a pass of its own:
    /// neighbours of equal outcome are then asked about one after the other, and share a line of the journal.
    fn data_with_both(&mut self) -> Result<(), Unanswered<E>> {
        let data = Outcome::Clean(Clean::Data);
        for region in self.row().regions.iter().filter(|region| region.outcome == data) {
            let from = region.from.unwrap_or(self.plan.from);
            let to = region.to.unwrap_or(self.plan.to);
            self.each_of(from..to, |look, at| {
                let second = look.with(Pattern::Second, at)?;
                agreed(at, data, second)
            })?;
        }
        Ok(())
    }

    /// Asks for each of these bytes, and keeps an outcome only where a region begins: so the memory does not
    /// grow with the map.
    fn each_of(
        &mut self,
        bytes: Range<i64>,
        mut ask: impl FnMut(&mut Self, i64) -> Result<Outcome, Unanswered<E>>,
    ) -> Result<(), Unanswered<E>> {
        let (mut at, mut last) = (bytes.start, None);
        while at < bytes.end {
            let outcome = ask(self, at)?;
            if last.replace(outcome) != Some(outcome) {
                self.known.insert(at, outcome);
            }
            at += 1;
            if outcome == Outcome::TimedOut {
                let next = first_that_returns(at..bytes.end, |byte| ask(self, byte))?;
                self.bytes_left_out += (next - at) as u64;
                at = next;
            }
        }
        Ok(())
    }

    pub(super) fn at_samples(&mut self) -> Result<(), Unanswered<E>> {
        let plan = self.plan;
        for start in &plan.pages {
            if plan.closely.as_ref().is_none_or(|pages| pages.contains(start)) {
                self.page_closely(*start)?;
            } else {
                self.page(*start)?;
            }
        }
        self.at(plan.to - 1)?;
        Ok(())
    }

    /// Looks at these bytes, as far as they lie in pages that do not fault.
    pub(super) fn at_bytes(
        &mut self,
        bytes: impl IntoIterator<Item = i64>,
    ) -> Result<(), Unanswered<E>> {
        for at in bytes {
            let start = self.plan.start_of_page(at);
            let is_inside = (self.plan.from..self.plan.to).contains(&at);
            if is_inside && matches!(self.at(start)?, Outcome::Clean(_)) {
                self.at(at)?;
            }
        }
        Ok(())
    }

    /// Looks at a page: at its first byte and, where that goes through, at its last one. Returns true if it
    /// goes through, since it is the page alone that decides if an access faults.
    fn page(&mut self, start: i64) -> Result<bool, Unanswered<E>> {
        let first = self.at(start)?;
        let goes_through = matches!(first, Outcome::Clean(_));
        if goes_through {
            self.at(start + self.plan.page - 1)?;
        } else if first == Outcome::TimedOut {
            self.end_of_endless_pages(start)?;
        }
        Ok(goes_through)
    }

    /// Looks at a page, and at each offset in it that is named.
    fn page_closely(&mut self, start: i64) -> Result<(), Unanswered<E>> {
        if self.page(start)? {
            let plan = self.plan;
            for at in &plan.within {
                self.at(start + at)?;
            }
        }
        Ok(())
    }

    /// Finds where the outcome changes between any two bytes that are known.
    pub(super) fn bisect_all(&mut self) -> Result<(), Unanswered<E>> {
        let known: Vec<i64> = self.known.keys().copied().collect();
        for pair in known.windows(2) {
            self.bisect(pair[0], pair[1])?;
        }
        Ok(())
    }

    /// Finds where the outcome changes between two bytes that are known. Also finds the two boundaries of a
    /// third outcome that it meets on the way.
    fn bisect(&mut self, left: i64, right: i64) -> Result<(), Unanswered<E>> {
        if left + 1 >= right || self.at(left)? == self.at(right)? {
            return Ok(());
        }
        let between = self.between(left, right);
        self.at(between)?;
        self.bisect(left, between)?;
        self.bisect(between, right)
    }

    /// Returns a byte between two others: where a page begins, if one does, since most outcomes change there.
    fn between(&self, left: i64, right: i64) -> i64 {
        let middle = left + (right - left) / 2;
        let start = self.plan.start_of_page(middle);
        let starts = [start, start + self.plan.page];
        match starts.into_iter().find(|start| (left + 1..right).contains(start)) {
            Some(start) => start,
            None if self.plan.start_of_page(right) == right => right - 1,
            None => middle,
        }
    }

    /// Looks closely at the pages in which outcomes change, or are expected to, of a map too large to look at
    /// all pages closely.
    pub(super) fn around_boundaries(
        &mut self,
        expected: &BTreeSet<i64>,
    ) -> Result<(), Unanswered<E>> {
        let Some(closely) = &self.plan.closely else { return Ok(()) };
        let mut done = closely.clone();
        // A page takes so many probes; together they take no more than the row may begin with.
        let each = self.plan.within.len() + 2;
        let most = closely.len() + self.plan.effort.samples as usize / each;
        loop {
            let row = self.row();
            let inside = |at: &i64| (self.plan.from..self.plan.to).contains(at);
            let expected = expected.iter().copied().filter(inside);
            let pages = row.boundaries().chain(expected).flat_map(|at| [at - 1, at]).filter(inside);
            let pages: BTreeSet<i64> = pages.map(|at| self.plan.start_of_page(at)).collect();
            let new: Vec<i64> = pages.difference(&done).copied().collect();
            if new.is_empty() || done.len() >= most {
                return Ok(());
            }
            for start in new.into_iter().take(most - done.len()) {
                done.insert(start);
                self.page_closely(start)?;
            }
            self.bisect_all()?;
        }
    }

    /// Looks at a random byte of each region, until all are as drawn. Returns those that were not.
    pub(super) fn once_more(&mut self) -> Result<Vec<i64>, Unanswered<E>> {
        let Plan { from, to, seed, .. } = *self.plan;
        let mut random = fastrand::Rng::with_seed(seed ^ self.access as u64);
        let mut surprises = Vec::new();
        let mut looked = BTreeSet::new();
        loop {
            let row = self.row();
            let fresh = row.regions.iter().find_map(|region| {
                let range = region.from.unwrap_or(from)..region.to.unwrap_or(to);
                let is_fresh = looked.range(range.clone()).next().is_none()
                    && (!self.plan.exhaustive || self.depends_on_the_pattern(region.outcome));
                is_fresh.then_some((range, region.outcome))
            });
            let Some((range, drawn)) = fresh else { return Ok(surprises) };
            let at = random.i64(range);
            if self.is_as_drawn(at, drawn)? {
                looked.insert(at);
            } else {
                surprises.push(at);
            }
        }
    }

    /// Looks at a byte once more, and further around it where it is not what was drawn. True if it is as
    /// drawn.
    fn is_as_drawn(&mut self, at: i64, drawn: Outcome) -> Result<bool, Unanswered<E>> {
        let known = self.known.contains_key(&at);
        if self.access == Access::Exec || known && !self.depends_on_the_pattern(drawn) {
            let is_as_drawn = self.asked(at)? == drawn;
            if !is_as_drawn {
                self.bisect_around(at)?;
            }
            return Ok(is_as_drawn);
        }
        let second = self.with(Pattern::Second, at)?;
        if second == drawn {
            return Ok(true);
        }
        let first = self.with(Pattern::First, at)?;
        let outcome = agreed(at, first, second)?;
        if outcome == drawn {
            return Ok(true);
        }
        let is_told_by_both = first == Outcome::Clean(Clean::Data) && outcome != first;
        if is_told_by_both && self.plan.exhaustive {
            self.both = true;
            self.data_with_both()?;
            return Ok(false);
        }
        self.known.insert(at, outcome);
        if is_told_by_both {
            self.look_with_both()?;
        } else {
            self.bisect_around(at)?;
        }
        Ok(false)
    }

    /// True if the second pattern may give a byte of this outcome another one.
    fn depends_on_the_pattern(&self, outcome: Outcome) -> bool {
        self.access != Access::Exec && outcome == Outcome::Clean(Clean::Data)
    }

    fn bisect_around(&mut self, at: i64) -> Result<(), Unanswered<E>> {
        let left = self.known.range(..at).next_back().map(|(at, _)| *at);
        let right = self.known.range(at + 1..).next().map(|(at, _)| *at);
        self.bisect(left.unwrap_or(at), at)?;
        self.bisect(at, right.unwrap_or(at))
    }

    /// Looks with the second pattern at all that was called data.
    fn look_with_both(&mut self) -> Result<(), Unanswered<E>> {
        self.both = true;
        let data = Outcome::Clean(Clean::Data);
        let called: Vec<i64> =
            self.known.iter().filter(|(_, own)| **own == data).map(|(at, _)| *at).collect();
        for at in called {
            let second = self.with(Pattern::Second, at)?;
            self.known.insert(at, agreed(at, data, second)?);
        }
        self.bisect_all()
    }
}

fn agreed<E: From<HarnessError>>(
    at: i64,
    first: Outcome,
    second: Outcome,
) -> Result<Outcome, Unanswered<E>> {
    first.agreed(second).map_err(|error| Unanswered { at, error: error.into() })
}
