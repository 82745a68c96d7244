//! Where to probe, and the outcomes of many children to one row of a fault map.
//!
//! A fault is a whole page's, a file's end is a byte's, and a case names the offsets at which something
//! happens. So each page is probed at its first byte; where that goes through, at its last one, and at
//! and just before every offset that a step names, taken modulo the page. Between two neighbours of
//! different outcome the exact byte is found by bisection. Then each region is looked at once more, at
//! a random byte: where that is not what was drawn, the row is bisected further, which [`Found`] tells.
//! `exhaustive` probes every byte instead.
//!
//! The random bytes are looked at with the second pattern in the files: where that does not call data
//! what the first does, the whole row is looked at with both, and is data where both call it so. It is
//! from the start where a step copies bytes to another offset, which may be one pattern's period away.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::case::{
    Access, Case, Clean, HarnessError, Note, Outcome, Pattern, Row, StepResult, window,
};
use crate::named::Named;

/// Maps of more pages than this are not probed in each page, but in every so many of them.
const PAGES_PROBED: i64 = 64;
/// A row of more samples than this is not probed at all named offsets in each page, but in the pages
/// around those that are named, around boundaries, and in some at random.
const SAMPLES: i64 = 2000;
/// So many pages at random.
const RANDOM_PAGES: i64 = 8;

/// The stretch of bytes to sweep, relative to the map, and where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// First byte: a page before the map.
    pub from: i64,
    /// One past the last byte: a page past the map.
    pub to: i64,
    /// Bytes of a page.
    page: i64,
    /// Where in a page to look: at each named offset and just before it.
    within: BTreeSet<i64>,
    /// The first bytes of the pages to look at first.
    pages: BTreeSet<i64>,
    /// In these, and in those where outcomes change, all of `within` is looked at; in all pages where
    /// there are none.
    closely: Option<BTreeSet<i64>>,
    /// What the first pattern calls data is looked at with the second, too.
    both: bool,
    /// Decides on the random bytes.
    seed: u64,
}

/// A row, and what it took to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The row.
    pub row: Row,
    /// Random bytes that were not what was drawn.
    pub surprises: Vec<i64>,
}

/// One probe of a row that could not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The byte, relative to the map.
    pub at: i64,
    /// Why.
    pub error: HarnessError,
}

impl Plan {
    /// The plan for sweeping the variable `map` of a case whose steps came to these results, on a
    /// machine with pages of `page` bytes.
    pub fn of(case: &Case, map: &str, results: &[StepResult], page: u64, seed: u64) -> Plan {
        let Range { start: from, end: to } = window(case, map, page);
        let page = page as i64;
        let named = Named::of(case, results, page as u64);
        let before = named.within_page.iter().map(|at| (at - 1).rem_euclid(page));
        let within: BTreeSet<i64> = before.chain(named.within_page.iter().copied()).collect();
        let count = (to - from) / page;
        let all = (from..to).step_by(page as usize);
        let closely = (count * (within.len() as i64 + 2) > SAMPLES).then(|| {
            let mut random = fastrand::Rng::with_seed(seed);
            let starts = named.offsets.iter().map(|at| at.div_euclid(page) * page);
            let around = starts.flat_map(|start| [start - page, start, start + page]);
            let random = (0..RANDOM_PAGES).map(|_| from + random.i64(0..count) * page);
            let mut pages: BTreeSet<i64> = around.chain(random).collect();
            pages.retain(|start| (from..to).contains(start));
            // Of a case that names hundreds of offsets, no more than there is time for.
            let most = (SAMPLES / (within.len() as i64 + 2)).max(1) as usize;
            let every = pages.len().div_ceil(most);
            pages.into_iter().step_by(every).collect::<BTreeSet<i64>>()
        });
        let pages = match count <= PAGES_PROBED {
            true => all.collect(),
            false => {
                let every = (count + PAGES_PROBED - 1) / PAGES_PROBED;
                let some = all.step_by(every as usize);
                let ends = [from, from + page, to - 2 * page, to - page];
                let around = named.offsets.iter().map(|at| at.div_euclid(page) * page);
                let around = around.flat_map(|start| [start - page, start, start + page]);
                let near = around.filter(|start| (from..to).contains(start));
                some.chain(ends).chain(near).chain(closely.iter().flatten().copied()).collect()
            }
        };
        Plan { from, to, page, within, pages, closely, both: named.copies, seed }
    }

    /// The note that not every page is looked at closely.
    pub fn note(&self, sweep: usize) -> Option<Note> {
        let probed = self.closely.as_ref()?.len() as u64;
        Some(Note::Capped { sweep, probed, pages: ((self.to - self.from) / self.page) as u64 })
    }

