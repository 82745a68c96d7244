//! Where to probe, and the outcomes of many children to one row of a fault map.
//!
//! A fault is a whole page's, a file's end is a byte's, and a case names the offsets at which something
//! happens. So each page is probed at its first byte; where that goes through, at its last one, and at
//! and just before every offset that a step names, taken modulo the page. Where that would be too many
//! probes, all of them are made in some pages only, and [`Plan::note`] says so.
//!
//! Both sides of each boundary that the model expects are probed as well. That adds probes and no answer: a
//! picture is drawn of what children came to, and a model that errs costs a few of them.
//!
//! The main types are [`Plan`], where to look, and `Look`, which asks (`look`).

mod look;

use look::Look;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::case::{Access, Case, HarnessError, Note, Outcome, Pattern, Row, StepResult, window};
use crate::named::Named;

/// Maps of more pages than this are not probed in each page, but in every so many of them.
const PAGES_PROBED: i64 = 256;
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
    /// Bytes that a step names, where not all of `within` is looked at in each page.
    bytes: BTreeSet<i64>,
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
        let inside: Vec<i64> =
            named.bytes.iter().copied().filter(|at| (from..to).contains(at)).collect();
        let is_too_much = count * (within.len() as i64 + 2) > SAMPLES;
        let bytes = inside.iter().take(if is_too_much { SAMPLES as usize / 2 } else { 0 });
        let bytes: BTreeSet<i64> = bytes.flat_map(|at| [at - 1, *at]).collect();
        let around = || {
            let starts = inside.iter().map(|at| at.div_euclid(page) * page);
            let around = starts.flat_map(|start| [start - page, start, start + page]);
            around.filter(|start| (from..to).contains(start)).collect::<BTreeSet<i64>>()
        };
        let closely = is_too_much.then(|| {
            let mut random = fastrand::Rng::with_seed(seed);
            let random = (0..RANDOM_PAGES).map(|_| from + random.i64(0..count) * page);
            let pages: BTreeSet<i64> = around().into_iter().chain(random).collect();
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
                let near = around().into_iter().take(SAMPLES as usize);
                some.chain(ends).chain(near).chain(closely.iter().flatten().copied()).collect()
            }
        };
        Plan { from, to, page, within, pages, closely, bytes, both: named.copies, seed }
    }

    /// Says that not every page is probed, or not every page at each offset that a step names.
    pub fn note(&self, sweep: usize) -> Option<Note> {
        let pages = (self.to - self.from) / self.page;
        let probed = self.pages.len() as u64;
        let closely = self.closely.as_ref().map_or(probed, |closely| closely.len() as u64);
        let note = Note::Capped { sweep, closely, probed, pages: pages as u64 };
        (closely < pages as u64).then_some(note)
    }

    /// The row of an access, asking `probe` for the outcome at one byte with a pattern in the files. Outcomes
    /// are `expected` to change at these bytes. The row is exact where outcomes change at most once between
    /// two neighbours that were looked at.
    pub fn row(
        &self,
        access: Access,
        expected: &BTreeSet<i64>,
        exhaustive: bool,
        mut probe: impl FnMut(i64, Pattern) -> Result<Outcome, HarnessError>,
    ) -> Result<Found, Unanswered> {
        let ask = |at, pattern| probe(at, pattern).map_err(|error| Unanswered { at, error });
        let mut look = Look::new(self, access, exhaustive, ask);
        if exhaustive {
            look.at_every_byte()?;
        } else {
            look.at_samples()?;
            let sides = expected.iter().take(SAMPLES as usize).flat_map(|at| [at - 1, *at]);
            look.at_bytes(self.bytes.iter().copied().chain(sides))?;
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
        let found = plan.row(Access::Read, &BTreeSet::new(), false, |at, _| {
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
        assert!(probes < 1000, "{probes} probes");
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
            let found = plan.row(Access::Read, &BTreeSet::new(), exhaustive, |at, pattern| {
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
    fn a_single_byte_is_found_where_the_model_expects_it() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let byte = |at, _| Ok(if at == 1717 { DATA } else { ZERO });
        for expected in [BTreeSet::new(), BTreeSet::from([1717])] {
            let found = plan.row(Access::Read, &expected, false, byte).unwrap();
            let boundaries: Vec<i64> = found.row.boundaries().collect();
            assert_eq!(boundaries.is_empty(), expected.is_empty(), "{boundaries:?}");
        }
    }

    #[test]
    fn a_byte_that_a_step_names_is_looked_at_however_many_are_named() {
        let mut text =
            "map = mmap(0, 200 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);".to_owned();
        (0..60).for_each(|index| text += &format!("map[{} * PAGE + {index}];", 3 * index));
        let plan = plan(&text);
        for at in (0..60).map(|index| 3 * index * 4096 + index) {
            let byte = Outcome::Clean(Clean::Byte(b'x'));
            let (boundaries, ..) = found(&plan, &[(i64::MIN, ZERO), (at, byte), (at + 1, ZERO)]);
            assert_eq!(boundaries, [at, at + 1]);
        }
    }

    #[test]
    fn an_unanswered_probe_ends_the_row() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let row = plan.row(Access::Read, &BTreeSet::new(), false, |at, _| match at {
            0 => Err(HarnessError::ExitedEarly),
            _ => Ok(ZERO),
        });
        assert_eq!(row, Err(Unanswered { at: 0, error: HarnessError::ExitedEarly }));
    }
}
