//! A case performed in the model: its steps in order, its blocks as processes, its sweeps as rows.

use std::cell::RefCell;
use std::collections::HashMap;

use super::space::Space;
use super::world::{Process, Shows, World};
use super::{Environment, Rule, Unmodelled};
use crate::case::{
    BlockKind, Call, Case, Clean, Errno, Measurement, Seen, Signal, Size, Step, StepResult,
    SweepResult,
};

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The call failed: MAP_FAILED, or -1.
    Failed,
    /// A descriptor.
    Descriptor(usize),
    /// The address of a map, and the object that it was made to show.
    Map(u64),
    /// A segment.
    Segment(usize),
}

/// What a call comes to: a value, a number of bytes, bytes seen, or an errno.
pub enum Returned {
    /// Success, with nothing worth telling.
    Nothing,
    /// Success, with a value for the variable.
    Value(Value),
    /// So many bytes were moved.
    Count(u64),
    /// These runs were read.
    Saw(Vec<(u64, Clean)>),
    /// Failure.
    Errno(i32),
    /// The kernel kills the process with this signal.
    Killed(i32),
    /// The process exits.
    Exits,
    /// It never returns.
    Hangs,
}

/// The case at work.
pub struct Performance<'a> {
    pub case: &'a Case,
    pub world: World<'a>,
    /// The processes that are alive; the last is the one at work.
    pub processes: Vec<Process>,
    /// Variables, block by block.
    frames: Vec<HashMap<String, Value>>,
    /// The files that variables were made for, block by block: their paths, so to say.
    files: Vec<HashMap<String, usize>>,
    /// How many files the harness makes for the steps before each step.
    files_before: Vec<usize>,
    /// The case says that never to return is an answer.
    waits_for_ever: bool,
    results: Vec<StepResult>,
    sweeps: Vec<SweepResult>,
    next: usize,
    next_sweep: usize,
}

/// Whether a process goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoesOn,
    Ended,
    Hangs,
}

/// Addresses from one map to the next. Any number serves that no map reaches over.
pub const APART: u64 = 1 << 36;

/// The measurement that the case must come to, and the open rules that had a say in it.
pub fn perform(
    case: &Case,
    environment: &Environment,
) -> Result<(Measurement, Vec<Rule>), Unmodelled> {
    let steps = case.walk().count();
    let sweeps = case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. })).count();
    let makes_file =
        |step: &Step| matches!(step, Step::Call { call: Call::File | Call::Memfd, .. });
    let world = World {
        environment,
        objects: Vec::new(),
        segments: Vec::new(),
        positions: Vec::new(),
        placed: 0,
        asked: RefCell::default(),
    };
    let mut performance = Performance {
        case,
        world,
        processes: vec![Process::default()],
        frames: vec![HashMap::new()],
        files: vec![HashMap::new()],
        files_before: case
            .walk()
            .scan(0, |made, (_, _, step)| {
                let before = *made;
                *made += usize::from(makes_file(step));
                Some(before)
            })
            .collect(),
        waits_for_ever: case.timeout.is_some(),
        results: vec![StepResult::NotReached; steps],
        sweeps: vec![SweepResult::NotReached; sweeps],
        next: 0,
        next_sweep: 0,
    };
    performance.block(&case.steps)?;
    let measurement =
        Measurement { steps: performance.results, sweeps: performance.sweeps, notes: Vec::new() };
    Ok((measurement, performance.world.asked.into_inner()))
}

