//! The cases: random programs of every call in the vocabulary, half plausible, half absurd.
//!
//! The main type is [`Generator`]. Case number N of a seed is the same everywhere, and does not depend on the
//! cases before it. Each case uses one item of the vocabulary, in turn, so that all items are used after as
//! many cases.

use faultmap::internals::case::{Access, Arg, BlockKind, Case, FlagWord, Size, Step, stored};
use faultmap::internals::vocabulary::{self, Family, Parameter, Returns, Syscall};

use crate::arguments;
use crate::random::Random;
use crate::vocabulary::{Item, call, word};

/// Makes one case.
pub struct Generator {
    random: Random,
    frames: Vec<Frame>,
    made: usize,
    focus: Item,
}

struct Frame {
    kind: BlockKind,
    names: Vec<(String, Returns)>,
}

impl Generator {
    /// Returns a generator that makes the case from random numbers. The case uses this item.
    pub fn new(random: Random, focus: Item) -> Generator {
        let outermost = Frame { kind: BlockKind::Fork, names: Vec::new() };
        Generator { random, frames: vec![outermost], made: 0, focus }
    }

    /// Returns the case.
    pub fn case(mut self) -> Case {
        let mut steps = self.beginning();
        let count = self.random.within(1, 13);
        let when = self.random.within(0, count);
        for index in 0..count {
            if index == when {
                steps.extend(self.focused());
            }
            steps.extend(self.step(true));
        }
        for _ in 0..self.random.within(0, 3) {
            steps.extend(self.sweep());
        }
        let mut case = Case { steps, ..Case::default() };
        let says = |name: &str| case.calls().any(|(call, _)| call.name == name);
        // No process writes to the pipe.
        let reads_a_pipe = says("pipe") && says("read");
        if reads_a_pipe || case.walk().any(|(_, _, step)| waits(step)) {
            case.timeout = Some(std::time::Duration::from_millis(100));
        }
        case
    }

    fn chance(&mut self, one_of: u64) -> bool {
        self.random.within(0, one_of) == 0
    }

    /// Makes a file or two and a map or two, for the later steps.
    fn beginning(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..self.random.within(0, 3) {
            let name = self.random.of(&["file", "file", "memfd"]);
            let size = arguments::small(&mut self.random);
            let seals = word(Family::Memfd, "MFD_ALLOW_SEALING").filter(|_| name == "memfd");
            let flags = seals.map(|word| Arg::Flags(vec![word]));
            let args = [Arg::Size(size)].into_iter().chain(flags).collect();
            let assign = Some(self.define(Returns::File));
            steps.push(Step::Call { assign, call: call(name), args });
        }
        for _ in 0..self.random.within(0, 3) {
            steps.push(self.map());
        }
        if self.chance(6) {
            let map = self.low_map();
            let store = self.chance(2).then_some(b'x');
            if let (Step::Call { assign: Some(name), .. }, true) = (&map, self.chance(2)) {
                let at = arguments::at_program(&mut self.random);
                steps.extend([map.clone(), Step::Touch { map: name.clone(), at, to: None, store }]);
            } else {
                steps.push(map);
            }
        }
        if self.chance(3) {
            // A length of 0 is EINVAL: the variable holds MAP_FAILED.
            if let Step::Call { assign, call, mut args } = self.map() {
                args[1] = Arg::Size(Size::bytes(0));
                steps.push(Step::Call { assign, call, args });
            }
        }
        steps
    }

    /// Makes a step that uses the item of the case.
    fn focused(&mut self) -> Vec<Step> {
        match self.focus {
            Item::Call(row) => self.call(row, None),
            Item::Word(row, index, word) => self.call(row, Some((index, word))),
        }
    }

    fn step(&mut self, blocks: bool) -> Vec<Step> {
        match self.random.within(0, 20) {
            0..=4 => vec![self.touch()],
            5 if blocks => vec![self.block()],
            6 | 7 => vec![self.map()],
            8 => vec![self.sweep().unwrap_or_else(|| self.touch())],
            9 => vec![self.long_range()],
            _ => {
                let rows: Vec<&'static Syscall> = vocabulary::all().collect();
                let row = self.random.of(&rows);
                // A call that ends the process also ends the case, so it is generated rarely.
                let ends = ["pause", "_exit", "raise"].contains(&row.name);
                match ends && !self.chance(15) {
                    true => vec![self.touch()],
                    false => self.call(row, None),
                }
            }
        }
    }

