//! Two pictures of a case differ at some steps, and at some bytes of its sweeps. The main type is [`Difference`].
//!
//! The pictures may be from machines with pages of different sizes: they tell offsets in pages wherever the case
//! does, so that these have the same text.

use std::fmt;

use super::offsets::Offsets;
use super::parts::{Part, Swept, pairs};
use super::text_grid::{Column, TextGrid};
use crate::case::{Access, Case, Outcome, StepResult, limits};
use crate::parse::{lines, text_of};

/// A step with another result, or an outcome in a row of a sweep that is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The step or the row.
    pub of: Of,
    /// The text in the picture that the other one is held against; empty for a step that plainly succeeded.
    pub expected: String,
    /// The text in the other picture.
    pub came: String,
}

/// The part of a picture that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The step of this text.
    Step(String),
    /// A row of this access.
    Row(String),
}

impl Difference {
    /// Returns that of the results of a step, the expected one first, as pictures with pages of `page` bytes tell it.
    pub fn of_step(case: &Case, step: usize, results: [&StepResult; 2], page: u64) -> Difference {
        let offsets = Offsets::of(case, page);
        let of = Of::Step(text_of(&lines(&case.steps), step).to_owned());
        let told = |result| super::note(result, &offsets).unwrap_or_default();
        let [expected, came] = results.map(told);
        Difference { of, expected, came }
    }

    /// Returns that of the outcomes of an access to a byte, of which nothing may be expected.
    pub fn of_byte(access: Access, expected: Option<Outcome>, came: Outcome) -> Difference {
        let expected = expected.map_or("nothing".to_owned(), |outcome| outcome.to_string());
        Difference { of: Of::Row(access.to_string()), expected, came: came.to_string() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Of::Step(of) | Of::Row(of)) = &self.of;
        let told =
            |text: &str| if text.is_empty() { "success".to_owned() } else { text.to_owned() };
        write!(f, "`{of}`: expected {}, came {}", told(&self.expected), told(&self.came))
    }
}

/// Returns the differences in the order of the program, each of a row once; `None` for pictures of cases with
/// other steps.
pub fn differences(expected: &str, came: &str) -> Option<Vec<Difference>> {
    // Both pictures are read with pages of one size, so any size will do.
    let pairs = pairs(expected, came, limits::SMALLEST_PAGE)?;
    Some(pairs.iter().flat_map(|(expected, came)| of_parts(expected, came)).collect())
}

fn of_parts(expected: &Part, came: &Part) -> Vec<Difference> {
    let of_step = |one: &str, other: &str| {
        let of = Of::Step(came.line.trim().to_owned());
        let differs = one != other;
        differs.then(|| Difference { of, expected: one.to_owned(), came: other.to_owned() })
    };
    match (&expected.swept, &came.swept) {
        (Some(Swept::Grid(one)), Some(Swept::Grid(other))) => of_grids(one, other),
        (one, other) if one.is_some() || other.is_some() => {
            of_step(told(one.as_ref()), told(other.as_ref())).into_iter().collect()
        }
        _ => {
            let (one, other) = (expected.note.as_deref(), came.note.as_deref());
            of_step(one.unwrap_or_default(), other.unwrap_or_default()).into_iter().collect()
        }
    }
}

/// The sentence below a sweep without a grid.
fn told(swept: Option<&Swept>) -> &str {
    match swept {
        Some(Swept::Told(text)) => text,
        Some(Swept::Grid(_)) => "a map",
        None => "",
    }
}

fn of_grids(expected: &TextGrid, came: &TextGrid) -> Vec<Difference> {
    let columns = columns(expected, came);
    let mut all = Vec::new();
    for row in &came.rows {
        let Some(own) = expected.row(&row.access) else { continue };
        for at in columns.iter().map(|column| column.first) {
            let texts = (expected.text(own, at), came.text(row, at));
            let (Some(expected), Some(came)) = texts else { continue };
            let (expected, came) = (expected.to_owned(), came.to_owned());
            let difference = Difference { of: Of::Row(row.access.clone()), expected, came };
            if difference.expected != difference.came && !all.contains(&difference) {
                all.push(difference);
            }
        }
    }
    all
}

/// Returns the columns of both grids, from left to right.
pub fn columns(one: &TextGrid, other: &TextGrid) -> Vec<Column> {
    let mut all: Vec<Column> = one.columns.iter().chain(&other.columns).cloned().collect();
    all.sort_by_key(|column| column.first);
    all.dedup_by_key(|column| column.first);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: &str = "\
fd  = file(100);
map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
ftruncate(fd, -1);  // = -1 EINVAL
sweep(map, read, copy_from_user);

               0              100            PAGE             2*PAGE
read           | data         | zero         | SIGBUS ADRERR  | SIGSEGV MAPERR
copy_from_user | data         | zero         | EFAULT
";

    fn of(came: &str) -> Vec<(String, String, String)> {
        let all = differences(PICTURE, came).expect("the same steps");
        let of = |of| match of {
            Of::Step(text) | Of::Row(text) => text,
        };
        all.into_iter().map(|own| (of(own.of), own.expected, own.came)).collect()
    }

    fn three(of: &str, expected: &str, came: &str) -> (String, String, String) {
        (of.to_owned(), expected.to_owned(), came.to_owned())
    }

    #[test]
    fn a_picture_differs_from_itself_nowhere() {
        assert_eq!(of(PICTURE), []);
        assert_eq!(differences(PICTURE, &PICTURE.replace("-1)", "-2)")), None);
    }

    #[test]
    fn a_step_and_a_row_that_differ_are_told_once() {
        let came =
            PICTURE.replace("  // = -1 EINVAL", "").replace("SIGBUS ADRERR", "SIGBUS ADRALN");
        assert_eq!(
            of(&came),
            [
                three("ftruncate(fd, -1);", "= -1 EINVAL", ""),
                three("read", "SIGBUS ADRERR", "SIGBUS ADRALN"),
            ]
        );
    }

    /// The grids have other columns, and each byte is compared.
    #[test]
    fn a_boundary_that_has_moved_is_a_difference() {
        let (steps, _) = PICTURE.split_once("\n\n").expect("a grid");
        let grid = "               < 0               0              PAGE             3*PAGE
read           | SIGSEGV MAPERR  | data         | SIGBUS ADRERR  | SIGSEGV MAPERR
copy_from_user | EFAULT          | data         | EFAULT
";
        let came = format!("{steps}\n\n{grid}");
        assert_eq!(
            of(&came),
            [
                three("read", "zero", "data"),
                three("read", "SIGSEGV MAPERR", "SIGBUS ADRERR"),
                three("copy_from_user", "zero", "data"),
            ]
        );
    }

    #[test]
    fn a_sweep_without_a_grid_is_told_by_its_sentence() {
        let (steps, _) = PICTURE.split_once("\n\n").expect("a grid");
        let came = format!("{steps}\n\nmap is MAP_FAILED: nothing to sweep\n");
        let sweep = "sweep(map, read, copy_from_user);";
        assert_eq!(of(&came), [three(sweep, "a map", "map is MAP_FAILED: nothing to sweep")]);
    }
}
