//! The grid of a sweep: its rows, and a column for each offset at which any row changes.

use std::collections::BTreeSet;

use super::offsets::Offsets;
use crate::case::{FaultMap, Row};

/// The least width of a column, so that the columns of many pictures line up.
const COLUMN: usize = 15;
/// The least width of the names of rows.
pub const NAMES: usize = 11;

/// The bytes before the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// They were probed, as the first region of each row.
    Probed,
    /// They were not: the first region begins with the map.
    NotProbed,
}

/// Draws the rows below a header with all columns.
pub fn grid(
    fault_map: &FaultMap,
    name: Option<&str>,
    offsets: &Offsets,
    front: Front,
) -> Vec<String> {
    let mut starts: BTreeSet<i64> = fault_map.rows.iter().flat_map(Row::boundaries).collect();
    starts.insert(0);
    // The outcomes before the map are drawn only where they differ from those past the map.
    let differs = |row: &Row| {
        let (first, last) = (row.regions.first(), row.regions.last());
        first.map(|region| region.outcome) != last.map(|region| region.outcome)
    };
    let is_drawn = fault_map.rows.iter().any(differs) || starts.first().is_some_and(|at| *at < 0);
    let with_front = front == Front::Probed && is_drawn;
    let mut columns: Vec<Option<i64>> = Vec::new();
    if with_front {
        columns.push(None);
    }
    columns.extend(starts.iter().copied().map(Some));
    let rows: Vec<(String, Vec<Option<String>>)> = fault_map
        .rows
        .iter()
        .map(|row| (row.access.to_string(), cells(row, &columns, offsets)))
        .collect();
    let heads: Vec<String> = columns
        .iter()
        .map(|column| column.map_or("< 0".to_owned(), |at| offsets.name(at)))
        .collect();
    let texts: Vec<Vec<Option<String>>> = rows.iter().map(|(_, cells)| cells.clone()).collect();
    let widths = widths(&heads, &texts);
    let name = name.unwrap_or("");
    let names = rows.iter().map(|(name, _)| name.len()).chain([name.len()]).max().unwrap_or(0);
    let names = (names + 1).max(NAMES);
    let mut head = format!("{name:names$}");
    for (text, width) in heads.iter().zip(&widths) {
        head.push_str(&format!("{text:width$}"));
    }
    let mut lines = vec![head.trim_end().to_owned()];
    for (name, cells) in &rows {
        let mut line = format!("{name:names$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let text = cell.as_ref().map_or(String::new(), |text| format!("| {text}"));
            line.push_str(&format!("{text:width$}"));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The text in each column of a row; `None` where the region of the column before continues.
fn cells(row: &Row, columns: &[Option<i64>], offsets: &Offsets) -> Vec<Option<String>> {
    let begins = |column: &Option<i64>| match column {
        None => true,
        Some(at) => row.boundaries().any(|boundary| boundary == *at),
    };
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let outcome = row.at(column.unwrap_or(i64::MIN))?;
            (index == 0 || begins(column)).then(|| offsets.outcome(&outcome))
        })
        .collect()
}

/// Returns the width of each column below these headers, which fits the cells of all rows.
pub fn widths(heads: &[String], rows: &[Vec<Option<String>>]) -> Vec<usize> {
    let mut widths: Vec<usize> = heads.iter().map(|head| (head.len() + 2).max(COLUMN)).collect();
    for cells in rows {
        let mut end = cells.len();
        for (index, cell) in cells.iter().enumerate().rev() {
            if let Some(text) = cell {
                let have: usize = widths[index..end].iter().sum();
                let want = text.chars().count() + 4;
                widths[end - 1] += want.saturating_sub(have);
                end = index;
            }
        }
    }
    widths
}
