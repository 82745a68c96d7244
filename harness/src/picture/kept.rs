//! The comparison of a kept picture with a measurement, byte by byte.
//!
//! Of the kept picture only the text is there. Its grids are parsed, so that a region which is gone, has moved or
//! has another outcome is found.
//! [`changed_byte`] returns one byte that differs, for a command that probes it again.

use super::offsets::Offsets;
use super::parts::{Swept, parts};
use super::text_grid::{BEFORE, TextGrid};
use crate::case::{Access, Case, Measurement, Row, SweepResult};

/// A byte in a row of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte {
    /// The number of the sweep in the case, counted from 0.
    pub sweep: usize,
    /// The access of the row.
    pub access: Access,
    /// The offset of the byte from the start of the map.
    pub at: i64,
}

/// Returns the first byte with another outcome in the kept picture, preferably one at or past the
/// start of the map; `None` where only steps differ.
pub fn changed_byte(case: &Case, measured: &Measurement, kept: &str, page: u64) -> Option<Byte> {
    let offsets = Offsets::of(case, page);
    let grids: Vec<Swept> = parts(kept, page).into_iter().filter_map(|part| part.swept).collect();
    let mut changed = Vec::new();
    for (sweep, result) in measured.sweeps.iter().enumerate() {
        let SweepResult::Map(map) = result else { continue };
        for row in &map.rows {
            let at = match grids.get(sweep) {
                Some(Swept::Grid(grid)) => differs_from(grid, row, &offsets),
                Some(Swept::Told(_)) => Some(0), // the kept sweep has no grid
                None => None,
            };
            changed.extend(at.map(|at| Byte { sweep, access: row.access, at }));
        }
    }
    changed.iter().find(|byte| byte.at >= 0).or(changed.first()).copied()
}

/// Returns the first step of which a picture shows something else than the kept one; `None` where only the
/// lines above the first step differ.
pub fn changed_step(case: &Case, picture: &str, kept: &str) -> Option<usize> {
    let same = picture.lines().zip(kept.lines()).take_while(|(is, was)| is == was).count();
    let steps = crate::parse::lines(&case.steps);
    let mut left =
        steps.iter().filter_map(|line| Some((line.step?, line.text.as_str()))).peekable();
    let mut last = None;
    for line in picture.lines().take(same + 1) {
        // Each step begins a line, in their order; the lines between are those of grids.
        if let Some((step, _)) = left.next_if(|(_, text)| line.trim_start().starts_with(text)) {
            last = Some(step);
        }
    }
    last
}

/// Returns a byte of this row that has another outcome in the kept grid.
fn differs_from(grid: &TextGrid, row: &Row, offsets: &Offsets) -> Option<i64> {
    let own = grid.row(row.access.name())?;
    let firsts = || grid.columns.iter().map(|column| column.first);
    let before = firsts().find(|at| *at != BEFORE).unwrap_or(0) - 1;
    // The first column may be `< 0`, which has no first byte. The byte before the others stands
    // for it.
    let columns = firsts().map(|at| if at == BEFORE { before } else { at });
    let mut all: Vec<i64> = columns.chain(row.boundaries()).chain([0, -1]).collect();
    all.sort_unstable_by_key(|at| (*at < 0, *at));
    all.into_iter().find(|at| {
        let measured = row.at(*at).map(|outcome| offsets.outcome(&outcome));
        measured.as_deref() != grid.text(own, *at)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Environment, predict};

    const PAGE: u64 = 4096;

    /// The case of this text, and the first measurement that the model predicts for it.
    pub fn measured(text: &str) -> (Case, Measurement) {
        let case = crate::parse::case(text).expect("a case");
        let mut may = predict(&case, &Environment::with_pages_of(PAGE));
        (case, may.remove(0).measurement)
    }

    fn swept(size: &str, map: &str) -> (Case, Measurement) {
        measured(&format!(
            "fd = file({size}); map = mmap(0, {map}, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
             map[5] = '|'; sweep(map, read, write); sweep(map, read);"
        ))
    }

    /// Every picture of a small file in a small map against every other one.
    #[test]
    fn a_byte_is_named_exactly_where_two_grids_differ() {
        let sizes = ["6", "100", "PAGE", "PAGE + 100", "2 * PAGE", "3 * PAGE - 1"];
        let maps = ["PAGE", "2 * PAGE", "3 * PAGE"];
        let all: Vec<_> =
            sizes.iter().flat_map(|size| maps.iter().map(move |map| swept(size, map))).collect();
        for (case, one) in &all {
            for (_, other) in &all {
                let (SweepResult::Map(new), SweepResult::Map(old)) =
                    (&one.sweeps[0], &other.sweeps[0])
                else {
                    panic!("no map")
                };
                let kept = super::super::draw(case, other, PAGE);
                let byte = changed_byte(case, one, &kept, PAGE);
                assert_eq!(byte.is_some(), new.rows != old.rows, "{byte:?}\n{kept}");
                let Some(Byte { access, at, .. }) = byte else { continue };
                let row = |rows: &[Row]| rows.iter().find(|row| row.access == access)?.at(at);
                assert_ne!(row(&new.rows), row(&old.rows), "{access} at {at}:\n{kept}");
            }
        }
    }

    #[test]
    fn a_region_that_is_gone_is_found_in_the_right_sweep() {
        let (case, measured) = swept("2200", "8192");
        let kept = super::super::draw(&case, &measured, PAGE);
        let edited = |from: &str, to: &str| {
            let (head, tail) = kept.split_at(kept.rfind("sweep(").expect("a sweep"));
            let tail = tail.replacen(from, &format!("{to:width$}", width = from.len()), 1);
            changed_byte(&case, &measured, &format!("{head}{tail}"), PAGE)
        };
        let second = |at| Some(Byte { sweep: 1, access: Access::Read, at });
        assert_eq!(edited("data", "data"), None);
        assert_eq!(edited("| SIGBUS ADRERR", ""), second(4096));
        assert_eq!(edited("| SIGSEGV MAPERR", ""), second(8192));
        assert_eq!(edited("| zero", "| data"), second(2200));
    }

    #[test]
    fn the_step_that_has_changed_is_named() {
        let (case, measured) = swept("2200", "8192");
        let picture = super::super::draw(&case, &measured, PAGE);
        let changed = |from: &str, to: &str| {
            let at = picture.rfind(from).expect("a part of the picture");
            let kept = format!("{}{to}{}", &picture[..at], &picture[at + from.len()..]);
            changed_step(&case, &picture, &kept)
        };
        assert_eq!(changed("2200);", "2200);  // = -1 ENOSPC"), Some(0));
        assert_eq!(changed("map[5] = '|';", "map[5] = '|';  // SIGBUS ADRERR"), Some(2));
        assert_eq!(changed("write      | ", "write      |"), Some(3));
        assert_eq!(changed("SIGSEGV MAPERR", "SIGSEGV ACCERR"), Some(4));
        assert_eq!(changed_step(&case, &picture, ""), Some(0));
    }

    #[test]
    fn what_lies_before_the_map_is_looked_at_last() {
        let (case, mut measured) = swept("100", "PAGE");
        let kept = super::super::draw(&case, &measured, PAGE);
        let SweepResult::Map(map) = &mut measured.sweeps[1] else { panic!("no map") };
        map.rows[0].regions[0].outcome = map.rows[0].regions[1].outcome;
        let byte = changed_byte(&case, &measured, &kept, PAGE);
        assert_eq!(byte, Some(Byte { sweep: 1, access: Access::Read, at: -1 }));
    }
}
