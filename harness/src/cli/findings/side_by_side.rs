//! Two pictures in a terminal: a line that both have stands once, and below a line of one stands that of the other,
//! in the same columns. A `*` stands before each part that differs, as not every terminal has colours.
//! The main function is [`lines`].

use crate::cli::output::BAD;
use crate::picture::{Span, beside};
use crate::printable::escaped;

/// Draws the pictures of two machines, which these labels name, the one that is expected first.
pub fn lines(pictures: [&str; 2], labels: [&str; 2]) -> Vec<String> {
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let line = |label: &str, spans: &[Span]| {
        let line = format!("{label:width$} {}", marked(spans));
        line.trim_end().to_owned()
    };
    let mut lines = Vec::new();
    for pair in beside(pictures[0], pictures[1]).unwrap_or_default() {
        if pair.left == pair.right {
            lines.push(line("", &pair.left));
            continue;
        }
        for (label, spans) in labels.iter().zip([&pair.left, &pair.right]) {
            // The picture of the other has more lines here.
            if !spans.is_empty() {
                lines.push(line(label, spans));
            }
        }
    }
    lines
}

fn marked(spans: &[Span]) -> String {
    let mut line = String::new();
    for Span(text, differs) in spans {
        let text = escaped(text);
        match differs {
            false => line.push_str(&text),
            true => {
                if line.ends_with(' ') {
                    line.pop();
                }
                line.push_str(&format!("{BAD}*{text}{BAD:#}"));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_stand_one_below_the_other() {
        let left = "\
fd = file(100);
ftruncate(fd, -1);  // = -1 EINVAL
sweep(map, read, write);

           0              100            PAGE
read       | data         | zero         | SIGSEGV MAPERR
write      | to file      | memory only  | SIGSEGV MAPERR
";
        let right = left.replace("| zero      ", "| other data").replace("EINVAL", "EPERM");
        let text = lines([left, &right], ["A", "model"]).join("\n");
        let plain = anstream::adapter::strip_str(&text).to_string();
        let expected = "      fd = file(100);
A     ftruncate(fd, -1);  //*= -1 EINVAL
model ftruncate(fd, -1);  //*= -1 EPERM
      sweep(map, read, write);

                 0              100            PAGE
A     read       | data         |*zero         | SIGSEGV MAPERR
model read       | data         |*other data   | SIGSEGV MAPERR
      write      | to file      | memory only  | SIGSEGV MAPERR";
        assert_eq!(plain, expected);
    }

    #[test]
    fn text_of_others_is_escaped() {
        let text = lines(["a;  // \u{202e}x\n", "a;\n"], ["A", "B"]).join("\n");
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}
