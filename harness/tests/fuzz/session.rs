//! A world's share of the cases, from the first to the report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use faultmap::case::Case;

use crate::Plan;
use crate::generate::accepted;
use crate::judge::{Verdict, judge};
use crate::run::{Guard, Named, Runner};
use crate::shrink::shrink;
use crate::world::{WORLDS, World};

/// Cases in one call of the command.
const BATCH: usize = 200;
/// Kinds of findings that are shrunk; the others are counted.
const SHRUNK: usize = 12;

/// Cases that have to suffice to find what the guard keeps away.
const UNGUARDED: u64 = 1000;
/// Where it is found: steps that unmap, replace or drop memory of the harness.
const PLACES: [&str; 3] = ["in munmap", "in mmap", "in madvise"];

/// A finding, as often as it came.
struct Finding {
    number: u64,
    case: Case,
    told: String,
    times: u64,
}

/// All that came of a share of the cases.
struct Session {
    runner: Runner,
    /// How often each judgement was passed.
    counts: BTreeMap<String, u64>,
    findings: BTreeMap<String, Finding>,
    seed: u64,
}

impl Session {
    fn enter(world: World, guard: Guard, seed: u64) -> Result<Session, ExitCode> {
        match world.enter() {
            Ok(entered) => {
                let runner = Runner::new(entered, guard);
                Ok(Session { runner, counts: BTreeMap::new(), findings: BTreeMap::new(), seed })
            }
            Err(reason) => {
                eprintln!("{reason}");
                Err(ExitCode::FAILURE)
            }
        }
    }

    /// Runs and judges cases by their numbers.
    fn run(&mut self, numbers: &[u64]) {
        let make = |number: &u64| {
            let (text, case, _) = accepted(self.seed, *number);
            (Named { name: format!("case_{number:06}"), text }, case)
        };
        let (named, cases): (Vec<Named>, Vec<Case>) = numbers.iter().map(make).unzip();
        let came = self.runner.run(&named);
        for ((number, case), came) in numbers.iter().zip(cases).zip(&came) {
            let count = match judge(&case, came) {
                Verdict::Fine(word) => word,
                Verdict::Allowed(kind) => format!("allowed: {kind}"),
                Verdict::Finding { kind, told } => {
                    let count = format!("FINDING: {kind}");
                    let first = || Finding { number: *number, case, told, times: 0 };
                    self.findings.entry(kind).or_insert_with(first).times += 1;
                    count
                }
            };
            *self.counts.entry(count).or_default() += 1;
        }
    }

    fn print(&self) {
        for (kind, count) in &self.counts {
            println!("  {count:6} {kind}");
        }
        let verdicts = self.runner.verdicts.iter().map(|(name, count)| format!("{name} {count}"));
        println!("  verdicts of the guard: {}", verdicts.collect::<Vec<_>>().join(", "));
    }
}

/// Runs this world's share, prints the report, and fails where something was found.
pub fn main(world: World, plan: &Plan) -> ExitCode {
    let mut session = match Session::enter(world, Guard::Counted, plan.seed) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let share = WORLDS.iter().position(|own| *own == world).unwrap_or(0) as u64;
    let numbers: Vec<u64> = (share..plan.cases).step_by(WORLDS.len()).collect();
    for batch in numbers.chunks(BATCH) {
        session.run(batch);
    }
    let runner = &session.runner;
    let (name, calls, children) = (world.name, runner.calls, runner.children);
    println!("{name}: {} cases, {calls} calls of the command, {children} children", numbers.len());
    session.print();
    for (index, (kind, finding)) in session.findings.iter().enumerate() {
        report(&mut session.runner, index, kind, finding, plan.seed);
    }
    let (disk, memory) = (session.runner.disk >> 20, session.runner.memory >> 20);
    let samples = session.runner.stop();
    println!("  most disk {disk} MiB, most memory {memory} MiB at any time ({samples} samples)\n");
    match session.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Runs cases without the guard until every fault that it keeps away was found; fails where that takes more
/// than a thousand.
pub fn unguarded(world: World, plan: &Plan) -> ExitCode {
    let mut session = match Session::enter(world, Guard::Off, plan.seed) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let faults = |kind: &str, place: &str| {
        kind.starts_with(place)
            && kind.ends_with("killed the child, and no access of its own raised it")
    };
    let found =
        |session: &Session, place: &str| session.findings.keys().any(|kind| faults(kind, place));
    let numbers: Vec<u64> = (0..UNGUARDED).collect();
    let mut run = 0;
    for batch in numbers.chunks(100) {
        session.run(batch);
        run += batch.len();
        if PLACES.iter().all(|place| found(&session, place)) {
            break;
        }
    }
    println!("without the guard: {run} cases");
    session.print();
    let missing: Vec<_> = PLACES.iter().filter(|place| !found(&session, place)).collect();
    session.runner.stop();
    match missing.is_empty() {
        true => ExitCode::SUCCESS,
        false => {
            println!("no fault of the harness was found {missing:?}");
            ExitCode::FAILURE
        }
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
