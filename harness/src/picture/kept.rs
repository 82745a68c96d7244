//! The comparison of a kept picture with a measurement, byte by byte.
//!
//! Of the kept picture only the text is there. Its grids are parsed by the columns of their own
//! headers, so that a region which is gone, has moved or has another outcome is found.
//! [`changed_byte`] returns one byte that differs, for a command that probes it again.

use super::offsets::Offsets;
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
    let grids = grids(kept, page);
    let mut changed = Vec::new();
    for (sweep, result) in measured.sweeps.iter().enumerate() {
        let SweepResult::Map(map) = result else { continue };
        for row in &map.rows {
            let at = match grids.get(sweep).map(|grid| grid.as_ref()) {
                Some(Some(grid)) => grid.differs_from(row, &offsets),
                Some(None) => Some(0), // the kept sweep has no grid
                None => None,
            };
            changed.extend(at.map(|at| Byte { sweep, access: row.access, at }));
        }
    }
    changed.iter().find(|byte| byte.at >= 0).or(changed.first()).copied()
}

/// True for two pictures of cases with the same steps, whatever these returned and the sweeps saw.
pub fn is_of_the_same_steps(one: &str, other: &str) -> bool {
    steps(one).eq(steps(other))
}

/// The lines of a picture that are steps, without the notes behind them.
fn steps(picture: &str) -> impl Iterator<Item = &str> {
    // A grid stands between two empty lines, behind its sweep.
    let (mut is_behind_sweep, mut is_grid) = (false, false);
    picture.lines().filter_map(move |line| {
        if line.trim().is_empty() {
            (is_grid, is_behind_sweep) = (is_behind_sweep, false);
            return None;
        }
        if is_grid {
            return None;
        }
        is_behind_sweep = line.trim_start().starts_with("sweep(");
        Some(line.split("  // ").next().unwrap_or(line))
    })
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

/// A grid that was parsed.
#[derive(Debug)]
struct Grid {
    /// The first offset of each column.
    columns: Vec<i64>,
    rows: Vec<Cells>,
}

/// A row of a parsed grid.
#[derive(Debug)]
struct Cells {
    access: String,
    /// The column at which each region begins, and its text.
    regions: Vec<(usize, String)>,
}

/// The grid of each sweep of a picture; `None` for a sweep without one.
fn grids(picture: &str, page: u64) -> Vec<Option<Grid>> {
    let lines: Vec<&str> = picture.lines().collect();
    let sweeps = lines.iter().enumerate().filter(|(_, line)| line.trim().starts_with("sweep("));
    // The grid begins two lines below its sweep: an empty line stands between.
    sweeps.map(|(index, _)| Grid::read(lines.get(index + 2..)?, page)).collect()
}

impl Grid {
    fn read(lines: &[&str], page: u64) -> Option<Grid> {
        let (head, rows) = lines.split_first()?;
        let rows: Vec<Vec<char>> = rows
            .iter()
            .take_while(|line| line.contains('|'))
            .map(|line| line.chars().collect())
            .collect();
        let first = rows.iter().filter_map(|row| bars(row).first().copied()).min()?;
        let head: Vec<char> = head.chars().collect();
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        let mut at = first;
        while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
            // The header `PAGE + 1` has single spaces in it, so two spaces end a name.
            let end = rest.windows(2).position(|two| two == [' ', ' ']).unwrap_or(rest.len());
            let name: String = rest[..end].iter().collect();
            columns.push(first_byte(name.trim(), page)?);
            places.push(at);
            let gap = rest[end..].iter().position(|c| *c != ' ').unwrap_or(rest.len() - end);
            at += end + gap;
        }
        let rows = rows.iter().map(|row| Cells::read(row, &places)).collect();
        Some(Grid { columns, rows })
    }

    /// Returns a byte of this row that has another outcome in the grid.
    fn differs_from(&self, row: &Row, offsets: &Offsets) -> Option<i64> {
        let own = self.rows.iter().find(|own| own.access == row.access.name())?;
        let before = self.columns.iter().copied().find(|at| *at != i64::MIN).unwrap_or(0) - 1;
        // The first column may be `< 0`, which has no first byte. The byte before the others stands
        // for it.
        let columns = self.columns.iter().map(|at| if *at == i64::MIN { before } else { *at });
        let mut all: Vec<i64> = columns.chain(row.boundaries()).chain([0, -1]).collect();
        all.sort_unstable_by_key(|at| (*at < 0, *at));
        all.into_iter().find(|at| {
            let measured = row.at(*at).map(|outcome| offsets.outcome(&outcome));
            measured.as_deref() != self.text(own, *at)
        })
    }

    /// The text of the region of a row that holds this byte.
    fn text<'a>(&self, row: &'a Cells, at: i64) -> Option<&'a str> {
        let holds = self.columns.iter().rposition(|first| *first <= at);
        // Without a column `< 0`, the bytes before the map have the outcome of those past it.
        let column = holds.unwrap_or(self.columns.len());
        let region = row.regions.iter().rfind(|(begins, _)| *begins <= column);
        region.map(|(_, text)| text.as_str())
    }
}

