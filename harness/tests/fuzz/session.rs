//! A world's share of the cases, from the first to the report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use faultmap::case::Case;

use crate::Plan;
use crate::generate::accepted;
use crate::judge::{Verdict, judge};
use crate::run::{Named, Runner};
use crate::shrink::shrink;
use crate::world::{WORLDS, World};

/// Cases in one call of the command.
const BATCH: usize = 200;
/// Kinds of findings that are shrunk; the others are counted.
const SHRUNK: usize = 12;

/// A finding, as often as it came.
struct Finding {
    number: u64,
    case: Case,
    told: String,
    times: u64,
}

/// Runs this world's share, prints the report, and fails where something was found.
pub fn main(world: World, plan: &Plan) -> ExitCode {
    let entered = match world.enter() {
        Ok(entered) => entered,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(77);
        }
    };
    let mut runner = Runner::new(entered, Vec::new());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let share = WORLDS.iter().position(|own| *own == world).unwrap_or(0) as u64;
    let numbers: Vec<u64> = (share..plan.cases).step_by(WORLDS.len()).collect();
    for batch in numbers.chunks(BATCH) {
        let cases: Vec<(Named, Case)> = batch
            .iter()
            .map(|number| {
                let (text, case, _) = accepted(plan.seed, *number);
                (Named { name: format!("case_{number:06}"), text }, case)
            })
            .collect();
        let named: Vec<Named> = cases.iter().map(|(named, _)| named.clone()).collect();
        let started = std::time::Instant::now();
        let came = runner.run(&named);
        eprintln!("{}: {} cases in {:.1?}", world.name, named.len(), started.elapsed());
        for ((number, (_, case)), came) in batch.iter().zip(&cases).zip(&came) {
            let count = match judge(case, came) {
                Verdict::Fine(word) => word,
                Verdict::Allowed(kind) => format!("allowed: {kind}"),
                Verdict::Finding { kind, told } => {
                    let first = || Finding { number: *number, case: case.clone(), told, times: 0 };
                    findings.entry(kind.clone()).or_insert_with(first).times += 1;
                    format!("FINDING: {kind}")
                }
            };
            *counts.entry(count).or_default() += 1;
        }
    }
    println!(
        "{}: {} cases, {} calls of the command, {} children",
        world.name,
        numbers.len(),
        runner.calls,
        runner.children
    );
    for (kind, count) in &counts {
        println!("  {count:6} {kind}");
    }
    for (index, (kind, finding)) in findings.iter().enumerate() {
        report(&mut runner, index, kind, finding, plan.seed);
    }
    let (disk, memory) = (runner.disk >> 20, runner.memory >> 20);
    let samples = runner.stop();
    println!("  most disk {disk} MiB, most memory {memory} MiB at any time ({samples} samples)\n");
    match findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Prints a finding with its smallest case, and keeps that as a file.
fn report(runner: &mut Runner, index: usize, kind: &str, finding: &Finding, seed: u64) {
    eprintln!("a finding, {} times: {kind}", finding.times);
    let (case, told) = match index < SHRUNK {
        true => shrink(runner, &finding.case, kind, finding.told.clone()),
        false => (finding.case.clone(), finding.told.clone()),
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    let path = folder.join(format!("seed_{seed}_case_{}.case", finding.number));
    let kept =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, case.to_string()));
    println!(
        "\n{kind}\n{} times; the smallest case, of number {} of seed {seed}:\n",
        finding.times, finding.number
    );
    for line in case.to_string().lines().chain([""]).chain(told.lines()) {
        println!("    {line}");
    }
    match kept {
        Ok(()) => println!("\n    to repeat it: cargo run -- run --seed 1 {}", path.display()),
        Err(error) => println!("\n    cannot write {}: {error}", path.display()),
    }
}
