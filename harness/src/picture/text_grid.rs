//! A kept picture, and a picture from another machine, is text alone. Its grids are read by the columns of their
//! own headers. The main type is [`TextGrid`].

/// The first byte of the column `< 0`, which is open to the left.
pub const BEFORE: i64 = i64::MIN;

/// A grid that was parsed.
#[derive(Debug)]
pub struct TextGrid {
    /// The name of the map, where the picture tells it.
    pub map: String,
    pub columns: Vec<Column>,
    pub rows: Vec<TextRow>,
}

/// A column of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its first offset.
    pub first: i64,
    /// The same as the picture has it: `PAGE + 1`.
    pub name: String,
}

/// A row of a parsed grid.
#[derive(Debug)]
pub struct TextRow {
    pub access: String,
    /// The column at which each region begins, and its text.
    regions: Vec<(usize, String)>,
}

impl TextGrid {
    /// Reads a grid from its header on; `None` if these lines are none. Offsets in pages are those of pages of
    /// this size.
    pub fn read(lines: &[&str], page: u64) -> Option<TextGrid> {
        let (head, rows) = lines.split_first()?;
        let rows: Vec<Vec<char>> = rows
            .iter()
            .take_while(|line| line.contains('|'))
            .map(|line| line.chars().collect())
            .collect();
        let first = rows.iter().filter_map(|row| bars(row).first().copied()).min()?;
        let head: Vec<char> = head.chars().collect();
        let map: String = head.iter().take(first).collect();
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        let mut at = first;
        while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
            // The header `PAGE + 1` has single spaces in it, so two spaces end a name.
            let end = rest.windows(2).position(|two| two == [' ', ' ']).unwrap_or(rest.len());
            let name: String = rest[..end].iter().collect();
            let name = name.trim().to_owned();
            columns.push(Column { first: first_byte(&name, page)?, name });
            places.push(at);
            let gap = rest[end..].iter().position(|c| *c != ' ').unwrap_or(rest.len() - end);
            at += end + gap;
        }
        let rows = rows.iter().map(|row| TextRow::read(row, &places)).collect();
        Some(TextGrid { map: map.trim().to_owned(), columns, rows })
    }

    /// Returns the row of this access.
    pub fn row(&self, access: &str) -> Option<&TextRow> {
        self.rows.iter().find(|row| row.access == access)
    }

    /// Returns the text of the region of a row that holds this byte.
    pub fn text<'a>(&self, row: &'a TextRow, at: i64) -> Option<&'a str> {
        let holds = self.columns.iter().rposition(|column| column.first <= at);
        // Without a column `< 0`, the bytes before the map have the outcome of those past it.
        let column = holds.unwrap_or(self.columns.len());
        let region = row.regions.iter().rfind(|(begins, _)| *begins <= column);
        region.map(|(_, text)| text.as_str())
    }
}

impl TextRow {
    /// Parses a row. Each bar belongs to the nearest column, as a row edited by hand may be out of
    /// line.
    fn read(row: &[char], places: &[usize]) -> TextRow {
        let bars = bars(row);
        let text = |range: &[char]| range.iter().collect::<String>().trim().to_owned();
        let ends = bars.iter().skip(1).copied().chain([row.len()]);
        let regions = bars.iter().zip(ends).map(|(bar, end)| {
            let nearest = (0..places.len()).min_by_key(|column| places[*column].abs_diff(*bar));
            (nearest.unwrap_or(0), text(&row[bar + 1..end]))
        });
        let name = bars.first().map_or(row, |first| &row[..*first]);
        TextRow { access: text(name), regions: regions.collect() }
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
        return Some(BEFORE);
    }
    crate::parse::size(name).ok()?.eval(page).and_then(|at| i64::try_from(at).ok())
}