impl Cells {
    /// Parses a row. Each bar belongs to the nearest column, as a row edited by hand may be out of
    /// line.
    fn read(row: &[char], places: &[usize]) -> Cells {
        let bars = bars(row);
        let text = |range: &[char]| range.iter().collect::<String>().trim().to_owned();
        let ends = bars.iter().skip(1).copied().chain([row.len()]);
        let regions = bars.iter().zip(ends).map(|(bar, end)| {
            let nearest = (0..places.len()).min_by_key(|column| places[*column].abs_diff(*bar));
            (nearest.unwrap_or(0), text(&row[bar + 1..end]))
        });
        let name = bars.first().map_or(row, |first| &row[..*first]);
        Cells { access: text(name), regions: regions.collect() }
    }
}

/// The positions of the bars that begin regions. A bar in quotes (`'|'`) is the content of a byte.
fn bars(row: &[char]) -> Vec<usize> {
    let begins = |at: &usize| row[*at] == '|' && (*at == 0 || row[*at - 1] == ' ');
    (0..row.len()).filter(begins).collect()
}

/// The first offset of the column with this header.
fn first_byte(name: &str, page: u64) -> Option<i64> {
    if name == "< 0" {
        return Some(i64::MIN);
    }
    crate::parse::size(name).ok()?.eval(page).and_then(|at| i64::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Environment, predict};

    const PAGE: u64 = 4096;

    /// The case of this text, and the first measurement that the model predicts for it.
    fn measured(text: &str) -> (Case, Measurement) {
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
    fn the_steps_of_two_pictures_are_compared_without_their_results() {
        let text = "fd = file(100); ftruncate(fd, -1);
             map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
             sweep(map, read, write); map[0] = 'x'; sweep(map, read);";
        let (case, kernel) = measured(text);
        let mut other = kernel.clone();
        other.steps[1] = crate::case::StepResult::Done;
        let SweepResult::Map(map) = &mut other.sweeps[0] else { panic!("no map") };
        map.rows[0].regions.pop();
        other.sweeps[1] = SweepResult::NoMap;
        let drawn = |measured| super::super::draw(&case, measured, PAGE);
        assert_ne!(drawn(&kernel), drawn(&other));
        assert!(is_of_the_same_steps(&drawn(&kernel), &drawn(&other)));
        for (old, new) in [("-1", "-2"), ("= 'x'", "= 'y'"), ("(map, read)", "(map, write)")] {
            let (case, measured) = measured(&text.replace(old, new));
            let changed = super::super::draw(&case, &measured, PAGE);
            assert!(!is_of_the_same_steps(&drawn(&kernel), &changed), "{old}");
        }
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