impl Performance<'_> {
    /// The process at work.
    pub fn process(&mut self) -> &mut Process {
        // There always is one: each block takes away only what it has put there.
        let last = self.processes.len() - 1;
        &mut self.processes[last]
    }

    /// Gives an object another size, in the eyes of all processes.
    pub fn resize(&mut self, object: usize, size: u64) {
        let mut spaces: Vec<&mut Space> =
            self.processes.iter_mut().map(|process| &mut process.space).collect();
        self.world.resize(&mut spaces, object, size);
    }

    /// Which of the harness's files the step at work makes.
    pub fn file_number(&self) -> usize {
        self.files_before[self.next - 1]
    }

    /// The address for a map that is to stand alone.
    pub fn place(&mut self) -> u64 {
        self.world.placed += 1;
        self.world.placed * APART
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Value {
        let mut frames = self.frames.iter().rev();
        frames.find_map(|frame| frame.get(name)).copied().unwrap_or(Value::Failed)
    }

    /// The file that a variable was made for, whether or not its descriptor is open.
    pub fn made_for(&self, name: &str) -> Option<usize> {
        self.files.iter().rev().find_map(|files| files.get(name)).copied()
    }

    /// A size in bytes.
    pub fn bytes(&self, size: &Size) -> i128 {
        size.eval(self.world.page()).unwrap_or(0)
    }

    fn block(&mut self, steps: &[Step]) -> Result<Flow, Unmodelled> {
        for step in steps {
            let index = self.next;
            let in_block = matches!(step, Step::Block { .. });
            let flow = self.step(step).map_err(|unmodelled| match in_block {
                true => unmodelled,
                false => Unmodelled { step: index, ..unmodelled },
            })?;
            if flow != Flow::GoesOn {
                return Ok(flow);
            }
        }
        Ok(Flow::GoesOn)
    }

    fn step(&mut self, step: &Step) -> Result<Flow, Unmodelled> {
        let index = self.next;
        self.next += 1;
        let mut flow = Flow::GoesOn;
        self.results[index] = match step {
            Step::Call { assign, call, args } => {
                let returned = self.call(*call, args)?;
                if let Some(name) = assign {
                    self.assign(name, &returned);
                }
                flow = self.flow_after(&returned)?;
                told(returned)
            }
            Step::Touch { map, at, to, store } => {
                let at = self.bytes(at) as i64;
                let width = to.as_ref().map_or(1, |to| self.bytes(to) as i64 - at);
                self.touch(map, at, width, *store)
            }
            Step::Sweep { map, accesses } => {
                let number = self.next_sweep;
                self.next_sweep += 1;
                self.sweeps[number] = self.sweep(map, accesses)?;
                match self.sweeps[number] {
                    SweepResult::NoMap => StepResult::NoMap,
                    _ => StepResult::Done,
                }
            }
            Step::Block { kind, steps } => return self.other_process(index, *kind, steps),
        };
        let faulted = matches!(self.results[index], StepResult::Fault(_));
        Ok(if faulted { Flow::Ended } else { flow })
    }

    /// Whether the process goes on after a call, and whether there is an answer if it does not.
    fn flow_after(&self, returned: &Returned) -> Result<Flow, Unmodelled> {
        match returned {
            Returned::Killed(_) => Ok(Flow::Ended),
            Returned::Exits if self.processes.len() > 1 => Ok(Flow::Ended),
            Returned::Exits => Err(Unmodelled::new("a victim that exits: it has no answer")),
            Returned::Hangs if self.waits_for_ever => Ok(Flow::Hangs),
            Returned::Hangs => {
                Err(Unmodelled::new("a step that never returns, without `timeout(...)`"))
            }
            _ => Ok(Flow::GoesOn),
        }
    }

    /// Gives a variable what a call returned.
    fn assign(&mut self, name: &str, returned: &Returned) {
        let value = match returned {
            Returned::Value(value) => *value,
            _ => Value::Failed,
        };
        let shown = match value {
            Value::Descriptor(number) => self.process().descriptors[number],
            _ => None,
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.to_owned(), value);
        }
        if let (Some(Shows::Object(object)), Some(files)) =
            (shown.map(|own| own.shows), self.files.last_mut())
        {
            files.insert(name.to_owned(), object);
        }
    }

    fn other_process(
        &mut self,
        index: usize,
        kind: BlockKind,
        steps: &[Step],
    ) -> Result<Flow, Unmodelled> {
        let (inherits, separate) =
            (self.world.on(Rule::ForkInheritsMaps), self.world.on(Rule::ForkSeparatesPrivate));
        let mut child = match kind {
            BlockKind::Fork => {
                let process = self.process();
                Process { signals: process.signals.inherited(), ..process.clone() }
            }
            BlockKind::Process => Process::default(),
        };
        let (keeps_locks, wipes) =
            (!self.world.on(Rule::LocksAreNotInherited), self.world.on(Rule::WipeonforkIsZero));
        let leaves_out = self.world.on(Rule::DontforkIsNotInherited);
        child.space.retain(|stretch| !stretch.dont_fork || !leaves_out);
        for stretch in child.space.iter_mut() {
            stretch.locked &= keeps_locks;
            if stretch.wiped && wipes {
                stretch.drop_copies();
                stretch.drop_guards();
            }
        }
        if kind == BlockKind::Fork && !inherits {
            child.space = Space::default();
        }
        self.processes.push(child);
        self.frames.push(HashMap::new());
        self.files.push(HashMap::new());
        let (first, first_sweep) = (self.next, self.next_sweep);
        self.results[index] = StepResult::Done;
        if self.block(steps)? == Flow::Hangs {
            return Ok(Flow::Hangs);
        }
        // What the block did not reach is numbered all the same.
        let (all, sweeps) = count(steps);
        (self.next, self.next_sweep) = (first + all, first_sweep + sweeps);
        self.frames.pop();
        self.files.pop();
        let child = self.processes.pop().unwrap_or_default();
        if kind == BlockKind::Fork && !separate {
            self.process().space = child.space;
        }
        Ok(Flow::GoesOn)
    }
}

/// What a call returned, as a measurement tells it.
fn told(returned: Returned) -> StepResult {
    match returned {
        Returned::Nothing | Returned::Value(_) | Returned::Exits => StepResult::Done,
        Returned::Count(count) => StepResult::Count(count),
        Returned::Saw(runs) => StepResult::Saw(Seen::of(runs)),
        Returned::Errno(errno) => StepResult::Errno(Errno(errno)),
        Returned::Killed(signal) => StepResult::Killed(Signal(signal)),
        Returned::Hangs => StepResult::TimedOut,
    }
}

/// How many steps and sweeps these are, blocks and all.
fn count(steps: &[Step]) -> (usize, usize) {
    steps.iter().fold((0, 0), |(all, sweeps), step| match step {
        Step::Block { steps, .. } => {
            let (inner, inner_sweeps) = count(steps);
            (all + 1 + inner, sweeps + inner_sweeps)
        }
        Step::Sweep { .. } => (all + 1, sweeps + 1),
        _ => (all + 1, sweeps),
    })
}
