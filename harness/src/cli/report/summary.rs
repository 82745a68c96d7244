//! One line tells people what a run came to, be it measured here or merged from several machines. The main type
//! is [`Summary`].

use std::collections::BTreeSet;

use super::line::CaseLine;
use super::totals::Totals;
use crate::cli::findings::{self, Differing};
use crate::cli::output;
use crate::confine::Isolation;
use crate::environment::Machine;
use crate::printable::escaped;

/// The counts of a run so far.
#[derive(Debug)]
pub struct Summary {
    pub totals: Totals,
    /// The number of results, and of those of built-in cases.
    pub cases: usize,
    pub built_in: usize,
    children: u64,
    /// The environments in words: the place of the files, the machine, and what was done without.
    places: Vec<String>,
    /// The first line of a run names them.
    pub snapshots_without_case: BTreeSet<String>,
    differing: Vec<Differing>,
}

impl Summary {
    /// Returns the counts before the first case. Cases are compared with snapshots, or only measured.
    pub fn of(compares: bool) -> Summary {
        Summary {
            totals: Totals::of(compares),
            cases: 0,
            built_in: 0,
            children: 0,
            places: Vec::new(),
            snapshots_without_case: BTreeSet::new(),
            differing: Vec::new(),
        }
    }

    /// Counts a case.
    pub fn add(&mut self, case: &CaseLine) {
        self.cases += 1;
        self.built_in += usize::from(case.is_built_in());
        self.totals.add(&case.counts);
        self.children = self.children.saturating_add(case.probes);
        self.differing.extend(Differing::in_run(case));
        self.place(&case.machine);
        self.snapshots_without_case.extend(case.snapshots_without_case.iter().cloned());
    }

    /// Names a place, if it is a new one.
    pub fn place(&mut self, machine: &Machine) {
        let Machine { files, isolation, without, .. } = machine;
        let strictly = if *isolation == Isolation::Strict { ", strictly isolated" } else { "" };
        let (place, without) = (escaped(&files.place), output::without(without));
        let (name, about, own) = (&files.file_system, files.about(), machine.words());
        let words = format!("{name}{about} in {place}, {own}{strictly}{without}");
        if !self.places.contains(&words) {
            self.places.push(words);
        }
    }

    /// Returns what several cases have in common, or nothing.
    pub fn findings(&self) -> String {
        findings::of_run(&self.differing)
    }

    /// Returns the line. `cases` says how many there are, and `missing` which of them have no result.
    pub fn line(&self, cases: &str, missing: Option<&str>, seconds: f64) -> String {
        let missing = missing.map_or(String::new(), |missing| format!("{missing}, "));
        let counts = self.totals.words();
        let children = match self.children {
            1 => "1 child".to_owned(),
            children => format!("{children} children"),
        };
        let places = self.places.join(" and ");
        let without_case = match self.snapshots_without_case.len() {
            0 => String::new(),
            some => format!("; {} without a case", output::count(some, "snapshot")),
        };
        format!(
            "{cases}: {missing}{counts}{without_case}; {children} in {seconds:.2} s, files on {places}\n"
        )
    }
}

/// Says how many cases there are, and how many of them are built in.
pub fn cases_in_words(all: usize, built_in: usize) -> String {
    match built_in {
        0 => output::count(all, "case"),
        every if every == all => output::count(all, "built-in case"),
        some => format!("{}, {some} of them built in", output::count(all, "case")),
    }
}

/// Says on stderr which snapshots belong to no case, in one line: they change no result.
pub fn tell_snapshots_without_case<'a>(paths: impl ExactSizeIterator<Item = &'a String>) {
    const SHOWN: usize = 5;
    let number = paths.len();
    let shown: Vec<&str> = paths.take(SHOWN).map(String::as_str).collect();
    let more = match number - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (belong, them) = if number == 1 { ("belongs", "it") } else { ("belong", "them") };
    if number > 0 {
        let (what, shown) = (output::count(number, "snapshot"), shown.join(", "));
        let text = format!("{what} {belong} to no case: {shown}{more}; remove {them}");
        output::tell(&output::note(&text));
    }
}
