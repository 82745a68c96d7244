//! A person sees what differs between two pictures if they stand side by side, with the same columns, and with
//! marks at all that differs. The main type is [`Beside`].

use serde::Serialize;

use super::difference::columns;
use super::grid::{NAMES, widths};
use super::parts::{Part, Swept, pairs};
use super::text_grid::TextGrid;
use crate::case::limits;

/// One line of both pictures. The line of one is empty where the other has more lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The text of the picture to the left, the one that is expected.
    pub left: Vec<Span>,
    /// The text of the other one.
    pub right: Vec<Span>,
}

/// Text of a line, and true if the other picture has another text there. JSON has a list of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span(pub String, pub bool);

/// Draws two pictures line by line; `None` for pictures of cases with other steps.
pub fn beside(left: &str, right: &str) -> Option<Vec<Beside>> {
    // Both pictures are read with pages of one size, so any size will do.
    let pairs = pairs(left, right, limits::SMALLEST_PAGE)?;
    let mut lines: Vec<Beside> = Vec::new();
    let mut is_gap_due = false;
    for (left, right) in &pairs {
        if is_gap_due {
            lines.push(Beside::default());
        }
        lines.push(Beside { left: step(left, right), right: step(right, left) });
        let below = below(left, right);
        is_gap_due = !below.is_empty();
        if is_gap_due {
            lines.push(Beside::default());
        }
        lines.extend(below);
    }
    Some(lines)
}

/// A step with its note, which is marked where the other picture has another one.
fn step(own: &Part, other: &Part) -> Vec<Span> {
    let mut spans = vec![Span(own.line.clone(), false)];
    if let Some(note) = &own.note {
        push(&mut spans, Span("  // ".to_owned(), false));
        push(&mut spans, Span(note.clone(), own.note != other.note));
    }
    spans
}

/// The lines below a sweep.
fn below(left: &Part, right: &Part) -> Vec<Beside> {
    let indent: String = left.line.chars().take_while(|c| *c == ' ').collect();
    let (left, right) = match (&left.swept, &right.swept) {
        (None, None) => return Vec::new(),
        (Some(Swept::Grid(left)), Some(Swept::Grid(right))) => {
            return Pair::of(left, right).lines(&indent);
        }
        (left, right) => (alone(left.as_ref(), &indent), alone(right.as_ref(), &indent)),
    };
    let differs = left != right;
    let line = |lines: &[String], index: usize| -> Vec<Span> {
        lines.get(index).map(|line| Span(line.clone(), differs)).into_iter().collect()
    };
    (0..left.len().max(right.len()))
        .map(|index| Beside { left: line(&left, index), right: line(&right, index) })
        .collect()
}

/// The lines below a sweep, where that of the other picture has no grid.
fn alone(swept: Option<&Swept>, indent: &str) -> Vec<String> {
    let text = |spans: Vec<Span>| spans.into_iter().map(|Span(text, _)| text).collect();
    match swept {
        None => Vec::new(),
        Some(Swept::Told(text)) => vec![format!("{indent}{text}")],
        Some(Swept::Grid(grid)) => {
            let lines = Pair::of(grid, grid).lines(indent).into_iter();
            lines.map(|line| text(line.right)).collect()
        }
    }
}

/// A cell of a row: its text, and true if the other grid has another one there; `None` where the region of the
/// column before continues.
type Cell = Option<(String, bool)>;

/// Two grids with the same columns.
struct Pair {
    /// The name of the map, then those of the columns.
    map: String,
    heads: Vec<String>,
    /// The access, and the cells of both grids.
    rows: Vec<(String, [Vec<Cell>; 2])>,
}

impl Pair {
    fn of(left: &TextGrid, right: &TextGrid) -> Pair {
        let columns = columns(left, right);
        let texts = |grid: &TextGrid, access: &str| -> Vec<String> {
            let row = grid.row(access);
            let text = |at| row.and_then(|row| grid.text(row, at)).unwrap_or_default().to_owned();
            columns.iter().map(|column| text(column.first)).collect()
        };
        let rows = right.rows.iter().map(|row| {
            let (own, other) = (texts(left, &row.access), texts(right, &row.access));
            (row.access.clone(), [cells(&own, &other), cells(&other, &own)])
        });
        let rows = rows.collect();
        let heads = columns.into_iter().map(|column| column.name).collect();
        Pair { map: right.map.clone(), heads, rows }
    }

    fn lines(&self, indent: &str) -> Vec<Beside> {
        let texts = |cells: &[Cell]| -> Vec<Option<String>> {
            cells.iter().map(|cell| cell.as_ref().map(|(text, _)| text.clone())).collect()
        };
        let all: Vec<Vec<Option<String>>> =
            self.rows.iter().flat_map(|(_, both)| both.iter().map(|own| texts(own))).collect();
        let widths = widths(&self.heads, &all);
        let longest =
            self.rows.iter().map(|(access, _)| access.len()).chain([self.map.len()]).max();
        let names = (longest.unwrap_or(0) + 1).max(NAMES);
        let mut head = format!("{indent}{:names$}", self.map);
        for (name, width) in self.heads.iter().zip(&widths) {
            head.push_str(&format!("{name:width$}"));
        }
        let head = vec![Span(head.trim_end().to_owned(), false)];
        let mut lines = vec![Beside { left: head.clone(), right: head }];
        for (access, [left, right]) in &self.rows {
            let begin = format!("{indent}{access:names$}");
            let row = |cells| row(&begin, cells, &widths);
            lines.push(Beside { left: row(left), right: row(right) });
        }
        lines
    }
}

