//! Runs many cases in one call of the real command, and finds the result of each.
//!
//! The main type is [`Runner`]. If a whole call of the command fails (a crash, a hang, a leftover), it runs
//! smaller and smaller parts of the batch to find the case that causes it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::bounds::{DISK_BYTES, MEMORY_BYTES, Sampler};
use crate::command::faultmap;
use crate::world::{Before, Entered};

/// The time after which a command without output is killed.
const PATIENCE: Duration = Duration::from_secs(300);
/// The number of workers of one call.
const JOBS: u64 = 2;
/// The exit codes of `run` that are allowed when every case parses (see `faultmap run --help`): differ or
/// new, harness error, nothing was run.
const EXITS: [i32; 3] = [1, 3, 4];

/// A case with the name of its file.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub text: String,
}

/// The result of one case.
#[derive(Debug, Clone)]
pub enum Came {
    /// Its line of the JSON.
    Line(Value),
    /// The command broke a promise with this case.
    Broken(String),
}

/// The guard of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Counted,
    Off,
    /// The guard checks addresses, but nothing counts what a case takes.
    WithoutBudget,
}

impl Guard {
    /// Returns its name in the options of the command.
    fn word(self) -> &'static str {
        match self {
            Guard::Counted => "counted",
            Guard::Off => "off",
            Guard::WithoutBudget => "without-budget",
        }
    }
}

/// Runs the command in a world.
pub struct Runner {
    world: Entered,
    sampler: Sampler,
    pub guard: Guard,
    /// The number of times that the guard came to each of its verdicts.
    pub verdicts: BTreeMap<String, u64>,
    pub calls: u64,
    pub children: u64,
    pub disk: u64,
    pub memory: u64,
}

impl Runner {
    pub fn new(world: Entered, guard: Guard) -> Runner {
        let sampler = Sampler::start(world.tmpfs());
        let verdicts = BTreeMap::new();
        Runner { world, sampler, guard, verdicts, calls: 0, children: 0, disk: 0, memory: 0 }
    }

    /// Stops the sampler, and returns the number of its samples of disk and memory.
    pub fn stop(self) -> u64 {
        self.sampler.stop()
    }

    /// Runs the cases, and returns their results in order.
    pub fn run(&mut self, cases: &[Named]) -> Vec<Came> {
        if cases.is_empty() {
            return Vec::new();
        }
        let (mut lines, broken) = self.call(cases);
        let Some(broken) = broken else {
            let line = |case: &Named| match lines.remove(&case.name) {
                Some(line) => Came::Line(line),
                None => Came::Broken("no line was printed of it".to_owned()),
            };
            return cases.iter().map(line).collect();
        };
        if cases.len() == 1 {
            return vec![Came::Broken(broken)];
        }
        eprintln!("{broken}: looks for the case among {}", cases.len());
        // Reports come in the order of the cases, so the case that was running has none, as a rule.
        let mut suspects: Vec<usize> =
            (0..cases.len()).filter(|index| !lines.contains_key(&cases[*index].name)).collect();
        suspects.truncate(2 * JOBS as usize);
        for suspect in suspects {
            let alone = &cases[suspect..=suspect];
            if let (_, Some(broken)) = self.call(alone) {
                let mut came = self.run(&cases[..suspect]);
                came.push(Came::Broken(broken));
                came.extend(self.run(&cases[suspect + 1..]));
                return came;
            }
        }
        let (left, right) = cases.split_at(cases.len() / 2);
        let mut came = self.run(left);
        came.extend(self.run(right));
        if !came.iter().any(|came| matches!(came, Came::Broken(_))) {
            came[0] =
                Came::Broken(format!("{broken} (in one of {} cases, not again)", cases.len()));
        }
        came
    }

    /// Adds the verdicts of a line such as `kept 5, low 0, ...`.
    fn count(&mut self, verdicts: &str) {
        for verdict in verdicts.split(", ") {
            let (name, count) = verdict.rsplit_once(' ').unwrap_or((verdict, ""));
            *self.verdicts.entry(name.to_owned()).or_default() += count.parse::<u64>().unwrap_or(0);
        }
    }

    /// Calls the command once. Returns its lines, and the promises that it broke.
    fn call(&mut self, cases: &[Named]) -> (BTreeMap<String, Value>, Option<String>) {
        let folder = self.world.cases();
        for name in crate::world::names(&folder) {
            std::fs::remove_file(folder.join(name)).expect("what was written can be removed");
        }
        for case in cases {
            let path = folder.join(format!("{}.case", case.name));
            std::fs::write(path, &case.text).expect("there is room for cases");
        }
        let before = Before::look();
        self.sampler.take();
        let mut command = faultmap(&["run", "--json", "--seed", "1", "--timeout", "10000"]);
        command.arg("--jobs").arg(JOBS.to_string());
        command.args(["--guard", self.guard.word()]);
        command.args(self.world.world.arguments).args(self.world.place()).arg(&folder);
        command
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("the command can be started");
        let Followed { lines, mut broken, stderr } = follow(child);
        let mut told = Vec::new();
        for line in stderr.lines() {
            match line.strip_prefix("guard: ") {
                Some(verdicts) => self.count(verdicts),
                None => told.push(line),
            }
        }
        if !told.is_empty() {
            broken.get_or_insert(format!("wrote to stderr: {}", told.join(" ")));
        }
        self.calls += 1;
        self.children += lines.values().filter_map(|line| line["probes"].as_u64()).sum::<u64>();
        broken = broken
            .or_else(|| self.world.leftovers(&before).map(|left| format!("left behind: {left}")));
        let (disk, memory) = self.sampler.take();
        (self.disk, self.memory) = (self.disk.max(disk), self.memory.max(memory));
        if self.guard == Guard::Counted {
            broken = broken.or_else(|| too_much(disk, memory));
        }
        (lines, broken)
    }

    /// Returns the bounds that the cases so far have exceeded.
    pub fn took_too_much(&self) -> Option<String> {
        too_much(self.disk, self.memory)
    }
}

/// Returns the bounds of one call that these bytes exceed.
fn too_much(disk: u64, memory: u64) -> Option<String> {
    let took = |bytes: u64, what| format!("took {} MiB of {what}", bytes >> 20);
    match () {
        () if disk > JOBS * DISK_BYTES => Some(took(disk, "disk")),
        () if memory > JOBS * MEMORY_BYTES => Some(took(memory, "memory")),
        () => None,
    }
}

/// The output of a command, and the promise that it broke.
struct Followed {
    lines: BTreeMap<String, Value>,
    broken: Option<String>,
    stderr: String,
}

/// Reads the output of the command until it ends. Kills the command if it prints nothing for too long.
fn follow(mut child: Child) -> Followed {
    let stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let (send, receive) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let mut lines = BTreeMap::new();
    let mut broken = None;
    loop {
        match receive.recv_timeout(PATIENCE) {
            Ok(text) => match serde_json::from_str::<Value>(&text) {
                Ok(line) => {
                    lines.insert(line["case"].as_str().unwrap_or_default().to_owned(), line);
                }
                Err(_) => broken = Some(format!("printed what is no JSON: {text}")),
            },
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                broken = Some(format!("hangs: no word for {} s", PATIENCE.as_secs()));
                let _ = child.kill();
                break;
            }
        }
    }
    let status = child.wait().expect("it was started here");
    let _ = reader.join();
    let stderr = errors.join().unwrap_or_default();
    if !status.code().is_some_and(|code| EXITS.contains(&code)) {
        broken.get_or_insert(format!("ended with {status}: {}", stderr.trim()));
    }
    Followed { lines, broken, stderr }
}