    fn map(&mut self) -> Step {
        self.lone_call(call("mmap"), None)
    }

    /// Makes a call for a range that may reach from low addresses, or from a map, to the memory above.
    fn long_range(&mut self) -> Step {
        let name = self.random.of(&["munmap", "madvise", "mmap", "msync"]);
        let mut step = self.lone_call(call(name), None);
        if let Step::Call { args, .. } = &mut step {
            let map = self.pick(&[Returns::Map], false).filter(|_| self.chance(2));
            let offset = match map {
                Some(_) => Size::bytes(0),
                None => arguments::low(&mut self.random),
            };
            args[0] = Arg::Address { map, offset };
            args[1] = Arg::Size(arguments::long(&mut self.random));
            if name == "mmap" {
                args[3] = arguments::in_place();
            }
        }
        step
    }

    /// Makes a map with a hint below most programs, which the kernel need not follow.
    fn low_map(&mut self) -> Step {
        let mut step = self.map();
        if let Step::Call { args, .. } = &mut step {
            args[0] = Arg::Address { map: None, offset: arguments::low(&mut self.random) };
            if let Arg::Flags(words) = &mut args[3] {
                words.retain(|word| !word.is("MAP_FIXED"));
            }
        }
        step
    }

    fn block(&mut self) -> Step {
        let kind = match self.frames.len() == 1 && self.chance(2) {
            true => BlockKind::Process,
            false => BlockKind::Fork,
        };
        self.frames.push(Frame { kind, names: Vec::new() });
        let mut steps = Vec::new();
        if kind == BlockKind::Process {
            if let Some(name) = self.pick(&[Returns::File], true) {
                let assign = Some(self.define(Returns::File));
                steps.push(Step::Call {
                    assign,
                    call: call("open"),
                    args: vec![Arg::Descriptor(name)],
                });
            }
            steps.push(self.map());
        }
        let deeper = self.frames.len() < 4;
        for _ in 0..self.random.within(1, 5) {
            steps.extend(self.step(deeper));
        }
        self.frames.pop();
        Step::Block { kind, steps }
    }

    fn sweep(&mut self) -> Option<Step> {
        let map = self.pick(&[Returns::Map], false)?;
        let mut accesses: Vec<Access> =
            Access::ALL.iter().copied().filter(|_| self.random.within(0, 4) == 0).collect();
        if accesses.is_empty() {
            accesses.push(self.random.of(Access::ALL));
        }
        Some(Step::Sweep { map, accesses })
    }

    fn touch(&mut self) -> Step {
        let Some(map) = self.pick(&[Returns::Map], false) else {
            return self.map();
        };
        let at = arguments::offset(&mut self.random);
        let width = arguments::width(&mut self.random);
        let to = (width > 1).then(|| Size::Sum(Box::new(at.clone()), Box::new(Size::bytes(width))));
        let store = self.chance(2).then(|| self.random.of(b"xyz\0\x7e"));
        Step::Touch { map, at, to, store }
    }