    /// The row of an access, asking `probe` for the outcome at one byte with a pattern in the files. It is exact where outcomes
    /// change at most once between two neighbours that were looked at.
    pub fn row(
        &self,
        access: Access,
        exhaustive: bool,
        mut probe: impl FnMut(i64, Pattern) -> Result<Outcome, HarnessError>,
    ) -> Result<Found, Unanswered> {
        let ask = |at, pattern| probe(at, pattern).map_err(|error| Unanswered { at, error });
        let known = BTreeMap::new();
        let both = self.both && access != Access::Exec;
        let mut look = Look { plan: self, access, exhaustive, known, both, ask };
        if exhaustive {
            look.at_every_byte()?;
        } else {
            look.at_samples()?;
            look.bisect_all()?;
            look.around_boundaries()?;
        }
        let surprises = look.once_more()?;
        Ok(Found { row: look.row(), surprises })
    }

    fn start_of_page(&self, at: i64) -> i64 {
        at.div_euclid(self.page) * self.page
    }
}

/// A row while it is looked at.
struct Look<'a, A> {
    plan: &'a Plan,
    access: Access,
    exhaustive: bool,
    known: BTreeMap<i64, Outcome>,
    /// What one pattern calls data the other does not: each such byte is looked at with both.
    both: bool,
    ask: A,
}

