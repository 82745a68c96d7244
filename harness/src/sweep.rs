//! Where to probe, and the outcomes of many children to one row of a fault map.
//!
//! The kernel's unit is the page, a file's is the byte, and a case names the offsets at which
//! something happens. So a row is probed at both ends of every page, and at and just before every
//! offset that the case speaks of; between two neighbours of different outcome the exact byte is
//! found by bisection. `exhaustive` probes every byte instead, and so proves that nothing was missed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::case::{
    Access, Arg, Call, Case, HarnessError, Linear, Outcome, Row, Size, Step, window,
};

/// Maps of more pages than this are not probed at both ends of each page, but at the pages around
/// every offset that the case speaks of, and at every so many pages between.
const PAGES_PROBED: i64 = 64;

/// The stretch of bytes to sweep, relative to the map, and where to look first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// First byte: a page before the map.
    pub from: i64,
    /// One past the last byte: a page past the map.
    pub to: i64,
    /// The offsets to probe before any bisection, `from` and `to - 1` among them.
    pub samples: BTreeSet<i64>,
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
    /// The plan for sweeping the variable `map`, on a machine with pages of `page` bytes.
    pub fn of(case: &Case, map: &str, page: u64) -> Plan {
        let unit = page as i64;
        let Range { start: from, end: to } = window(case, map, page);
        let pages = to / unit - 1;
        let mut samples = BTreeSet::new();
        let mut around = |offset: i64| {
            let start = offset.div_euclid(unit) * unit;
            samples.extend([offset - 1, offset, start - 1, start, start + unit - 1, start + unit]);
        };
        for point in points(case, page) {
            around(point);
        }
        let step = 1 + (pages - 1) / PAGES_PROBED;
        for number in (-1..=pages).step_by(step as usize) {
            around(number * unit);
        }
        around(pages * unit);
        samples.extend([from, to - 1]);
        samples.retain(|at| (from..to).contains(at));
        Plan { from, to, samples }
    }

    /// The row of an access, asking `probe` for the outcome at one byte. Regions are exact where
    /// outcomes change at most once between two neighbouring samples.
    pub fn row(
        &self,
        access: Access,
        exhaustive: bool,
        mut probe: impl FnMut(i64) -> Result<Outcome, HarnessError>,
    ) -> Result<Row, Unanswered> {
        let mut ask = |at| probe(at).map_err(|error| Unanswered { at, error });
        let mut known = BTreeMap::new();
        if exhaustive {
            let mut last = None;
            for at in self.from..self.to {
                let outcome = ask(at)?;
                // Only where a region begins: memory stays the same however large the map.
                if last.replace(outcome) != Some(outcome) {
                    known.insert(at, outcome);
                }
            }
            return Ok(Row::from_starts(access, known));
        }
        for at in &self.samples {
            known.insert(*at, ask(*at)?);
        }
        let samples: Vec<(i64, Outcome)> =
            known.iter().map(|(at, outcome)| (*at, *outcome)).collect();
        for pair in samples.windows(2) {
            bisect(pair[0], pair[1], &mut known, &mut ask)?;
        }
        Ok(Row::from_starts(access, known))
    }
}

/// Finds where the outcome changes between two probed bytes. A third outcome met on the way has its
/// own two boundaries looked for.
fn bisect(
    left: (i64, Outcome),
    right: (i64, Outcome),
    known: &mut BTreeMap<i64, Outcome>,
    ask: &mut impl FnMut(i64) -> Result<Outcome, Unanswered>,
) -> Result<(), Unanswered> {
    if left.1 == right.1 || left.0 + 1 >= right.0 {
        return Ok(());
    }
    let middle = left.0 + (right.0 - left.0) / 2;
    let outcome = ask(middle)?;
    known.insert(middle, outcome);
    bisect(left, (middle, outcome), known, ask)?;
    bisect((middle, outcome), right, known, ask)
}

