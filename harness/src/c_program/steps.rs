//! The steps of a case become statements, each with what it is expected to give. The main function is [`functions`].

use std::collections::BTreeSet;

use super::call::{self, Names};
use super::frame::{Frame, Numbers};
use super::shown::Origin;
use super::{Expected, Unsayable, name, value};
use crate::case::{Arg, BlockKind, Case, Step, StepResult, stored};
use crate::picture::Offsets;
use crate::vocabulary::{Action, Effect, Parameter, Returns, Syscall};

/// A variable: its name, and the block in which it is assigned first.
pub type Variable = (String, usize);

/// The functions of a program that make the steps.
#[derive(Debug, Default)]
pub struct Functions {
    /// Those of unrelated processes, as lines.
    pub processes: Vec<String>,
    /// The steps of the case, as lines.
    pub steps: Vec<String>,
    /// The statement that refuses pages that the case was not written for, if there are any.
    pub pages: String,
    /// The variables that are read.
    pub read: BTreeSet<Variable>,
    /// What the map of each sweep shows.
    pub origins: Vec<Option<Origin>>,
    /// The files that the kernel refuses to make.
    pub refused: BTreeSet<usize>,
}

impl Functions {
    /// Returns the lines of all of them.
    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.processes.iter().chain(&self.steps)
    }
}

/// Returns the functions of a case. `read` names the variables that some step reads.
pub fn functions(
    case: &Case,
    expected: &Expected,
    read: &BTreeSet<Variable>,
) -> Result<Functions, Unsayable> {
    let origins = vec![None; case.sweeps().count()];
    let mut steps = Steps {
        case,
        expected,
        offsets: Offsets::of(case, expected.page),
        numbers: Numbers::of(case, expected),
        read,
        next: 0,
        places: 0,
        frames: vec![Frame::default()],
        lines: Vec::new(),
        ahead: Vec::new(),
        functions: Functions { origins, ..Functions::default() },
        is_over: false,
    };
    steps.block(&case.steps)?;
    let Steps { lines, ahead, mut functions, numbers, .. } = steps;
    functions.refused = numbers.refused;
    functions.steps = ahead.into_iter().chain(lines).collect();
    let page = expected.page;
    if !case.says_page() {
        functions.pages = format!(
            "\tif (PAGE != {page}) return puts(\"this case is for pages of {page} bytes\"), 2;\n"
        );
    }
    Ok(functions)
}

/// The reason where nothing is expected of a step.
pub fn no_answer(case: &Case, step: usize) -> Unsayable {
    let lines = crate::parse::lines(&case.steps);
    Unsayable::NoAnswer(crate::parse::text_of(&lines, step).to_owned())
}

/// The steps, as far as they are said.
pub(super) struct Steps<'a> {
    pub case: &'a Case,
    pub expected: &'a Expected,
    pub offsets: Offsets,
    pub numbers: Numbers,
    read: &'a BTreeSet<Variable>,
    /// The index of the next step.
    next: usize,
    /// The number of addresses that were given to maps.
    places: usize,
    /// The blocks around it, from the outermost.
    pub frames: Vec<Frame>,
    /// The lines of this function.
    pub lines: Vec<String>,
    /// The lines that start unrelated processes, before the first step.
    pub ahead: Vec<String>,
    pub functions: Functions,
    /// True where the only access was made, so that no later step matters.
    pub is_over: bool,
}

