//! Each byte costs a child, which fills the files and maps of its case anew. So a plan chooses the bytes to
//! look at first, before anything is known of a row, and fewer of them for a case that fills much: see
//! [`Effort`]. The main type is [`Plan`].

use std::collections::BTreeSet;
use std::ops::Range;

use crate::case::{Arg, Case, Note, limits, window};
use crate::named::Named;
use crate::vocabulary::{Effect, Facet, Parameter};

/// The most bytes of a row to probe, before any bisection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effort {
    /// Maps of more pages than this are not probed in each page, but in every so many of them.
    pages: i64,
    /// A row of more samples than this is not probed at all named offsets in each page, but in the pages
    /// around those that are named, around boundaries, and in some at random.
    pub(super) samples: i64,
}

impl Effort {
    const MOST: Effort = Effort { pages: 256, samples: 2000 };
    const LEAST: Effort = Effort { pages: 32, samples: 64 };
    /// A child that fills so many bytes takes several times as long as one that fills few.
    const MUCH: u64 = 1 << 20;

    /// Returns the effort for a case each of whose children fills so many bytes.
    fn for_bytes(bytes: u64) -> Effort {
        let share = i64::try_from(1 + bytes / Effort::MUCH).unwrap_or(i64::MAX);
        Effort {
            pages: (Effort::MOST.pages / share).max(Effort::LEAST.pages),
            samples: (Effort::MOST.samples / share).max(Effort::LEAST.samples),
        }
    }
}

/// Returns the bytes of files and memory that each child of a case fills, as far as its text tells.
fn filled(case: &Case, page: u64) -> u64 {
    let bytes = |args: &[Arg], index: usize| match args.get(index) {
        Some(Arg::Size(size)) => size.register(page).filter(|bytes| *bytes <= limits::MAP_BYTES),
        _ => None,
    };
    let fills =
        |args: &[Arg]| args.iter().any(|arg| arg.has(Facet::Fills) || arg.has(Facet::Locks));
    let each = case.calls().filter_map(|(call, args)| match call.effect {
        _ if call.makes_file() => bytes(args, 0),
        Effect::Allocates { length, .. } | Effect::Locks { length, .. } => bytes(args, length),
        Effect::Transfers { count, .. } => bytes(args, count),
        _ if fills(args) => bytes(args, call.position(|own| own == Parameter::Length)?),
        _ => None,
    });
    each.fold(0, u64::saturating_add)
}

/// The number of random pages.
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
    /// The offsets in a page to look at: each named offset and just before it.
    pub(super) within: BTreeSet<i64>,
    /// The first bytes of the pages to look at first.
    pub(super) pages: BTreeSet<i64>,
    /// In these, and in those where outcomes change, all of `within` is looked at; in all pages where
    /// there are none.
    pub(super) closely: Option<BTreeSet<i64>>,
    /// Bytes that a step names, where not all of `within` is looked at in each page.
    pub(super) bytes: BTreeSet<i64>,
    pub(super) effort: Effort,
    /// True if each byte that the first pattern calls data is looked at with the second, too.
    pub(super) both: bool,
    /// True if the steps name more than is looked at.
    pub(super) truncated: bool,
    /// True to probe every byte.
    pub exhaustive: bool,
    /// Decides on the random bytes.
    pub(super) seed: u64,
}