/// The offsets at which something may change: every size of the case, read as an offset in the map,
/// as an offset in a file that the map shows from elsewhere, and as the end of a range.
fn points(case: &Case, page: u64) -> BTreeSet<i64> {
    // No map reaches further; and sums of these do not overflow.
    let near = |value: &i64| value.unsigned_abs() <= 2 * crate::case::limits::MAP_BYTES;
    let value = |linear: Linear| linear.eval(page).filter(near);
    let mut shifts = BTreeSet::from([0]);
    let mut bases = BTreeSet::new();
    for (_, _, step) in case.walk() {
        match step {
            Step::Call { args, call, .. } => {
                let sizes: Vec<i64> = args
                    .iter()
                    .filter_map(|arg| match arg {
                        Arg::Size(size) | Arg::Address { offset: size, .. } => size.linear(),
                        _ => None,
                    })
                    .filter_map(value)
                    .collect();
                bases.extend(&sizes);
                // A range is an offset and a length: its end counts as well.
                bases.extend(sizes.windows(2).filter_map(|pair| pair[0].checked_add(pair[1])));
                if let (Call::Mmap, Some(Arg::Size(offset))) = (call, args.get(5)) {
                    let offset = offset.linear().and_then(value).unwrap_or(0);
                    let placed = match args.first() {
                        Some(Arg::Address { map: Some(_), offset }) => {
                            offset.linear().and_then(value).unwrap_or(0)
                        }
                        _ => 0,
                    };
                    shifts.insert(placed.saturating_sub(offset));
                }
                if let (Call::Pwrite, [_, Arg::Text(text), Arg::Size(at)]) = (call, args.as_slice())
                {
                    let at = at.linear().and_then(value).unwrap_or(0);
                    bases.insert(at.saturating_add(text.len() as i64));
                }
            }
            Step::Touch { at, to, .. } => {
                let at = at.linear().and_then(value);
                bases.extend(at);
                bases.extend(at.map(|at| at + 1));
                bases.extend(to.as_ref().and_then(Size::linear).and_then(value));
            }
            Step::Block { .. } | Step::Sweep { .. } => {}
        }
    }
    let shifted =
        |base: &i64| shifts.iter().filter_map(|shift| base.checked_add(*shift)).collect::<Vec<_>>();
    bases.iter().flat_map(shifted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Clean;

    fn plan(text: &str) -> Plan {
        Plan::of(&crate::parse::case(text).unwrap(), "map", 4096)
    }

    fn made_of(limits: &[(i64, Outcome)]) -> impl Fn(i64) -> Outcome + '_ {
        |at| limits.iter().rev().find(|(from, _)| *from <= at).map_or(limits[0].1, |(_, o)| *o)
    }

    #[test]
    fn a_boundary_that_no_step_speaks_of_is_found_by_bisection() {
        let plan = plan("map = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        for boundary in -4095..16384 {
            let truth =
                [(i64::MIN, Outcome::Clean(Clean::Data)), (boundary, Outcome::Clean(Clean::Zero))];
            let mut probes = 0;
            let row = plan
                .row(Access::Read, false, |at| {
                    probes += 1;
                    Ok(made_of(&truth)(at))
                })
                .unwrap();
            assert_eq!(row.boundaries().collect::<Vec<_>>(), [boundary]);
            assert!(probes < 40, "{probes} probes for one boundary");
        }
    }

    #[test]
    fn a_single_byte_that_a_step_speaks_of_is_found() {
        let plan = plan(
            "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             map[1234] = 'x';",
        );
        let truth = [
            (i64::MIN, Outcome::Clean(Clean::Zero)),
            (1234, Outcome::Clean(Clean::Byte(b'x'))),
            (1235, Outcome::Clean(Clean::Zero)),
        ];
        let row = plan.row(Access::Read, false, |at| Ok(made_of(&truth)(at))).unwrap();
        assert_eq!(row.boundaries().collect::<Vec<_>>(), [1234, 1235]);
    }

    #[test]
    fn a_map_of_a_gigabyte_takes_few_probes() {
        let plan =
            plan("map = mmap(0, 1073741824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        assert!(plan.samples.len() < 500, "{} samples", plan.samples.len());
        assert_eq!((plan.from, plan.to), (-4096, (1 << 30) + 4096));
    }

    #[test]
    fn an_unanswered_probe_ends_the_row() {
        let plan = plan("map = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
        let row = plan.row(Access::Read, false, |at| match at {
            0 => Err(HarnessError::ExitedEarly),
            _ => Ok(Outcome::Clean(Clean::Zero)),
        });
        assert_eq!(row, Err(Unanswered { at: 0, error: HarnessError::ExitedEarly }));
    }
}