/// The cells of a row: a new one begins where the text changes, or where the difference from the other begins or
/// ends.
fn cells(own: &[String], other: &[String]) -> Vec<Cell> {
    let mut last = None;
    let mut cells = Vec::new();
    for (text, other) in own.iter().zip(other) {
        let cell = Some((text.clone(), text != other));
        cells.push(cell.clone().filter(|_| cell != last));
        last = cell;
    }
    cells
}

fn row(begin: &str, cells: &[Cell], widths: &[usize]) -> Vec<Span> {
    let mut spans = vec![Span(begin.to_owned(), false)];
    let mut column = 0;
    while column < cells.len() {
        let next = (column + 1..cells.len()).find(|next| cells[*next].is_some());
        let next = next.unwrap_or(cells.len());
        if let Some((text, differs)) = &cells[column] {
            push(&mut spans, Span("| ".to_owned(), false));
            push(&mut spans, Span(text.clone(), *differs));
            let width: usize = widths[column..next].iter().sum();
            let gap = width.saturating_sub(text.chars().count() + 2);
            if next < cells.len() {
                push(&mut spans, Span(" ".repeat(gap), false));
            }
        }
        column = next;
    }
    spans
}

/// Adds text to a line.
fn push(spans: &mut Vec<Span>, own: Span) {
    match spans.last_mut() {
        Some(last) if last.1 == own.1 => last.0.push_str(&own.0),
        _ => spans.push(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: &str = "\
fd  = file(100);
map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
ftruncate(fd, -1);  // = -1 EINVAL
fork {
    sweep(map, read, copy_from_user);

                   0              100            PAGE             2*PAGE
    read           | data         | zero         | SIGBUS ADRERR  | SIGSEGV MAPERR
    copy_from_user | data         | zero         | EFAULT

}
map[0];  // data
";

    /// The lines of both sides, with marks around all that differs.
    fn marked(left: &str, right: &str) -> (String, String) {
        let lines = beside(left, right).expect("the same steps");
        let side = |of: fn(&Beside) -> &Vec<Span>| -> String {
            let line = |line: &Beside| -> String {
                let span = |Span(text, differs): &Span| match differs {
                    true => format!("<{text}>"),
                    false => text.clone(),
                };
                of(line).iter().map(span).collect::<String>() + "\n"
            };
            lines.iter().map(line).collect()
        };
        (side(|line| &line.left), side(|line| &line.right))
    }

    #[test]
    fn equal_pictures_are_drawn_as_they_are() {
        assert_eq!(marked(LEFT, LEFT), (LEFT.to_owned(), LEFT.to_owned()));
        assert_eq!(beside(LEFT, &LEFT.replace("-1)", "-2)")), None);
    }

    #[test]
    fn columns_are_those_of_both_and_differences_are_marked() {
        let right = "\
fd  = file(100);
map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
ftruncate(fd, -1);
fork {
    sweep(map, read, copy_from_user);

                   0              PAGE             3*PAGE
    read           | data         | SIGBUS ADRERR  | SIGSEGV MAPERR
    copy_from_user | data         | EFAULT

}
map[0];  // data
";
        let (left, right) = marked(LEFT, right);
        let expected = "\
fd  = file(100);
map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
ftruncate(fd, -1);  // <= -1 EINVAL>
fork {
    sweep(map, read, copy_from_user);

                   0              100            PAGE             2*PAGE            3*PAGE
    read           | data         | <zero>         | SIGBUS ADRERR  | <SIGSEGV MAPERR>  | SIGSEGV MAPERR
    copy_from_user | data         | <zero>         | EFAULT

}
map[0];  // data
";
        assert_eq!(left, expected);
        let expected = "\
fd  = file(100);
map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
ftruncate(fd, -1);
fork {
    sweep(map, read, copy_from_user);

                   0              100            PAGE             2*PAGE            3*PAGE
    read           | data         | <data>         | SIGBUS ADRERR  | <SIGBUS ADRERR>   | SIGSEGV MAPERR
    copy_from_user | data         | <data>         | EFAULT

}
map[0];  // data
";
        assert_eq!(right, expected);
    }

    #[test]
    fn a_sweep_without_a_grid_stands_beside_one() {
        let begin = LEFT.find("               0").expect("a grid");
        let end = LEFT.find("\n\n}").expect("a block");
        let told = format!("{}map is MAP_FAILED{}", &LEFT[..begin], &LEFT[end..]);
        let (left, right) = marked(LEFT, &told);
        assert_eq!(left.lines().count(), right.lines().count());
        assert!(right.contains("\n<    map is MAP_FAILED>\n\n\n\n}\nmap[0];"), "{right}");
        assert!(left.contains("<    read           | data "), "{left}");
    }
}
