//! The cost of a probe means little by itself: this benchmark compares it with a bare loop of fork, mmap,
//! die, wait in C, in the same run.
//!
//! All rows are measured in turn, again and again, so that whatever else the machine does meets them
//! alike. A row is the median of its rounds, and a ratio the median of the ratios within each round.
//! Ratios are what counts: times are this machine's.

mod command;
mod cores;
mod ours;
mod yardstick;

use std::path::Path;

use command::Whole;
use faultmap::internals::confine::Isolation;
use yardstick::{EVERYTHING, LAYERS, NAMESPACES, OWN_FILE, Yardstick};

const ROUNDS: usize = 25;
/// Children of each row in each round.
const PROBES: u32 = 2000;
/// Whole runs take longer: they are made in every so manyth round.
const WHOLE: usize = 5;

/// Rows of one unit, each compared with the row that is the base.
struct Table {
    base: usize,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    fn based_on(base: usize) -> Table {
        Table { base, rows: Vec::new() }
    }

    /// Adds the value of a row in this round; every row has one in each round, or `None`.
    fn add(&mut self, name: &str, value: Option<f64>) {
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((name.to_owned(), vec![value])),
        }
    }

    fn print(&self, title: &str, base: &str) {
        println!("\n{title}\n{:50}{:>9}{base:>24}", "", "us");
        for (name, values) in &self.rows {
            let known: Vec<f64> = values.iter().copied().flatten().collect();
            let bases = self.rows.get(self.base).map_or(&[][..], |(_, values)| values.as_slice());
            let ratios =
                values.iter().zip(bases).filter_map(|(value, base)| Some((*value)? / (*base)?));
            match (median(known), median(ratios.collect())) {
                (Some(value), Some(ratio)) => println!("{name:50}{value:9.1}{ratio:24.2}"),
                (Some(value), None) => println!("{name:50}{value:9.1}{:>24}", "no yardstick"),
                (None, _) => println!("{name:50}{:>9}", "skipped"),
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn main() {
    // `cargo test --benches` asks only whether it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let dir = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    let (c, whole, all) = (Yardstick::compile(dir), Whole::new(dir), cores::own());
    let one = &all[..1];
    let (mut probes, mut layers) = (Table::based_on(1), Table::based_on(0));
    let (mut speedup, mut c_speedup, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        cores::pin(one);
        let on_one = ours::probe(one, dir, Isolation::Default, PROBES);
        let on_all = ours::probe(&all, dir, Isolation::Default, PROBES);
        speedup.extend(on_one.zip(on_all).map(|(one, all)| one / all));
        let every_byte = (round % WHOLE == 0).then(|| whole.every_byte().each());
        let of_one = (round % WHOLE == 0).then(|| whole.all_cases(1).each());
        cores::pin(&all);
        let of_all = (round % WHOLE == 0).then(|| whole.all_cases(all.len()).each());
        starts.push(whole.small().seconds * 1e3);
        let c_on_one = c.child(one, OWN_FILE, PROBES);
        let c_on_all = c.child(&all, OWN_FILE, PROBES);
        c_speedup.extend(c_on_one.zip(c_on_all).map(|(one, all)| one / all));
        for (name, value) in [
            ("bare loop in C", c.child(one, 0, PROBES)),
            ("bare loop in C, each child with its own file", c_on_one),
            ("the same on all cores", c_on_all),
            ("bare loop in C, with all that we do (see below)", c.child(one, EVERYTHING, PROBES)),
            ("one probe, on one core", on_one),
            ("one probe, on all cores", on_all),
            (
                "one probe, on one core, --isolation strict",
                ours::probe(one, dir, Isolation::Strict, PROBES),
            ),
            ("a whole run of every byte, exec to exit: a probe", every_byte),
            ("a whole run of all cases, on one core: a child", of_one),
            ("a whole run of all cases, on all cores: a child", of_all),
        ] {
            probes.add(name, value);
        }
        for (name, layer) in LAYERS {
            layers.add(name, c.child(one, layer, PROBES));
        }
        layers.add("all of these", c.child(one, EVERYTHING, PROBES));
        layers.add("user and pid namespaces for each child", c.child(one, NAMESPACES, PROBES));
    }
    let title = format!("one probe: fork, steps, one load, die of SIGBUS, reap; files in {dir}");
    probes.print(&title, "x loop with own file");
    if let Some(times) = median(speedup) {
        println!("{} cores make {times:.2} times the probes of one", all.len());
    }
    if let Some(times) = median(c_speedup) {
        println!("as many loops in C on as many cores: {times:.2} times the children of one");
    }
    if let Some(start) = median(starts) {
        println!("faultmap show of one small case, exec to exit: {start:.1} ms");
    }
    layers.print("what each layer of isolation adds to the bare loop", "x bare loop");
    println!("\nhow many children each picture takes\n{}", whole.questions());
}
