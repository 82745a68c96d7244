//! A person at a terminal wants to see that a run goes on: [`bar`] counts cases, or the probes of a single one.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{fstat, major, minor};

use crate::case::window;
use crate::cli::partition::Chosen;

/// Returns the bar of a run, hidden where stderr is no screen. Nothing is drawn before it moves.
pub fn bar(chosen: &Chosen, exhaustive: bool) -> ProgressBar {
    if !is_shown() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match chosen.cases.len() {
        1 if exhaustive => {
            (ProgressBar::new(bytes(chosen)), "{bar:30} {pos}/{len} probes  {elapsed}")
        }
        1 => (ProgressBar::no_length(), "{pos} probes  {elapsed}"),
        cases => (ProgressBar::new(cases as u64), "{bar:30} {pos}/{len} cases  {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// True where stderr is a screen, on which a bar can be drawn anew.
pub fn is_shown() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !is_dumb
        && std::io::stderr().is_terminal()
        && fstat(std::io::stderr()).is_ok_and(|stat| is_screen(stat.st_rdev))
}

/// True for a pseudo-terminal and for a virtual console: they are drawn anew at once. A serial line is slow, and who
/// reads it is often a file, which would keep each drawing. (Documentation/admin-guide/devices.txt: 136 to 143, and 4 up
/// to 63. The system console is 5, whatever is behind it.)
fn is_screen(device: rustix::fs::Dev) -> bool {
    match (major(device), minor(device)) {
        (136..=143, _) => true,
        (4, console) => console < 64,
        _ => false,
    }
}

/// Shows so many answers. There may be more than were expected: a byte of data is asked for once more.
pub fn count_answers(bar: &ProgressBar, answers: u64) {
    if bar.length().is_some_and(|length| length < answers) {
        bar.set_length(answers);
    }
    if answers > 0 {
        bar.set_position(answers);
    }
}

/// Returns the number of bytes of all sweeps.
fn bytes(chosen: &Chosen) -> u64 {
    let page = rustix::param::page_size() as u64;
    let sweeps = chosen.cases.iter().flat_map(|loaded| {
        loaded.case.sweeps().map(|(_, map, accesses)| {
            let window = window(&loaded.case, map, page);
            (window.end - window.start) as u64 * accesses.len() as u64
        })
    });
    sweeps.sum()
}

#[cfg(test)]
mod tests {
    use rustix::fs::makedev;

    #[test]
    fn a_serial_line_is_no_screen() {
        // /dev/pts/3 and /dev/tty1; /dev/ttyS0, /dev/console, /dev/hvc0, /dev/ttyAMA0 and what is no terminal at all.
        for (major, minor, is_screen) in [
            (136, 3, true),
            (4, 1, true),
            (4, 64, false),
            (5, 1, false),
            (229, 0, false),
            (204, 64, false),
            (0, 0, false),
        ] {
            assert_eq!(super::is_screen(makedev(major, minor)), is_screen, "{major}:{minor}");
        }
    }
}
