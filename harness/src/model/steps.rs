//! A case performed in the model: its steps in order, its blocks as processes, its sweeps as rows.

use std::collections::{BTreeSet, HashMap};

use super::bytes::Content;
use super::space::Space;
use super::world::{Process, Shows, World};
use super::{Environment, Rule, Unmodelled};
use crate::case::{
    Access, BlockKind, Case, Clean, Errno, Fault, FaultAddress, FaultMap, Measurement, Row, Run,
    Seen, Size, Step, StepResult, SweepResult,
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
    Saw(Vec<(u64, Content)>),
    /// Failure.
    Errno(i32),
}

/// The case at work.
pub struct Performance<'a> {
    pub world: World<'a>,
    /// The processes that are alive; the last is the one at work.
    pub processes: Vec<Process>,
    /// Variables, block by block.
    frames: Vec<HashMap<String, Value>>,
    /// The files that variables were made for, block by block: their paths, so to say.
    files: Vec<HashMap<String, usize>>,
    results: Vec<StepResult>,
    sweeps: Vec<SweepResult>,
    next: usize,
    next_sweep: usize,
}

/// Whether a process goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    GoesOn,
    Died,
}

/// Addresses from one map to the next. Any number serves that no map reaches over.
const APART: u64 = 1 << 36;

