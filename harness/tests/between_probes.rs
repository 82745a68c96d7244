//! A picture must show what probing every byte finds, also for random programs.
//!
//! To probe every byte of hundreds of programs would take minutes. So the picture is first compared with the
//! model, which predicts whole rows, and every byte is probed only where the two differ.

mod command;
mod large_maps;

use std::collections::BTreeMap;
use std::path::Path;

use command::{faultmap, run, show};
use faultmap::internals::explore::Search;
use faultmap::internals::model::Environment;
use serde_json::Value;

/// The seed of the programs, which is not the first one of `explore`.
const SEED: u64 = 20;

/// The number of programs to try: the value of the variable PROGRAMS, if it is set.
fn programs() -> u64 {
    std::env::var("PROGRAMS").map_or(400, |count| count.parse().expect("PROGRAMS is a number"))
}

/// Returns the line of `run --json` on each case file of a folder, by its name.
fn measured(folder: &Path, arguments: &[&str]) -> BTreeMap<String, Value> {
    let place = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    let mut command = faultmap(&["run", "--json", "--dir", place]);
    let (code, stdout, stderr) = run(command.args(arguments).arg(folder));
    assert!(matches!(code, Some(0 | 1 | 3 | 5)), "{code:?} {stderr}");
    let lines = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    lines.map(|line| (line["case"].as_str().expect("a name").to_owned(), line)).collect()
}

#[test]
fn bisection_finds_every_boundary_of_random_programs() {
    let page = rustix::param::page_size() as u64;
    let search = Search { seed: SEED, environment: Environment::with_pages_of(page) };
    let folders = tempfile::tempdir().expect("a folder");
    let all = folders.path().join("all/cases");
    let odd = folders.path().join("odd/cases");
    for folder in [&all, &odd] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    for number in 0..programs() {
        let text = format!("// A random program.\n{}", search.program(number));
        std::fs::write(all.join(format!("p{number}.case")), text).expect("it can be written to");
    }
    let bisected = measured(&all, &[]);
    assert_eq!(bisected.len() as u64, programs());
    let has_picture = |line: &&Value| line["sweeps"][0]["rows"][0].is_object();
    let is_odd = |line: &&Value| line["verdict"] == "split" && has_picture(line);
    let swept = bisected.values().filter(has_picture).count();
    assert!(swept as u64 * 3 > programs(), "only {swept} have a picture");
    for line in bisected.values().filter(is_odd) {
        let name = format!("{}.case", line["case"].as_str().expect("a name"));
        std::fs::copy(all.join(&name), odd.join(&name)).expect("it can be copied");
    }
    let exhaustive = match odd.read_dir().expect("a folder").count() {
        0 => BTreeMap::new(),
        _ => measured(&odd, &["--exhaustive"]),
    };
    println!("{swept} pictures, {} of them not as predicted", exhaustive.len());
    let wrong: Vec<String> = exhaustive
        .iter()
        .filter(|(name, line)| line["sweeps"] != bisected[*name]["sweeps"])
        .map(|(name, line)| {
            let text = std::fs::read_to_string(all.join(format!("{name}.case")));
            let text = text.expect("a case file");
            format!("{name}\n{text}drawn {}\ntrue  {}\n", bisected[name]["sweeps"], line["sweeps"])
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong pictures\n{}", wrong.len(), wrong.join("\n"));
}

/// The pages of a map that is too large to probe every byte: this would take minutes.
const PAGES: u64 = 200;

/// The rows of a list of sweeps: the access, and the first byte and the answer of each region.
fn rows(sweeps: &Value) -> Vec<(String, BTreeMap<i64, Value>)> {
    let rows = sweeps[0]["rows"].as_array().into_iter().flatten();
    let row = |row: &Value| {
        let regions = row["regions"].as_array().expect("regions");
        let from = |region: &Value| region["from"].as_i64().unwrap_or(i64::MIN);
        let told = |region: &Value| {
            let mut told = region.clone();
            let fields = told.as_object_mut().expect("an object");
            fields.retain(|name, _| !["from", "to"].contains(&name.as_str()));
            (from(region), told)
        };
        (row["access"].as_str().expect("a word").to_owned(), regions.iter().map(told).collect())
    };
    rows.map(row).collect()
}

#[test]
fn pictures_of_large_maps_are_right_where_the_model_predicts_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = folder.path().join("cases");
    std::fs::create_dir_all(&cases).expect("a folder");
    let count = programs() / 100;
    for number in 0..count {
        let text = large_maps::program(SEED * 1_000_000 + number, PAGES);
        std::fs::write(cases.join(format!("p{number}.case")), text).expect("it can be written to");
    }
    let drawn = measured(&cases, &[]);
    let modelled = drawn.values().filter(|line| line["model"]["says"] != "not modelled");
    assert!(modelled.count() as u64 * 2 > count);
    let mut wrong = String::new();
    for (name, line) in drawn.iter().filter(|(_, line)| line["verdict"] == "split") {
        let text = std::fs::read_to_string(cases.join(format!("{name}.case"))).expect("a case");
        for ((access, drawn), (_, model)) in
            rows(&line["sweeps"]).iter().zip(&rows(&line["model"]["sweeps"]))
        {
            let starts = drawn.keys().chain(model.keys()).filter(|from| **from > i64::MIN);
            for at in starts.flat_map(|from| [from - 1, *from]) {
                let (_, told) = drawn.range(..=at).next_back().expect("a region");
                let argument = at.to_string();
                let words = ["--json", "--access", access, "--at", &argument];
                let (_, out, _) = show(&text, &words);
                let line: Value = serde_json::from_str(&out).expect("an object");
                let is_so = told
                    .as_object()
                    .expect("an object")
                    .iter()
                    .all(|(field, value)| line["probe"][field] == *value);
                if !is_so {
                    wrong += &format!("{name} {access} at {at}: drawn {told}, {}\n", line["probe"]);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
