//! A program that is part of the report of a bug must be read in two minutes: its length is counted for each access of
//! each case.

use std::collections::BTreeMap;

use faultmap::Runner;
use faultmap::internals::c_program::{Expected, Source, Unsayable, c_program};
use faultmap::internals::case::{Case, Measurement, Region, SweepResult};
use faultmap::internals::model::{Environment, predict};
use faultmap::internals::parse;
use faultmap::internals::victim::Probe;

use crate::command::{faultmap, root, run};
use crate::compile::DIR;

/// The number of lines below which a program of one access of a case with up to so many steps has to stay. The longest
/// have a process block, which takes 50 lines more than the others.
const LINES: usize = 126;
const STEPS: usize = 10;

pub fn of_the_length_of_a_bug_report() {
    let (_, listed, _) = run(&mut faultmap(&["list"]));
    let (mut counted, mut long) = (0, Vec::new());
    let mut longest: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    for id in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        let source = std::fs::read_to_string(root().join(format!("cases/{id}.case")));
        let case = parse::case(&source.expect("a case")).expect("a case");
        let steps = case.walk().count();
        let Some(measurement) = answered(&case) else { continue };
        let probes = probes(&measurement).into_iter().map(Some);
        let whole = probes.len() == 0;
        for probe in probes.chain(whole.then_some(None)) {
            let lines = written(id, &case, &measurement, probe).expect("a program").lines().count();
            counted += 1;
            if steps <= STEPS && lines >= LINES {
                long.push(format!("{id}, {steps} steps, {probe:?}: {lines} lines"));
            }
            let most = longest.entry(steps).or_default();
            *most = most.clone().max((lines, id.to_owned()));
        }
    }
    println!("{counted} programs; the longest by the number of steps: {longest:#?}");
    assert!(counted > 500, "{counted}");
    assert!(long.is_empty(), "{} of {counted}\n{}", long.len(), long.join("\n"));
}

/// Returns what a program of the case can expect; `None` where the case cannot be a program, or be run here.
fn answered(case: &Case) -> Option<Measurement> {
    let page = rustix::param::page_size() as u64;
    let predicted = predict(case, &Environment::with_pages_of(page)).remove(0).measurement;
    match written("it", case, &predicted, None) {
        Ok(_) => Some(predicted),
        Err(Unsayable::NoAnswer(_)) => Runner::new().directory(DIR).run(case).ok(),
        Err(_) => None,
    }
}

/// Returns the first and the last byte of each region of each access.
fn probes(measurement: &Measurement) -> Vec<Probe> {
    let maps = measurement.sweeps.iter().enumerate().filter_map(|(sweep, result)| match result {
        SweepResult::Map(map) => Some((sweep, map)),
        _ => None,
    });
    let rows = maps.flat_map(|(sweep, map)| map.rows.iter().map(move |row| (sweep, row)));
    let ends = |own: &Region| [own.from, own.to.map(|to| to - 1)].into_iter().flatten();
    let all = rows.flat_map(|(sweep, row)| {
        let places = row.regions.iter().flat_map(ends);
        places.map(move |at| Probe { sweep, access: row.access, at })
    });
    all.collect()
}

/// Returns the program, with the longest head that there is.
fn written(
    id: &str,
    case: &Case,
    measurement: &Measurement,
    probe: Option<Probe>,
) -> Result<String, Unsayable> {
    let source =
        Source::Measured { open: vec!["a-rule".to_owned()], unmodelled: Some("a step".to_owned()) };
    let page = rustix::param::page_size() as u64;
    let (title, measurement) = (id.to_owned(), measurement.clone());
    c_program(case, &Expected { title, page, measurement, source, probe })
}
