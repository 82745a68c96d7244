//! A picture as text is a list of lines, and a sweep among them has a grid or a sentence below it. The main type
//! is [`Part`].

use super::text_grid::TextGrid;
use crate::case::limits;

/// A line of a picture, with all that belongs to it.
#[derive(Debug)]
pub struct Part {
    /// The step, the end of a block, or a line of the head; as it is indented.
    pub line: String,
    /// What the step came to, if that is told.
    pub note: Option<String>,
    /// What stands below a sweep.
    pub swept: Option<Swept>,
}

/// What a sweep came to.
#[derive(Debug)]
pub enum Swept {
    Grid(TextGrid),
    /// A sentence that tells why there is no grid.
    Told(String),
}

/// Reads a picture. Its offsets in pages are those of pages of this size.
pub fn parts(picture: &str, page: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = picture.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let swept = line.trim_start().starts_with("sweep(").then(|| {
            let mut below = Vec::new();
            // A grid stands between two empty lines.
            if lines.next_if(|line| line.trim().is_empty()).is_some() {
                while let Some(line) = lines.next_if(|line| !line.trim().is_empty()) {
                    below.push(line);
                }
            }
            let words = below.iter().map(|line| line.trim()).collect::<Vec<_>>();
            let told = || Swept::Told(words.join(" "));
            TextGrid::read(&below, page).map_or_else(told, Swept::Grid)
        });
        let (line, note) = match line.split_once("  // ") {
            Some((line, note)) => (line, Some(note.trim().to_owned())),
            None => (line, None),
        };
        parts.push(Part { line: line.trim_end().to_owned(), note, swept });
    }
    parts
}

/// Returns the parts of two pictures, in pairs; `None` for pictures of cases with other steps, whatever these
/// returned and the sweeps saw.
pub fn pairs(one: &str, other: &str, page: u64) -> Option<Vec<(Part, Part)>> {
    let (one, other) = (parts(one, page), parts(other, page));
    let is_same = one.iter().map(|part| &part.line).eq(other.iter().map(|part| &part.line));
    is_same.then(|| one.into_iter().zip(other).collect())
}

/// True for two pictures of cases with the same steps, whatever these returned and the sweeps saw.
pub fn is_of_the_same_steps(one: &str, other: &str) -> bool {
    pairs(one, other, limits::SMALLEST_PAGE).is_some()
}

/// True if the case of this picture counts in pages, so that its picture is the same for pages of every size. The
/// steps of a picture are the text of its case.
pub fn counts_in_pages(picture: &str) -> bool {
    let lines: Vec<String> =
        parts(picture, limits::SMALLEST_PAGE).into_iter().map(|part| part.line).collect();
    crate::parse::case(&lines.join("\n")).is_ok_and(|case| case.says_page())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{StepResult, SweepResult};
    use crate::picture::kept::tests::measured;

    const PAGE: u64 = 4096;

    #[test]
    fn a_picture_tells_whether_its_case_counts_in_pages() {
        for (text, is) in [
            (
                "fd = file(100); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0); sweep(map, read);",
                true,
            ),
            ("fd = file(PAGE); pread(fd, 0, 10); fork { close(fd); }", true),
            ("fd = file(8192); pread(fd, 0, PAGE);", false),
            ("fd = file(8192); ftruncate(fd, -1);", false),
        ] {
            let (case, measured) = measured(text);
            let picture = crate::picture::draw(&case, &measured, PAGE);
            assert_eq!(counts_in_pages(&picture), is, "{picture}");
        }
    }

    #[test]
    fn the_steps_of_two_pictures_are_compared_without_their_results() {
        let text = "fd = file(100); ftruncate(fd, -1);
             map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
             sweep(map, read, write); map[0] = 'x'; sweep(map, read);";
        let (case, kernel) = measured(text);
        let mut other = kernel.clone();
        other.steps[1] = StepResult::Done;
        let SweepResult::Map(map) = &mut other.sweeps[0] else { panic!("no map") };
        map.rows[0].regions.pop();
        other.sweeps[1] = SweepResult::NoMap;
        let drawn = |measured| crate::picture::draw(&case, measured, PAGE);
        assert_ne!(drawn(&kernel), drawn(&other));
        assert!(is_of_the_same_steps(&drawn(&kernel), &drawn(&other)));
        for (old, new) in [("-1", "-2"), ("= 'x'", "= 'y'"), ("(map, read)", "(map, write)")] {
            let (case, measured) = measured(&text.replace(old, new));
            let changed = crate::picture::draw(&case, &measured, PAGE);
            assert!(!is_of_the_same_steps(&drawn(&kernel), &changed), "{old}");
        }
    }
}
