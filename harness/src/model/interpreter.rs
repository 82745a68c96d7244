//! The result of a step depends on the steps before it: an [`Interpreter`] performs a case in the model, one
//! step after the other, its blocks as processes, its sweeps as rows.
//!
//! An [`Interpreter`] is a value: where a step may go two ways, both are followed from copies of it.

use std::collections::HashMap;

use super::address_space::{ALL, AddressSpace};
use super::environment::Environment;
use super::prediction::Unmodelled;
use super::returned::{Failure, Returned, Value};
use super::rule::Rule;
use super::script::{Script, Turn};
use super::state::{FileKind, Process, State};
use crate::case::{
    Arg, BlockKind, Case, Errno, Measurement, Size, Step, StepResult, SweepResult, limits,
};

/// Performs a call in the model.
pub type Predict = fn(&mut Interpreter<'_>, &[Arg]) -> Result<Returned, Failure>;

/// A case that is being performed.
#[derive(Clone)]
pub struct Interpreter<'a> {
    script: &'a Script<'a>,
    pub state: State<'a>,
    /// The living processes; the last is the current one.
    pub processes: Vec<Process>,
    /// The variables, block by block.
    frames: Vec<HashMap<String, Value>>,
    /// The files that variables were made for, block by block. They stand for the paths of the files.
    files: Vec<HashMap<String, usize>>,
    /// The results of the steps so far.
    pub measurement: Measurement,
    /// The index of the next turn; past the end where nothing is left to do.
    turn: usize,
    /// The index of the current step.
    index: usize,
}

/// The state of a process after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoesOn,
    Ended,
    Hangs,
}

/// The distance between the addresses of one map and the next. Any number serves that is larger than every
/// map.
pub const APART: u64 = 1 << 36;

impl<'a> Interpreter<'a> {
    /// Returns an interpreter before the first step.
    pub fn new(script: &'a Script<'a>, environment: &'a Environment) -> Interpreter<'a> {
        Interpreter {
            script,
            state: State::new(environment),
            processes: vec![Process::default()],
            frames: vec![HashMap::new()],
            files: vec![HashMap::new()],
            measurement: Measurement {
                steps: vec![StepResult::NotReached; script.sweep_numbers.len()],
                sweeps: vec![
                    SweepResult::NotReached;
                    script.sweep_numbers.iter().flatten().count()
                ],
                notes: Vec::new(),
            },
            turn: 0,
            index: 0,
        }
    }

    /// True if nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.turn >= self.script.turns.len()
    }

    /// Returns the index of the step that was performed last.
    pub fn index(&self) -> usize {
        self.index
    }

    /// True if nothing can ever tell the two apart.
    pub fn is_like(&self, other: &Interpreter<'_>) -> bool {
        self.turn == other.turn
            && self.measurement == other.measurement
            && self.frames == other.frames
            && self.files == other.files
            && self.processes == other.processes
            && self.state.is_like(&other.state)
    }

    /// Performs the next turn.
    pub fn advance(&mut self) -> Result<(), Unmodelled> {
        let turn = self.script.turns[self.turn];
        self.turn += 1;
        let shown = self.shown();
        match turn {
            Turn::Leave(kind) => self.leave(kind),
            Turn::Step(index, step) => {
                self.index = index;
                let unmodelled = |what: &str| Unmodelled { step: index, what: what.to_owned() };
                match self.step(step).map_err(unmodelled)? {
                    Flow::GoesOn => {}
                    Flow::Ended => self.skip(),
                    Flow::Hangs => self.turn = self.script.turns.len(),
                }
            }
        }
        self.write_back_what_is_gone(&shown);
        Ok(())
    }

    /// Skips to the end of the current block; or of the case, where there is no block.
    fn skip(&mut self) {
        while let Some(turn) = self.script.turns.get(self.turn) {
            match turn {
                Turn::Leave(_) => return,
                Turn::Step(_, Step::Block { .. }) => {
                    self.turn += 1;
                    self.skip();
                    self.turn += 1;
                }
                Turn::Step(..) => self.turn += 1,
            }
        }
    }
}

