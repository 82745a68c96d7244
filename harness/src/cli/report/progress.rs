//! A person at a terminal wants to see that a run goes on: [`bar`] counts cases, or the probes of a single one.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::case::window;
use crate::cli::partition::Chosen;

/// Returns the bar of a run, hidden where stderr is no terminal. Nothing is drawn before it moves.
pub fn bar(chosen: &Chosen, exhaustive: bool) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
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