impl Plan {
    /// Returns the plan for sweeping the variable `map` of a case whose steps name these offsets.
    pub fn of(case: &Case, map: &str, named: &Named, seed: u64) -> Plan {
        let Range { start: from, end: to } = window(case, map, named.page);
        let page = named.page as i64;
        let before = named.within_page.iter().map(|at| (at - 1).rem_euclid(page));
        let within: BTreeSet<i64> = before.chain(named.within_page.iter().copied()).collect();
        let count = (to - from) / page;
        let effort = Effort::for_bytes(filled(case, named.page));
        let samples = effort.samples as usize;
        let all = (from..to).step_by(page as usize);
        let inside: Vec<i64> =
            named.bytes.iter().copied().filter(|at| (from..to).contains(at)).collect();
        let is_too_much = count * (within.len() as i64 + 2) > effort.samples;
        let bytes = inside.iter().take(if is_too_much { samples / 2 } else { 0 });
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
            let most = (samples / (within.len() + 2)).max(1);
            let every = pages.len().div_ceil(most);
            pages.into_iter().skip(every / 2).step_by(every).collect::<BTreeSet<i64>>()
        });
        let pages = match count <= effort.pages {
            true => all.collect(),
            false => {
                let every = (count + effort.pages - 1) / effort.pages;
                let some = all.step_by(every as usize);
                let ends = [from, from + page, to - 2 * page, to - page];
                let near = around().into_iter().take(samples);
                some.chain(ends).chain(near).chain(closely.iter().flatten().copied()).collect()
            }
        };
        Plan {
            from,
            to,
            page,
            within,
            pages,
            closely,
            bytes,
            effort,
            both: named.copies,
            truncated: named.truncated,
            exhaustive: false,
            seed,
        }
    }

    /// Returns the plan for the pages of some memory of which nothing is known.
    pub fn of_pages(length: i64, page: i64) -> Plan {
        let every = (length / page).div_euclid(Effort::MOST.pages).max(1);
        Plan {
            from: 0,
            to: length,
            page,
            within: BTreeSet::new(),
            pages: (0..length / page).step_by(every as usize).map(|number| number * page).collect(),
            closely: None,
            bytes: [length - 1].into(),
            effort: Effort::MOST,
            both: false,
            truncated: false,
            exhaustive: false,
            seed: 0,
        }
    }

    /// Returns a note where not every page is probed, or not every page at each offset that a step names.
    pub fn note(&self, sweep: usize) -> Option<Note> {
        let pages = (self.to - self.from) / self.page;
        let probed = self.pages.len() as u64;
        let closely = match &self.closely {
            _ if self.truncated => 0,
            Some(closely) => closely.len() as u64,
            None => probed,
        };
        let note = Note::Capped { sweep, closely, probed, pages: pages as u64 };
        (closely < pages as u64 && !self.exhaustive).then_some(note)
    }

    /// Returns where the page of a byte begins.
    pub(super) fn start_of_page(&self, at: i64) -> i64 {
        at.div_euclid(self.page) * self.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn case(text: &str) -> Case {
        crate::parse::case(text).unwrap()
    }

    #[test]
    fn a_child_that_fills_more_leaves_room_for_fewer_probes() {
        for (bytes, pages, samples) in
            [(MIB - 1, 256, 2000), (MIB, 128, 1000), (7 * MIB, 32, 250), (u64::MAX, 32, 64)]
        {
            assert_eq!(Effort::for_bytes(bytes), Effort { pages, samples }, "{bytes}");
        }
    }

    #[test]
    fn what_a_child_fills_is_the_sum_of_what_its_steps_say() {
        let map = "map = mmap(0, 5, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";
        let file = "fd = file(3);";
        for (text, bytes) in [
            (map.to_owned(), 0),
            (file.to_owned(), 3),
            ("m = memfd(4);".to_owned(), 4),
            (map.replace("MAP_ANONYMOUS", "MAP_ANONYMOUS | MAP_POPULATE"), 5),
            (map.replace("MAP_ANONYMOUS", "MAP_ANONYMOUS | MAP_LOCKED"), 5),
            (format!("{map} mlock(map, 6);"), 6),
            (format!("{file} fallocate(fd, 0, 1, 7);"), 10),
            (format!("{file} {map} read(fd, map, 8);"), 11),
            (format!("{map} madvise(map, 9, MADV_POPULATE_READ);"), 9),
            (format!("{map} mlock(map, 1073741824);"), 1 << 30),
            // The kernel refuses more.
            (format!("{map} mlock(map, 0x10000000000000);"), 0),
        ] {
            assert_eq!(filled(&case(&text), 4096), bytes, "{text}");
        }
    }

    /// Two pages of the window lie around a map.
    #[test]
    fn pages_are_looked_at_in_equal_steps_and_closely_where_a_step_names_a_byte() {
        for (pages, every, is_close_everywhere) in
            [(254, 1, true), (255, 2, true), (398, 2, true), (399, 2, false), (511, 3, false)]
        {
            let text = format!(
                "map = mmap(0, {pages} * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                 map[101 * PAGE];"
            );
            let case = case(&text);
            let named = Named::of(&case, &[], 4096);
            let plan = Plan::of(&case, "map", &named, 1);
            assert_eq!((plan.from, plan.to), (-4096, (pages + 1) * 4096));
            assert_eq!(plan.within, [0, 1, 4095].into());
            let beside = |at: &i64| [-1, 0, 1].map(|by| (at.div_euclid(4096) + by) * 4096);
            let near = named.bytes.iter().filter(|at| (plan.from..plan.to).contains(at));
            let near = near.flat_map(beside).filter(|at| (plan.from..plan.to).contains(at));
            let near: BTreeSet<i64> = near.collect();
            assert!(near.contains(&(100 * 4096)) && near.contains(&(102 * 4096)), "{near:?}");
            let ends = [-1, 0, pages - 1, pages].map(|page| page * 4096);
            let mut expected: BTreeSet<i64> =
                (-1..=pages).step_by(every).map(|page| page * 4096).collect();
            if every > 1 {
                expected.extend(near.iter().copied().chain(ends));
            }
            assert_eq!(plan.closely.is_none(), is_close_everywhere, "{pages}");
            if let Some(closely) = &plan.closely {
                let random: Vec<i64> = closely.difference(&near).copied().collect();
                assert!(near.is_subset(closely) && (2..=8).contains(&random.len()), "{closely:?}");
                assert!(random.iter().all(|at| at % 4096 == 0), "{random:?}");
                expected.extend(closely);
            }
            assert_eq!(plan.pages, expected, "{pages}");
            assert_eq!(plan.note(0).is_some(), every > 1, "{pages}");
        }
    }

    #[test]
    fn a_note_is_given_where_less_is_looked_at_than_everything() {
        let case = case("map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let plan = Plan::of(&case, "map", &Named::of(&case, &[], 4096), 1);
        assert_eq!(plan.note(0), None);
        let truncated = Plan { truncated: true, ..plan.clone() };
        let note = Note::Capped { sweep: 2, closely: 0, probed: 3, pages: 3 };
        assert_eq!(truncated.note(2), Some(note));
        assert_eq!(Plan { exhaustive: true, ..truncated }.note(2), None);
    }

    #[test]
    fn memory_of_which_nothing_is_known_is_looked_at_in_equal_steps() {
        for (pages, every) in [(3, 1), (256, 1), (511, 1), (512, 2), (800, 3)] {
            let plan = Plan::of_pages(pages * 4096, 4096);
            assert_eq!((plan.from, plan.to), (0, pages * 4096));
            assert_eq!(plan.pages, (0..pages).step_by(every).map(|page| page * 4096).collect());
            assert_eq!(plan.bytes, [pages * 4096 - 1].into());
        }
    }
}
