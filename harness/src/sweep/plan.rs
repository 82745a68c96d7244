//! The bytes to look at first, before anything is known of a row.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::case::{Case, Note, StepResult, window};
use crate::named::Named;

/// Maps of more pages than this are not probed in each page, but in every so many of them.
const PAGES_PROBED: i64 = 256;
/// A row of more samples than this is not probed at all named offsets in each page, but in the pages
/// around those that are named, around boundaries, and in some at random.
pub(super) const SAMPLES: i64 = 2000;
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
    pub(super) page: i64,
    /// Where in a page to look: at each named offset and just before it.
    pub(super) within: BTreeSet<i64>,
    /// The first bytes of the pages to look at first.
    pub(super) pages: BTreeSet<i64>,
    /// In these, and in those where outcomes change, all of `within` is looked at; in all pages where
    /// there are none.
    pub(super) closely: Option<BTreeSet<i64>>,
    /// Bytes that a step names, where not all of `within` is looked at in each page.
    pub(super) bytes: BTreeSet<i64>,
    /// What the first pattern calls data is looked at with the second, too.
    pub(super) both: bool,
    /// Decides on the random bytes.
    pub(super) seed: u64,
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

    /// Where the page of a byte begins.
    pub(super) fn start_of_page(&self, at: i64) -> i64 {
        at.div_euclid(self.page) * self.page
    }
}