impl Steps<'_> {
    /// Returns the frames of this process, from the outermost.
    fn own_frames(&self) -> &[Frame] {
        let first = self.frames.iter().rposition(|frame| frame.is_process).unwrap_or(0);
        &self.frames[first..]
    }

    /// Returns the frame of this block.
    pub fn frame(&self) -> &Frame {
        &self.frames[self.frames.len() - 1]
    }

    fn frame_mut(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Returns the number of blocks around a line of this function, that of the function included.
    pub fn depth(&self) -> usize {
        self.own_frames().len()
    }

    /// Adds a line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let indent = "\t".repeat(self.depth());
        self.lines.push(format!("{indent}{}", text.as_ref()));
    }

    /// Says the steps of a block.
    pub fn block(&mut self, steps: &[Step]) -> Result<(), Unsayable> {
        for step in steps {
            if self.is_over {
                break;
            }
            let index = self.next;
            self.next += 1;
            let result = self.expected.measurement.steps.get(index).cloned();
            let result = result.ok_or_else(|| no_answer(self.case, index))?;
            match (step, result) {
                (Step::Block { steps, .. }, StepResult::NotReached) => {
                    let lines = crate::parse::lines(steps);
                    self.next += lines.iter().filter(|line| line.step.is_some()).count();
                }
                (_, StepResult::NotReached) => {}
                (_, StepResult::TimedOut) => return Err(Unsayable::NeverReturns),
                (Step::Call { assign, call, args }, result) => {
                    let made = Made { assign: assign.as_deref(), call, args, step: index };
                    self.call(&made, &result);
                }
                (Step::Touch { .. }, result) => self.touch(step, index, &result),
                (Step::Sweep { map, .. }, _) => self.sweep(map, index),
                (Step::Block { kind: BlockKind::Fork, steps }, _) => self.fork(steps, index)?,
                (Step::Block { kind: BlockKind::Process, steps }, _) => {
                    self.process(steps, index)?
                }
            }
        }
        Ok(())
    }

    /// Says a call.
    fn call(&mut self, made: &Made<'_>, result: &StepResult) {
        let Made { call, args, step, .. } = *made;
        let file =
            self.numbers.files.get(&step).filter(|file| !self.numbers.refused.contains(*file));
        let making =
            file.filter(|_| !self.numbers.files_ahead).map(|file| call::made(call, args, *file));
        let text = call::of(&mut In { steps: self, step }, call, args);
        if call.action == Action::Exit {
            return self.line(format!("{text};"));
        }
        let wanted = match result {
            StepResult::Errno(errno) => value::errno(*errno),
            StepResult::Killed(signal) => value::killed(*signal),
            StepResult::Count(count) => self.offsets.name(*count as i64),
            StepResult::Saw(seen) if call.returns == Returns::Bytes => {
                self.offsets.name(seen.len() as i64)
            }
            _ if call.returns.is_kept() && call.action != Action::Pipe => "ANY".to_owned(),
            _ => "0".to_owned(),
        };
        let holder = self.holder(made).unwrap_or_default();
        match (call.action, making) {
            (Action::Pipe, _) => {
                self.line(format!("int ends_{step}[2];"));
                self.line(format!("EXPECT({wanted}, {text});"));
                if !holder.is_empty() {
                    self.line(format!("{holder}ends_{step}[0];"));
                }
            }
            (_, Some(making)) if making == text => self.line(format!("{holder}{making};")),
            (_, making) => {
                // The descriptor of the case is another, with flags of its own.
                if let Some(making) = making {
                    self.line(format!("close({making});"));
                }
                self.line(format!("{holder}EXPECT({wanted}, {text});"));
            }
        }
        if let StepResult::Saw(seen) = result {
            let start = self.frame().shown.file(args.first());
            let offset = call.position(|own| own == Parameter::FileOffset);
            let origin =
                start.zip(offset).map(|(start, at)| start.plus(call::number(args.get(at))));
            self.seen(seen, origin.as_ref());
        }
        self.note(made, result);
    }

    /// Returns the text before a call that keeps its result, and declares the variable; `None` where nobody reads it.
    fn holder(&mut self, made: &Made<'_>) -> Option<String> {
        let Made { assign, call, args, step } = *made;
        let owner = |name: &str| {
            let own = self.frame();
            (name.to_owned(), own.owners.get(name).copied().unwrap_or(own.number))
        };
        let own = assign.filter(|name| self.read.contains(&owner(name))).map(|name| {
            let kind = if stored(call, args) == Returns::Map { "char *" } else { "int " };
            let is_new = !self.own_frames().iter().any(|frame| frame.declared.contains(name));
            if is_new {
                self.frame_mut().declared.insert(name.to_owned());
            }
            format!("{}{} = ", if is_new { kind } else { "" }, name::variable(name))
        });
        // It is removed by this number when the process has ended.
        let segment = self.numbers.segments.get(&step);
        let segment = segment.map(|number| format!("now->ids[{number}] = "));
        (own.is_some() || segment.is_some())
            .then(|| own.unwrap_or_default() + &segment.unwrap_or_default())
    }

    /// Notes what the variables hold after a call.
    fn note(&mut self, made: &Made<'_>, result: &StepResult) {
        let Made { assign, call, args, step } = *made;
        let is_done = !matches!(result, StepResult::Errno(_));
        let file = self.numbers.files.get(&step).copied();
        let file = file.or_else(|| match (call.action, args.first()) {
            (Action::Open, Some(Arg::Descriptor(name))) => self.frame().files.get(name).copied(),
            _ => None,
        });
        let segment = self.numbers.segments.get(&step).copied();
        let frame = self.frame_mut();
        if let Some(name) = assign {
            frame.owners.entry(name.to_owned()).or_insert(frame.number);
            file.map(|file| frame.files.insert(name.to_owned(), file));
            segment.map(|segment| frame.segments.insert(name.to_owned(), segment));
            frame.shown.opened(name, file.filter(|_| is_done));
            match call.returns == Returns::Map && !is_done {
                true => frame.no_map.insert(name.to_owned()),
                false => frame.no_map.remove(name),
            };
        }
        // Linux has closed the descriptor also where close(2) fails.
        if is_done || call.effect == Effect::Closes {
            frame.shown.called(call, args, assign);
        }
    }

    /// Returns the expression for what a variable holds, and notes that it is read.
    pub fn value(&mut self, name: &str) -> String {
        let owner = self.frame().owners.get(name).copied();
        match (self.frame().segments.get(name), owner) {
            // An unrelated process is told the id.
            (Some(segment), None) => format!("now->ids[{segment}]"),
            (_, owner) => {
                self.functions.read.insert((name.to_owned(), owner.unwrap_or(0)));
                name::variable(name)
            }
        }
    }
}

/// A call of a case.
struct Made<'a> {
    assign: Option<&'a str>,
    call: &'static Syscall,
    args: &'a [Arg],
    step: usize,
}

/// What a call at this step may name.
struct In<'s, 'a> {
    steps: &'s mut Steps<'a>,
    step: usize,
}

impl Names for In<'_, '_> {
    fn value(&mut self, name: &str) -> String {
        self.steps.value(name)
    }

    fn is_no_map(&self, name: &str) -> bool {
        self.steps.frame().no_map.contains(name)
    }

    fn file(&self, arg: Option<&Arg>) -> usize {
        let named = match arg {
            Some(Arg::Descriptor(name)) => self.steps.frame().files.get(name),
            _ => self.steps.numbers.files.get(&self.step),
        };
        named.copied().unwrap_or(0)
    }

    fn place(&mut self) -> String {
        self.steps.places += 1;
        format!("PLACE({})", self.steps.places - 1)
    }

    fn step(&self) -> usize {
        self.step
    }

    fn are_files_ahead(&self) -> bool {
        self.steps.numbers.files_ahead
    }

    fn is_memfd(&self, file: usize) -> bool {
        self.steps.numbers.memfds.contains(&file)
    }

    fn is_refused(&self, file: usize) -> bool {
        self.steps.numbers.refused.contains(&file)
    }
}