/// The measurement that the case must come to.
pub fn perform(case: &Case, environment: &Environment) -> Result<Measurement, Unmodelled> {
    let steps = case.walk().count();
    let sweeps = case.walk().filter(|(_, _, step)| matches!(step, Step::Sweep { .. })).count();
    let world = World { environment, objects: Vec::new(), segments: Vec::new(), placed: 0 };
    let mut performance = Performance {
        world,
        processes: vec![Process::default()],
        frames: vec![HashMap::new()],
        files: vec![HashMap::new()],
        results: vec![StepResult::NotReached; steps],
        sweeps: vec![SweepResult::NotReached; sweeps],
        next: 0,
        next_sweep: 0,
    };
    performance.block(&case.steps)?;
    Ok(Measurement { steps: performance.results, sweeps: performance.sweeps })
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
            if self.step(step)? == Flow::Died {
                return Ok(Flow::Died);
            }
        }
        Ok(Flow::GoesOn)
    }

    fn step(&mut self, step: &Step) -> Result<Flow, Unmodelled> {
        let index = self.next;
        self.next += 1;
        self.results[index] = match step {
            Step::Call { assign, call, args } => {
                let returned = self.call(*call, args)?;
                let value = match &returned {
                    Returned::Value(value) => *value,
                    _ => Value::Failed,
                };
                if let (Some(name), Some(frame)) = (assign, self.frames.last_mut()) {
                    frame.insert(name.clone(), value);
                    let shown = match value {
                        Value::Descriptor(number) => self.process().descriptors[number],
                        _ => None,
                    };
                    if let (Some(Shows::Object(object)), Some(files)) =
                        (shown.map(|own| own.shows), self.files.last_mut())
                    {
                        files.insert(name.clone(), object);
                    }
                }
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
        let died = matches!(self.results[index], StepResult::Fault(_));
        Ok(if died { Flow::Died } else { Flow::GoesOn })
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
            BlockKind::Fork => self.process().clone(),
            BlockKind::Process => Process::default(),
        };
        child.space.retain(|stretch| !stretch.dont_fork);
        if self.world.on(Rule::LocksAreNotInherited) {
            child.space.iter_mut().for_each(|stretch| stretch.locked = false);
        }
        if kind == BlockKind::Fork && !inherits {
            child.space = Space::default();
        }
        for (_, segment) in &child.attached {
            self.world.segments[*segment].attached += 1;
        }
        self.processes.push(child);
        self.frames.push(HashMap::new());
        self.files.push(HashMap::new());
        let (first, first_sweep) = (self.next, self.next_sweep);
        self.block(steps)?;
        // What the block did not reach is numbered all the same.
        let (all, sweeps) = count(steps);
        (self.next, self.next_sweep) = (first + all, first_sweep + sweeps);
        self.frames.pop();
        self.files.pop();
        let child = self.processes.pop().unwrap_or_default();
        for (_, segment) in &child.attached {
            self.detach(*segment);
        }
        if kind == BlockKind::Fork && !separate {
            self.process().space = child.space;
        }
        self.results[index] = StepResult::Done;
        Ok(Flow::GoesOn)
    }

    /// A load or store of the case.
    fn touch(&mut self, map: &str, at: i64, width: i64, store: Option<u8>) -> StepResult {
        let Value::Map(base) = self.value(map) else { return StepResult::NoMap };
        let first = base.wrapping_add_signed(at);
        let addresses = first..first.wrapping_add(width as u64);
        let page = self.world.page();
        let (world, process) = (&mut self.world, self.processes.last_mut());
        let Some(process) = process else { return StepResult::NotReached };
        // The CPU looks at each page that an access reaches into before it moves a byte.
        let mut faults =
            addresses.clone().filter(|a| *a == first || a % page == 0).map(|address| {
                let fault = match store {
                    Some(_) => world.can_store(process, address).err(),
                    None => world.load(process, address).err(),
                };
                (address, fault)
            });
        if let Some((address, Some(fault))) = faults.find(|(_, fault)| fault.is_some()) {
            let place = match address == first {
                true => FaultAddress::Accessed,
                false => FaultAddress::At(address.wrapping_sub(base) as i64),
            };
            return StepResult::Fault(Fault { address: place, ..fault });
        }
        drop(faults);
        if let Some(byte) = store {
            addresses.clone().for_each(|address| world.prepare_store(process, address));
            addresses.for_each(|address| world.store(process, address, byte));
            return StepResult::Done;
        }
        let contents = addresses.filter_map(|address| world.load(process, address).ok());
        StepResult::Saw(seen(contents.map(|content| (1, content))))
    }

    /// The fault map along a variable's map.
    fn sweep(&mut self, map: &str, accesses: &[Access]) -> Result<SweepResult, Unmodelled> {
        let Value::Map(base) = self.value(map) else { return Ok(SweepResult::NoMap) };
        let page = self.world.page();
        let (from, to) = (base - page, base + APART / 2);
        let process = &self.processes[self.processes.len() - 1];
        let mut seams: BTreeSet<u64> = process.space.seams(page).into_iter().collect();
        for stretch in process.space.iter() {
            let Some(object) = stretch.object.map(|object| &self.world.objects[object]) else {
                continue;
            };
            let shown = stretch.offset..stretch.offset_of(stretch.range.end);
            let ends = [object.size, self.world.round_up(object.size)];
            let starts = object.bytes.starts(shown.clone()).chain(ends);
            seams.extend(
                starts
                    .filter(|offset| shown.contains(offset))
                    .map(|offset| stretch.range.start + (offset - stretch.offset)),
            );
        }
        seams.insert(from);
        let mut rows = Vec::new();
        for access in accesses {
            let mut starts = Vec::new();
            for address in seams.range(from..to) {
                let outcome = self.world.outcome(process, *access, *address)?;
                starts.push((address.wrapping_sub(base) as i64, outcome));
            }
            rows.push(Row::from_starts(*access, starts));
        }
        Ok(SweepResult::Map(FaultMap { rows }))
    }
}

/// What a call returned, as a measurement tells it.
fn told(returned: Returned) -> StepResult {
    match returned {
        Returned::Nothing | Returned::Value(_) => StepResult::Done,
        Returned::Count(count) => StepResult::Count(count),
        Returned::Saw(runs) => StepResult::Saw(seen(runs.into_iter())),
        Returned::Errno(errno) => StepResult::Errno(Errno(errno)),
    }
}

/// Runs as a record tells them: equal neighbours as one, and no more of them than it holds.
fn seen(runs: impl Iterator<Item = (u64, Content)>) -> Seen {
    let mut all: Vec<Run> = Vec::new();
    for (count, content) in runs {
        let byte = match content {
            Content::Pattern => Clean::Data,
            Content::Zero => Clean::Zero,
            Content::Byte(byte) => Clean::Byte(byte),
        };
        match all.last_mut() {
            Some(last) if last.byte == byte => last.count += count as u32,
            _ => all.push(Run { byte, count: count as u32 }),
        }
    }
    let cut = all.len() > crate::case::RUNS;
    all.truncate(crate::case::RUNS);
    Seen { runs: all, cut }
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