impl Interpreter<'_> {
    /// Returns the current process.
    pub fn process(&mut self) -> &mut Process {
        // There always is one: each block removes only the process that it added.
        let last = self.processes.len() - 1;
        &mut self.processes[last]
    }

    /// Gives an object another size, for all processes. Where it grows, `clears` is the open rule that decides
    /// about bytes past its new end.
    pub fn resize(&mut self, object: usize, size: u64, clears: Rule) {
        let mut spaces: Vec<&mut AddressSpace> =
            self.processes.iter_mut().map(|process| &mut process.space).collect();
        self.state.resize(&mut spaces, object, size, clears);
    }

    /// Returns the number of the file that the current step makes, among those of the harness.
    pub fn file_number(&self) -> usize {
        self.script.files_before[self.index]
    }

    /// Returns the address for a map that is to stand alone: the case itself has mapped nothing near it.
    pub fn place(&mut self) -> u64 {
        self.state.placed += 1;
        let first = self.state.placed;
        // A broken rule may have mapped all addresses.
        let last = first + limits::MAPS as u64;
        let is_free = |place: &u64, space: &AddressSpace| {
            !space.any_in(&(place * APART - APART / 4..place * APART + APART / 2))
        };
        let free = (first..last).find(|place| is_free(place, &self.process().space));
        self.state.placed = free.unwrap_or(first);
        self.state.placed * APART
    }

    /// Returns the value of a variable.
    pub fn value(&self, name: &str) -> Value {
        let mut frames = self.frames.iter().rev();
        frames.find_map(|frame| frame.get(name)).copied().unwrap_or(Value::Failed)
    }

    /// Returns the file that a variable was made for, even if its descriptor is closed by now.
    pub fn made_for(&self, name: &str) -> Option<usize> {
        self.files.iter().rev().find_map(|files| files.get(name)).copied()
    }

    /// Returns a size in bytes.
    pub fn bytes(&self, size: &Size) -> i128 {
        size.eval(self.state.page()).unwrap_or(0)
    }

    /// Returns the case.
    pub fn case(&self) -> &Case {
        self.script.case
    }

    /// Performs a step. Fails with the reason, where the model says nothing of it.
    fn step(&mut self, step: &Step) -> Result<Flow, &'static str> {
        let index = self.index;
        let mut flow = Flow::GoesOn;
        let result = match step {
            Step::Call { assign, call, args } => {
                let returned = match self.call(call, args) {
                    Err(Failure::Unmodelled(what)) => return Err(what),
                    Err(Failure::Errno(errno)) => Err(errno),
                    Ok(returned) => Ok(returned),
                };
                if let Some(name) = assign {
                    self.assign(name, returned.as_ref().ok());
                }
                match returned {
                    Ok(returned) => {
                        flow = self.flow_after(&returned)?;
                        returned.result()
                    }
                    Err(errno) => StepResult::Errno(Errno(errno)),
                }
            }
            Step::Touch { map, at, to, store } => {
                let at = self.bytes(at) as i64;
                let width = to.as_ref().map_or(1, |to| self.bytes(to) as i64 - at);
                self.touch(map, at, width, *store)
            }
            Step::Sweep { map, accesses } => {
                let swept = self.sweep(map, accesses)?;
                let result = match swept {
                    SweepResult::NoMap => StepResult::NoMap,
                    _ => StepResult::Done,
                };
                if let Some(number) = self.script.sweep_number(index) {
                    self.measurement.sweeps[number] = swept;
                }
                result
            }
            Step::Block { kind, .. } => {
                self.enter(*kind);
                StepResult::Done
            }
        };
        let faulted = matches!(result, StepResult::Fault(_));
        self.measurement.steps[index] = result;
        Ok(if faulted { Flow::Ended } else { flow })
    }

    /// Returns the state of the process after a call. Fails where the case has no answer: the victim itself
    /// exits, or a step never returns and the case has no `timeout(...)`.
    fn flow_after(&self, returned: &Returned) -> Result<Flow, &'static str> {
        match returned {
            Returned::Killed(_) => Ok(Flow::Ended),
            Returned::Exits if self.processes.len() > 1 => Ok(Flow::Ended),
            Returned::Exits => Err("a measured process that exits"),
            Returned::Hangs if self.script.case.timeout.is_some() => Ok(Flow::Hangs),
            Returned::Hangs => Err("a step that never returns, without `timeout(...)`"),
            _ => Ok(Flow::GoesOn),
        }
    }

    /// Assigns the result of a call to a variable.
    fn assign(&mut self, name: &str, returned: Option<&Returned>) {
        let value = match returned {
            Some(Returned::Value(value)) => *value,
            _ => Value::Failed,
        };
        let shown = match value {
            Value::Descriptor(number) => self.process().descriptors[number],
            _ => None,
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.to_owned(), value);
        }
        if let (Some(FileKind::Object(object)), Some(files)) =
            (shown.map(|own| own.shows), self.files.last_mut())
        {
            files.insert(name.to_owned(), object);
        }
    }

    /// Begins another process.
    fn enter(&mut self, kind: BlockKind) {
        let inherits = self.state.holds(Rule::ForkInheritsMaps);
        let mut child = match kind {
            BlockKind::Fork => {
                let process = self.process();
                let signals = process.signals.inherited();
                Process { signals, unlocked: 0, ..process.clone() }
            }
            BlockKind::Process => Process::default(),
        };
        let (keeps_locks, wipes) = (
            !self.state.holds(Rule::LocksAreNotInherited),
            self.state.holds(Rule::WipeonforkIsZero),
        );
        let leaves_out = self.state.holds(Rule::DontforkIsNotInherited);
        child.space.retain(|vma| !vma.dont_fork || !leaves_out);
        for vma in child.space.iter_mut() {
            vma.locked &= keeps_locks;
            if vma.wiped && wipes {
                vma.drop_copies(ALL);
                vma.drop_guards(ALL);
            }
        }
        if kind == BlockKind::Fork && !inherits {
            child.space = AddressSpace::default();
        }
        self.processes.push(child);
        self.frames.push(HashMap::new());
        self.files.push(HashMap::new());
    }

    /// Ends the process of a block.
    fn leave(&mut self, kind: BlockKind) {
        self.frames.pop();
        self.files.pop();
        let child = self.processes.pop().unwrap_or_default();
        self.close_all(&child);
        if kind == BlockKind::Fork && !self.state.holds(Rule::ForkSeparatesPrivate) {
            self.process().space = child.space;
        }
    }
}