impl<A: FnMut(i64, Pattern) -> Result<Outcome, Unanswered>> Look<'_, A> {
    fn row(&self) -> Row {
        Row::from_starts(self.access, self.known.iter().map(|(at, outcome)| (*at, *outcome)))
    }

    fn at(&mut self, at: i64) -> Result<Outcome, Unanswered> {
        if let Some(known) = self.known.get(&at) {
            return Ok(*known);
        }
        let outcome = self.afresh(at)?;
        self.known.insert(at, outcome);
        Ok(outcome)
    }

    /// What a byte comes to.
    fn afresh(&mut self, at: i64) -> Result<Outcome, Unanswered> {
        let first = (self.ask)(at, Pattern::First)?;
        if !self.both || first != Outcome::Clean(Clean::Data) {
            return Ok(first);
        }
        let second = (self.ask)(at, Pattern::Second)?;
        agreed(at, first, second)
    }

    fn at_every_byte(&mut self) -> Result<(), Unanswered> {
        let mut last = None;
        for at in self.plan.from..self.plan.to {
            let outcome = self.afresh(at)?;
            // Only where a region begins: memory stays the same however large the map.
            if last.replace(outcome) != Some(outcome) {
                self.known.insert(at, outcome);
            }
        }
        Ok(())
    }

    fn at_samples(&mut self) -> Result<(), Unanswered> {
        let plan = self.plan;
        for start in &plan.pages {
            let closely = plan.closely.as_ref().is_none_or(|pages| pages.contains(start));
            self.page(*start, closely)?;
        }
        self.at(plan.to - 1)?;
        Ok(())
    }

    /// Looks at a page: at its first byte and, where that goes through, at its last one, and `closely`
    /// at what is named. Whether an access faults depends on the page alone.
    fn page(&mut self, start: i64, closely: bool) -> Result<(), Unanswered> {
        let plan = self.plan;
        if !matches!(self.at(start)?, Outcome::Clean(_)) {
            return Ok(());
        }
        self.at(start + plan.page - 1)?;
        if closely {
            for at in &plan.within {
                self.at(start + at)?;
            }
        }
        Ok(())
    }

    /// Finds where the outcome changes between any two bytes that are known.
    fn bisect_all(&mut self) -> Result<(), Unanswered> {
        let known: Vec<i64> = self.known.keys().copied().collect();
        for pair in known.windows(2) {
            self.bisect(pair[0], pair[1])?;
        }
        Ok(())
    }

    /// Finds where the outcome changes between two bytes that are known. A third outcome met on the
    /// way has its own two boundaries looked for.
    fn bisect(&mut self, left: i64, right: i64) -> Result<(), Unanswered> {
        if left + 1 >= right || self.at(left)? == self.at(right)? {
            return Ok(());
        }
        let between = self.between(left, right);
        self.at(between)?;
        self.bisect(left, between)?;
        self.bisect(between, right)
    }

    /// A byte between two others: where a page begins, if one does, since most outcomes change there.
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

    /// Of a map too large to look at all pages closely: looks so at those in which outcomes change.
    fn around_boundaries(&mut self) -> Result<(), Unanswered> {
        let Some(closely) = &self.plan.closely else { return Ok(()) };
        let mut done = closely.clone();
        loop {
            let row = self.row();
            let pages = row.boundaries().flat_map(|at| [at - 1, at]);
            let pages: BTreeSet<i64> = pages.map(|at| self.plan.start_of_page(at)).collect();
            let new: Vec<i64> = pages.difference(&done).copied().collect();
            if new.is_empty() || done.len() >= SAMPLES as usize {
                return Ok(());
            }
            for start in new {
                done.insert(start);
                self.page(start, true)?;
            }
            self.bisect_all()?;
        }
    }

    /// Looks at a random byte of each region, until all are as drawn. Gives those that were not.
    fn once_more(&mut self) -> Result<Vec<i64>, Unanswered> {
        let Plan { from, to, seed, .. } = *self.plan;
        let mut random = fastrand::Rng::with_seed(seed ^ self.access as u64);
        let mut surprises = Vec::new();
        let mut looked = BTreeSet::new();
        loop {
            let row = self.row();
            let fresh = row.regions.iter().find_map(|region| {
                let range = region.from.unwrap_or(from)..region.to.unwrap_or(to);
                let is_fresh = looked.range(range.clone()).next().is_none()
                    && (!self.exhaustive || self.depends_on_the_pattern(region.outcome));
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

    /// Looks at a byte once more, and where that is not what was drawn, further around it.
    fn is_as_drawn(&mut self, at: i64, drawn: Outcome) -> Result<bool, Unanswered> {
        let known = self.known.contains_key(&at);
        if self.access == Access::Exec || known && !self.depends_on_the_pattern(drawn) {
            let is_as_drawn = self.at(at)? == drawn;
            if !is_as_drawn {
                self.bisect_around(at)?;
            }
            return Ok(is_as_drawn);
        }
        let second = (self.ask)(at, Pattern::Second)?;
        if second == drawn {
            return Ok(true);
        }
        let first = (self.ask)(at, Pattern::First)?;
        let outcome = agreed(at, first, second)?;
        if outcome == drawn {
            return Ok(true);
        }
        self.known.insert(at, outcome);
        if first == Outcome::Clean(Clean::Data) && outcome != first {
            self.look_with_both()?;
        } else {
            self.bisect_around(at)?;
        }
        Ok(false)
    }

    /// Whether the second pattern may have more to say of such a byte.
    fn depends_on_the_pattern(&self, outcome: Outcome) -> bool {
        self.access != Access::Exec && outcome == Outcome::Clean(Clean::Data)
    }

    fn bisect_around(&mut self, at: i64) -> Result<(), Unanswered> {
        let left = self.known.range(..at).next_back().map(|(at, _)| *at);
        let right = self.known.range(at + 1..).next().map(|(at, _)| *at);
        self.bisect(left.unwrap_or(at), at)?;
        self.bisect(at, right.unwrap_or(at))
    }

    /// Looks at all that was called data with the second pattern, too.
    fn look_with_both(&mut self) -> Result<(), Unanswered> {
        self.both = true;
        if self.exhaustive {
            self.known.clear();
            return self.at_every_byte();
        }
        let data = Outcome::Clean(Clean::Data);
        let called: Vec<i64> =
            self.known.iter().filter(|(_, own)| **own == data).map(|(at, _)| *at).collect();
        for at in called {
            let second = (self.ask)(at, Pattern::Second)?;
            self.known.insert(at, agreed(at, data, second)?);
        }
        self.bisect_all()
    }
}

/// What a byte comes to by both patterns.
fn agreed(at: i64, first: Outcome, second: Outcome) -> Result<Outcome, Unanswered> {
    let agreed = match (first, second) {
        (Outcome::Clean(one), Outcome::Clean(two)) => one.agreed(two).map(Outcome::Clean),
        (one, two) => (one == two).then_some(one),
    };
    agreed.ok_or_else(|| {
        let what = format!("{first} with one pattern in the files, {second} with another");
        Unanswered { at, error: HarnessError::System(what) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Clean, Fault, FaultAddress, Signal};

    const ZERO: Outcome = Outcome::Clean(Clean::Zero);
    const DATA: Outcome = Outcome::Clean(Clean::Data);
    const FAULT: Outcome =
        Outcome::Fault(Fault { signal: Signal(7), code: Some(2), address: FaultAddress::Accessed });

    fn plan(text: &str) -> Plan {
        Plan::of(&crate::parse::case(text).unwrap(), "map", &[], 4096, 1)
    }

    /// What a plan finds where outcomes begin so, and how many probes that takes.
    fn found(plan: &Plan, truth: &[(i64, Outcome)]) -> (Vec<i64>, Vec<i64>, usize) {
        let mut probes = 0;
        let found = plan.row(Access::Read, false, |at, _| {
            probes += 1;
            Ok(truth.iter().rev().find(|(from, _)| *from <= at).map_or(truth[0].1, |(_, o)| *o))
        });
        let found = found.unwrap();
        (found.row.boundaries().collect(), found.surprises, probes)
    }

    #[test]
    fn a_boundary_that_no_step_speaks_of_is_found_by_bisection() {
        let plan = plan("map = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        for boundary in -4095..16384 {
            let (boundaries, surprises, probes) =
                found(&plan, &[(i64::MIN, DATA), (boundary, ZERO)]);
            assert_eq!((boundaries, surprises), (vec![boundary], vec![]));
            assert!(probes < 40, "{probes} probes for one boundary");
        }
    }

    #[test]
    fn a_single_byte_is_found_in_every_page_at_the_offset_that_a_step_names() {
        let plan = plan(
            "map = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             map[PAGE + 1234] = 'x';",
        );
        for page in 0..3 {
            let at = page * 4096 + 1234;
            let byte = Outcome::Clean(Clean::Byte(b'x'));
            let (boundaries, ..) = found(&plan, &[(i64::MIN, ZERO), (at, byte), (at + 1, ZERO)]);
            assert_eq!(boundaries, [at, at + 1]);
        }
    }

    #[test]
    fn a_page_that_faults_takes_one_probe_beside_its_boundaries_and_the_random_one() {
        let plan = plan(
            "map = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             map[10]; map[20]; map[30];",
        );
        let (boundaries, surprises, probes) = found(&plan, &[(i64::MIN, FAULT)]);
        assert_eq!((boundaries, surprises, probes), (vec![], vec![], 6 + 1 + 1));
    }

    #[test]
    fn what_no_sample_shows_is_found_by_a_random_byte_and_then_bisected() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let truth = [(i64::MIN, FAULT), (0, DATA), (10, ZERO), (4000, DATA), (4096, FAULT)];
        let (boundaries, surprises, _) = found(&plan, &truth);
        assert_eq!(boundaries, [0, 10, 4000, 4096]);
        assert_eq!(surprises.len(), 1, "{surprises:?}");
        assert!((10..4000).contains(&surprises[0]));
        // The same seed looks at the same bytes.
        assert_eq!(found(&plan, &truth).1, surprises);
    }

    #[test]
    fn a_map_of_a_gigabyte_takes_few_probes_and_says_so() {
        let plan = plan(
            "map = mmap(0, 1073741824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             map[1 << 29]; map[123456789];"
                .replace("1 << 29", "536870912")
                .as_str(),
        );
        assert_eq!((plan.from, plan.to), (-4096, (1 << 30) + 4096));
        let note = plan.note(0);
        assert!(matches!(note, Some(Note::Capped { pages: 262_146, .. })), "{note:?}");
        let at = 123_456_789;
        let byte = Outcome::Clean(Clean::Byte(b'x'));
        let truth = [(i64::MIN, FAULT), (0, DATA), (at, byte), (at + 1, DATA), (777_777_777, ZERO)];
        let (boundaries, _, probes) = found(&plan, &truth);
        assert_eq!(boundaries, [0, at, at + 1, 777_777_777]);
        assert!(probes < 500, "{probes} probes");
    }

    #[test]
    fn a_case_that_names_hundreds_of_offsets_has_no_more_samples_than_there_is_time_for() {
        let mut text =
            "map = mmap(0, 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
        (0..90).for_each(|index| text += &format!("map[{}];", 40 * index + 7));
        let plan = plan(&text);
        assert!(plan.note(0).is_some());
        let (.., probes) = found(&plan, &[(i64::MIN, FAULT), (0, DATA), (64 * 4096, FAULT)]);
        assert!(probes < 2 * SAMPLES as usize, "{probes} probes");
    }

    #[test]
    fn data_is_what_both_patterns_call_so() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let other = Outcome::Clean(Clean::OtherData);
        for exhaustive in [false, true] {
            let found = plan.row(Access::Read, exhaustive, |at, pattern| {
                Ok(match (at, pattern) {
                    (300..4000, Pattern::Second) => other,
                    (0..4096, _) => DATA,
                    _ => FAULT,
                })
            });
            let found = found.unwrap();
            assert_eq!(found.row.boundaries().collect::<Vec<_>>(), [0, 300, 4000, 4096]);
            assert_eq!(found.row.at(300), Some(other));
            assert_eq!(found.surprises.len(), 1);
        }
    }

    #[test]
    fn an_unanswered_probe_ends_the_row() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let row = plan.row(Access::Read, false, |at, _| match at {
            0 => Err(HarnessError::ExitedEarly),
            _ => Ok(ZERO),
        });
        assert_eq!(row, Err(Unanswered { at: 0, error: HarnessError::ExitedEarly }));
    }
}
