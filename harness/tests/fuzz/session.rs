//! A world's share of the cases, from the first to the report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use faultmap::internals::case::Case;

use crate::Plan;
use crate::accepted::accepted;
use crate::judge::{Verdict, judge};
use crate::run::{Guard, Named, Runner};
use crate::shrink::shrink;
use crate::world::{WORLDS, World};

/// The number of cases in one call of the command.
const BATCH: usize = 200;
/// The number of kinds of findings that are shrunk; the others are counted.
const SHRUNK: usize = 12;

/// The number of cases of a world after which the guard must have given each of its verdicts.
const ALL_VERDICTS: usize = 1000;

/// A finding, and the number of times that it occurred.
struct Finding {
    number: u64,
    case: Case,
    told: String,
    times: u64,
}

/// The results of a share of the cases.
struct Session {
    runner: Runner,
    /// The number of cases with each judgement.
    counts: BTreeMap<String, u64>,
    findings: BTreeMap<String, Finding>,
    seed: u64,
}

impl Session {
    fn enter(world: World, seed: u64) -> Result<Session, ExitCode> {
        match world.enter() {
            Ok(entered) => {
                let runner = Runner::new(entered, Guard::Counted);
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

    /// Returns the verdicts that the guard never gave, if there were enough cases.
    fn never(&self, cases: usize) -> Vec<&'static str> {
        let count = |name: &str| self.runner.verdicts.get(name).copied().unwrap_or(0);
        let all = faultmap::internals::victim::Verdict::ALL.iter().map(|(_, name)| *name);
        all.filter(|name| cases >= ALL_VERDICTS && count(name) == 0).collect()
    }

    fn print(&self) {
        for (kind, count) in &self.counts {
            println!("  {count:6} {kind}");
        }
        let verdicts = self.runner.verdicts.iter().map(|(name, count)| format!("{name} {count}"));
        println!("  verdicts of the guard: {}", verdicts.collect::<Vec<_>>().join(", "));
    }
}

/// Runs this world's share and prints the report. Fails if it has found something.
pub fn main(world: World, plan: &Plan) -> ExitCode {
    let mut session = match Session::enter(world, plan.seed) {
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
    let never = session.never(numbers.len());
    let samples = session.runner.stop();
    println!("  most disk {disk} MiB, most memory {memory} MiB at any time ({samples} samples)\n");
    if !never.is_empty() {
        println!("the guard never came to: {}", never.join(", "));
    }
    match session.findings.is_empty() && never.is_empty() {
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