    /// Makes a call, after the steps that make the variables that it needs.
    fn call(&mut self, row: &'static Syscall, word: Option<(usize, &'static str)>) -> Vec<Step> {
        let mut steps = Vec::new();
        for parameter in row.all_parameters() {
            let needed = match parameter {
                Parameter::Id => Returns::Id,
                Parameter::File => Returns::File,
                _ => continue,
            };
            if self.pick(&[needed], true).is_none() {
                let maker = vocabulary::all().find(|row| row.returns == needed);
                steps.extend(maker.map(|row| self.lone_call(row, None)));
            }
        }
        steps.push(self.lone_call(row, word));
        steps
    }

    /// Makes the arguments of a call, with this word in this parameter.
    fn lone_call(&mut self, row: &'static Syscall, said: Option<(usize, &'static str)>) -> Step {
        let parameters: Vec<Parameter> = row.all_parameters().collect();
        let required = row.parameters.len();
        let least = said.map_or(required, |(index, _)| required.max(index + 1));
        let count = self.random.within(least as u64, parameters.len() as u64 + 1) as usize;
        let mut args: Vec<Arg> =
            parameters[..count].iter().map(|parameter| self.argument(*parameter)).collect();
        if let Some((index, name)) = said {
            let parameter = parameters[index];
            let word = parameter.family().and_then(|family| word(family, name));
            match (&mut args[index], parameter) {
                (Arg::Flags(words), Parameter::Flags(_)) => words.extend(word),
                (argument, _) => *argument = Arg::Flags(word.into_iter().collect()),
            }
        }
        let gives = stored(row, &args);
        let assign = gives.is_kept().then(|| self.define(gives));
        Step::Call { assign, call: row, args }
    }

    fn argument(&mut self, parameter: Parameter) -> Arg {
        const ANY: [Returns; 3] = [Returns::File, Returns::Descriptor, Returns::Varying];
        let random = &mut self.random;
        match parameter {
            Parameter::Address => self.address(),
            Parameter::Descriptor | Parameter::ReadDescriptor => match self.chance(6) {
                true => arguments::bad_descriptor(&mut self.random),
                false => self
                    .pick(&ANY, false)
                    .map_or_else(|| arguments::bad_descriptor(&mut self.random), Arg::Descriptor),
            },
            Parameter::File => Arg::Descriptor(self.pick_or_any(&[Returns::File])),
            Parameter::Id => Arg::Id(self.pick_or_any(&[Returns::Id])),
            Parameter::Flags(family) => Arg::Flags(arguments::flags(family, random)),
            Parameter::Word(family) => {
                let flags: Vec<FlagWord> =
                    vocabulary::flags(family).iter().map(FlagWord::Name).collect();
                let word = random.within(0, flags.len() as u64) as usize;
                Arg::Flags(vec![flags[word].clone()])
            }
            Parameter::Text => Arg::Text(arguments::text(random)),
            Parameter::PathOrFile => match self.pick(&[Returns::File], true) {
                Some(name) if !self.chance(3) => Arg::Descriptor(name),
                _ => Arg::Text(arguments::path(&mut self.random)),
            },
            number => Arg::Size(arguments::number(number, random)),
        }
    }

    fn address(&mut self) -> Arg {
        match self.pick(&[Returns::Map], false) {
            Some(map) if !self.chance(5) => {
                Arg::Address { map: Some(map), offset: arguments::offset(&mut self.random) }
            }
            _ => Arg::Address { map: None, offset: arguments::address(&mut self.random) },
        }
    }

    /// Returns a visible variable that holds one of these. A variable that is only named may also belong to
    /// another process.
    fn pick(&mut self, kinds: &[Returns], by_name: bool) -> Option<String> {
        let mut seen = Vec::new();
        for frame in self.frames.iter().rev() {
            seen.extend(frame.names.iter().filter(|(_, kind)| kinds.contains(kind)));
            if frame.kind == BlockKind::Process && !by_name && !kinds.contains(&Returns::Id) {
                break;
            }
        }
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        (!names.is_empty()).then(|| self.random.of(&names).to_owned())
    }

    /// Returns such a variable, or one that does not exist if there is none.
    fn pick_or_any(&mut self, kinds: &[Returns]) -> String {
        self.pick(kinds, true).unwrap_or_else(|| "nothing".to_owned())
    }

    /// Returns a variable for the result of a call: a new one, or an existing one of the same kind.
    fn define(&mut self, gives: Returns) -> String {
        if self.chance(8) {
            if let Some(name) = self.pick(&[gives], false) {
                self.own(&name, gives);
                return name;
            }
        }
        self.made += 1;
        let letter = match gives {
            Returns::Map => "m",
            Returns::Id => "id",
            Returns::File => "f",
            _ => "d",
        };
        let name = format!("{letter}{}", self.made);
        self.own(&name, gives);
        name
    }

    fn own(&mut self, name: &str, gives: Returns) {
        let names = &mut self.frames.last_mut().expect("the outermost frame stays").names;
        if !names.iter().any(|(own, _)| own == name) {
            names.push((name.to_owned(), gives));
        }
    }
}

/// True if the process stays at this step until it is killed.
fn waits(step: &Step) -> bool {
    let Step::Call { call, args, .. } = step else { return false };
    match (call.name, args.first()) {
        ("pause", _) => true,
        ("raise", Some(Arg::Flags(words))) => {
            words.iter().any(|word| word.is("SIGSTOP") || word.is("SIGTSTP"))
        }
        _ => false,
    }
}
